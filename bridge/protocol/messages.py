"""Values of OSC messages <-> numbers, strings, notes, the keys of a verb, and replies. Nothing is remembered here."""

from __future__ import annotations

import itertools
import math
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError

from bridge.protocol.limits import INT32, NOTE_FIELDS, REPLY_WIDTH, Limits
from bridge.protocol.osc import Value, encode
from bridge.requests import VERBS, ClipsRequest, Kind, Request
from bridge.validation import CLIPS, STAND_IN, clip_counts, sentence
from models.music.clip import Clip, Note
from models.pause import pause

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
CONTEXT, CONTEXT_KINDS = "context", "context_kinds"
OWN_KEYS = {
    CLIPS: "how many clips belong to the request; without it, as many as came before the verb",
    CONTEXT: "how many more clips, behind these, sound with them: they are heard, never changed and never returned",
    CONTEXT_KINDS: f"what each of these is, {' or '.join(get_args(Kind))}, with commas between; without it, their notes decide",
    "reply_port": "where the answer goes, instead of the port of the hello or the sender's",
    "stream": "any name: a newer request with the same one supersedes this one",
}
FindSource = Callable[[Note, tuple[float, ...]], tuple[int, int]]  # a note and its row -> from_clip and from_note
_RANGE_ERRORS = ("greater_than", "less_than", "literal_error", "value_error", "too_short", "too_long", "finite_number")
_FIELD_DEFAULTS = (0.0, 1.0, 0.0, 64.0)  # mute, probability, velocity_deviation, release_velocity: what a width of 4 leaves out


