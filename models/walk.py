"""Even walks from one clip to another: how even is even, which clips to step on, clips partway between two. No models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from models.aim import sort_out
from models.baselines import is_single_line, settle
from models.clip import Clip, Note
from models.distance import Reference, VoiceOf, compare

UNEVEN = 0.25  # the most that a walk's steps may vary, see `unevenness`, where they are of MANY changes or more
MANY = 4
SLACK = 0.05  # how much more than the best split into whole notes they may vary where they are of fewer
LONGER = (1.0, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0)  # lengths of steps to try, to those of the shortest walk
DETOUR = 0.25  # how much less even a walk may be that is shorter by as much as its own length
EASE = (  # prices to try, in squares of a step's length: of a whole step's straying from its place, of a clip that is mixed
    (1.5, 1.5),
    (0.15, 0.4),
    (0.0, 0.1),
    (0.0, 0.0),
)
STRIDE = 2.5  # how many times as many clips as on the average a step may go by, at first
PARTS = 3  # clips to mix for each step's length of a way
TURNS = 4  # how often to mix more, where a walk is not even yet


def unevenness(steps: Sequence[float]) -> float:
    """Compute the coefficient of variation of step distances: 0 where all steps are equal."""
    mean = fmean(steps)
    return math.sqrt(fmean([(step - mean) ** 2 for step in steps])) / mean if mean else 0.0


def best_split(changes: int, steps: int) -> float:
    """Compute the unevenness of the most even split of some changes into steps of whole notes."""
    return unevenness([changes // steps + (k < changes % steps) for k in range(steps)])


@dataclass(frozen=True)
class Evenness:
    """How even a walk of some steps must be whose ends are so many changes apart."""

    changes: int
    steps: int

    @cached_property
    def most(self) -> float:
        """How uneven the steps may be: where they are only a few notes, hardly more than the best split of whole notes."""
        return UNEVEN if self.changes >= MANY * self.steps else best_split(self.changes, self.steps) + SLACK

    def holds(self, far: Sequence[float]) -> bool:
        """Whether steps are as even, and none stands still where there are changes enough for all."""
        return unevenness(far) <= self.most and (min(far) > 0 or self.changes < self.steps)


def choose_steps(
    apart: NDArray[np.float64], steps: int, *, length: float = 0.0, prices: NDArray[np.float64] | None = None
) -> list[int]:
    """Choose `steps` of N clips in their order, the first and the last among them, each about `length` from the next.

    `apart` [N, N] are their distances. The sum of the squares by which steps miss the length is the least there is; with
    length 0 the walk is the shortest of the even ones. `prices` [steps, N] are what a clip at a step costs besides. By
    dynamic programming, N * N * steps.
    """
    size = len(apart)
    if steps > size:
        raise ValueError(f"{steps} steps cannot be chosen from {size} clips")
    cost = np.where(np.triu(np.ones((size, size), bool), 1), (apart - length) ** 2, np.inf)
    best = cost[0].copy()
    came = [np.zeros(size, int)]
    for step in range(1, steps - 1):
        if prices is not None:
            best = best + prices[step]
        ways = best[:, None] + cost
        came.append(ways.argmin(0))
        best = ways.min(0)
    chosen = [size - 1]
    for back in reversed(came):
        chosen.append(int(back[chosen[-1]]))
    return chosen[::-1]


def choose_evenly(
    apart: NDArray[np.float64], even: Evenness, *, places: NDArray[np.float64], mixed: NDArray[np.bool_]
) -> list[int]:
    """Choose steps, see `choose_steps`, of a length that makes them even, no longer and with no more mixed than that takes.

    `places` [N], 0..1, are where on the way clips lie: a step should not stray from its own, as far as it is even so.
    """
    steps = even.steps + 1
    shortest = choose_steps(apart, steps)
    length = float(np.mean([apart[i, j] for i, j in pairwise(shortest)]))
    astray = (places - np.linspace(0, 1, steps)[:, None]) ** 2 * even.steps**2
    best: tuple[tuple[float, ...], list[int]] = (np.inf,), shortest
    for stray, mix in EASE:
        for longer in LONGER:
            prices = (stray * astray + mix * even.steps * even.most**2 * mixed) * (length * longer) ** 2
            chosen = choose_steps(apart, steps, length=length * longer, prices=prices)
            far = [float(apart[i, j]) for i, j in pairwise(chosen)]
            is_even = even.holds(far)
            key = (not is_even, int(mixed[chosen].sum()) if is_even else 0, unevenness(far) + DETOUR * (longer - 1))
            best = min(best, (key, chosen))
        if not best[0][0]:
            break
    return best[1]


class Way:
    """A way from one clip to another over others, that grows; the distance of two is measured when it is first needed."""

    def __init__(self, first: Clip, last: Clip, *, voice: VoiceOf | None = None) -> None:
        """Begin with the ends alone."""
        self.clips, self.places, self.voice = [first, last], [0.0, 1.0], voice
        self._mixed = [False, False]
        self._references = [Reference(clip, voice=voice) for clip in self.clips]
        self._far: dict[tuple[int, int], float] = {}
        found = compare(first, last, voice=voice)
        self._changes = len(found.moved) + len(found.dropped) + len(found.added)

    def add(self, clips: Sequence[Clip], places: Sequence[float], *, mixed: bool = False) -> None:
        """Lay clips on the way, each at its place, 0..1."""
        self.clips += clips
        self._references += [Reference(clip, voice=self.voice) for clip in clips]
        self.places += places
        self._mixed += [mixed] * len(clips)

    def choose(self, steps: int, *, stride: float = STRIDE) -> list[int]:
        """Choose clips for a walk in `steps`, the first and the last among them, by their index.

        No step goes by more than `stride` times as many clips as it does on the average.
        """
        order = sorted(range(len(self.clips)), key=lambda k: ((k == 1) - (k == 0), self.places[k]))
        places, mixed = np.array(self.places)[order], np.array(self._mixed)[order]
        apart = self._apart(order, stride / (steps - 1))
        return [order[k] for k in choose_evenly(apart, self._even(steps), places=places, mixed=mixed)]

    def is_even(self, chosen: Sequence[int]) -> bool:
        """Whether a walk is as even as it must be."""
        return self._even(len(chosen)).holds(self._steps(chosen))

    def mix(self, chosen: Sequence[int], rng: np.random.Generator) -> None:
        """Lay clips on the way that are partway between those of a walk, the more the farther these are apart."""
        far = self._steps(chosen)
        for (i, j), length in zip(pairwise(chosen), far, strict=True):
            way = Partway.between(self.clips[i], self.clips[j], rng.random(), self.voice)
            parts = round(PARTS * length / max(fmean(far), 1e-9))
            counts = sorted({round(len(way) * (k + 1) / (parts + 1)) for k in range(parts)} - {0, len(way)})
            along = [self.places[i] + (self.places[j] - self.places[i]) * count / len(way) for count in counts]
            self.add([way.apply(count) for count in counts], along, mixed=True)

    def _even(self, steps: int) -> Evenness:
        return Evenness(self._changes, steps - 1)

    def _steps(self, chosen: Sequence[int]) -> list[float]:
        return [self._distance(i, j) for i, j in pairwise(chosen)]

    def _apart(self, order: Sequence[int], share: float) -> NDArray[np.float64]:
        """Measure the distances [N, N] of clips from the next of them, a share of all; from others they are inf."""
        reach = math.ceil(share * (len(order) - 1))  # all pairs of a long walk would take many times as long as its decoding
        apart = np.full((len(order), len(order)), np.inf)
        for k, i in enumerate(order[:-1]):
            near = order[k + 1 : k + 1 + reach]
            apart[k, k + 1 : k + 1 + len(near)] = [self._distance(i, j) for j in near]
        return apart

    def _distance(self, i: int, j: int) -> float:
        if (i, j) not in self._far:
            self._far[i, j] = self._references[i].distance(self.clips[j])
        return self._far[i, j]


def even_walk(way: Way, steps: int, *, rng: np.random.Generator, until: int | None = None) -> list[Clip]:
    """Walk along a way in `steps` clips, the first and the last among them, all about equally far apart.

    Steps are clips of the way where these lie right; where they leap, a step is a clip partway between two of them, with some
    of the changes from one to the other, those of one stretch of time. Only as many are mixed as evenness needs. With
    `until` 0 none is; with -1 nothing of the last clip is mixed in.
    """
    chosen = way.choose(steps)
    for turn in range(TURNS):
        if until == 0 or way.is_even(chosen):
            break
        way.mix(chosen[:until], rng)
        chosen = way.choose(steps, stride=STRIDE + turn)
    return [way.clips[k] for k in chosen]


@dataclass(frozen=True)
class Partway:
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
    def between(x: Clip, y: Clip, turn: float, voice: VoiceOf | None) -> Partway:
        """Find the changes between two clips, beginning at a share `turn` of their length."""
        both, coming = sort_out(x.notes, y.notes)
        leaving = sort_out(both, x.notes)[1]
        found = compare(x.with_notes(leaving), y.with_notes(coming), voice=voice)
        moves: list[tuple[Note, Note | None, Note | None, bool]]
        moves = [(leaving[i], leaving[i], coming[j], False) for i, j in found.kept]
        moves += [(leaving[i], leaving[i], coming[j], True) for i, j in found.moved]
        moves += [(leaving[i], leaving[i], None, True) for i in found.dropped]
        moves += [(coming[j], None, coming[j], True) for j in found.added]
        moves.sort(key=lambda move: _when(x, move[0], turn))
        pairs = tuple((here, there) for _, here, there, _ in moves)
        changes = tuple(k for k, (*_, is_change) in enumerate(moves) if is_change)
        single = voice is None and is_single_line(x) and is_single_line(y)
        return Partway(x, y, tuple(both), pairs, changes, single)

    def apply(self, count: int) -> Clip:
        """Make so many of the changes; none is x, all is y."""
        if count <= 0:
            return self.x
        if count >= len(self.changes):
            return self.y
        end = self.changes[count]
        new = [there for _, there in self.pairs[:end] if there]
        old = [here for here, _ in self.pairs[end:] if here]
        return self.x.with_notes([*self.both, *settle(old, new, self.single)]).in_order()


def _when(x: Clip, note: Note, turn: float) -> tuple[float, int]:
    """Order a change by its time, from a share of the clip on and round its end."""
    return (note.start - x.start - turn * x.beats) % x.beats, note.pitch
