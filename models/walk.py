"""Even walks from one clip to another: which of many clips to step on, and clips partway between two. No models, no latents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.aim import sort_out
from models.baselines import is_single_line, settle
from models.clip import Clip, Note
from models.distance import VoiceOf, compare, distance, distances

UNEVEN = 0.3  # the coefficient of variation of steps below which no clip is mixed of two
LONGER = (1.0, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0)  # lengths of steps to try, to those of the shortest walk
STRAY = 5.0  # the price of a step that is not where on the way it should be, beside squares of distances
DETOUR = 0.25  # how much less even a walk may be that is shorter by as much as its own length
MANY = 4  # changes a step from which that holds
TURNS = 4  # how often to correct where the steps lie


def choose_steps(
    apart: NDArray[np.float64], steps: int, *, length: float = 0.0, places: Sequence[float] | None = None
) -> list[int]:
    """Choose `steps` of N clips in their order, the first and the last among them, each about `length` from the next.

    `apart` [N, N] are their distances. The sum of the squares by which steps miss the length is the least there is; with
    length 0 the walk is the shortest of the even ones. `places` [N], 0..1, are where on the way clips lie: a step that strays
    from its own costs too. By dynamic programming, N * N * steps.
    """
    size = len(apart)
    if steps > size:
        raise ValueError(f"{steps} steps cannot be chosen from {size} clips")
    cost = np.where(np.triu(np.ones((size, size), bool), 1), (apart - length) ** 2, np.inf)
    best = cost[0].copy()
    came = [np.zeros(size, int)]
    for step in range(1, steps - 1):
        if places is not None:
            best = best + STRAY * (np.asarray(places) - step / (steps - 1)) ** 2
        ways = best[:, None] + cost
        came.append(ways.argmin(0))
        best = ways.min(0)
    chosen = [size - 1]
    for back in reversed(came):
        chosen.append(int(back[chosen[-1]]))
    return chosen[::-1]


def choose_evenly(apart: NDArray[np.float64], steps: int, *, places: Sequence[float] | None = None) -> list[int]:
    """Choose steps, see `choose_steps`, of a length that makes them even, and no longer than that takes."""
    shortest = choose_steps(apart, steps)
    length = float(np.mean([apart[i, j] for i, j in pairwise(shortest)]))
    best = shortest, np.inf
    for longer in LONGER:
        chosen = choose_steps(apart, steps, length=length * longer, places=places)
        far = np.array([apart[i, j] for i, j in pairwise(chosen)])
        price = far.std() / max(far.mean(), 1e-9) + DETOUR * (longer - 1)
        best = min(best, (chosen, price), key=lambda pair: pair[1])
    return best[0]


def even_walk(
    clips: Sequence[Clip],
    steps: int,
    *,
    rng: np.random.Generator,
    voice: VoiceOf | None = None,
    until: int | None = None,
    places: Sequence[float] | None = None,
) -> list[Clip]:
    """Walk along clips in `steps` clips, the first and the last among them, all about equally far apart.

    Steps are clips of the way where these lie right; where they leap, a step is a clip partway between two of them, with some
    of the changes from one to the other, those of one stretch of time. Only as many are mixed as evenness needs. With
    `until` 0 none is; with -1 nothing of the last clip is mixed in.
    """
    apart = np.zeros((len(clips), len(clips)))
    for i, clip in enumerate(clips[:-1]):
        apart[i, i + 1 :] = distances(clip, clips[i + 1 :], voice=voice)
    walk = [clips[i] for i in choose_evenly(apart, steps, places=places)]
    limit = _tolerance(walk, voice)
    if until == 0 or _spread(walk, voice) <= limit:
        return walk
    mixed = _mix_evenly(walk, rng=rng, voice=voice, until=until)
    left = list(range(1, steps - 1))
    while left and _spread(walk, voice) > limit:
        tries = {k: [*walk[:k], mixed[k], *walk[k + 1 :]] for k in left}
        best = min(left, key=lambda k: _spread(tries[k], voice))
        walk = tries[best]
        left.remove(best)
    return walk


def _tolerance(walk: Sequence[Clip], voice: VoiceOf | None) -> float:
    """Find how uneven a walk may be; where its steps are only a few notes, hardly more than the best split of whole notes."""
    changes = sum(distance(x, y, voice=voice) * max(len(x.notes), len(y.notes)) for x, y in pairwise(walk))
    steps = len(walk) - 1
    if changes >= MANY * steps:
        return UNEVEN
    least, more = divmod(round(changes), steps)
    return float(np.std([least + (k < more) for k in range(steps)]) / max(changes / steps, 1e-9)) + 0.05


def _spread(walk: Sequence[Clip], voice: VoiceOf | None) -> float:
    """Measure how uneven a walk is: the coefficient of variation of its steps' distances."""
    apart = np.array([distance(x, y, voice=voice) for x, y in pairwise(walk)])
    return float(apart.std() / max(apart.mean(), 1e-9))


def _mix_evenly(
    clips: Sequence[Clip], *, rng: np.random.Generator, voice: VoiceOf | None = None, until: int | None = None
) -> list[Clip]:
    """Walk along clips in as many, with clips partway between them so that all are equally far apart."""
    steps = len(clips)
    ways = [Partway.between(x, y, rng.random(), voice) for x, y in pairwise(clips[:until])]
    last = len(ways)
    lengths = np.array([max(1, len(way)) for way in ways], float)
    ends = np.concatenate([[0.0], np.cumsum(lengths)])
    walk_end = ends[-1] if until is None else ends[-1] + 1

    def clip_at(place: float) -> Clip:
        if place >= walk_end - 1e-9:
            return clips[-1]
        k = min(int(np.searchsorted(ends, place, side="right")) - 1, last - 1) if last else 0
        return ways[k].apply(round((place - ends[k]) / lengths[k] * len(ways[k]))) if last else clips[0]

    def measure(walk: Sequence[Clip]) -> NDArray[np.float64]:
        return np.array([distance(x, y, voice=voice) for x, y in pairwise(walk)])

    places = np.linspace(0, walk_end, steps)
    best: tuple[float, list[Clip]] = (np.inf, [])
    for _ in range(TURNS):
        walk = [clips[0], *(clip_at(place) for place in places[1:-1]), clips[-1]]
        apart = measure(walk)
        spread = float(apart.std() / max(apart.mean(), 1e-9))
        if spread < best[0]:
            best = spread, walk
        # Steps that came out short are made longer by as much, those that are long shorter.
        mean = max(float(apart.mean()), 1e-9)  # all steps may be one clip: between two that are empty
        share = np.diff(places) * (mean / np.maximum(apart, mean / 4)) ** 0.7
        places = np.concatenate([[0.0], np.cumsum(share) / share.sum() * walk_end])
    return best[1]


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