class ProtocolError(ValueError):
    """What a client did wrong or cannot have: a code, and a sentence for a status line."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code


# Numbers and strings


def read_number(value: Value, name: str) -> float:
    """Read a finite number; `name` is what an error calls it."""
    if not isinstance(value, int | float):
        raise ProtocolError("bad_request", f"{name} is {shorten(value)}; it must be a number")
    if not math.isfinite(value):
        raise ProtocolError("out_of_range", f"{name} is {value}; it must be finite")
    return float(value)


def read_integer(value: Value, name: str, low: int, high: int) -> int:
    """Read a whole number from low to high, both included; a client may send it as a float."""
    number = read_number(value, name)
    if not number.is_integer():
        raise ProtocolError("bad_request", f"{name} is {number:g}; it must be a whole number")
    if not low <= number <= high:
        raise ProtocolError("out_of_range", f"{name} {number:.0f} is not in {low}..{high}")
    return int(number)


def read_text(value: Value, name: str, limits: Limits) -> str:
    """Read a string; a name that is all digits may come as a number."""
    text = as_text(value)
    size = len(text.encode())
    if size > limits.string_bytes:
        raise ProtocolError("too_large", f"{name} has {size} bytes; strings have at most {limits.string_bytes}")
    return text


def as_text(value: Value) -> str:
    """Write a value as a string; empty for a blob or nothing."""
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if isinstance(value, str | int) else ""


def shorten(value: object) -> str:
    """Show what a client sent within an error."""
    text = str(value)
    return text if len(text) <= 40 else text[:40] + "…"


def cut_text(text: str, limits: Limits) -> str:
    """Cut a string to what may be sent."""
    return text.replace("\0", "").encode()[: limits.string_bytes].decode(errors="ignore")


# Notes


def read_notes(values: Sequence[Value], width: int) -> array[float]:
    """Read notes of `width` numbers into rows of NOTE_FIELDS, one behind the other; what is left out has its default."""
    if len(values) % width:
        raise ProtocolError("bad_request", f"{len(values)} numbers are not notes of {width} numbers each")
    try:
        given: array[float] = array("d", values)  # type: ignore[arg-type]
    except TypeError as error:
        raise ProtocolError("bad_request", "notes hold something else than numbers") from error
    if width == NOTE_FIELDS:
        return given
    rows = array("d", (0.0, 0.0, 0.0, 0.0, *_FIELD_DEFAULTS) * (len(given) // width))
    for column in range(width):
        rows[column::NOTE_FIELDS] = given[column::width]
    return rows


def to_note(row: Sequence[float], limits: Limits) -> Note:
    """Make a note of its NOTE_FIELDS numbers; raises ValueError where they are none."""
    pitch, start, duration, velocity, mute, probability, deviation, release = row
    if not pitch.is_integer():
        raise ValueError(f"pitch {pitch:g} is not a whole number")
    if mute not in (0, 1):
        raise ValueError(f"mute {mute:g} is not 0 or 1")
    if not (abs(start) <= limits.note_beats and duration <= limits.note_beats):
        raise ValueError(f"start {start:g} and duration {duration:g} are not both within {limits.note_beats:.0f} beats")
    return Note(int(pitch), start, duration, velocity, bool(mute), probability, deviation, release)


def note_row(note: Note) -> tuple[float, ...]:
    """List the NOTE_FIELDS numbers of a note."""
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


# Replies


@dataclass(frozen=True)
class Outcome:
    """What became of a request."""

    clips: Sequence[Clip]
    seed: int
    models: Sequence[str]
    info: Sequence[str] = ()


@dataclass(frozen=True)
class Reply:
    """All messages that end an id. Of each clip the header comes first, then its notes, `Limits.reply_notes` a message."""

    end: bytes
    info: tuple[bytes, ...] = ()
    clips: tuple[tuple[bytes, ...], ...] = ()

    @property
    def datagrams(self) -> tuple[bytes, ...]:
        """All of it in order."""
        return (*self.info, *itertools.chain.from_iterable(self.clips), self.end)

    @cached_property
    def size(self) -> int:
        """Bytes."""
        return sum(map(len, self.datagrams))


def error_message(number: int, error: ProtocolError, limits: Limits) -> bytes:
    """Write the error that ends an id."""
    return encode("/bridge/error", [number, error.code, cut_text(str(error), limits)])


def clip_messages(number: int, index: int, clip: Clip, find_source: FindSource, limits: Limits) -> Iterator[bytes]:
    """Write a clip of an answer: its header, then its notes."""
    top, bottom = map(int, clip.meter)
    name = cut_text(clip.name, limits)
    yield encode("/bridge/clip", [number, index, float(clip.beats), top, bottom, len(clip.notes), name])
    for first in range(0, len(clip.notes), limits.reply_notes):
        pause()
        values: list[int | float | str] = [number, index, first, REPLY_WIDTH]
        for note in clip.notes[first : first + limits.reply_notes]:
            pitch, start, duration, velocity, mute, *rest = row = note_row(note)
            values += [int(pitch), start, duration, velocity, int(mute), *rest, *find_source(note, row)]
        yield encode("/bridge/notes", values)


# Verbs


@dataclass(frozen=True)
class VerbMessage:
    """What the keys of a verb say: the request with stand-ins for its clips, how many these are, and its stream.

    `context` is how many more clips sound with them, `context_kinds` what these are, where that is said.
    """

    request: Request
    clips: int
    stream: Value
    context: int = 0
    context_kinds: tuple[str, ...] = ()


def keys(verb: str) -> dict[str, str]:
    """List the keys of a verb and what each says."""
    own = {name: info.description or "" for name, info in VERBS[verb].model_fields.items() if name != CLIPS}
    return own | OWN_KEYS


def read_pairs(verb: str, values: Sequence[Value], limits: Limits) -> dict[str, Value]:
    """Read what follows the id of a verb as keys and values."""
    if len(values) % 2:
        raise ProtocolError("bad_request", f"{verb} takes an id, then keys and values in pairs; the last key has no value")
    if len(values) > 2 * limits.verb_keys:
        raise ProtocolError("too_large", f"{len(values) // 2} keys are more than {verb} has: at most {limits.verb_keys}")
    given: dict[str, Value] = {}
    for key, value in zip(values[::2], values[1::2], strict=True):
        if not isinstance(key, str):
            raise ProtocolError("bad_request", f"{verb} has {shorten(key)} where a key belongs; keys are strings")
        if key in given:
            raise ProtocolError("bad_request", f"{shorten(key)} is given twice")
        given[key] = value
    return given


def read_reply_port(value: Value, own_port: int, *, least: int = 1) -> int:
    """Read a port that answers go to, which cannot be the server's own."""
    port = read_integer(value, "reply_port", least, 65535)
    if port and port == own_port:
        raise ProtocolError("out_of_range", f"reply_port {port} is the server's own: it would be talking to itself")
    return port


