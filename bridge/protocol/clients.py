"""What is remembered of each client: its exchanges, answers and palettes, and how much of that there may be. Sends nothing."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from bridge.protocol.assembly import ClipBuffer
from bridge.protocol.limits import Limits
from bridge.protocol.messages import Reply
from bridge.protocol.osc import Value
from bridge.requests import Request

Peer = tuple[str, int]  # host and port


@dataclass(frozen=True)
class KeptPalette:
    """A palette that a client can name: the engine's number for it, and the clips that it was made of."""

    number: int
    clips: tuple[ClipBuffer, ...]

    @property
    def notes(self) -> int:
        """What it counts towards `Limits.palette_notes`."""
        return sum(clip.count for clip in self.clips) + 1


@dataclass(eq=False)
class Exchange:
    """All that is known of one id of a client: from its first message until its answer is forgotten."""

    client: Client
    id: int
    to: Peer  # where its answer goes
    touched: float  # when something new last happened
    state: Literal["open", "running", "ended"] = "open"  # running: a job runs or waits for the worker
    content: int | None = None  # the hash of the verb, once it has come
    buffers: dict[int, ClipBuffer] = field(default_factory=dict)
    draft: Request | None = None
    clip_count: int = 0
    stream: Value = None
    palette: int | None = None  # what a blend makes, or the puck moves on
    is_at: bool = False  # a puck position
    ticket: int | None = None  # of its job, once there was one
    reply: Reply | None = None
    asks: int = 0  # for missing notes, in a row and in vain
    due: float = math.inf  # when to ask for what is missing
    deadline: float = math.inf  # when to give up, whatever still comes
    queued: float = math.inf  # when `tick` looks at it next
    progress_sent: float = -math.inf
    reuse_sent: float = -math.inf  # when an error last said that the id is taken
    fraction: float = 0.0  # how far the job is
    size: int = 0  # bytes

    @property
    def has_verb(self) -> bool:
        """Whether the verb has come, so that the id must end in one done or error."""
        return self.content is not None

    @property
    def awaits_answer(self) -> bool:
        """Whether the client is still owed a done or an error."""
        return self.state == "running" or (self.state == "open" and self.has_verb)

    def clips(self) -> tuple[ClipBuffer, ...] | None:
        """All clips, once nothing of them is missing."""
        found = [self.buffers[i] for i in range(self.clip_count) if i in self.buffers]
        return tuple(found) if len(found) == self.clip_count and all(clip.is_complete for clip in found) else None

    def missing(self) -> list[tuple[int, int, int]]:
        """List what is missing, as index, first and count."""
        found: list[tuple[int, int, int]] = []
        for index in range(self.clip_count):
            gaps = self.buffers[index].gaps() if index in self.buffers else [(0, -1)]
            found += [(index, *gap) for gap in gaps]
        return found

    def measure(self) -> None:
        """Count the bytes that are held, after something has come or gone."""
        size = sum(buffer.size for buffer in self.buffers.values())
        size += sum(map(len, self.reply.datagrams)) if self.reply else 0
        self.client.size += size - self.size
        self.size = size


@dataclass(eq=False)
class Client:
    """All that is known of a client."""

    peer: Peer
    sessions: deque[int]
    reply_times: deque[float]  # of the last replies to messages without a readable id
    reply_port: int = 0
    is_greeted: bool = False  # it has said hello
    exchanges: OrderedDict[int, Exchange] = field(default_factory=OrderedDict)  # the oldest first
    palettes: OrderedDict[int, KeptPalette] = field(default_factory=OrderedDict)
    size: int = 0  # bytes

    @property
    def reply_to(self) -> Peer:
        """Where replies go that say nothing else."""
        return self.peer[0], self.reply_port or self.peer[1]

    def count(self, state: str) -> int:
        """Count the exchanges in a state."""
        return sum(exchange.state == state for exchange in self.exchanges.values())

    def remove(self, exchange: Exchange) -> None:
        """Forget an exchange."""
        del self.exchanges[exchange.id]
        self.size -= exchange.size

    def touch(self, exchange: Exchange, now: float) -> None:
        """Make an exchange the newest."""
        exchange.touched = now
        self.exchanges.move_to_end(exchange.id)


