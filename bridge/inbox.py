"""Datagrams that were received and not yet dealt with, of each peer in order, of all peers in turn. No sockets."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from bridge.protocol import osc
from bridge.protocol.clients import Peer
from bridge.protocol.limits import DEFAULT, Limits

OVERHEAD = 64  # bytes of memory beside those of a datagram


@dataclass
class _Queue:
    datagrams: deque[bytes] = field(default_factory=deque)
    messages: Iterator[osc.Message] | None = None  # of the first datagram, which may be a bundle of thousands
    size: int = 0  # bytes


class Inbox:
    """Messages to be dealt with."""

    def __init__(self, limits: Limits = DEFAULT) -> None:
        self._limits = limits
        self._queues: OrderedDict[Peer, _Queue] = OrderedDict()
        self._size = 0  # bytes

    def __len__(self) -> int:
        """How many peers have something here."""
        return len(self._queues)

    def put(self, peer: Peer, datagram: bytes) -> None:
        """Keep a datagram, if there is room."""
        queue = self._queues.get(peer) or _Queue()
        size = len(datagram) + OVERHEAD
        if queue.size + size > self._limits.client_received_bytes or self._size + size > self._limits.received_bytes:
            return
        queue.datagrams.append(datagram)
        queue.size += size
        self._size += size
        self._queues[peer] = queue

    def take(self) -> tuple[Peer, osc.Message | osc.OscError | None]:
        """Take the next message of whoever's turn it is; an error where there is garbage, None at the end of a datagram."""
        peer, queue = next(iter(self._queues.items()))
        if queue.messages is None:
            queue.messages = osc.read(queue.datagrams[0])
        found: osc.Message | osc.OscError | None
        try:
            found = next(queue.messages, None)
        except osc.OscError as error:
            found = error
        is_bundle = queue.datagrams[0].startswith(b"#")
        if not (is_bundle and isinstance(found, osc.Message)):
            size = len(queue.datagrams.popleft()) + OVERHEAD
            queue.messages = None
            queue.size -= size
            self._size -= size
        self._queues.move_to_end(peer)
        if not queue.datagrams:
            del self._queues[peer]
        return peer, found
