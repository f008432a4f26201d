"""Clips as far as they have come, and the jobs that they become parts of. Nothing is known here of clients or of time."""

from __future__ import annotations

import math
import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bridge.protocol.limits import NOTE_FIELDS, Limits
from bridge.protocol.messages import (
    Outcome,
    ProtocolError,
    Reply,
    clip_messages,
    cut_text,
    read_integer,
    read_notes,
    read_number,
    read_text,
    to_note,
)
from bridge.protocol.osc import Value, encode
from bridge.requests import Blend, Request
from bridge.validation import CLIPS
from models.music.clip import Clip, Note

_ROW = struct.Struct(f"{NOTE_FIELDS}d")


class ClipBuffer:
    """A clip as far as it has come: its header and notes may arrive in any order, twice, and in pieces."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.beats = 0.0
        self.meter = (4, 4)
        self.count = -1  # notes, by the header; -1 before it has come
        self.name = ""
        self._rows = array("d")  # NOTE_FIELDS numbers a note, as received
        self._arrived = bytearray()  # 1 for each note that is there

    @property
    def size(self) -> int:
        """Bytes that are held."""
        return len(self._arrived) * (8 * NOTE_FIELDS + 1)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing."""
        return self.count == len(self._arrived) and 0 not in self._arrived

    def add_header(self, values: Sequence[Value]) -> bool:
        """Take the values of a /bridge/clip after its index; returns whether they are new."""
        if not 4 <= len(values) <= 5:
            raise ProtocolError("bad_request", "a clip is: id index beats numerator denominator notes [name]")
        beats = read_number(values[0], "beats")
        if not 0 < beats <= self._limits.beats:
            raise ProtocolError("out_of_range", f"beats {beats:g} is not more than 0 and at most {self._limits.beats}")
        meter = read_integer(values[1], "numerator", 1, 255), read_integer(values[2], "denominator", 1, 64)
        if meter[1] & (meter[1] - 1):
            raise ProtocolError("out_of_range", f"denominator {meter[1]} is not one of: 1 2 4 8 16 32 64")
        count = read_integer(values[3], "notes", 0, self._limits.notes)
        name = read_text(values[4], "name", self._limits) if len(values) == 5 else ""
        if self.count >= 0:
            if (self.beats, self.meter, self.count, self.name) != (beats, meter, count, name):
                raise ProtocolError("id_reused", "another clip came under this id and index; a new request needs a new id")
            return False
        if len(self._arrived) > count:
            raise ProtocolError("out_of_range", f"{len(self._arrived)} notes came of a clip whose header says {count}")
        self.beats, self.meter, self.count, self.name = beats, meter, count, name
        self._grow(count)
        return True

    def add_notes(self, values: Sequence[Value]) -> bool:
        """Take the values of a /bridge/notes after its index; returns whether some are new."""
        if len(values) < 2:
            raise ProtocolError("bad_request", "notes are: id index first width (pitch start duration velocity …) …")
        first = read_integer(values[0], "first", 0, self._limits.notes)
        width = read_integer(values[1], "width", 4, NOTE_FIELDS)
        rows = read_notes(values[2:], width)
        end = first + len(rows) // NOTE_FIELDS
        if self.count < 0 and end > self._limits.notes:
            raise ProtocolError("too_large", f"notes {first}..{end - 1} are beyond {self._limits.notes}, the most of a clip")
        if self.count >= 0 and end > self.count:
            raise ProtocolError("out_of_range", f"notes {first}..{end - 1} are beyond the {self.count} that its header says")
        self._grow(end)
        arrived = self._arrived[first:end]
        for i in range(len(arrived)) if 1 in arrived else ():
            if arrived[i] and not self.has_row(first + i, rows[i * NOTE_FIELDS : (i + 1) * NOTE_FIELDS].tobytes()):
                raise ProtocolError("id_reused", f"another note {first + i} came under this id; a new request needs a new id")
        self._rows[first * NOTE_FIELDS : end * NOTE_FIELDS] = rows
        self._arrived[first:end] = b"\1" * (end - first)
        return 0 in arrived

    def has_row(self, index: int, row: bytes) -> bool:
        """Tell whether a note is just these bits, NOTE_FIELDS doubles."""
        at = index * NOTE_FIELDS
        return 0 <= index < len(self._arrived) and self._rows[at : at + NOTE_FIELDS].tobytes() == row

    def gaps(self) -> Iterator[tuple[int, int]]:
        """List what is missing as first and count; count -1 stands for the header and all notes."""
        if self.count < 0:
            yield 0, -1
            return
        at = self._arrived.find(0)
        while at >= 0:
            end = self._arrived.find(1, at)
            end = len(self._arrived) if end < 0 else end
            yield at, end - at
            at = self._arrived.find(0, end)

    def to_clip(self, index: int) -> Clip:
        """Make a clip of what has come; raises ProtocolError, which names it by `index`, where a note is none."""
        notes = []
        for i in range(self.count):
            try:
                notes.append(to_note(self._rows[i * NOTE_FIELDS : (i + 1) * NOTE_FIELDS], self._limits))
            except ValueError as error:
                raise ProtocolError("out_of_range", f"clip {index}, note {i}: {error}") from error
        return Clip(tuple(notes), self.beats, meter=self.meter, name=self.name)

    def _grow(self, notes: int) -> None:
        more = notes - len(self._arrived)
        if more > 0:
            self._arrived.extend(bytes(more))
            self._rows.frombytes(bytes(more * NOTE_FIELDS * 8))