class Clients:
    """The clients that are remembered, within the limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._clients: OrderedDict[Peer, Client] = OrderedDict()  # who was silent longest first

    def __iter__(self) -> Iterator[Client]:
        """Go through all clients; who was silent longest comes first."""
        return iter(self._clients.values())

    def __len__(self) -> int:
        """How many clients are remembered."""
        return len(self._clients)

    @property
    def bytes_held(self) -> int:
        """Bytes that are half received or kept."""
        return sum(client.size for client in self)

    @property
    def is_full(self) -> bool:
        """Whether one client has to be forgotten before another is remembered."""
        return len(self._clients) >= self._limits.clients

    def find(self, peer: Peer) -> Client | None:
        """Find a client, who is then the one heard last."""
        client = self._clients.get(peer)
        if client:
            self._clients.move_to_end(peer)
        return client

    def add(self, peer: Peer) -> Client:
        """Remember a new client."""
        sessions: deque[int] = deque(maxlen=self._limits.sessions)
        client = self._clients[peer] = Client(peer, sessions, deque(maxlen=self._limits.client_replies_per_s))
        return client

    def find_forgettable(self) -> Client | None:
        """Choose who is forgotten for a new client: never one that is owed an answer, and first those without a hello."""
        idle = [client for client in self if not any(e.awaits_answer for e in client.exchanges.values())]
        return next((client for client in idle if not client.is_greeted), idle[0] if idle else None)

    def remove(self, client: Client) -> None:
        """Forget a client."""
        del self._clients[client.peer]

    def sweep(self, now: float) -> None:
        """Forget what has ended long ago, and what came long ago without a verb."""
        for client in self:
            for exchange in list(client.exchanges.values()):
                if not exchange.awaits_answer and now > exchange.touched + self._limits.kept_s:
                    client.remove(exchange)

    def trim_answers(self, client: Client) -> None:
        """Forget an answer where a client has too many."""
        ended = [exchange for exchange in client.exchanges.values() if exchange.state == "ended"]
        positions = [exchange for exchange in ended if exchange.is_at]
        if len(positions) > self._limits.at_answers:
            client.remove(positions[0])
        elif len(ended) > self._limits.answers:
            client.remove(ended[0])

    def make_room_for_open(self, client: Client) -> bool:
        """Forget the oldest id whose verb never came, where too many are half received; tells whether there is room."""
        if client.count("open") < self._limits.open:
            return True
        oldest = next((e for e in client.exchanges.values() if e.state == "open" and not e.has_verb), None)
        if oldest:
            client.remove(oldest)
        return oldest is not None

    def make_room(self, client: Client) -> list[Exchange]:
        """Let the client that holds most forget its oldest, until little enough is held.

        `client` is the one that something was just kept of. Returns what was removed although an answer is owed.
        """
        owed: list[Exchange] = []
        if client.size < self._limits.held_bytes // self._limits.clients:
            return owed  # this message cannot have been what made it too much
        while self.bytes_held > self._limits.held_bytes:
            most = max(self, key=lambda c: c.size)
            exchange = next((e for e in most.exchanges.values() if e.state != "running" and e.size), None)
            if exchange is None:
                break
            if exchange.awaits_answer:
                owed.append(exchange)
            most.remove(exchange)
        return owed

    def keep_palette(self, client: Client, number: int, palette: KeptPalette) -> list[KeptPalette]:
        """Keep a palette under the id of its blend; returns those that had to go for it."""
        older = client.palettes.pop(number, None)
        dropped = [older] if older else []
        client.palettes[number] = palette
        while len(client.palettes) > self._limits.palettes:
            dropped.append(client.palettes.popitem(last=False)[1])
        notes = {c: sum(p.notes for p in c.palettes.values()) for c in self if c.palettes}
        while sum(notes.values()) > self._limits.palette_notes:
            most = max(notes, key=lambda c: notes[c])
            if most is client and len(most.palettes) == 1:
                break  # one alone is as large as its clips may be
            dropped.append(most.palettes.popitem(last=False)[1])
            notes[most] -= dropped[-1].notes
        return dropped

    @staticmethod
    def remove_palette(exchange: Exchange) -> KeptPalette | None:
        """Forget the palette that a blend was to make; returns it."""
        kept = exchange.client.palettes
        number = next((n for n, palette in kept.items() if palette.number == exchange.palette), None)
        return None if exchange.is_at or number is None else kept.pop(number)
