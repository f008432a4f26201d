"""What must be kept of a clip and what new notes lean towards, in a musician's terms and a grid's. No networks, no requests.

Locks become facets that the decoder is told and scores of -inf, so what is free is composed around what is kept. A key
forbids tokens; density and octave only lean on the scores. What the grid is too coarse for is restored afterwards.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.families.grid import Grid
from models.families.layout import GridLayout
from models.music.clip import Clip, Note, note_order
from models.music.key import Key

NEVER = np.float32(-np.inf)
RHYTHM, PITCH, VELOCITY = "rhythm", "pitch", "velocity"


@dataclass(frozen=True)
class Constraints:
    """What a musician wants kept, and where new notes should lean. Beats count from the clip's start, notes from 0."""

    key: Key | None = None
    lock: frozenset[str] = frozenset()  # of RHYTHM, PITCH, VELOCITY
    lanes: frozenset[str] = frozenset()  # names of lanes that stay as they are
    beats: tuple[tuple[float, float], ...] = ()
    notes: frozenset[int] = frozenset()
    density: int = 0  # notes a bar more, or fewer
    octave: float = 0.0

    @property
    def locks(self) -> bool:
        """Whether anything is locked."""
        return bool(self.lock or self.lanes or self.beats or self.notes)

    def unlocked(self) -> Constraints:
        """The same without the locks."""
        return Constraints(key=self.key, density=self.density, octave=self.octave)


class Known(NamedTuple):
    """Music that a decode must have: the facets `mask` [B, T, M] of `grid`."""

    grid: Grid
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class GridConstraints:
    """Constraints in the terms of one clip's grid: facets that are known, scores to add, notes that must stay."""

    known: NDArray[np.bool_] | None = None  # [B, T, M]
    logit_bias: NDArray[np.float32] | None = None  # [B, T, K], in nats; -inf forbids a token
    locked: frozenset[int] = frozenset()  # notes of the clip, by index

    def known_of(self, layout: GridLayout) -> Known | None:
        """What the decoder is told of the clip's own grid."""
        if self.known is None:
            return None
        return Known(told(layout.grid, layout), self.known)


def told(grid: Grid, layout: GridLayout) -> Grid:
    """Put a grid as a decoder can be told it: what is held into a window is a rest there."""
    return replace(grid, tokens=layout.vocabulary.without_leading_holds(grid.tokens))


def find_locked_notes(layout: GridLayout, constraints: Constraints, lanes: frozenset[int]) -> frozenset[int]:
    """Find the notes that must stay, by index: those named, in locked stretches, and on locked lanes."""
    clip = layout.clip
    return frozenset(i for i, note in enumerate(clip.notes) if _is_locked(layout, i, note, constraints, lanes))


def _is_locked(layout: GridLayout, index: int, note: Note, constraints: Constraints, lanes: frozenset[int]) -> bool:
    if index in constraints.notes:
        return True
    if any(low - 1e-9 <= note.start - layout.clip.start < high - 1e-9 for low, high in constraints.beats):
        return True
    return layout.kit is not None and layout.kit.get(note.pitch) in lanes


def steps_inside(layout: GridLayout, constraints: Constraints) -> NDArray[np.bool_]:
    """Find the steps of locked stretches, [B, T]."""
    inside = np.zeros(layout.open_steps.shape, bool)
    half_step = 0.5 / layout.spec.steps_per_beat
    beats = layout.beats - layout.clip.start + half_step
    for low, high in constraints.beats:
        inside |= (beats >= low) & (beats < high + half_step)
    return inside & layout.open_steps


def keep_off_locked_beats(layout: GridLayout, changed: Grid, constraints: Constraints) -> Grid:
    """Let no new note be played so early that it begins in a locked stretch that it is to follow."""
    if not constraints.beats:
        return changed
    steps_per_beat = layout.spec.steps_per_beat
    least = np.full(layout.open_steps.shape, -0.5, np.float32)
    ticks = layout.clip.ticks_per_beat
    for _, high in constraints.beats:
        end = math.ceil((layout.clip.start + high) * ticks - 1e-6) / ticks
        follows = (layout.beats >= layout.clip.start + high - 1e-9) & (layout.beats < end + 0.5 / steps_per_beat)
        least[follows] = np.maximum(least, (end - layout.beats) * steps_per_beat)[follows]
    is_new = layout.vocabulary.struck(changed.tokens) & ~layout.onsets
    return replace(changed, offsets=np.where(is_new, np.maximum(changed.offsets, least[..., None]), changed.offsets))


def split_untouched(own: Sequence[Note], notes: Sequence[Note]) -> tuple[list[Note], list[Note]]:
    """Split notes into those that are among `own`, each as often as it is there, and all others."""
    left = Counter(own)
    among: list[Note] = []
    others: list[Note] = []
    for note in notes:
        (among if left[note] > 0 else others).append(note)
        left[note] -= 1
    return among, others


def restore_locked_notes(clip: Clip, made: Clip, locked: frozenset[int]) -> tuple[list[Note], list[Note]]:
    """Put locked notes back whole, and leave them alone: the notes of `made` that are the clip's own, and the new ones."""
    own, new = split_untouched(clip.notes, made.notes)
    if not locked:
        return own, new
    kept = [clip.notes[i] for i in sorted(locked)]
    own = [*kept, *split_untouched(kept, own)[1]]
    return own, [n for n in (_beside(n, kept) for n in new) if n is not None]


def restore_velocities(layout: GridLayout, new: Sequence[Note]) -> list[Note]:
    """Give new notes the velocity of the clip's note that each is most like."""
    return [replace(n, velocity=_nearest(layout, n).velocity) for n in new] if layout.clip.notes else list(new)


def in_order(notes: Sequence[Note]) -> list[Note]:
    """Sort notes as clips list them."""
    return sorted(notes, key=note_order)


def _beside(note: Note, kept: Sequence[Note]) -> Note | None:
    """Shorten a note so that it leaves locked notes of its pitch alone, or None where there is no room for it."""
    for other in kept:
        if other.pitch == note.pitch:
            if note.start == other.start or other.start < note.start < other.end:
                return None
            if note.start < other.start < note.end:
                note = replace(note, duration=other.start - note.start)
    return note


def _nearest(layout: GridLayout, note: Note) -> Note:
    """Find the note of a clip that one is most like: of its pitch if there is one, else of its lane, then in time."""
    lane_of = layout.lane_of
    lane = lane_of(note.pitch) if lane_of else None

    def how_far(other: Note) -> tuple[bool, bool, float]:
        is_like = lane is not None and lane_of is not None and lane_of(other.pitch) == lane
        return other.pitch != note.pitch, not is_like, abs(other.start - note.start)

    return min(layout.clip.notes, key=how_far)
