"""Clips as far as they have come, and the jobs that they become parts of. Nothing is known here of clients or of time."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

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
from bridge.protocol.work import NOTHING, NotesWork, Work, measure_notes
from bridge.requests import Request
from bridge.validation import CLIPS
from models.music.clip import Clip, Note
from models.pause import pause

BLOCK = 32  # notes for which there is room as soon as one of them has come: about a message of them
BLOCK_BYTES = 2300  # of memory that a block takes
BUFFER_BYTES = 700  # and a clip without a note
ALL_OF_BLOCK = (1 << BLOCK) - 1

_ROW = struct.Struct(f"{NOTE_FIELDS}d")


class ClipBuffer:
    """A clip as far as it has come: its header and notes may arrive in any order, twice, and in pieces.

    It grows by what has come, never by what a header or a number promises.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.beats = 0.0
        self.meter = (4, 4)
        self.count = -1  # notes, by the header; -1 before it has come
        self.name = ""
        self._blocks: dict[int, _Block] = {}  # by number, until all notes are there
        self._rows = array("d")  # then NOTE_FIELDS numbers a note, as received
        self._arrived = 0  # notes
        self._end = 0  # behind the last note that came

    @property
    def size(self) -> int:
        """Bytes that are held."""
        return BUFFER_BYTES + len(self._blocks) * BLOCK_BYTES + len(self._rows) * 8

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing."""
        return self.count == self._arrived

    @cached_property
    def notes(self) -> NotesWork:
        """What of the notes of a clip that is complete decides how long it takes to work on it."""
        pitches, starts, durations = (self._rows[field::NOTE_FIELDS] for field in range(3))
        return measure_notes(pitches, starts, durations, self.beats, self.meter)

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
        if self._end > count:
            raise ProtocolError("out_of_range", f"{self._end} notes came of a clip whose header says {count}")
        self.beats, self.meter, self.count, self.name = beats, meter, count, name
        self._join_if_complete()
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
        new: list[tuple[int, array[float]]] = []
        for i in range(first, end):
            row = rows[(i - first) * NOTE_FIELDS : (i - first + 1) * NOTE_FIELDS]
            there = self._row(i)
            if there is None:
                new.append((i, row))
            elif there.tobytes() != row.tobytes():
                raise ProtocolError("id_reused", f"another note {i} came under this id; a new request needs a new id")
        for i, row in new:
            block = self._blocks.setdefault(i // BLOCK, _Block())
            block.rows[i % BLOCK * NOTE_FIELDS : (i % BLOCK + 1) * NOTE_FIELDS] = row
            block.arrived |= 1 << i % BLOCK
        self._arrived += len(new)
        self._end = max(self._end, end)
        self._join_if_complete()
        return bool(new)

    def has_row(self, index: int, row: bytes) -> bool:
        """Tell whether a note is just these bits, NOTE_FIELDS doubles."""
        there = self._row(index)
        return there is not None and there.tobytes() == row

    def gaps(self) -> Iterator[tuple[int, int]]:
        """List what is missing as first and count; count -1 stands for the header and all notes."""
        if self.count < 0:
            yield 0, -1
            return
        if self.is_complete:
            return
        first = -1  # of the gap that is being looked at
        for number in range(-(-self.count // BLOCK)):
            arrived = self._blocks[number].arrived if number in self._blocks else 0
            if (arrived == 0 and first >= 0) or (arrived == ALL_OF_BLOCK and first < 0):
                continue
            for i in range(number * BLOCK, min((number + 1) * BLOCK, self.count)):
                is_there = arrived >> i % BLOCK & 1
                if is_there and first >= 0:
                    yield first, i - first
                    first = -1
                elif not is_there and first < 0:
                    first = i
        if first >= 0:
            yield first, self.count - first

    def to_clip(self, index: int) -> Clip:
        """Make a clip of what has come; raises ProtocolError, which names it by `index`, where a note is none."""
        notes = []
        for i in range(self.count):
            if i % BLOCK == 0:
                pause()
            try:
                notes.append(to_note(self._rows[i * NOTE_FIELDS : (i + 1) * NOTE_FIELDS], self._limits))
            except ValueError as error:
                raise ProtocolError("out_of_range", f"clip {index}, note {i}: {error}") from error
        return Clip(tuple(notes), self.beats, meter=self.meter, name=self.name)

    def _row(self, index: int) -> array[float] | None:
        """Find a note that is there."""
        if self._rows:
            return self._rows[index * NOTE_FIELDS : (index + 1) * NOTE_FIELDS] if 0 <= index < self._arrived else None
        block = self._blocks.get(index // BLOCK)
        if block is None or not block.arrived >> index % BLOCK & 1:
            return None
        return block.rows[index % BLOCK * NOTE_FIELDS : (index % BLOCK + 1) * NOTE_FIELDS]

    def _join_if_complete(self) -> None:
        if self.is_complete and self._blocks:
            for number in range(len(self._blocks)):
                self._rows += self._blocks[number].rows
            del self._rows[self.count * NOTE_FIELDS :]
            self._blocks = {}
            _ = self.notes  # now: to measure all clips of a request at once would keep others waiting


class _Block:
    """Some notes of a clip, one behind the other, and which of them are there."""

    __slots__ = ("arrived", "rows")

    def __init__(self) -> None:
        self.rows = array("d", bytes(BLOCK * NOTE_FIELDS * 8))
        self.arrived = 0  # bit i stands for note i of the block


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
    work: Work = NOTHING
    context: tuple[ClipBuffer, ...] = ()  # what sounds with the clips
    context_kinds: tuple[str, ...] = ()  # what each of it is, where that was said

    def request(self) -> Request:
        """Put the clips into the request; raises ProtocolError where a note is none."""
        if self.draft is None:
            raise ValueError("a puck position is no request")
        if not self.clips:
            return self.draft
        clips = tuple(buffer.to_clip(index) for index, buffer in enumerate(self.clips))
        return self.draft.model_copy(update={CLIPS: clips})

    def context_clips(self) -> tuple[Clip, ...]:
        """Make the clips that sound with those of the request; raises ProtocolError where a note is none."""
        return tuple(buffer.to_clip(len(self.clips) + index) for index, buffer in enumerate(self.context))

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
