"""What is remembered of each client: its exchanges, answers and palettes, and how much of that there may be. Sends nothing."""

from __future__ import annotations

import itertools
import math
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from bridge.protocol.assembly import ClipBuffer
from bridge.protocol.limits import Limits
from bridge.protocol.messages import Reply
from bridge.protocol.osc import Value
from bridge.protocol.work import NOTHING, Work
from bridge.requests import Request

Peer = tuple[str, int]  # host and port

CLIENT_BYTES = 2048  # of memory that a client takes of whom nothing is kept
EXCHANGE_BYTES = 1024  # and an id
LOOKED_AT = 64  # clients of a kind, to find one that can be forgotten: to look at thousands takes too long
FORGOTTEN_BYTES = 256  # and one of whose answer only this is left that it was given


@dataclass(frozen=True)
class KeptPalette:
    """A palette that a client can name: the engine's number for it, and the clips that it was made of."""

    number: int
    clips: tuple[ClipBuffer, ...]
    work: Work  # of a position on it
    context: tuple[ClipBuffer, ...] = ()  # what sounds with them

    @property
    def notes(self) -> int:
        """What it counts towards `Limits.palette_notes`."""
        return sum(clip.count for clip in (*self.clips, *self.context)) + 1


@dataclass(eq=False)
class Exchange:
    """All that is known of one id of a client: from its first message until its answer is forgotten."""

    client: Client
    id: int
    touched: float  # when something new last happened
    reply_port: int | None = None  # that the verb names
    state: Literal["open", "running", "ended"] = "open"  # running: a job runs or waits for the worker
    content: int | None = None  # the hash of the verb, once it has come
    buffers: dict[int, ClipBuffer] = field(default_factory=dict)
    draft: Request | None = None
    clip_count: int = 0
    context_count: int = 0  # of clips behind these that sound with them
    context_kinds: tuple[str, ...] = ()
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
    work: Work = NOTHING  # of the job
    repeats: int = 0  # of its answer
    repeated: float = -math.inf  # when that last happened
    size: int = 0  # bytes

    @property
    def to(self) -> Peer:
        """Where its answer goes: to the verb's own port, or wherever the client now listens."""
        host, port = self.client.reply_to
        return host, self.reply_port or port

    @property
    def has_verb(self) -> bool:
        """Whether the verb has come, so that the id must end in one done or error."""
        return self.content is not None

    @property
    def awaits_answer(self) -> bool:
        """Whether the client is still owed a done or an error."""
        return self.state == "running" or (self.state == "open" and self.has_verb)

    def clips(self) -> tuple[ClipBuffer, ...] | None:
        """All clips, those that only sound with others last, once nothing of them is missing."""
        found = [self.buffers[i] for i in self._indices if i in self.buffers]
        return tuple(found) if len(found) == len(self._indices) and all(clip.is_complete for clip in found) else None

    def missing(self) -> Iterator[tuple[int, int, int]]:
        """List what is missing, as index, first and count."""
        for index in self._indices:
            for first, count in self.buffers[index].gaps() if index in self.buffers else [(0, -1)]:
                yield index, first, count

    @property
    def _indices(self) -> range:
        return range(self.clip_count + self.context_count)

    def measure(self) -> None:
        """Count the bytes that are held, after something has come or gone."""
        size = EXCHANGE_BYTES + sum(buffer.size for buffer in self.buffers.values())
        size += self.reply.size if self.reply else 0
        self.client.hold(size - self.size)
        self.size = size


@dataclass(frozen=True)
class Forgotten:
    """What is remembered of an id whose answer is gone, so that a late repeat gets the same clips again."""

    content: int  # as of its exchange
    seed: int | None
    ended: float  # when


@dataclass
class Held:
    """Bytes that are half received or kept, of all clients."""

    bytes: int = 0


@dataclass(eq=False)
class Client:
    """All that is known of a client."""

    peer: Peer
    held: Held  # shared by all clients
    sessions: deque[int]
    reply_times: deque[float]  # of the last replies to messages without a readable id
    echoes: deque[tuple[float, int]]  # when the last echoes were answered, and what they said, as a hash
    heard: float = 0.0  # when it last said something
    reply_port: int = 0
    is_greeted: bool = False  # it has said hello
    has_asked: bool = False  # it has sent a verb
    exchanges: OrderedDict[int, Exchange] = field(default_factory=OrderedDict)  # the oldest first
    forgotten: OrderedDict[int, Forgotten] = field(default_factory=OrderedDict)  # by id, the oldest first
    palettes: OrderedDict[int, KeptPalette] = field(default_factory=OrderedDict)
    size: int = 0  # bytes

    @property
    def reply_to(self) -> Peer:
        """Where replies go that say nothing else."""
        return self.peer[0], self.reply_port or self.peer[1]

    @property
    def kind(self) -> int:
        """How much it has to do with this server: 0 has never asked for anything, 2 has, and has said hello."""
        return (1 + self.is_greeted) if self.has_asked else 0

    @property
    def is_owed(self) -> bool:
        """Whether an answer is still to come."""
        return any(exchange.awaits_answer for exchange in self.exchanges.values())

    @property
    def waiting_s(self) -> float:
        """Estimated seconds of work that run or wait for the worker."""
        return sum(exchange.work.seconds for exchange in self.exchanges.values() if exchange.state == "running")

    def count(self, state: str) -> int:
        """Count the exchanges in a state."""
        return sum(exchange.state == state for exchange in self.exchanges.values())

    def hold(self, more: int) -> None:
        """Count bytes that are held for it, or fewer."""
        self.size += more
        self.held.bytes += more

    def remove(self, exchange: Exchange, most_forgotten: int = 0) -> None:
        """Forget an exchange; of that many, what was asked is remembered for a while."""
        del self.exchanges[exchange.id]
        self.hold(-exchange.size)
        exchange.size = 0
        if exchange.content is not None and exchange.draft is not None and most_forgotten:
            self.forgotten[exchange.id] = Forgotten(exchange.content, exchange.draft.seed, exchange.touched)
            self.hold(FORGOTTEN_BYTES)
            self.trim_forgotten(most_forgotten)

    def trim_forgotten(self, most: int, before: float = -math.inf) -> None:
        """Let go of what was forgotten first, down to so many, and of all that ended before a time."""
        while self.forgotten and (len(self.forgotten) > most or next(iter(self.forgotten.values())).ended < before):
            self.forgotten.popitem(last=False)
            self.hold(-FORGOTTEN_BYTES)

    def touch(self, exchange: Exchange, now: float) -> None:
        """Make an exchange the newest."""
        exchange.touched = now
        self.exchanges.move_to_end(exchange.id)


