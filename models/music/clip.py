"""Notes and clips: what every other module speaks. Frozen, in beats, standard library only; no files, no grids, no models."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from models.music.paced import sorted_in_runs


@dataclass(frozen=True, slots=True)
class Note:
    """One note with all the fields that Live knows. Times are in beats (quarter notes) from the clip's time 0."""

    pitch: int
    start: float
    duration: float
    velocity: float = 100.0
    mute: bool = False
    probability: float = 1.0
    velocity_deviation: float = 0.0
    release_velocity: float = 64.0
    # Where an untouched note comes from: clip and note index in the request, -1 for a new or changed note.
    # Not part of equality: a note that came back untouched equals the note that was sent.
    from_clip: int = field(default=-1, compare=False)
    from_note: int = field(default=-1, compare=False)

    def __post_init__(self) -> None:
        """Refuse what no sequencer could hold."""
        if not 0 <= self.pitch <= 127:
            raise ValueError(f"pitch {self.pitch} is not in 0..127")
        if not (math.isfinite(self.start) and math.isfinite(self.duration)):
            raise ValueError(f"start {self.start} and duration {self.duration} must be finite beats")
        if self.duration < 0:
            raise ValueError(f"duration {self.duration} is negative")
        _check("velocity", self.velocity, 0, 127)
        _check("probability", self.probability, 0, 1)
        _check("velocity_deviation", self.velocity_deviation, -127, 127)
        _check("release_velocity", self.release_velocity, 0, 127)

    @property
    def end(self) -> float:
        """Where the note stops sounding, in beats."""
        return self.start + self.duration

    def changed(self, *, pitch: int | None = None, duration: float | None = None) -> Note:
        """This note at another pitch, or of another length: no longer one of the request's."""
        return Note(
            self.pitch if pitch is None else pitch,
            self.start,
            self.duration if duration is None else duration,
            self.velocity,
            self.mute,
            self.probability,
            self.velocity_deviation,
            self.release_velocity,
        )

    @property
    def is_untouched(self) -> bool:
        """Whether this is a note of the request, every field as received."""
        return self.from_clip >= 0 and self.from_note >= 0


@dataclass(frozen=True, slots=True)
class Clip:
    """Notes and the stretch of time they belong to: `beats` long from `start`; notes before `start` are pickups."""

    notes: tuple[Note, ...]
    beats: float
    start: float = 0.0
    meter: tuple[int, int] = (4, 4)
    tempo: float = 120.0
    ticks_per_beat: int = 480
    loop: tuple[float, float] | None = None
    markers: tuple[float, float] | None = None
    name: str = ""
    channel: int | None = None  # 1 to 16, where a file tells; 10 means drums
    # The beat at which the clip's track ends in its file, where that is before the last bar does. Not part of equality: clips
    # that hold the same are the same.
    track_end: float | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Refuse a clip that has no length, no meter or no time."""
        if not (math.isfinite(self.beats) and self.beats > 0):
            raise ValueError(f"a clip must be longer than 0 beats, not {self.beats}")
        if not math.isfinite(self.start):
            raise ValueError(f"clip start {self.start} must be a finite beat")
        _check_meter(*self.meter)
        if not (math.isfinite(self.tempo) and self.tempo > 0):
            raise ValueError(f"tempo {self.tempo} must be more than 0 beats per minute")
        if not 1 <= self.ticks_per_beat <= 32767:
            raise ValueError(f"ticks per beat {self.ticks_per_beat} is not in 1..32767")
        if self.channel is not None and not 1 <= self.channel <= 16:
            raise ValueError(f"channel {self.channel} is not in 1..16")

    @property
    def end(self) -> float:
        """The first beat after the clip."""
        return self.start + self.beats

    @property
    def sounding_end(self) -> float:
        """The beat after which nothing new may sound: the end of the clip, or that of its track."""
        return self.end if self.track_end is None else min(self.track_end, self.end)

    @property
    def sounding_beats(self) -> float:
        """How many beats it is from the start to the end of the track; all of them, to the bit, where none is told."""
        return self.beats if self.track_end is None else min(self.track_end - self.start, self.beats)

    @property
    def bar(self) -> float:
        """The length of a bar, in beats."""
        return self.meter[0] * 4 / self.meter[1]

    def with_notes(self, notes: Iterable[Note]) -> Clip:
        """The same clip holding other notes."""
        return replace(self, notes=tuple(notes))

    def in_order(self) -> Clip:
        """The same clip with its notes by start, then pitch, then the rest."""
        return self.with_notes(sorted_in_runs(self.notes, key=note_order))


def note_order(note: Note) -> tuple[float, ...]:
    """The one order notes are listed in, wherever an order is ours to choose."""
    return (
        note.start,
        note.pitch,
        note.duration,
        note.velocity,
        note.mute,
        note.probability,
        note.velocity_deviation,
        note.release_velocity,
    )


def same_notes(a: Clip, b: Clip) -> bool:
    """Whether two clips hold the same notes, field for field, in whatever order."""
    return sorted_in_runs(a.notes, key=note_order) == sorted_in_runs(b.notes, key=note_order)


def read_meter(text: str) -> tuple[int, int]:
    """Read a meter that is written as in 3/4; ValueError if it is none that a clip can have."""
    numerator, slash, denominator = text.strip().partition("/")
    if not (slash and numerator.isdecimal() and denominator.isdecimal()):
        raise ValueError("it is not a number over a number")
    meter = int(numerator), int(denominator)
    _check_meter(*meter)
    return meter


def _check_meter(numerator: int, denominator: int) -> None:
    if not 1 <= numerator <= 255 or denominator not in (1, 2, 4, 8, 16, 32, 64):
        raise ValueError(f"meter {numerator}/{denominator}: the numerator is 1..255, the denominator a power of two up to 64")


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} {value} is not in {low}..{high}")
