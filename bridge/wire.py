"""OSC messages <-> requests and replies, and what is half received between them. Pure: no socket, no clock, no models.

Every method is told the time and returns what is to be done: datagrams to send, jobs to start or stop.
"""

from __future__ import annotations

import heapq
import itertools
import math
import struct
from array import array
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError

from bridge.options import CLIPS, STAND_IN, clip_counts, sentence
from bridge.osc import Message, Value, encode
from bridge.requests import VERBS, Blend, ClipsRequest, Request
from models.clip import Clip, Note

PROTOCOL = 1
FIRST_ASK_S = 0.05  # after this long without anything new, what is missing is asked for; then after twice that, and so on
ASKS = 3  # how often in a row nothing may come of it
PATIENCE_S = 30.0  # a client that sends one note at a time must not keep a request open for ever
KEPT_S = 60.0  # answers, and what came without a verb
SWEEP_S = 5.0  # how often what is older is thrown away
PROGRESS_S = 0.1  # at most this often
FIELDS = 8  # of a note, as many as a width can be
WIDTH_OUT = FIELDS + 2
NOTES_OUT = 24  # a message: 4 + 24 × 10 atoms and the address make 245, in 1,240 bytes; see design §5

MAX_STRING = 200  # bytes, by the contract
MAX_KEYS = 32  # more than any verb has
MAX_CLIPS = 64  # of a request
MAX_NOTES = 32_768  # of a clip: three times the longest that is tested; 2 MiB of numbers
MAX_TIME = 2.0**20  # beats: further out, a float32 cannot tell a 16th from a triplet
MAX_BEATS = 4096  # of a clip: half an hour
MAX_WINDOWS = 16_384  # two bars each, of all the clips that a request makes: about a minute's work
ANSWERS = 64  # kept for a client
AT_ANSWERS = 32  # of these: a puck in motion must not push out a clip whose notes may still be asked for
OPEN = 64  # requests of a client that are half received
PENDING, ALL_PENDING = 64, 1024  # requests of a client, and of all, that wait for the worker
PALETTES = 16  # of a client
PALETTE_NOTES = 200_000  # in the palettes of all clients; some 100 MiB in the engine
CLIENTS = 512  # remembered; whoever was silent longest and never said hello goes first
HELD_BYTES = 128 * 2**20  # half received and kept, of all clients; the one who holds most loses its oldest
MUTTERS, ALL_MUTTERS = 4, 32  # answers a second to what has no readable id: to a client, and to all
REUSE_S = 0.25  # a whole clip under a used id is told about so often, not for each of its messages
MISSING = 64  # messages of one ask; what is left is asked for when these have come

Peer = tuple[str, int]
Code = Literal[
    "bad_request",
    "unknown_verb",
    "unknown_key",
    "out_of_range",
    "incomplete",
    "no_palette",
    "no_model",
    "id_reused",
    "superseded",
    "cancelled",
    "busy",
    "too_large",
    "version",
    "internal",
]
OWN_KEYS = {
    CLIPS: "how many clips belong to the request; without it, as many as came before the verb",
    "reply_port": "where the answer goes, instead of the port of the hello or the sender's",
    "stream": "any name: a newer request with the same one supersedes this one",
}
_RANGE_ERRORS = ("greater_than", "less_than", "literal_error", "value_error", "too_short", "too_long", "finite_number")
_ROW = struct.Struct(f"{FIELDS}d")
_DEFAULTS = (1.0, 0.0, 64.0)  # of probability, velocity_deviation, release_velocity
_REST = (0.0, *_DEFAULTS)  # of what a width of 4 leaves out


