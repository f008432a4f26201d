"""Which steps of a window a variation may change: as players do, one stretch, and most of what is in it. Arrays only."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

# Pairs of windows of one tune differ most often in one stretch of notes. Of 600 such pairs (validation split, .1 to .6 apart)
# the share of those that differ neither in the first note nor in the last; it falls with distance, and that of both rises.
INSIDE, INSIDE_FALLS, INSIDE_LEAST = 0.5, 0.8, 0.1
BOTH_ENDS_RISES = 0.4
AT_THE_END = 0.55  # of those that differ at one end: at the last note, not the first


def draw_stretch(
    onsets: NDArray[np.integer], share: float, amount: float, rng: np.random.Generator, *, is_one_of_many: bool = False
) -> NDArray[np.bool_]:
    """Draw the steps [T] to be changed, in which about a `share` of the `onsets` [T], counted by step, lie.

    It begins at an onset and ends before one; at the beginning of a window, at its end, at both, or in between, as often as
    players do at an `amount`. Where a window `is_one_of_many` its ends are no ends: it begins anywhere, and may go over them.
    """
    struck = np.flatnonzero(onsets)
    weights = onsets[struck].astype(np.float64)
    least, count = share * weights.sum(), len(struck)
    if not count or least >= weights.sum():
        return np.ones(len(onsets), bool)
    inside = max(INSIDE_LEAST, INSIDE - INSIDE_FALLS * amount)
    both = BOTH_ENDS_RISES * amount
    where = rng.random()
    if is_one_of_many:
        taken = _enough((np.arange(count) + rng.integers(count)) % count, weights, least)
    elif where < inside and count > 2:
        first = int(rng.integers(1, count - 1))
        taken = _enough([*range(first, count - 1), *range(first - 1, 0, -1)], weights, least)
    elif where < inside + both:
        head = _enough(range(count), weights, least * rng.random())
        rest = (k for k in range(count - 1, len(head) - 1, -1))
        taken = [*head, *_enough(rest, weights, least - weights[head].sum())]
    elif rng.random() < AT_THE_END:
        taken = _enough(range(count - 1, -1, -1), weights, least)
    else:
        taken = _enough(range(count), weights, least)
    free = np.zeros(len(onsets), bool)
    bounds = [0, *struck[1:].tolist(), len(onsets)]
    for k in taken:
        free[bounds[k] : bounds[k + 1]] = True
    if count - 1 in taken:
        free[: struck[0]] = True  # into which the last note of the window before rings
    return free


def _enough(order: Iterable[int] | NDArray[np.int64], weights: NDArray[np.float64], least: float) -> list[int]:
    """Take one after the other until they weigh about enough: one at least, where anything is wanted."""
    taken: list[int] = []
    total = 0.0
    for k in order:
        if total + weights[k] / 2 > least and (taken or least <= 0):
            break
        taken.append(int(k))
        total += weights[k]
    return taken
