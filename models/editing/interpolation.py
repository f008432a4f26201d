"""From one clip to another in even steps: points between them, more where it leaps, and clips partway. No requests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.editing.batching import Computation
from models.editing.evenness import Evenness, choose_evenly
from models.editing.palette import Palette, Waypoint
from models.families.constraints import PITCH, RHYTHM, split_untouched
from models.music.clip import Clip, Note
from models.music.distance import VoiceOf, compare
from models.music.many_distances import Distances
from models.music.morph import is_single_line, settle
from models.music.paced import paced, sorted_in_runs

DENSITY = 2  # points decoded for each step of an interpolation, at first; those that make the steps even are kept
LEAST = 7  # points of an interpolation, however few its steps
CLOSER = 1  # how often to decode more points of an interpolation where the music leaps
STRIDE = 2.5  # how many times as many clips as on the average a step may go by, at first
PARTS = 3  # clips to mix for each step's length of a path
ROUNDS = 4  # how often to mix more, where the steps are not even yet


def interpolate(palette: Palette, steps: int, *, even: bool) -> Computation[list[Clip]]:
    """Go from A to B in `steps` clips, ends included; even: all steps alike, else at even angles on the great circle."""
    a, b = palette.corners
    inner = steps - 2
    if inner == 0:
        return [palette.originals[0], palette.originals[1]]
    size = max(DENSITY * inner, LEAST) if even else inner
    made = yield from palette.points_between([(k + 1) / (size + 1) for k in range(size)], even=even)
    if not even:
        return [palette.originals[0], *(palette.finish(point.clip) for point in made), palette.originals[1]]
    voice = a.layout.lane_of
    rng = np.random.default_rng(palette.context.seed)
    path = Path(a.clip, b.clip, voice=voice)
    points = [Waypoint(0.0, a.layout.grid, a.clip), Waypoint(1.0, b.layout.grid, b.clip)]
    for turn in range(CLOSER + 2):
        path.add([point.clip for point in made], [point.place for point in made])
        points = sorted([*points, *made], key=lambda point: point.place)
        if turn > CLOSER or path.is_even(path.choose(steps)):
            break
        apart = path.gaps()
        wide = sorted(range(len(apart)), key=lambda k: -apart[k])
        if turn < CLOSER:  # where the music leaps, look closer
            wide = [k for k in wide[: 2 * inner] if apart[k] > sum(apart) / len(apart)]
            made = yield from palette.points_between([(points[k].place + points[k + 1].place) / 2 for k in wide], even=True)
        else:  # where it still does, tell the decoder part of the one side, and let it compose the rest as on the other
            wide = [k for k in wide[: inner + 1] if apart[k] > sum(apart) / len(apart)]
            made = yield from palette.bridge([(points[k], points[k + 1]) for k in wide], rng)
    # What is mixed of two clips that hold a rhythm or a pitch line may not hold it; nor what only B has, other locks.
    mixing: Mixing = "anywhere"
    if a.constraints.locks:
        mixing = "nowhere" if {RHYTHM, PITCH} & a.constraints.lock else "before the last"
    chosen = even_steps(path, steps, rng=rng, mixing=mixing)
    return [palette.originals[0], *map(palette.finish, chosen[1:-1]), palette.originals[1]]


class Path:
    """Clips between two others, more and more of them; the distance of two is measured when it is first needed."""

    def __init__(self, first: Clip, last: Clip, *, voice: VoiceOf | None = None) -> None:
        """Begin with the ends alone."""
        self.clips, self.places, self.voice = [first, last], [0.0, 1.0], voice
        self._mixed = [False, False]
        self._distances = Distances(self.clips, voice=voice)
        self._far = np.full((2, 2), np.nan)  # from each to each, where it was measured
        found = compare(first, last, voice=voice)
        self._changes = len(found.moved) + len(found.dropped) + len(found.added)

    def add(self, clips: Sequence[Clip], places: Sequence[float], *, mixed: bool = False) -> None:
        """Add clips, each at its place on the path, 0..1."""
        self.clips += clips
        self.places += places
        self._mixed += [mixed] * len(clips)
        self._distances.add(clips)
        far = np.full((len(self.clips), len(self.clips)), np.nan)
        far[: len(self._far), : len(self._far)] = self._far
        self._far = far

    def gaps(self) -> list[float]:
        """Measure how far each clip is from the next on the path."""
        return self._steps(self._order())

    def choose(self, steps: int, *, stride: float = STRIDE) -> list[int]:
        """Choose `steps` clips, the first and the last among them, by their index.

        No step goes by more than `stride` times as many clips as it does on the average.
        """
        order = self._order()
        places, mixed = np.array(self.places)[order], np.array(self._mixed)[order]
        apart = self._apart(order, stride / (steps - 1))
        return [order[k] for k in choose_evenly(apart, self._even(steps), places=places, mixed=mixed)]

    def is_even(self, chosen: Sequence[int]) -> bool:
        """Whether chosen clips are as evenly apart as they must be."""
        return self._even(len(chosen)).holds(self._steps(chosen))

    def mix(self, chosen: Sequence[int], rng: np.random.Generator) -> None:
        """Add clips that are partway between chosen ones, the more the farther these are apart."""
        far = self._steps(chosen)
        for (i, j), length in zip(pairwise(chosen), far, strict=True):
            edit = PartialEdit.between(self.clips[i], self.clips[j], rng.random(), self.voice)
            parts = round(PARTS * length / max(fmean(far), 1e-9))
            counts = sorted({round(len(edit) * (k + 1) / (parts + 1)) for k in range(parts)} - {0, len(edit)})
            along = [self.places[i] + (self.places[j] - self.places[i]) * count / len(edit) for count in counts]
            self.add([edit.apply(count) for count in counts], along, mixed=True)

    def _even(self, steps: int) -> Evenness:
        return Evenness(self._changes, steps - 1)

    def _order(self) -> list[int]:
        """List the clips by their places."""
        return sorted(range(len(self.clips)), key=lambda k: ((k == 1) - (k == 0), self.places[k]))

    def _steps(self, chosen: Sequence[int]) -> list[float]:
        far: list[float] = self._measure(np.array(chosen[:-1]), np.array(chosen[1:])).tolist()
        return far

    def _apart(self, order: Sequence[int], share: float) -> NDArray[np.float64]:
        """Measure the distances [N, N] of clips from the next of them, a share of all; from others they are inf."""
        size = len(order)
        reach = math.ceil(share * (size - 1))  # all pairs of a long path would take many times as long as its decoding
        i, j = np.nonzero(np.triu(np.ones((size, size), bool), 1) & ~np.triu(np.ones((size, size), bool), reach + 1))
        apart = np.full((size, size), np.inf)
        apart[i, j] = self._measure(np.array(order)[i], np.array(order)[j])
        return apart

    def _measure(self, i: NDArray[np.int64], j: NDArray[np.int64]) -> NDArray[np.float64]:
        """Measure the distances between clips by their index, those that were not measured before."""
        new = np.isnan(self._far[i, j])
        if new.any():
            self._far[i[new], j[new]] = self._distances.between(list(zip(i[new].tolist(), j[new].tolist(), strict=True)))
        return self._far[i, j]


Mixing = Literal["anywhere", "before the last", "nowhere"]


def even_steps(path: Path, steps: int, *, rng: np.random.Generator, mixing: Mixing = "anywhere") -> list[Clip]:
    """Choose `steps` clips along a path, the first and the last among them, all about equally far apart.

    They are clips of the path where these lie right; where they leap, a step is a clip partway between two of them, with
    some of the changes from one to the other, those of one stretch of time. Only as many are mixed as evenness needs, and
    only where `mixing` allows it: before the last step, nothing of the last clip is mixed in.
    """
    chosen = path.choose(steps)
    for turn in range(ROUNDS):
        if mixing == "nowhere" or path.is_even(chosen):
            break
        path.mix(chosen if mixing == "anywhere" else chosen[:-1], rng)
        chosen = path.choose(steps, stride=STRIDE + turn)
    return [path.clips[k] for k in chosen]


@dataclass(frozen=True)
class PartialEdit:
    """The changes from clip x to clip y, in an order in which any first part of them lies side by side in time."""

    x: Clip
    y: Clip
    both: tuple[Note, ...]  # the notes that x and y share, field for field, and so does what lies between them
    pairs: tuple[tuple[Note | None, Note | None], ...]  # (note of x, note of y) that takes its place; None where there is none
    changes: tuple[int, ...]  # the pairs among these that are changes, not notes that differ in feel alone
    single: bool

    def __len__(self) -> int:
        """How many changes there are."""
        return len(self.changes)

    @staticmethod
    def between(x: Clip, y: Clip, turn: float, voice: VoiceOf | None) -> PartialEdit:
        """Find the changes between two clips, beginning at a share `turn` of their length."""
        both, coming = split_untouched(x.notes, y.notes)
        leaving = split_untouched(both, x.notes)[1]
        found = compare(x.with_notes(leaving), y.with_notes(coming), voice=voice)
        moves: list[tuple[Note, Note | None, Note | None, bool]]
        moves = [(leaving[i], leaving[i], coming[j], False) for i, j in paced(found.kept)]
        moves += [(leaving[i], leaving[i], coming[j], True) for i, j in paced(found.moved)]
        moves += [(leaving[i], leaving[i], None, True) for i in paced(found.dropped)]
        moves += [(coming[j], None, coming[j], True) for j in paced(found.added)]
        moves = sorted_in_runs(moves, key=lambda move: _when(x, move[0], turn))
        pairs = tuple((here, there) for _, here, there, _ in paced(moves))
        changes = tuple(k for k, (*_, is_change) in paced(enumerate(moves)) if is_change)
        single = voice is None and is_single_line(x) and is_single_line(y)
        return PartialEdit(x, y, tuple(both), pairs, changes, single)

    def apply(self, count: int) -> Clip:
        """Make so many of the changes; none is x, all is y."""
        if count <= 0:
            return self.x
        if count >= len(self.changes):
            return self.y
        end = self.changes[count]
        new = [there for _, there in paced(self.pairs[:end]) if there]
        old = [here for here, _ in paced(self.pairs[end:]) if here]
        return self.x.with_notes([*self.both, *settle(old, new, self.single)]).in_order()


def _when(x: Clip, note: Note, turn: float) -> tuple[float, int]:
    """Order a change by its time, from a share of the clip on and round its end."""
    return (note.start - x.start - turn * x.beats) % x.beats, note.pitch