class WireError(ValueError):
    """What a client did wrong or cannot have: a code, and a sentence for a status line."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code


# What is to be done


@dataclass(frozen=True)
class Send:
    """Datagrams for a peer, in order."""

    to: Peer
    datagrams: tuple[bytes, ...]


@dataclass(frozen=True)
class Start:
    """A job for the worker."""

    peer: Peer
    job: Job


@dataclass(frozen=True)
class Stop:
    """A job that no one wants any more."""

    ticket: int


@dataclass(frozen=True)
class Drop:
    """A palette that no one can name any more."""

    palette: int


@dataclass(frozen=True)
class Report:
    """A line for the report file."""

    line: str


Effect = Send | Start | Stop | Drop | Report


@dataclass(frozen=True)
class Outcome:
    """What became of a job."""

    clips: Sequence[Clip]
    seed: int
    models: Sequence[str]
    info: Sequence[str] = ()


@dataclass(frozen=True)
class Reply:
    """All messages that end an id. Of each clip the header comes first, then its notes, NOTES_OUT a message."""

    end: bytes
    info: tuple[bytes, ...] = ()
    clips: tuple[tuple[bytes, ...], ...] = ()

    @property
    def datagrams(self) -> tuple[bytes, ...]:
        """All of it in order."""
        return (*self.info, *itertools.chain.from_iterable(self.clips), self.end)


@dataclass(frozen=True)
class Job:
    """A request that is all there. Its methods may run on another thread than the wire."""

    ticket: int
    id: int
    parts: tuple[Part, ...] = ()
    asked: Request | None = None  # with stand-ins for its clips; None for a position of the puck
    palette: int = -1  # what a blend makes, or the puck moves on
    at: tuple[float, float] = (0.0, 0.0)

    def request(self) -> Request:
        """Put the clips into the request; raises WireError where a note is none."""
        if self.asked is None:
            raise ValueError("a puck position is no request")
        if not self.parts:
            return self.asked
        clips = tuple(part.clip(index) for index, part in enumerate(self.parts))
        return self.asked.model_copy(update={CLIPS: clips})

    def reply(self, outcome: Outcome) -> Reply:
        """Write the answer as messages."""
        models = ",".join(dict.fromkeys(outcome.models))
        return Reply(
            encode("/bridge/done", [self.id, len(outcome.clips), outcome.seed, _line(models)]),
            tuple(encode("/bridge/info", [self.id, _line(text)]) for text in outcome.info),
            tuple(tuple(self._messages(index, clip)) for index, clip in enumerate(outcome.clips)),
        )

    def _messages(self, index: int, clip: Clip) -> Iterator[bytes]:
        top, bottom = map(int, clip.meter)
        name = _line(clip.name)
        yield encode("/bridge/clip", [self.id, index, float(clip.beats), top, bottom, len(clip.notes), name])
        for first in range(0, len(clip.notes), NOTES_OUT):
            values: list[int | float | str] = [self.id, index, first, WIDTH_OUT]
            for note in clip.notes[first : first + NOTES_OUT]:
                pitch, start, duration, velocity, mute, *rest = fields = _fields(note)
                source = (note.from_clip, note.from_note) if self._is_as_received(note, fields) else (-1, -1)
                values += [int(pitch), start, duration, velocity, int(mute), *rest, *source]
            yield encode("/bridge/notes", values)

    def _is_as_received(self, note: Note, fields: tuple[float, ...]) -> bool:
        if not (0 <= note.from_clip < len(self.parts)):
            return False
        return self.parts[note.from_clip].is_row(note.from_note, _ROW.pack(*fields))


class Part:
    """A clip as far as it has come."""

    def __init__(self) -> None:
        self.beats = 0.0
        self.meter = (4, 4)
        self.count = -1  # notes, by the header; -1 before it has come
        self.name = ""
        self._rows = array("d")  # FIELDS a note, as received
        self._seen = bytearray()

    @property
    def size(self) -> int:
        """Bytes that are held."""
        return len(self._seen) * (8 * FIELDS + 1)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return self.count == len(self._seen) and 0 not in self._seen

    def take_header(self, values: Sequence[Value]) -> bool:
        """Take the values of a /bridge/clip after its index; returns whether they are new."""
        if not 4 <= len(values) <= 5:
            raise WireError("bad_request", "a clip is: id index beats numerator denominator notes [name]")
        beats = _number(values[0], "beats")
        if not 0 < beats <= MAX_BEATS:
            raise WireError("out_of_range", f"beats {beats:g} is not in 0..{MAX_BEATS}, more than 0")
        meter = _whole(values[1], "numerator", 1, 255), _whole(values[2], "denominator", 1, 64)
        if meter[1] & (meter[1] - 1):
            raise WireError("out_of_range", f"denominator {meter[1]} is not one of: 1 2 4 8 16 32 64")
        count = _whole(values[3], "notes", 0, MAX_NOTES)
        name = _text(values[4], "name") if len(values) == 5 else ""
        if self.count >= 0:
            if (self.beats, self.meter, self.count, self.name) != (beats, meter, count, name):
                raise WireError("id_reused", "another clip came under this id and index; a new request needs a new id")
            return False
        if len(self._seen) > count:
            raise WireError("out_of_range", f"{len(self._seen)} notes came of a clip whose header says {count}")
        self.beats, self.meter, self.count, self.name = beats, meter, count, name
        self._grow(count)
        return True

    def take_notes(self, values: Sequence[Value]) -> bool:
        """Take the values of a /bridge/notes after its index; returns whether some are new."""
        if len(values) < 2:
            raise WireError("bad_request", "notes are: id index first width (pitch start duration velocity …) …")
        first, width = _whole(values[0], "first", 0, MAX_NOTES), _whole(values[1], "width", 4, FIELDS)
        rows = _read_rows(values[2:], width)
        end = first + len(rows) // FIELDS
        if end > (MAX_NOTES if self.count < 0 else self.count):
            said = f"{MAX_NOTES}, the most there may be" if self.count < 0 else f"the {self.count} that its header says"
            raise WireError("out_of_range" if self.count >= 0 else "too_large", f"notes {first}..{end - 1} are beyond {said}")
        self._grow(end)
        seen = self._seen[first:end]
        for i in range(first, end) if 1 in seen else ():
            if seen[i - first] and not self.is_row(i, rows[(i - first) * FIELDS : (i - first + 1) * FIELDS].tobytes()):
                raise WireError("id_reused", f"another note {i} came under this id; a new request needs a new id")
        self._rows[first * FIELDS : end * FIELDS] = rows
        self._seen[first:end] = b"\1" * (end - first)
        return 0 in seen

    def is_row(self, index: int, row: bytes) -> bool:
        """Tell whether a note has come with just these bits."""
        return 0 <= index < len(self._seen) and self._rows[index * FIELDS : (index + 1) * FIELDS].tobytes() == row

    def gaps(self) -> Iterator[tuple[int, int]]:
        """List what is missing as first and count; count -1 stands for the header and all notes."""
        if self.count < 0:
            yield 0, -1
            return
        at = self._seen.find(0)
        while at >= 0:
            end = self._seen.find(1, at)
            end = len(self._seen) if end < 0 else end
            yield at, end - at
            at = self._seen.find(0, end)

    def clip(self, index: int) -> Clip:
        """Make a clip of what has come; `index` is what it is called where it cannot be one."""
        notes = []
        for i in range(self.count):
            row = self._rows[i * FIELDS : (i + 1) * FIELDS]
            pitch, start, duration, velocity, mute, probability, deviation, release = row
            try:
                if not pitch.is_integer():
                    raise ValueError(f"pitch {pitch:g} is not a whole number")
                if mute not in (0, 1):
                    raise ValueError(f"mute {mute:g} is not 0 or 1")
                if not (abs(start) <= MAX_TIME and duration <= MAX_TIME):
                    raise ValueError(f"start {start:g} and duration {duration:g} are not both within {MAX_TIME:.0f} beats")
                notes.append(Note(int(pitch), start, duration, velocity, bool(mute), probability, deviation, release))
            except ValueError as error:
                raise WireError("out_of_range", f"clip {index}, note {i}: {error}") from error
        return Clip(tuple(notes), self.beats, meter=self.meter, name=self.name)

    def _grow(self, notes: int) -> None:
        more = notes - len(self._seen)
        if more > 0:
            self._seen.extend(bytes(more))
            self._rows.frombytes(bytes(more * FIELDS * 8))


@dataclass
class _Entry:
    """All that is known of an id."""

    to: Peer
    touched: float
    state: Literal["open", "running", "ended"] = "open"
    content: int | None = None  # the hash of the verb, once it has come
    parts: dict[int, Part] = field(default_factory=dict)
    asked: Request | None = None
    clips: int = 0
    stream: Value = None
    palette: int = -1
    is_at: bool = False
    ticket: int = -1
    reply: Reply | None = None
    asks: int = 0
    due: float = math.inf  # when to ask for what is missing
    deadline: float = math.inf
    queued: float = math.inf  # when `tick` looks at it next
    told: float = -math.inf  # when progress was last told
    reuse_told: float = -math.inf  # when it was last told that the id is used
    fraction: float = 0.0
    size: int = 0

    @property
    def missing(self) -> list[tuple[int, int, int]]:
        """What is missing, as index, first and count."""
        return [(i, *gap) for i in range(self.clips) for gap in self.parts.get(i, _NOTHING).gaps()]


@dataclass
class _Client:
    """All that is known of a client."""

    peer: Peer
    reply_port: int = 0
    is_greeted: bool = False
    sessions: deque[int] = field(default_factory=lambda: deque(maxlen=8))  # an old hello may come late
    entries: OrderedDict[int, _Entry] = field(default_factory=OrderedDict)
    palettes: OrderedDict[int, _Palette] = field(default_factory=OrderedDict)
    mutters: deque[float] = field(default_factory=lambda: deque(maxlen=MUTTERS))
    size: int = 0

    @property
    def reply_to(self) -> Peer:
        """Where replies go that say nothing else."""
        return self.peer[0], self.reply_port or self.peer[1]


@dataclass(frozen=True)
class _Palette:
    number: int
    parts: tuple[Part, ...]

    @property
    def notes(self) -> int:
        return sum(part.count for part in self.parts) + 1


@dataclass(frozen=True)
class _Ask:
    """What the keys of a verb say."""

    request: Request
    clips: int
    stream: Value


_NOTHING = Part()


class Wire:
    """What the server knows of its clients."""

    def __init__(self, draw_seed: Callable[[], int], *, version: str = "0", device: str = "cpu") -> None:
        self._draw_seed, self._version, self._device = draw_seed, version, device
        self._models: Sequence[tuple[str, str, int, str]] | None = None
        self._clients: OrderedDict[Peer, _Client] = OrderedDict()
        self._running: dict[int, tuple[_Client, int]] = {}
        self._waiting: list[tuple[float, int, Peer, int]] = []  # heap: when, a number to tell equals apart, whose, which
        self._numbers = itertools.count(1)
        self._mutters: deque[float] = deque(maxlen=ALL_MUTTERS)
        self._swept = -math.inf

    @property
    def held(self) -> int:
        """Bytes that are half received or kept."""
        return sum(client.size for client in self._clients.values())

    # What happens

    def hear(self, peer: Peer, message: Message, now: float) -> list[Effect]:
        """Take a message of a client."""
        out: list[Effect] = []
        client = self._meet(peer, out)
        name = message.address.removeprefix("/bridge/")
        try:
            if message.address == "/bridge/hello":
                self._hello(client, message.values, out)
                return out
            number = _whole(message.values[0] if message.values else None, "id", -(2**31), 2**31 - 1)
            if name == message.address:
                raise WireError("unknown_verb", f"{_short(name)} is not an address of this server: they begin with /bridge/")
        except WireError as error:
            self._mutter(client, error, now, out)
            return out
        values = message.values[1:]
        try:
            match name:
                case "clip" | "notes":
                    self._take(client, number, message, now, out)
                case "echo":
                    text = values[0] if values else ""
                    out.append(Send(client.reply_to, (encode("/bridge/echo", [number, _plain_text(text)]),)))
                case "cancel":
                    self._cancel(client, number, now, out)
                case "resend":
                    self._resend(client, number, values, out)
                case _:
                    self._take_verb(client, number, name, values, now, out)
        except WireError as error:
            out.append(Send(client.reply_to, (_error(number, error),)))
        self._make_room(client, out)
        return out

    def garbled(self, peer: Peer, reason: str, now: float) -> list[Effect]:
        """Take what could not be read."""
        out: list[Effect] = []
        self._mutter(self._meet(peer, out), WireError("bad_request", reason), now, out)
        return out

    def ready(self, device: str, models: Sequence[tuple[str, str, int, str]]) -> list[Effect]:
        """Take the models (name, family, bars, about) once they are there, and tell all who have said hello."""
        self._device, self._models = device, models
        return [self._welcome(client) for client in self._clients.values() if client.is_greeted]

    def progress(self, ticket: int, fraction: float, now: float) -> list[Effect]:
        """Take how far a job is."""
        if ticket not in self._running:
            return []
        client, number = self._running[ticket]
        entry = client.entries[number]
        entry.fraction = max(entry.fraction, fraction)
        if now < entry.told + PROGRESS_S:
            return []
        entry.told = now
        return [Send(entry.to, (encode("/bridge/progress", [number, float(entry.fraction)]),))]

    def finish(self, ticket: int, reply: Reply, now: float) -> list[Effect]:
        """Take the answer of a job; it is dropped where no one waits for it any more."""
        if ticket not in self._running:
            return []
        out: list[Effect] = []
        client, number = self._running.pop(ticket)
        self._end(client, number, reply, now, out)
        self._make_room(client, out)
        return out

    def fail(self, ticket: int, code: Code, text: str, now: float) -> list[Effect]:
        """Take why a job has no answer."""
        if ticket not in self._running:
            return []
        out: list[Effect] = []
        client, number = self._running.pop(ticket)
        self._forget_palette(client, client.entries[number], out)
        self._end(client, number, Reply(_error(number, WireError(code, text))), now, out)
        return out

    def tick(self, now: float) -> list[Effect]:
        """Ask for what is missing, give up where it does not come, and throw away what is old."""
        out: list[Effect] = []
        while self._waiting and self._waiting[0][0] <= now:
            when, _, peer, number = heapq.heappop(self._waiting)
            client = self._clients.get(peer)
            entry = client.entries.get(number) if client else None
            if client is None or entry is None or entry.state != "open" or entry.queued != when:
                continue
            if entry.due <= now:
                self._ask(client, number, entry, now, out)
            if entry.state == "open":
                self._wait(client, number, entry)
        if now >= self._swept + SWEEP_S:
            self._swept = now
            for client in self._clients.values():
                self._sweep(client, now)
        return out

    @property
    def due(self) -> float:
        """When `tick` has something to do."""
        return self._waiting[0][0] if self._waiting else self._swept + SWEEP_S

    # Clients

    def _meet(self, peer: Peer, out: list[Effect]) -> _Client:
        client = self._clients.get(peer)
        if client is None:
            if len(self._clients) >= CLIENTS:
                silent = next((c for c in self._clients.values() if not c.is_greeted), None)
                oldest = silent or next(iter(self._clients.values()))
                self._forget(oldest, out)
                del self._clients[oldest.peer]
            client = self._clients[peer] = _Client(peer)
        self._clients.move_to_end(peer)
        return client

    def _hello(self, client: _Client, values: Sequence[Value], out: list[Effect]) -> None:
        given = dict(zip(("reply_port", "protocol", "session", "client"), values, strict=False))
        port = _whole(given.get("reply_port", 0), "reply_port", 0, 65535)
        protocol = _whole(given.get("protocol", PROTOCOL), "protocol", -(2**31), 2**31 - 1)
        session = _whole(given.get("session", 0), "session", -(2**31), 2**31 - 1)
        _text(given.get("client", ""), "client")
        client.reply_port = port
        if protocol != PROTOCOL:
            raise WireError("version", f"this server speaks protocol {PROTOCOL}, not {protocol}: update the older of the two")
        if session not in client.sessions:
            self._forget(client, out)
            client.sessions.append(session)
        client.is_greeted = True
        out.append(self._welcome(client))

    def _welcome(self, client: _Client) -> Send:
        state = "warming" if self._models is None else "ready"
        models = self._models or ()
        head = encode("/bridge/welcome", [PROTOCOL, self._version, self._device, state, len(models)])
        lines = (
            encode("/bridge/model", [i, _line(name), _line(family), bars, _line(about)])
            for i, (name, family, bars, about) in enumerate(models)
        )
        return Send(client.reply_to, (head, *lines))

    def _forget(self, client: _Client, out: list[Effect]) -> None:
        """Forget all ids and palettes of a client."""
        for entry in client.entries.values():
            self._let_go(entry, out)
        out += [Drop(palette.number) for palette in client.palettes.values()]
        client.entries.clear()
        client.palettes.clear()
        client.size = 0

    def _mutter(self, client: _Client, error: WireError, now: float, out: list[Effect]) -> None:
        """Answer what has no readable id, but not each time."""
        for times in (client.mutters, self._mutters):
            if len(times) == times.maxlen and times[0] > now - 1:
                return
        client.mutters.append(now)
        self._mutters.append(now)
        out.append(Send(client.reply_to, (_error(-1, error),)))

    # Clips

    def _take(self, client: _Client, number: int, message: Message, now: float, out: list[Effect]) -> None:
        entry = client.entries.get(number)
        if entry is None:
            if sum(e.state == "open" for e in client.entries.values()) >= OPEN:
                return  # its verb will hear that the server is busy
            entry = client.entries[number] = _Entry(client.reply_to, now)
        if entry.state == "ended" and entry.ticket < 0:
            return  # it never ran, whatever still comes
        try:
            is_news = self._take_part(entry, message)
        except WireError as error:
            if entry.state == "open":
                self._end(client, number, Reply(_error(number, error)), now, out)
            elif now >= entry.reuse_told + REUSE_S:
                entry.reuse_told = now
                out.append(Send(entry.to, (_error(number, _reused(number)),)))
            return
        if is_news:
            entry.touched = now
            client.entries.move_to_end(number)
            self._weigh(client, entry)
            if entry.content is not None:
                entry.asks, entry.due = 0, now + FIRST_ASK_S
                self._start_if_whole(client, number, entry, now, out)
                if entry.state == "open" and entry.due < entry.queued:
                    self._wait(client, number, entry)

    def _take_part(self, entry: _Entry, message: Message) -> bool:
        values = message.values[1:]
        index = _whole(values[0] if values else None, "index", 0, MAX_CLIPS - 1)
        part = entry.parts.get(index)
        if part is None:
            if entry.state != "open":
                raise _reused(index)
            part = entry.parts[index] = Part()
        return part.take_header(values[1:]) if message.address == "/bridge/clip" else part.take_notes(values[1:])

    def _wait(self, client: _Client, number: int, entry: _Entry) -> None:
        entry.queued = entry.due
        heapq.heappush(self._waiting, (entry.due, next(self._numbers), client.peer, number))

    def _ask(self, client: _Client, number: int, entry: _Entry, now: float, out: list[Effect]) -> None:
        """Ask for what is missing, or give up."""
        missing = entry.missing
        if entry.asks == ASKS or now >= entry.deadline:
            index, first, count = missing[0]
            what = f"clip {index}" if count < 0 else f"note {first} of clip {index}"
            more = f", and {len(missing) - 1} more gaps" if len(missing) > 1 else ""
            error = WireError("incomplete", f"{what} never came{more}: send all of it again, with a new id")
            self._end(client, number, Reply(_error(number, error)), now, out)
            return
        out.append(Send(entry.to, tuple(encode("/bridge/missing", [number, *gap]) for gap in missing[:MISSING])))
        entry.asks += 1
        entry.due = now + FIRST_ASK_S * 2**entry.asks

    # Verbs

    def _take_verb(
        self, client: _Client, number: int, name: str, values: Sequence[Value], now: float, out: list[Effect]
    ) -> None:
        content = hash((name, repr(values)))
        entry = client.entries.get(number)
        if entry and (entry.content is not None or entry.state == "ended"):
            if entry.content not in (content, None):
                raise _reused(number)
            self._repeat(client, number, entry, now, out)
            return
        if name != "report" and self._is_busy(client, is_new=entry is None):
            raise WireError("busy", "too many requests are waiting: send it again later")
        entry = entry or client.entries.setdefault(number, _Entry(client.reply_to, now))
        entry.content, entry.touched, entry.to = content, now, client.reply_to
        client.entries.move_to_end(number)
        try:
            if name == "at":
                self._start_at(client, number, entry, values, out)
            elif name == "report":
                out.append(Report(_text(values[0] if values else "", "line")))
                self._end(client, number, Reply(encode("/bridge/done", [number, 0, 0, ""])), now, out)
            elif name in VERBS:
                self._take_request(client, number, name, values, out)
                entry.due, entry.deadline = now + FIRST_ASK_S, now + PATIENCE_S
                self._start_if_whole(client, number, entry, now, out)
                if entry.state == "open":
                    self._wait(client, number, entry)
            else:
                _answer_to(client, entry, _pairs(name, values))
                allowed = " ".join((*VERBS, "at", "resend", "cancel", "echo", "report", "hello", "clip", "notes"))
                raise WireError("unknown_verb", f"there is no /bridge/{_short(name)}; there are: {allowed}")
        except WireError as error:
            self._end(client, number, Reply(_error(number, error)), now, out)

    def _take_request(self, client: _Client, number: int, name: str, values: Sequence[Value], out: list[Effect]) -> None:
        entry = client.entries[number]
        given = _pairs(name, values)
        _answer_to(client, entry, given)
        ask = read_verb(name, given, came=1 + max(entry.parts, default=-1))
        if ask.request.seed is None:
            ask = _Ask(ask.request.model_copy(update={"seed": self._draw_seed()}), ask.clips, ask.stream)
        entry.asked, entry.clips, entry.stream = ask.request, ask.clips, ask.stream
        if ask.stream is not None:
            for other, older in list(client.entries.items()):
                if other != number and older.state != "ended" and older.stream == ask.stream:
                    self._supersede(client, other, out)

    def _start_if_whole(self, client: _Client, number: int, entry: _Entry, now: float, out: list[Effect]) -> None:
        parts = tuple(entry.parts.get(i, _NOTHING) for i in range(entry.clips))
        if not all(part.is_whole for part in parts) or entry.asked is None:
            return
        try:
            _check_work(entry.asked, parts)
        except WireError as error:
            self._end(client, number, Reply(_error(number, error)), now, out)
            return
        if isinstance(entry.asked, Blend):
            entry.palette = next(self._numbers)
            self._keep_palette(client, number, _Palette(entry.palette, parts), out)
        self._start(client, number, Job(next(self._numbers), number, parts, entry.asked, entry.palette), out)

    def _start_at(self, client: _Client, number: int, entry: _Entry, values: Sequence[Value], out: list[Effect]) -> None:
        entry.is_at = True
        if len(values) != 3:
            raise WireError("bad_request", "a position is: id palette x y")
        palette = client.palettes.get(_whole(values[0], "palette", -(2**31), 2**31 - 1))
        x, y = (_number(value, axis) for value, axis in zip(values[1:], "xy", strict=True))
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise WireError("out_of_range", f"the position {x:g},{y:g} is not in 0..1,0..1")
        if palette is None:
            raise WireError("no_palette", f"there is no palette {_short(values[0])}: send its blend again, with a new id")
        for other, older in list(client.entries.items()):
            if older.is_at and older.palette == palette.number and older.state == "running":
                self._supersede(client, other, out)
        entry.palette = palette.number
        self._start(client, number, Job(next(self._numbers), number, palette.parts, None, palette.number, (x, y)), out)

    def _start(self, client: _Client, number: int, job: Job, out: list[Effect]) -> None:
        entry = client.entries[number]
        entry.state, entry.ticket, entry.told = "running", job.ticket, entry.touched
        self._running[job.ticket] = client, number
        out.append(Start(client.peer, job))

    def _repeat(self, client: _Client, number: int, entry: _Entry, now: float, out: list[Effect]) -> None:
        """Answer a verb that has come before."""
        if entry.reply is not None:
            out.append(Send(entry.to, entry.reply.datagrams))
        elif entry.state == "running":
            entry.told = now
            out.append(Send(entry.to, (encode("/bridge/progress", [number, float(entry.fraction)]),)))

    def _cancel(self, client: _Client, number: int, now: float, out: list[Effect]) -> None:
        entry = client.entries.setdefault(number, _Entry(client.reply_to, now))
        if entry.reply is not None:
            out.append(Send(entry.to, entry.reply.datagrams))
            return
        self._forget_palette(client, entry, out)
        self._end(client, number, Reply(_error(number, WireError("cancelled", "cancelled"))), now, out)

    def _resend(self, client: _Client, number: int, values: Sequence[Value], out: list[Effect]) -> None:
        if len(values) != 3:
            raise WireError("bad_request", "a resend is: id index first count")
        entry = client.entries.get(number)
        if entry is None:
            raise WireError("bad_request", f"nothing is kept of id {number}: answers are kept {KEPT_S:.0f} s")
        if entry.reply is None:
            return  # it comes by itself
        if not entry.reply.clips:
            out.append(Send(entry.to, (entry.reply.end,)))
            return
        messages = entry.reply.clips[_whole(values[0], "index", 0, len(entry.reply.clips) - 1)]
        first, count = _whole(values[1], "first", 0, 2**31 - 1), _whole(values[2], "count", -1, 2**31 - 1)
        if count >= 0:
            messages = messages[1 + first // NOTES_OUT : 1 + -(-(first + count) // NOTES_OUT)]
        if messages:
            out.append(Send(entry.to, messages))

    # Ends

    def _supersede(self, client: _Client, number: int, out: list[Effect]) -> None:
        entry = client.entries[number]
        if not entry.is_at:
            self._forget_palette(client, entry, out)
        error = WireError("superseded", "a newer request took its place")
        self._end(client, number, Reply(_error(number, error)), entry.touched, out)

    def _end(self, client: _Client, number: int, reply: Reply, now: float, out: list[Effect]) -> None:
        """End an id, which happens once."""
        entry = client.entries[number]
        self._let_go(entry, out)
        entry.state, entry.reply, entry.touched = "ended", reply, now
        if entry.ticket < 0:
            entry.parts.clear()
        self._weigh(client, entry)
        client.entries.move_to_end(number)
        out.append(Send(entry.to, reply.datagrams))
        ended = [(n, e.is_at) for n, e in client.entries.items() if e.state == "ended"]
        moves = [n for n, is_at in ended if is_at]
        if len(moves) > AT_ANSWERS:
            self._remove(client, moves[0])
        elif len(ended) > ANSWERS:
            self._remove(client, ended[0][0])

    def _let_go(self, entry: _Entry, out: list[Effect]) -> None:
        if self._running.pop(entry.ticket, None):
            out.append(Stop(entry.ticket))

    def _remove(self, client: _Client, number: int) -> None:
        client.size -= client.entries.pop(number).size

    def _sweep(self, client: _Client, now: float) -> None:
        """Throw away what has ended long ago, and what came long ago without a verb."""
        for number, entry in list(client.entries.items()):
            is_idle = entry.state == "ended" or (entry.state == "open" and entry.content is None)
            if is_idle and now > entry.touched + KEPT_S:
                self._remove(client, number)

    # Room

    def _is_busy(self, client: _Client, *, is_new: bool) -> bool:
        states = [e.state for e in client.entries.values()]
        is_full = is_new and states.count("open") >= OPEN
        return is_full or states.count("running") >= PENDING or len(self._running) >= ALL_PENDING

    def _weigh(self, client: _Client, entry: _Entry) -> None:
        size = sum(part.size for part in entry.parts.values())
        size += sum(map(len, entry.reply.datagrams)) if entry.reply else 0
        client.size += size - entry.size
        entry.size = size

    def _make_room(self, client: _Client, out: list[Effect]) -> None:
        """Let the client who holds most forget its oldest, until all that is held is little enough."""
        if client.size < HELD_BYTES // CLIENTS:
            return  # this message cannot have been what made it too much
        while self.held > HELD_BYTES:
            most = max(self._clients.values(), key=lambda c: c.size)
            number = next((n for n, e in most.entries.items() if e.state != "running" and e.size), None)
            if number is None:
                return
            entry = most.entries[number]
            if entry.state == "open" and entry.content is not None:
                error = WireError("too_large", "more is half received than the server has room for")
                out.append(Send(entry.to, (_error(number, error),)))
            self._remove(most, number)

    def _keep_palette(self, client: _Client, number: int, palette: _Palette, out: list[Effect]) -> None:
        older = client.palettes.pop(number, None)
        if older:
            out.append(Drop(older.number))
        client.palettes[number] = palette
        while len(client.palettes) > PALETTES:
            out.append(Drop(client.palettes.popitem(last=False)[1].number))
        weights = {c.peer: sum(p.notes for p in c.palettes.values()) for c in self._clients.values() if c.palettes}
        while sum(weights.values()) > PALETTE_NOTES:
            most = self._clients[max(weights, key=lambda peer: weights[peer])]
            if most is client and len(most.palettes) == 1:
                return  # one alone is as large as its clips may be
            _, dropped = most.palettes.popitem(last=False)
            weights[most.peer] -= dropped.notes
            out.append(Drop(dropped.number))

    def _forget_palette(self, client: _Client, entry: _Entry, out: list[Effect]) -> None:
        """Forget the palette that a blend was to make."""
        if entry.is_at:
            return
        for number, palette in client.palettes.items():
            if palette.number == entry.palette:
                del client.palettes[number]
                out.append(Drop(palette.number))
                return


def keys(verb: str) -> dict[str, str]:
    """List the keys of a verb and what each says."""
    own = {name: info.description or "" for name, info in VERBS[verb].model_fields.items() if name != CLIPS}
    return own | OWN_KEYS


def read_verb(verb: str, given: dict[str, Value], *, came: int = 0) -> _Ask:
    """Read the keys of a verb; `came` is how many clips came before it."""
    kind = VERBS[verb]
    allowed = keys(verb)
    for key in given:
        if key not in allowed:
            raise WireError("unknown_key", f"{verb} has no key {_short(key)}; it has: {' '.join(allowed)}")
    least, most = clip_counts(kind) if issubclass(kind, ClipsRequest) else (0, 0)
    most = MAX_CLIPS if most is None else most
    clips = _whole(given.get(CLIPS, min(most, max(least, came))), CLIPS, -(2**31), 2**31 - 1)
    if not least <= clips <= most:
        wanted = f"{least}" if least == most else f"{least} to {most}"
        raise WireError("out_of_range", f"{verb} takes {wanted} clips, not {clips}")
    stream = given.get("stream")
    if stream is not None:
        _text(stream, "stream")
    values: dict[str, Any] = {k: _value(kind, k, v) for k, v in given.items() if k not in OWN_KEYS}
    if least:
        values[CLIPS] = (STAND_IN,) * clips
    try:
        return _Ask(kind.model_validate(values), clips, stream)
    except ValidationError as error:
        first = error.errors()[0]
        key = f"{first['loc'][0]}: " if first["loc"] else ""
        code: Code = "out_of_range" if first["type"].startswith(_RANGE_ERRORS) else "bad_request"
        raise WireError(code, key + sentence(error, kind)) from error


def _answer_to(client: _Client, entry: _Entry, given: dict[str, Value]) -> None:
    """Send an answer to the port that a message names, even where the verb itself is unknown."""
    if "reply_port" in given:
        entry.to = client.peer[0], _whole(given["reply_port"], "reply_port", 1, 65535)


def _pairs(verb: str, values: Sequence[Value]) -> dict[str, Value]:
    if len(values) % 2:
        raise WireError("bad_request", f"{verb} takes an id, then keys and values in pairs; the last key has no value")
    if len(values) > 2 * MAX_KEYS:
        raise WireError("too_large", f"{len(values) // 2} keys are more than {verb} has: {MAX_KEYS} at the most")
    given: dict[str, Value] = {}
    for key, value in zip(values[::2], values[1::2], strict=True):
        if not isinstance(key, str):
            raise WireError("bad_request", f"where a key of {verb} belongs there is {_short(key)}; keys are strings")
        if key in given:
            raise WireError("bad_request", f"{_short(key)} is given twice")
        given[key] = value
    return given


def _value(kind: type[Request], key: str, value: Value) -> object:
    """Turn a value into what pydantic reads: lists are comma-joined."""
    if isinstance(value, str):
        text = _text(value, key)
        return tuple(text.split(",")) if _is_list(kind.model_fields[key].annotation) else text
    if not isinstance(value, int | float):
        raise WireError("bad_request", f"{key} is neither a number nor a string")
    if math.isnan(value):
        raise WireError("out_of_range", f"{key} is not a number (NaN)")
    return value if kind.model_fields[key].annotation is not str else str(value)


def _is_list(annotation: object) -> bool:
    return get_origin(annotation) is tuple or any(map(_is_list, get_args(annotation)))


def _check_work(request: Request, parts: Iterable[Part]) -> None:
    """Refuse what would keep the worker for more than a minute or so."""
    windows = sum(math.ceil(part.beats / (2 * min(4.0, part.meter[0] * 4 / part.meter[1]))) for part in parts)
    side = request.grid if isinstance(request, Blend) and request.at is None else 1
    times = side**2 if isinstance(request, Blend) else getattr(request, "count", getattr(request, "steps", 1))
    if windows * times > MAX_WINDOWS:
        text = f"{times} clips of {windows} windows of two bars are more than the {MAX_WINDOWS} windows of one request"
        raise WireError("too_large", text)


def _read_rows(values: Sequence[Value], width: int) -> array[float]:
    """Read notes of a width into rows of FIELDS."""
    if len(values) % width:
        raise WireError("bad_request", f"{len(values)} numbers are not notes of {width} numbers each")
    try:
        given: array[float] = array("d", values)  # type: ignore[arg-type]
    except TypeError as error:
        raise WireError("bad_request", "notes hold something else than numbers") from error
    if width == FIELDS:
        return given
    rows = array("d", (0.0, 0.0, 0.0, 0.0, *_REST) * (len(given) // width))
    for column in range(width):
        rows[column::FIELDS] = given[column::width]
    return rows


def _fields(note: Note) -> tuple[float, ...]:
    return (
        float(note.pitch),
        float(note.start),
        float(note.duration),
        float(note.velocity),
        float(note.mute),
        float(note.probability),
        float(note.velocity_deviation),
        float(note.release_velocity),
    )


def _number(value: Value, what: str) -> float:
    if not isinstance(value, int | float):
        raise WireError("bad_request", f"{what} is {_short(value)}; it must be a number")
    if not math.isfinite(value):
        raise WireError("out_of_range", f"{what} is {value}; it must be finite")
    return float(value)


def _whole(value: Value, what: str, low: int, high: int) -> int:
    number = _number(value, what)
    if not number.is_integer():
        raise WireError("bad_request", f"{what} is {number:g}; it must be a whole number")
    if not low <= number <= high:
        raise WireError("out_of_range", f"{what} {number:.0f} is not in {low}..{high}")
    return int(number)


def _plain_text(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if isinstance(value, str | int) else ""


def _text(value: Value, what: str) -> str:
    """Read a string; a name that is all digits may come as a number."""
    text = _plain_text(value)
    if len(text.encode()) > MAX_STRING:
        raise WireError("too_large", f"{what} has {len(text.encode())} bytes; strings have {MAX_STRING} at the most")
    return text


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:40] + "…"


def _line(text: str) -> str:
    """Cut a string to what may be sent."""
    return text.replace("\0", "").encode()[:MAX_STRING].decode(errors="ignore")


def _error(number: int, error: WireError) -> bytes:
    return encode("/bridge/error", [number, error.code, _line(str(error))])


def _reused(number: int) -> WireError:
    return WireError("id_reused", f"id {number} was used for something else; a new request needs a new id")
