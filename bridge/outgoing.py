"""Datagrams on their way: how fast each peer is sent to, and in which order. No sockets, no clock."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address

from bridge.protocol.clients import Peer
from bridge.protocol.limits import DEFAULT, Limits
from bridge.protocol.osc import LONGEST_DATAGRAM


@dataclass(frozen=True)
class Pace:
    """How fast a peer may be sent to: so much at once, and then at a rate."""

    at_once: int  # bytes
    rate: float  # bytes a second


def paces(limits: Limits) -> tuple[Pace, Pace]:
    """How fast to send to peers on this computer, and to others.

    What leaves within any second is at most what may go at once, one more datagram of the largest size, and the rate.
    """
    far = limits.network_bytes_per_s - LONGEST_DATAGRAM
    return Pace(2**18, limits.loopback_bytes_per_s), Pace(far // 4, far - far // 4)


@dataclass
class _Way:
    """What is on its way to a peer, and what it may have now."""

    pace: Pace
    allowed: float  # bytes; below 0 after a datagram that was larger than what was left
    updated: float  # when that was
    short: deque[bytes] = field(default_factory=deque)  # of answers that go at once, if they may
    long: deque[tuple[bytes, deque[bytes]]] = field(default_factory=deque)  # answers by their last datagram
    size: int = 0  # bytes

    def refill(self, now: float) -> None:
        """Count what may be sent since the last time."""
        self.allowed = min(self.pace.at_once, self.allowed + (now - self.updated) * self.pace.rate)
        self.updated = now

    def take(self) -> bytes | None:
        """Take the next datagram, if one may be sent."""
        if self.allowed <= 0 or not self.size:
            return None
        if self.short:
            datagram = self.short.popleft()
        else:
            datagrams = self.long[0][1]
            datagram = datagrams.popleft()
            if not datagrams:
                self.long.popleft()
        self.allowed -= len(datagram)
        self.size -= len(datagram)
        return datagram

    @property
    def due(self) -> float:
        """When the next may be sent."""
        return self.updated + max(0.0, -self.allowed / self.pace.rate)


class Outgoing:
    """What is on its way to all peers."""

    def __init__(self, limits: Limits = DEFAULT) -> None:
        self._limits = limits
        self._near, self._far = paces(limits)
        self._ways: OrderedDict[Peer, _Way] = OrderedDict()
        self._next = -math.inf  # burst

    @property
    def due(self) -> float:
        """When `take` has something again."""
        waiting = [way.due for way in self._ways.values() if way.size]
        return max(self._next, min(waiting)) if waiting else math.inf

    def put(self, to: Peer, datagrams: Sequence[bytes], now: float) -> list[bytes]:
        """Take datagrams for a peer; returns those to be sent at once. An answer that is on its way is not put twice."""
        way = self._ways.get(to)
        if way is None:
            pace = self._near if _is_loopback(to[0]) else self._far
            way = self._ways[to] = _Way(pace, pace.at_once, now)
        way.refill(now)
        size = sum(map(len, datagrams))
        is_short = len(datagrams) <= self._limits.burst
        if is_short and not way.short and way.allowed > 0 and (size <= way.allowed or len(datagrams) == 1):
            way.allowed -= size
            return list(datagrams)
        if way.size + size > self._limits.peer_sending_bytes or self._size + size > self._limits.sending_bytes:
            return []
        if is_short:
            way.short.extend(datagrams)
        elif all(last != datagrams[-1] for last, _ in way.long):
            way.long.append((datagrams[-1], deque(datagrams)))
        else:
            return []
        way.size += size
        return []

    def take(self, now: float) -> list[tuple[bytes, Peer]]:
        """Take the next burst: some for each peer in turn, so that none waits for another."""
        if now < self._next:
            return []
        taken: list[tuple[bytes, Peer]] = []
        ready = [(to, way) for to, way in self._ways.items() if way.size]
        for _, way in ready:
            way.refill(now)
        while ready and len(taken) < self._limits.burst:
            left = []
            for to, way in ready:
                datagram = way.take() if len(taken) < self._limits.burst else None
                if datagram is not None:
                    taken.append((datagram, to))
                    self._ways.move_to_end(to)
                    left.append((to, way))
            ready = left
        self._next = now + self._limits.burst_s
        self._forget_idle(now)
        return taken

    def drop(self, to: Peer) -> None:
        """Send nothing more of what is on its way to a peer."""
        way = self._ways.get(to)
        if way:
            way.short.clear()
            way.long.clear()
            way.size = 0

    @property
    def _size(self) -> int:
        return sum(way.size for way in self._ways.values())

    def _forget_idle(self, now: float) -> None:
        """Forget peers to whom nothing is on its way and who may have all at once again."""
        for to, way in list(self._ways.items()):
            way.refill(now)
            if not way.size and way.allowed >= way.pace.at_once:
                del self._ways[to]


@lru_cache(maxsize=1024)
def _is_loopback(host: str) -> bool:
    return ip_address(host.partition("%")[0]).is_loopback
