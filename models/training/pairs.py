"""Pairs of windows that musicians made of one another: two of one performance, so far apart as the design counts it.

Windows in, index pairs out; no networks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.families.family import Family
from models.families.grid import Grid
from models.music.clip import Clip
from models.music.distance import Reference
from models.pause import pause
from models.training.calibration import as_clip, on_grid
from models.training.config import TrainConfig
from models.training.dataset import Windows

NEAREST, FARTHEST = 0.1, 0.6  # distances of a variation
BEATS_NEAR = 64  # beats: of drums, windows farther apart than 16 bars are other music


@dataclass(frozen=True)
class Pairs:
    """Windows `source` [N] and `target` [N], by index, and their distances [N]."""

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    distance: NDArray[np.float32]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.source)


NO_PAIRS = Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))


def find_pairs(windows: Windows, family: Family, *, allowed: NDArray[np.bool_], most: int = 60, seed: int = 0) -> Pairs:
    """Find pairs among the windows that are `allowed` [B]: of one line of a piece, not overlapping, at most `most` a piece.

    Each pair is there both ways. Windows that are a sixteenth shifted against each other are no pair: that is how music was
    cut, not varied.
    """
    if windows.more is None:
        raise ValueError("pairs need windows whose places are known: pack them with everything")
    rng = np.random.default_rng(seed)
    line, beat = windows.more.place.T
    lane_of = family.lane_of
    marks = _marks(windows.grid, family)
    found: list[tuple[int, int, float]] = []
    for piece in np.unique(windows.piece[allowed]):
        inside = np.flatnonzero(allowed & (windows.piece == piece))
        a, b = (inside[k] for k in np.triu_indices(len(inside), 1))
        apart = np.abs(beat[a] - beat[b])
        fits = (line[a] == line[b]) & (apart >= family.spec.window_beats)
        if not family.is_pitched:
            fits &= apart <= BEATS_NEAR
        a, b = a[fits], b[fits]
        order = rng.permutation(len(a))
        kept = 0
        clips: dict[int, Clip] = {}
        references: dict[int, Reference] = {}
        for i, j in zip(a[order].tolist(), b[order].tolist(), strict=True):
            if kept == most:
                break
            if not _is_near(marks[i], marks[j]) or _is_shifted(marks[i], marks[j]):
                continue
            for k in (i, j):
                if k not in clips:
                    clips[k] = as_clip(family, on_grid(windows.grid[k : k + 1]))
            if i not in references:
                references[i] = Reference(clips[i], voice=lane_of)
            distance = references[i].distance(clips[j])
            if NEAREST <= distance <= FARTHEST:
                found.append((i, j, distance))
                kept += 1
        pause()
    both = [*found, *((j, i, distance) for i, j, distance in found)]
    return Pairs(
        np.array([i for i, _, _ in both], np.int64),
        np.array([j for _, j, _ in both], np.int64),
        np.array([d for _, _, d in both], np.float32),
    )


def pairs_to_learn(windows: Windows, family: Family, config: TrainConfig) -> Pairs:
    """Find the pairs that a config asks for."""
    own = windows.are_own(config.codec_sets)
    return find_pairs(windows, family, allowed=own, most=config.pairs_a_piece, seed=config.seed)


def pair_levels(pairs: Pairs, config: TrainConfig) -> NDArray[np.float64]:
    """Find the noise level that belongs to the distance of each pair."""
    levels, distances = zip(*config.pair_levels, strict=True)
    return np.asarray(np.interp(pairs.distance, distances, levels))


Marks = frozenset[tuple[int, int]]  # the onsets of a window: step and lane, or pitch


def _marks(grid: Grid, family: Family) -> list[Marks]:
    steps: list[set[tuple[int, int]]] = [set() for _ in range(len(grid))]
    for b, t, lane in zip(*(values.tolist() for values in family.onset_lanes(grid)), strict=True):
        steps[b].add((t, lane))
    return [frozenset(its) for its in steps]


def _is_near(a: Marks, b: Marks) -> bool:
    """Tell whether two windows can lie within the farthest distance: what is not kept counts one at least."""
    most = max(len(a), len(b))
    return most - len(a & b) <= FARTHEST * most


def _is_shifted(a: Marks, b: Marks) -> bool:
    """Tell whether one is the other a step later, but for what falls out of it."""
    for first, second in ((a, b), (b, a)):
        later = {(t + 1, lane) for t, lane in first}
        if len(later & second) >= 0.9 * max(len(first), len(second)):
            return True
    return False