@dataclass(frozen=True)
class Job:
    """A request that is complete, or a puck position. Its methods may run on another thread than the one that made it."""

    ticket: int
    id: int
    limits: Limits
    clips: tuple[ClipBuffer, ...] = ()
    draft: Request | None = None  # with stand-ins for its clips; None for a puck position
    palette: int | None = None  # what a blend makes, or the puck moves on
    at: tuple[float, float] = (0.0, 0.0)

    def request(self) -> Request:
        """Put the clips into the request; raises ProtocolError where a note is none."""
        if self.draft is None:
            raise ValueError("a puck position is no request")
        if not self.clips:
            return self.draft
        clips = tuple(buffer.to_clip(index) for index, buffer in enumerate(self.clips))
        return self.draft.model_copy(update={CLIPS: clips})

    def reply(self, outcome: Outcome) -> Reply:
        """Write the answer as messages."""
        models = cut_text(",".join(dict.fromkeys(outcome.models)), self.limits)
        return Reply(
            encode("/bridge/done", [self.id, len(outcome.clips), outcome.seed, models]),
            tuple(encode("/bridge/info", [self.id, cut_text(text, self.limits)]) for text in outcome.info),
            tuple(
                tuple(clip_messages(self.id, index, clip, self._find_source, self.limits))
                for index, clip in enumerate(outcome.clips)
            ),
        )

    def _find_source(self, note: Note, row: tuple[float, ...]) -> tuple[int, int]:
        """Name the note of the request that a note *is*, bit for bit as received; -1, -1 for all others."""
        if not 0 <= note.from_clip < len(self.clips):
            return -1, -1
        is_as_received = self.clips[note.from_clip].has_row(note.from_note, _ROW.pack(*row))
        return (note.from_clip, note.from_note) if is_as_received else (-1, -1)


def check_work(request: Request, clips: Iterable[ClipBuffer], limits: Limits) -> None:
    """Refuse what would keep the worker for more than a minute or so."""
    windows = sum(math.ceil(clip.beats / (2 * min(4.0, clip.meter[0] * 4 / clip.meter[1]))) for clip in clips)
    side = request.grid if isinstance(request, Blend) and request.at is None else 1
    times = side**2 if isinstance(request, Blend) else getattr(request, "count", getattr(request, "steps", 1))
    if windows * times > limits.windows:
        text = f"{times} clips of {windows} windows of two bars are more than the {limits.windows} windows of one request"
        raise ProtocolError("too_large", text)
