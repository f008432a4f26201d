"""The client's side of the protocol: what is sent under an id, what has come of it, what got lost. No socket, no clock.

Standard library and clips only, so that any host's Python can load it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bridge.protocol.limits import INT32, NOTE_FIELDS, PROTOCOL, REPLY_WIDTH
from bridge.protocol.osc import Message, Value, encode
from models.music.clip import Clip, Note

CLIPS, CONTEXT = "clips", "context"  # the keys that say how many there are
NOTES = 30  # of NOTE_FIELDS numbers in a message: below 250 atoms and 1,400 bytes
SILENCE_S = 0.5  # after which a verb is sent again
GAP_S = 0.06  # after which notes of the answer that did not come are asked for
GAPS = 50  # that are asked for at a time
MOST_CLIPS, MOST_NOTES = 4096, 2**20  # of an answer: more than any server of ours gives


class ServerError(RuntimeError):
    """The error that ended a request: its code, one of those in docs/osc.md, and a sentence."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Answer:
    """What came of a request of `sources`; a blend's is its palette, for positions of the puck."""

    id: int
    clips: tuple[Clip, ...]
    seed: int
    model: str
    info: tuple[str, ...] = ()
    sources: tuple[Clip, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class ServerModel:
    """What a server says of a model."""

    name: str
    family: str
    bars: int
    about: str


@dataclass(frozen=True)
class Welcome:
    """What a server says to a hello. While it is not `is_ready`, it loads its models; requests wait for them."""

    version: str
    device: str
    is_ready: bool
    session: int  # another one after each start of the server
    models: tuple[ServerModel, ...] = ()


@dataclass
class Exchange:
    """One request: its messages, and what has come of them until now."""

    id: int
    verb: str
    keys: tuple[int | float | str, ...]  # and values, in turn
    clips: Sequence[Clip] = ()  # that are sent; those that sound with the others come last
    sources: Sequence[Clip] = ()  # whose notes an answer may name: these clips, or those of a palette
    fraction: float = 0.0
    heard: float = 0.0  # when something came, and when something was asked for again
    asked: float = 0.0
    _ending: tuple[int, int, str] | ServerError | None = None  # how many clips, the seed and the model; or an error
    _info: dict[str, None] = field(default_factory=dict)
    _heads: dict[int, tuple[float, int, int, int, str]] = field(default_factory=dict)  # beats, meter, notes, name
    _notes: dict[int, dict[int, Note]] = field(default_factory=dict)

    def opening(self) -> Iterator[bytes]:
        """Write all that is sent at first: the clips, then the verb."""
        for index in range(len(self.clips)):
            yield from self.chunks(index, 0, -1)
        yield self.go()

    def go(self) -> bytes:
        """Write the verb, which means go, and again means: is there an answer?"""
        return encode(f"/bridge/{self.verb}", (self.id, *self.keys))

    def chunks(self, index: int, first: int, count: int) -> Iterator[bytes]:
        """Write notes of a clip; count -1 stands for its header and all of them."""
        clip = self.clips[index]
        if count < 0:
            numerator, denominator = clip.meter
            name = clip.name.encode()[:200].decode(errors="ignore").replace("\0", "")
            head = (self.id, index, float(clip.beats), numerator, denominator, len(clip.notes), name)
            yield encode("/bridge/clip", head)
            first, count = 0, len(clip.notes)
        for at in range(first, min(first + count, len(clip.notes)), NOTES):
            notes = clip.notes[at : min(at + NOTES, first + count)]
            numbers = (number for note in notes for number in _row(note, clip.start))
            yield encode("/bridge/notes", (self.id, index, at, NOTE_FIELDS, *numbers))

    def take(self, message: Message, now: float) -> list[bytes]:
        """Take a message about this id; returns what it asks to be sent. Raises ValueError or TypeError where it is none."""
        self.heard = now
        values = message.values[1:]
        match message.address:
            case "/bridge/missing":
                index, first, count = (int(value) for value in values[:3])  # type: ignore[arg-type]
                return list(self.chunks(index, first, count)) if 0 <= index < len(self.clips) and first >= 0 else []
            case "/bridge/progress":
                self.fraction = max(self.fraction, min(float(values[0]), 1.0))  # type: ignore[arg-type]
            case "/bridge/info":
                self._info[str(values[0])] = None
            case "/bridge/clip":
                index, top, bottom, count = (int(values[k]) for k in (0, 2, 3, 4))  # type: ignore[arg-type]
                _check(0 <= index < MOST_CLIPS and 0 <= count <= MOST_NOTES)
                name = str(values[5]) if len(values) > 5 else ""
                self._heads[index] = float(values[1]), top, bottom, count, name  # type: ignore[arg-type]
            case "/bridge/notes":
                self._take_notes(values)
            case "/bridge/done":
                clips, seed, model = int(values[0]), int(values[1]), str(values[2])  # type: ignore[arg-type]
                _check(0 <= clips <= MOST_CLIPS)
                self._ending = self._ending or (clips, seed, model)
            case "/bridge/error":
                self._ending = self._ending or ServerError(str(values[0]), str(values[1]))
        return []

    def due(self, now: float) -> list[bytes]:
        """Write what is to be sent again, where nothing came for a while."""
        last = max(self.heard, self.asked)
        if self._ending is None:
            if now < last + SILENCE_S:
                return []
            self.asked = now
            return [self.go()]
        if now < last + GAP_S:
            return []
        self.asked = now
        gaps = [gap for gap, _ in zip(self._gaps(), range(GAPS), strict=False)]
        return [encode("/bridge/resend", (self.id, *gap)) for gap in gaps]

    @property
    def is_whole(self) -> bool:
        """Whether all of the answer is here."""
        return self._ending is not None and next(self._gaps(), None) is None

    def answer(self) -> Answer:
        """Give the answer, which is whole; raises ServerError where it is an error."""
        if self._ending is None:
            raise RuntimeError("the answer is not here yet")
        if isinstance(self._ending, ServerError):
            raise self._ending
        count, seed, model = self._ending
        clips = tuple(self._clip(index) for index in range(count))
        return Answer(self.id, clips, seed, model, tuple(self._info), tuple(self.sources))

    def _take_notes(self, values: Sequence[Value]) -> None:
        index, first, width = (int(value) for value in values[:3])  # type: ignore[arg-type]
        numbers = values[3:]
        _check(0 <= index < MOST_CLIPS and width >= NOTE_FIELDS and 0 <= first <= MOST_NOTES - len(numbers) // width)
        notes = self._notes.setdefault(index, {})
        for k in range(0, len(numbers) - width + 1, width):
            notes.setdefault(first + k // width, self._note(numbers[k : k + width]))

    def _note(self, row: Sequence[Value]) -> Note:
        pitch, start, duration, velocity, mute, probability, deviation, release, *rest = (float(value) for value in row)  # type: ignore[arg-type]
        if len(rest) == REPLY_WIDTH - NOTE_FIELDS:
            clip, note = int(rest[0]), int(rest[1])
            if 0 <= clip < len(self.sources) and 0 <= note < len(self.sources[clip].notes):
                # It is ours: our own copy has the last bits, which float32 has not.
                mine, first = self.sources[clip].notes[note], self.sources[clip].start
                how = mine.velocity, mine.mute, mine.probability, mine.velocity_deviation, mine.release_velocity
                return Note(mine.pitch, mine.start - first, mine.duration, *how, clip, note)
        return Note(int(pitch), start, duration, velocity, bool(mute), probability, deviation, release)

    def _clip(self, index: int) -> Clip:
        beats, numerator, denominator, count, name = self._heads[index]
        first = self.sources[0] if self.sources else None
        notes = self._notes.get(index, {})
        return Clip(
            tuple(notes[i] for i in range(count)),
            beats,
            meter=(numerator, denominator),
            tempo=first.tempo if first else 120.0,
            ticks_per_beat=first.ticks_per_beat if first else 480,
            channel=first.channel if first else None,
            name=name,
        )

    def _gaps(self) -> Iterator[tuple[int, int, int]]:
        """List what is missing of an answer, as index, first and count."""
        if self._ending is None or isinstance(self._ending, ServerError):
            return
        for index in range(self._ending[0]):
            if index not in self._heads:
                yield index, 0, -1
                continue
            here, count = self._notes.get(index, {}), self._heads[index][3]
            if len(here) >= count:
                continue
            at = 0
            while at < count:
                if at in here:
                    at += 1
                    continue
                end = at
                while end < count and end not in here:
                    end += 1
                yield index, at, end - at
                at = end


def ask(verb: str, clips: Sequence[Clip], context: Sequence[Clip], keys: Mapping[str, object]) -> Exchange:
    """Write a request about clips, and others that sound with them; it has no id yet."""
    counts = {name: len(given) for name, given in ((CLIPS, clips), (CONTEXT, context)) if given}
    if context and not clips:
        counts = {CLIPS: 0, **counts}
    return Exchange(0, verb, key_values({**counts, **keys}), (*clips, *context), tuple(clips))


def ask_at(palette: Answer | int, x: float, y: float) -> Exchange:
    """Write a position of the puck on the palette of an answer, or of the blend with this id."""
    number, sources = (palette.id, palette.sources) if isinstance(palette, Answer) else (palette, ())
    return Exchange(0, "at", (number, float(x), float(y)), sources=sources)


def hello(session: int, name: str, *, reply_port: int = 0) -> bytes:
    """Write a hello."""
    return encode("/bridge/hello", (reply_port, PROTOCOL, session, name))


def cancel(number: int) -> bytes:
    """Write that a request is no longer wanted."""
    return encode("/bridge/cancel", (number,))


def key_values(keys: Mapping[str, object]) -> tuple[int | float | str, ...]:
    """Write the keys of a verb as OSC has them: lists joined by commas, pairs by colons, switches as 0 and 1; no None."""
    pairs: list[int | float | str] = []
    for name, value in keys.items():
        if value is not None:
            pairs += [name, _value(name, value)]
    return tuple(pairs)


def read_welcome(message: Message, models: Mapping[int, ServerModel]) -> Welcome:
    """Read a welcome, with the models that came after it until now."""
    protocol, version, device, state, count, session = message.values[:6]
    if protocol != PROTOCOL:
        raise ServerError("version", f"the server speaks protocol {protocol!r}, this client {PROTOCOL}")
    there = tuple(models[i] for i in sorted(models) if i < int(count))  # type: ignore[arg-type]
    return Welcome(str(version), str(device), state == "ready", int(session), there)  # type: ignore[arg-type]


def read_model(message: Message) -> tuple[int, ServerModel]:
    """Read the line of a model, and its number."""
    index, name, family, bars, about = message.values[:5]
    return int(index), ServerModel(str(name), str(family), int(bars), str(about))  # type: ignore[arg-type]


def _check(is_right: bool) -> None:
    if not is_right:
        raise ValueError("this is no part of an answer")


def _row(note: Note, start: float) -> tuple[int | float, ...]:
    """List the numbers of a note, with times from the clip's beginning, as the protocol counts them."""
    return (
        note.pitch,
        float(note.start - start),
        float(note.duration),
        float(note.velocity),
        int(note.mute),
        float(note.probability),
        float(note.velocity_deviation),
        float(note.release_velocity),
    )


def _value(name: str, value: object) -> int | float | str:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int) and not INT32[0] <= value <= INT32[1]:
        raise ValueError(f"{name} {value} does not fit in 32 bits")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name} {value} is no finite number")
    if isinstance(value, int | float | str):
        return value
    if isinstance(value, list | tuple):
        return ",".join(":".join(map(_plain, one)) if isinstance(one, list | tuple) else _plain(one) for one in value)
    raise ValueError(f"{name} must be a number, a text or a list of these, not a {type(value).__name__}")


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
