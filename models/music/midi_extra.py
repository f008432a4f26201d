"""What a MIDI file has no place for, as one sequencer-specific event of a part. Clips and messages; no files.

    FF 7F <length> 7D "LatentBridge 1 " {"part":10,"shift":4.0,"clip":{"beats":6.0},"check":123,"notes":{"3":{"mute":true}}}

    part    the MIDI channel, 1 to 16, whose notes this is about
    shift   the beats by which the file begins before the clip's beat 0
    clip    fields of the clip that differ from what the file alone gives: beats, start, tempo, loop, markers, name, channel
    notes   by number in the order of their note_ons, the fields that differ from what the file alone gives
    check   CRC-32 of the notes that the file alone gives: once another program has edited them, `notes` counts for nothing

So a muted note is in the file, and another program plays it; here it comes back muted.

It is written only where something would be lost otherwise.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import mido
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.music.clip import Clip, Note

LAST_TICK = 0x0FFFFFFF  # the longest time that a file can write between two events
_MARK = b"\x7dLatentBridge 1 "  # 7D: the manufacturer id for non-commercial use


class _NoteFields(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)
    start: float = 0.0
    duration: float = 0.0
    velocity: float = 0.0
    mute: bool = False
    probability: float = 0.0
    velocity_deviation: float = 0.0
    release_velocity: float = 0.0


class _ClipFields(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)
    beats: float = 0.0
    start: float = 0.0
    tempo: float = 0.0
    loop: tuple[float, float] | None = None
    markers: tuple[float, float] | None = None
    name: str = ""
    channel: int | None = None


class Extra(BaseModel):
    """Our event, as the docstring of the module tells it. Of the fields only those that are set count."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)
    part: int = Field(ge=1, le=16)
    shift: float = Field(default=0.0, ge=0, le=LAST_TICK)
    clip: _ClipFields = _ClipFields()
    check: int = 0
    notes: Mapping[int, _NoteFields] = {}


Fields = TypeVar("Fields", _NoteFields, _ClipFields)


def find_lost(plain: Clip, clip: Clip, extra: Extra) -> Extra:
    """Note in `extra` what reading `plain` would lose of `clip`, whose notes are in the same order."""
    notes = {}
    for index, (written, note) in enumerate(zip(plain.notes, clip.notes, strict=True)):
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
        if extra.notes and extra.check == _check(plain):
            told = {index: fields.model_dump(exclude_unset=True) for index, fields in extra.notes.items()}
            clip = clip.with_notes(replace(note, **told.get(index, {})) for index, note in enumerate(clip.notes))
    except ValueError:
        return plain
    return clip


def _check(plain: Clip) -> int:
    return zlib.crc32(repr([(note.pitch, note.start, note.duration, note.velocity) for note in plain.notes]).encode())


def extra_message(extra: Extra) -> mido.MetaMessage:
    """Write our event."""
    return mido.MetaMessage("sequencer_specific", data=tuple(_MARK + extra.model_dump_json(exclude_unset=True).encode()))


def read_extra(message: mido.MetaMessage) -> Extra | None:
    """Read our event; None if it is another's, of another version, or broken."""
    data = bytes(message.data)
    try:
        return Extra.model_validate_json(data[len(_MARK) :]) if data.startswith(_MARK) else None
    except ValidationError:
        return None
