"""Even walks from one clip to another: which of many clips to step on, and clips partway between two. No models, no latents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.baselines import is_single_line, settle
from models.clip import Clip
from models.distance import VoiceOf, compare, distance

TURNS = 4  # how often to correct where the steps lie


def choose_steps(apart: NDArray[np.float64], steps: int) -> list[int]:
    """Choose `steps` of N clips in their order, the first and the last among them, so that all are about equally far apart.

    `apart` [N, N] are their distances. The sum of the squares of what lies between is the least there is: a walk that is
    both short and even. By dynamic programming, N * N * steps.
    """
    size = len(apart)
    if steps > size:
        raise ValueError(f"{steps} steps cannot be chosen from {size} clips")
    cost = np.where(np.triu(np.ones((size, size), bool), 1), apart**2, np.inf)
    best = cost[0].copy()
    came = [np.zeros(size, int)]
    for _ in range(steps - 2):
        ways = best[:, None] + cost
        came.append(ways.argmin(0))
        best = ways.min(0)
    chosen = [size - 1]
    for back in reversed(came):
        chosen.append(int(back[chosen[-1]]))
    return chosen[::-1]


def even_walk(
    clips: Sequence[Clip], steps: int, *, rng: np.random.Generator, voice: VoiceOf | None = None, until: int | None = None
) -> list[Clip]:
    """Walk along clips in `steps` clips, the first and the last among them, all equally far apart as far as whole notes allow.

    Where a clip of the walk is further from the next than a step is, the step is a clip partway between them: some of the
    changes from one to the other, those of one stretch of time. From clip `until` on nothing is mixed.
    """
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
        share = np.diff(places) * (max(apart.mean(), 1e-9) / np.maximum(apart, apart.mean() / 4)) ** 0.7
        places = np.concatenate([[0.0], np.cumsum(share) / share.sum() * walk_end])
    return best[1]


@dataclass(frozen=True)
class Partway:
    """The changes from clip x to clip y, in an order in which any first part of them lies side by side in time."""

    x: Clip
    y: Clip
    pairs: tuple[tuple[int | None, int | None], ...]  # (note of x, note of y) that takes its place; None where there is none
    changes: tuple[int, ...]  # the pairs among these that are changes, not notes that both have
    single: bool

    def __len__(self) -> int:
        """How many changes there are."""
        return len(self.changes)

    @staticmethod
    def between(x: Clip, y: Clip, turn: float, voice: VoiceOf | None) -> Partway:
        """Find the changes between two clips, beginning at a share `turn` of their length."""
        found = compare(x, y, voice=voice)
        moves: list[tuple[int | None, int | None]] = [*found.kept, *found.moved]
        moves += [(i, None) for i in found.dropped]
        moves += [(None, j) for j in found.added]
        moves.sort(key=lambda pair: _when(x, y, pair, turn))
        kept = set(found.kept)
        changes = tuple(k for k, pair in enumerate(moves) if pair not in kept)
        return Partway(x, y, tuple(moves), changes, voice is None and is_single_line(x) and is_single_line(y))

    def apply(self, count: int) -> Clip:
        """Make so many of the changes; none is x, all is y."""
        if count <= 0:
            return self.x
        if count >= len(self.changes):
            return self.y
        end = self.changes[count]
        new = [self.y.notes[j] for _, j in self.pairs[:end] if j is not None]
        old = [self.x.notes[i] for i, _ in self.pairs[end:] if i is not None]
        return self.x.with_notes(settle(old, new, self.single)).in_order()


def _when(x: Clip, y: Clip, pair: tuple[int | None, int | None], turn: float) -> tuple[float, int]:
    """Order a change by its time, from a share of the clip on and round its end."""
    i, j = pair
    note = x.notes[i] if i is not None else y.notes[j or 0]
    return (note.start - x.start - turn * x.beats) % x.beats, note.pitch
