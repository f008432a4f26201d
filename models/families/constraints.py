"""What must be kept of a clip and what new notes lean towards, in a musician's terms and a grid's. No networks, no requests.

Locks become facets that the decoder is told and scores of -inf, so what is free is composed around what is kept. A key
forbids tokens; density and octave only lean on the scores. What the grid is too coarse for is restored afterwards.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.families.grid import Grid
from models.families.layout import GridLayout
from models.music.clip import Clip, Note, note_order
from models.music.key import Key
from models.music.meter import strengths
from models.music.paced import paced, sorted_in_runs

NEVER = np.float32(-np.inf)
NATS_A_LEVEL, EVEN_LEVEL = 0.75, 2  # of the strength of places in a bar, for syncopation: quarters of 4/4 are left as they are
CLOSE = 1e-6  # beats: what lies so little before the beginning of a scale is in it
RHYTHM, PITCH, VELOCITY = "rhythm", "pitch", "velocity"


class Scale(NamedTuple):
    """The pitch classes that new notes may have from a beat on."""

    start: float
    classes: frozenset[int]


@dataclass(frozen=True)
class Constraints:
    """What a musician wants kept, and where new notes should lean. Beats count from the clip's start, notes from 0."""

    key: Key | None = None
    beside: tuple[Note, ...] = ()  # what sounds at the same time, of other clips: new notes keep off its semitones
    scales: tuple[Scale, ...] = ()  # where no key is named: each until the next, the first before it too; any where none is
    lock: frozenset[str] = frozenset()  # of RHYTHM, PITCH, VELOCITY
    lanes: frozenset[str] = frozenset()  # names of lanes that stay as they are
    only: frozenset[str] = frozenset()  # names of those that alone may change, where some were named: all others are in `lanes`
    beats: tuple[tuple[float, float], ...] = ()
    notes: frozenset[int] = frozenset()
    density: int = 0  # notes a bar more, or fewer
    octave: float = 0.0
    syncopation: float = 0.0  # onsets off the strong places of a bar, or below 0 onto them
    fill: bool = False  # whether bars in which nothing sounds may get notes
    rests: tuple[tuple[float, float], ...] = ()  # where nothing sounds and nothing may: found, not asked for

    @property
    def still(self) -> tuple[tuple[float, float], ...]:
        """The stretches in which nothing may change: those that are locked, and the rests."""
        return (*self.beats, *self.rests)

    @property
    def locks(self) -> bool:
        """Whether anything is locked."""
        return bool(self.lock or self.lanes or self.beats or self.notes)

    def unlocked(self) -> Constraints:
        """The same without the locks."""
        return replace(self, lock=frozenset(), lanes=frozenset(), only=frozenset(), beats=(), notes=frozenset())

    @property
    def has_scale(self) -> bool:
        """Whether there are pitches that new notes may not have."""
        return self.key is not None or bool(self.scales)

    def allowed_classes(self, beats: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Find the pitch classes that new notes may have at some beats: [..., 12] for beats of any shape."""
        starts, allowed = self._scale_table
        return np.asarray(allowed[np.searchsorted(starts[1:], beats + CLOSE, "right")])

    @cached_property
    def _scale_table(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Where scales begin, and the pitch classes of each."""
        scales = (Scale(0.0, self.key.classes),) if self.key else self.scales or (Scale(0.0, frozenset(range(12))),)
        allowed = np.zeros((len(scales), 12), bool)
        for k, scale in paced(enumerate(scales)):
            allowed[k, list(scale.classes)] = True
        return np.array([scale.start for scale in scales]), allowed


class LogitBias:
    """Scores to add to tokens, [B, T, K] in nats, made when they are needed: those of a long clip are many times its size."""

    def __init__(self, rows: int, make: Callable[[NDArray[np.int64]], NDArray[np.float32]]) -> None:
        """`make` gives new scores [N, T, K] of the rows that it is given by number."""
        self._rows, self._make = rows, make
        self._whole: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        """How many rows there are."""
        return self._rows

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        """The scores of some rows."""
        if self._rows > SMALL:
            return self._make(np.arange(self._rows)[rows])
        if self._whole is None:
            self._whole = self._make(np.arange(self._rows))
        return self._whole[rows]

    def changed(self, change: Callable[[NDArray[np.float32], NDArray[np.int64]], NDArray[np.float32]]) -> LogitBias:
        """The same with a change: it may change the scores that it is given, of the rows that it is given by number."""
        return LogitBias(self._rows, lambda rows: change(self._make(rows), rows))

    def over_seams(self, voices: int) -> LogitBias:
        """Those of windows over the seams of each voice (see `shift_by_half`)."""
        windows = self._rows // voices

        def make(rows: NDArray[np.int64]) -> NDArray[np.float32]:
            here, after = self._make(rows), self._make(rows // windows * windows + (rows + 1) % windows)
            half = here.shape[1] // 2
            return np.concatenate([here[:, half:], after[:, :half]], 1)

        return LogitBias(self._rows, make)


SMALL = 256  # rows whose scores are kept


class Known(NamedTuple):
    """Music that a decode must have: the facets `mask` [B, T, M] of `grid`."""

    grid: Grid
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class GridConstraints:
    """Constraints in the terms of one clip's grid: facets that are known, scores to add, notes that must stay."""

    known: NDArray[np.bool_] | None = None  # [B, T, M]
    logit_bias: LogitBias | None = None  # -inf forbids a token
    locked: frozenset[int] = frozenset()  # notes of the clip, by index

    def known_of(self, layout: GridLayout) -> Known | None:
        """What the decoder is told of the clip's own grid."""
        if self.known is None:
            return None
        return Known(told(layout.grid, layout), self.known)


def lean_off_beat(layout: GridLayout, syncopation: float) -> NDArray[np.float32]:
    """Lean onsets off the strong places of bars, or below 0 onto them: nats on each onset of a step, [B, T]."""
    strong = strengths(layout.beats - layout.clip.start, layout.clip.meter)
    return np.asarray(syncopation * NATS_A_LEVEL * (-strong - EVEN_LEVEL), np.float32)


def told(grid: Grid, layout: GridLayout) -> Grid:
    """Put a grid as a decoder can be told it: what is held into a window is a rest there."""
    return replace(grid, tokens=layout.vocabulary.without_leading_holds(grid.tokens))


def find_locked_notes(layout: GridLayout, constraints: Constraints, lanes: frozenset[int]) -> frozenset[int]:
    """Find the notes that must stay, by index: those named, in locked stretches, and on locked lanes."""
    clip, kit = layout.clip, layout.kit or {}
    stretches = Stretches([(low - 1e-9, high - 1e-9) for low, high in constraints.beats])
    return frozenset(
        i
        for i, note in paced(enumerate(clip.notes))
        if i in constraints.notes or note.start - clip.start in stretches or kit.get(note.pitch) in lanes
    )


class Stretches:
    """Stretches of beats, which may overlap: what lies in any of them, its beginning included and its end not."""

    def __init__(self, stretches: Sequence[tuple[float, float]]) -> None:
        ordered = sorted(stretches)
        self._lows = [low for low, _ in ordered]
        self._highest = list(itertools.accumulate((high for _, high in ordered), max))  # end of those that begin before

    def __contains__(self, beat: float) -> bool:
        """Whether a beat lies in a stretch."""
        k = bisect_right(self._lows, beat) - 1
        return k >= 0 and beat < self._highest[k]

    def cover(self, beats: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Find the beats that lie in a stretch, of any shape."""
        if not self._lows:
            return np.zeros(beats.shape, bool)
        k = np.searchsorted(self._lows, beats, "right") - 1
        return np.asarray((k >= 0) & (beats < np.array(self._highest)[np.maximum(k, 0)]))


def steps_inside(layout: GridLayout, constraints: Constraints) -> NDArray[np.bool_]:
    """Find the steps of stretches that are locked, and of rests, [B, T]."""
    half_step = 0.5 / layout.spec.steps_per_beat
    stretches = Stretches([(low, high + half_step) for low, high in constraints.still])
    return stretches.cover(layout.beats - layout.clip.start + half_step) & layout.open_steps


def keep_off_locked_beats(layout: GridLayout, changed: Grid, constraints: Constraints) -> Grid:
    """Let no new note be played so early that it begins in a locked stretch, or in a rest, that it is to follow."""
    if not constraints.still:
        return changed
    steps_per_beat = layout.spec.steps_per_beat
    least = np.full(layout.open_steps.shape, -0.5, np.float32)
    ticks = layout.clip.ticks_per_beat
    cells = np.flatnonzero(layout.open_steps[: layout.windows])  # those of one voice, in order of time
    beats = layout.beats.reshape(-1)[cells]
    for _, high in paced(constraints.still, 32):
        end = math.ceil((layout.clip.start + high) * ticks - 1e-6) / ticks
        first, after = np.searchsorted(beats, (layout.clip.start + high - 1e-9, end + 0.5 / steps_per_beat)).tolist()
        for cell, beat in zip(cells[first:after].tolist(), beats[first:after].tolist(), strict=True):
            for b in range(cell // layout.spec.steps, len(least), layout.windows):
                at = b, cell % layout.spec.steps
                least[at] = max(least[at], np.float32((end - beat) * steps_per_beat))
    is_new = layout.vocabulary.struck(changed.tokens) & ~layout.onsets
    return replace(changed, offsets=np.where(is_new, np.maximum(changed.offsets, least[..., None]), changed.offsets))


def split_untouched(own: Sequence[Note], notes: Sequence[Note]) -> tuple[list[Note], list[Note]]:
    """Split notes into those that are among `own`, each as often as it is there, and all others."""
    left = Counter(paced(own))
    among: list[Note] = []
    others: list[Note] = []
    for note in paced(notes):
        (among if left[note] > 0 else others).append(note)
        left[note] -= 1
    return among, others


def restore_locked_notes(clip: Clip, made: Clip, locked: frozenset[int]) -> tuple[list[Note], list[Note]]:
    """Put locked notes back whole, and leave them alone: the notes of `made` that are the clip's own, and the new ones."""
    own, new = split_untouched(clip.notes, made.notes)
    if not locked:
        return own, new
    kept = [clip.notes[i] for i in paced(sorted(locked))]
    own = [*kept, *split_untouched(kept, own)[1]]
    sounding: dict[int, list[Note]] = defaultdict(list)
    for note in paced(kept):
        sounding[note.pitch].append(note)
    beside = {pitch: _Beside(notes) for pitch, notes in sounding.items()}
    fitted = (beside[n.pitch].fit(n) if n.pitch in beside else n for n in paced(new))
    return own, [n for n in fitted if n is not None]


def restore_velocities(layout: GridLayout, new: Sequence[Note]) -> list[Note]:
    """Give new notes the velocity of the clip's note that each is most like."""
    if not layout.clip.notes or not new:
        return list(new)
    nearest = _Likest(layout)
    return [replace(n, velocity=nearest.find(n).velocity) for n in paced(new)]


def in_order(notes: Sequence[Note]) -> list[Note]:
    """Sort notes as clips list them."""
    return sorted_in_runs(notes, key=note_order)


class _Beside:
    """Locked notes of a pitch, which others are to leave alone."""

    def __init__(self, kept: Sequence[Note]) -> None:
        ordered = sorted_in_runs([(n.start, n.end) for n in paced(kept)])
        self._starts = [start for start, _ in ordered]
        self._latest = list(itertools.accumulate((end for _, end in ordered), max))  # end of those that begin so early

    def fit(self, note: Note) -> Note | None:
        """Shorten a note so that it leaves the locked ones alone, or None where there is no room for it."""
        k = bisect_left(self._starts, note.start)
        if k and note.start < self._latest[k - 1]:
            return None
        if k == len(self._starts) or note.start < self._starts[k] >= note.end:
            return note
        return None if self._starts[k] == note.start else replace(note, duration=self._starts[k] - note.start)


ByTime = tuple[list[float], list[tuple[int, Note]]]  # times in order, and of each the first note that begins there


class _Likest:
    """The notes of a clip, to find the one that a note is most like: of its pitch, else of its lane, and nearest in time."""

    def __init__(self, layout: GridLayout) -> None:
        self._lane_of = layout.lane_of
        notes = layout.clip.notes
        self._of_pitch = _by_time(notes, lambda n: n.pitch)
        self._of_lane = _by_time(notes, lambda n: None if self._lane_of is None else self._lane_of(n.pitch))
        self._all = _by_time(notes, lambda n: None)

    def find(self, note: Note) -> Note:
        """Find the note that is most like one, of several the first."""
        lane = self._lane_of(note.pitch) if self._lane_of else None
        found = self._of_pitch.get(note.pitch) or (self._of_lane.get(lane) if lane is not None else None) or self._all[None]
        starts, firsts = found
        k = bisect_left(starts, note.start)
        low, high = k - 1, k
        far = min(abs(starts[at] - note.start) for at in (low, high) if 0 <= at < len(starts))
        while low >= 0 and abs(starts[low] - note.start) == far:
            low -= 1
        while high < len(starts) and abs(starts[high] - note.start) == far:
            high += 1
        return min(firsts[low + 1 : high], key=lambda entry: entry[0])[1]


def _by_time(notes: Iterable[Note], key: Callable[[Note], Hashable]) -> dict[Hashable, ByTime]:
    """Group notes, and list of each group the times at which any begins, and the first that begins there."""
    groups: dict[Hashable, dict[float, tuple[int, Note]]] = defaultdict(dict)
    for i, note in paced(enumerate(notes)):
        groups[key(note)].setdefault(note.start, (i, note))
    return {name: (times := sorted(group), [group[t] for t in paced(times)]) for name, group in groups.items()}
