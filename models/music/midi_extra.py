"""What a MIDI file has no place for, as one sequencer-specific event of a part. Clips and messages; no files.

    FF 7F <length> 7D "LatentBridge 1 " {"part":10,"shift":4.0,"clip":{"beats":6.0},"check":123,"notes":{"3":{"mute":true}}}

    part    the MIDI channel, 1 to 16, whose notes this is about
    shift   the beats by which the file begins before the clip's beat 0
    clip    fields of the clip that differ from what the file alone gives: beats, start, tempo, loop, markers, name, channel
    notes   by number in the order of their note_ons, the fields that differ from what the file alone gives
    check   CRC-32 of the notes that the file alone gives: once another program has edited them, `notes` counts for nothing

So a muted note is in the file, and another program plays it; here it comes back muted.

It is written only where something would be lost otherwise. What it says is believed as far as it can have come from such a
clip: a note of it lies about where the file has it, and no time is beyond what a file can hold.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.music.clip import Clip, Note
from models.pause import pause

_MARK = b"\xff\x7f\x7dLatentBridge 1 "  # a sequencer-specific event; 7D: the manufacturer id for non-commercial use
_FURTHEST = 2.0**50  # beats: more than any file holds, and ticks can still be told apart
_SLOWEST, _FASTEST = 1e-6, 1e9  # beats per minute
_PART = re.compile(rb'\{"part":([1-9]|1[0-6])[,}]')
_NOTE_BYTES = 320  # of the event, for one note with all its fields


_Time = Annotated[float, Field(ge=-_FURTHEST, le=_FURTHEST)]


class _NoteFields(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False, defer_build=True)
    start: float = 0.0
    duration: float = 0.0
    velocity: float = 0.0
    mute: bool = False
    probability: float = 0.0
    velocity_deviation: float = 0.0
    release_velocity: float = 0.0


class _ClipFields(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False, defer_build=True)
    beats: Annotated[float, Field(le=_FURTHEST)] = 0.0
    start: _Time = 0.0
    tempo: Annotated[float, Field(ge=_SLOWEST, le=_FASTEST)] = 0.0
    loop: tuple[_Time, _Time] | None = None
    markers: tuple[_Time, _Time] | None = None
    name: str = ""
    channel: int | None = None


class Extra(BaseModel):
    """Our event, as the docstring of the module tells it. Of the fields only those that are set count."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, defer_build=True)
    part: int = Field(ge=1, le=16)
    shift: float = Field(default=0.0, ge=0, le=_FURTHEST)
    clip: _ClipFields = Field(default_factory=_ClipFields)
    check: int = 0
    notes: Mapping[int, _NoteFields] = {}


Fields = TypeVar("Fields", _NoteFields, _ClipFields)


def find_lost(plain: Clip, clip: Clip, extra: Extra) -> Extra:
    """Note in `extra` what reading `plain` would lose of `clip`, whose notes are in the same order."""
    notes = {}
    for index, (written, note) in enumerate(zip(plain.notes, clip.notes, strict=True)):
        if not index % 4096:
            pause()
        if written != note:
            notes[index] = _changed(written, note, _NoteFields)
    told: dict[str, object] = {}
    if (fields := _changed(plain, clip, _ClipFields)).model_fields_set:
        told["clip"] = fields
    if notes:
        told |= {"check": _check(plain), "notes": notes}
    return extra.model_copy(update=told)


def _changed(old: Note | Clip, new: Note | Clip, kind: type[Fields]) -> Fields:
    return kind(**{name: getattr(new, name) for name in kind.model_fields if getattr(new, name) != getattr(old, name)})


def restore(plain: Clip, extra: Extra) -> Clip:
    """Give back what was lost, as far as it makes sense."""
    try:
        clip = replace(plain, **extra.clip.model_dump(exclude_unset=True))
        if clip.start > plain.end + plain.bar:  # a track lasts about as long as its clip
            return plain
        if extra.notes and extra.check == _check(plain):
            told = {index: fields.model_dump(exclude_unset=True) for index, fields in extra.notes.items()}
            last = max(note.end for note in plain.notes)
            notes = [replace(note, **told.get(index, {})) for index, note in enumerate(clip.notes)]
            # A time is rounded to a tick and to the beginning of the file; where notes overlap, ends are exchanged.
            if any(abs(new.start - old.start) > 1 or new.end > last + 1 for old, new in zip(plain.notes, notes, strict=True)):
                return plain
            clip = clip.with_notes(notes)
    except ValueError:
        return plain
    return clip


def _check(plain: Clip) -> int:
    return zlib.crc32(repr([(note.pitch, note.start, note.duration, note.velocity) for note in plain.notes]).encode())


def extra_message(extra: Extra) -> bytes:
    """Write our event."""
    return _MARK + extra.model_dump_json(exclude_unset=True).encode()


def is_extra(message: bytes) -> bool:
    """Tell whether an event is ours, or pretends to be."""
    return message.startswith(_MARK)


def extra_part(message: bytes) -> int:
    """Tell which part an event of ours is about; 0 where it does not say so as we write it."""
    found = _PART.match(message, len(_MARK))
    return int(found[1]) if found else 0


def read_extra(message: bytes, notes: int) -> Extra | None:
    """Read an event of ours about a part of so many notes; None if it is of another version, or broken."""
    text = message[len(_MARK) :]
    # JSON makes large objects of few bytes: it is read only where it may be about these notes.
    if len(text) > _NOTE_BYTES * notes + 4096 or text.count(b"{") > notes + 3 or text.count(b",") > 8 * notes + 64:
        return None
    try:
        return Extra.model_validate_json(text)
    except ValidationError:
        return None