class Clients:
    """The clients that are remembered, within the limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        # By kind, each with those first who were silent longest. A kind is looked at again whenever a client is.
        self._kinds: tuple[OrderedDict[Peer, Client], ...] = tuple(OrderedDict() for _ in range(3))
        self._held = Held()

    def __iter__(self) -> Iterator[Client]:
        """Go through all clients."""
        return itertools.chain.from_iterable(list(kind.values()) for kind in self._kinds)

    def __len__(self) -> int:
        """How many clients are remembered."""
        return sum(map(len, self._kinds))

    @property
    def bytes_held(self) -> int:
        """Bytes that are half received or kept."""
        return self._held.bytes

    @property
    def is_full(self) -> bool:
        """Whether one client has to be forgotten before another is remembered."""
        return len(self) >= self._limits.clients

    def find(self, peer: Peer, now: float) -> Client | None:
        """Find a client, who is then the one heard last."""
        client = next((kind.pop(peer) for kind in self._kinds if peer in kind), None)
        if client:
            client.heard = now
            self._kinds[client.kind][peer] = client
        return client

    def add(self, peer: Peer, now: float) -> Client:
        """Remember a new client."""
        client = self._kinds[0][peer] = Client(
            peer,
            self._held,
            sessions=deque(maxlen=self._limits.sessions),
            reply_times=deque(maxlen=self._limits.client_replies_per_s),
            echoes=deque(maxlen=self._limits.echoes_per_s),
            heard=now,
        )
        client.hold(CLIENT_BYTES)
        return client

    def find_forgettable(self, now: float) -> Client | None:
        """Choose who is forgotten for a new client: never one that is owed an answer, or that works with this server.

        First those that never asked for anything: who only says hello, from thousands of ports, must not cost others their
        palettes. Then those that asked without a hello, then those that have been silent for as long as answers are kept.
        """
        for number, kind in enumerate(self._kinds):
            for client in list(itertools.islice(kind.values(), LOOKED_AT)):
                if client.kind != number:  # it has said more since it was put here
                    self._kinds[client.kind][client.peer] = kind.pop(client.peer)
                elif not client.is_owed and (number < 2 or now > client.heard + self._limits.kept_s):
                    return client
        return None

    def remove(self, client: Client) -> None:
        """Forget a client, whose exchanges are gone."""
        client.hold(-client.size)
        for kind in self._kinds:
            kind.pop(client.peer, None)

    def sweep(self, now: float) -> list[Client]:
        """Forget what has ended long ago, and what came long ago without a verb; lists who has been silent for too long."""
        before = now - self._limits.kept_s
        for client in self:
            for exchange in list(client.exchanges.values()):
                if not exchange.awaits_answer and exchange.touched < before:
                    client.remove(exchange)
            client.trim_forgotten(self._limits.forgotten, before)
        return [client for client in self if client.heard < now - self._limits.silent_s and not client.is_owed]

    def trim_answers(self, client: Client) -> None:
        """Forget an answer where a client has too many."""
        ended = [exchange for exchange in client.exchanges.values() if exchange.state == "ended"]
        positions = [exchange for exchange in ended if exchange.is_at]
        if len(positions) > self._limits.at_answers:
            client.remove(positions[0])
        elif len(ended) > self._limits.answers:
            client.remove(ended[0], self._limits.forgotten)

    def make_room_for_open(self, client: Client) -> bool:
        """Forget the oldest id whose verb never came, where too many are half received; tells whether there is room."""
        if client.count("open") < self._limits.open:
            return True
        oldest = next((e for e in client.exchanges.values() if e.state == "open" and not e.has_verb), None)
        if oldest:
            client.remove(oldest)
        return oldest is not None

    def make_room(self, client: Client) -> list[Exchange]:
        """Let the client that holds most forget what it needs least, until little enough is held.

        `client` is the one that something was just kept of. Returns what was removed although an answer is owed.
        """
        owed: list[Exchange] = []
        if client.size < self._limits.held_bytes // self._limits.clients:
            return owed  # this message cannot have been what made it too much
        while self.bytes_held > self._limits.held_bytes:
            most = max(self, key=lambda c: c.size)
            exchange = _least_needed(most)
            if exchange is None:
                break
            if exchange.awaits_answer:
                owed.append(exchange)
            most.remove(exchange, self._limits.forgotten)
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


def _least_needed(client: Client) -> Exchange | None:
    """Choose what of a client to forget: the oldest answer, else what came without a verb, else what was asked last."""
    exchanges = client.exchanges.values()
    ended = next((e for e in exchanges if e.state == "ended"), None)
    verbless = next((e for e in exchanges if not e.awaits_answer), None)
    return ended or verbless or next(reversed(exchanges), None)