def _those_like(given: str, names: Iterable[str], room: int) -> str:
    """List names, those most like what was given first, and as many as there is room for."""
    listed = ""
    for name in sorted(names, key=lambda name: -SequenceMatcher(None, given[:40], name).ratio()):
        if len(f"{listed}{name} …".encode()) > room:
            return f"{listed}…"
        listed += f"{name} "
    return listed.strip()


def read_verb(verb: str, given: dict[str, Value], limits: Limits, *, clips_before: int = 0) -> VerbMessage:
    """Read the keys of a verb; `clips_before` is how many clips came before it."""
    kind = VERBS[verb]
    allowed = keys(verb)
    for key in given:
        if key not in allowed:
            told = f"{verb} has no key {shorten(key)}; it has, those like it first:"
            raise ProtocolError(
                "unknown_key", f"{told} {_those_like(key, allowed, limits.string_bytes - len(told.encode()) - 1)}"
            )
    context = read_integer(given.get(CONTEXT, 0), CONTEXT, 0, limits.clips)
    clips = _read_clip_count(verb, kind, given, limits, clips_before - context)
    if clips + context > limits.clips:
        text = f"{clips} clips and {context} that sound with them are more than the {limits.clips} of a request"
        raise ProtocolError("out_of_range", text)
    context_kinds = _read_context_kinds(given, context, limits)
    stream = given.get("stream")
    if stream is not None:
        read_text(stream, "stream", limits)
    values: dict[str, Any] = {key: _plain_value(kind, key, v, limits) for key, v in given.items() if key not in OWN_KEYS}
    if issubclass(kind, ClipsRequest):
        values[CLIPS] = (STAND_IN,) * clips
    try:
        return VerbMessage(kind.model_validate(values), clips, stream, context, context_kinds)
    except ValidationError as error:
        first = error.errors()[0]
        key = f"{first['loc'][0]}: " if first["loc"] else ""
        code: Code = "out_of_range" if first["type"].startswith(_RANGE_ERRORS) else "bad_request"
        raise ProtocolError(code, key + sentence(error, kind)) from error


def _read_clip_count(verb: str, kind: type[Request], given: dict[str, Value], limits: Limits, clips_before: int) -> int:
    least, most = clip_counts(kind) if issubclass(kind, ClipsRequest) else (0, 0)
    most = limits.clips if most is None else most
    clips = read_integer(given.get(CLIPS, min(most, max(least, clips_before))), CLIPS, *INT32)
    if not least <= clips <= most:
        wanted = f"{least}" if least == most else f"{least} to {most}"
        raise ProtocolError("out_of_range", f"{verb} takes {wanted} clips, not {clips}")
    return clips


def _read_context_kinds(given: dict[str, Value], context: int, limits: Limits) -> tuple[str, ...]:
    """Read what the clips are that sound with those of a request."""
    if CONTEXT_KINDS not in given:
        return ()
    text, known = read_text(given[CONTEXT_KINDS], CONTEXT_KINDS, limits), get_args(Kind)
    found = tuple(text.split(",")) if text else ()
    wrong = next((kind for kind in found if kind not in known), None)
    if wrong is not None:
        raise ProtocolError("out_of_range", f"{CONTEXT_KINDS}: {shorten(wrong)} is not one of: {' '.join(known)}")
    if len(found) != context:
        text = f"{CONTEXT_KINDS} names {len(found)} kinds; it must name {context}, one for each clip of the context"
        raise ProtocolError("out_of_range", text)
    return found


def _plain_value(kind: type[Request], key: str, value: Value, limits: Limits) -> object:
    """Turn a value into what pydantic reads: lists are comma-joined."""
    annotation = kind.model_fields[key].annotation
    if isinstance(value, str):
        text = read_text(value, key, limits)
        return tuple(text.split(",")) if _is_list(annotation) else text
    if not isinstance(value, int | float):
        raise ProtocolError("bad_request", f"{key} is neither a number nor a string")
    if math.isnan(value):
        raise ProtocolError("out_of_range", f"{key} is not a number (NaN)")
    return value if annotation is not str else str(value)


def _is_list(annotation: object) -> bool:
    return get_origin(annotation) is tuple or any(map(_is_list, get_args(annotation)))
