"""How even the steps between clips are, and which clips to step on so that they are. Numbers only; no clips, no models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from models.pause import pause

MOST_UNEVENNESS = 0.25  # of steps (see `unevenness`) that are of FULL_STEP changes or more
FULL_STEP = 4  # changes
WHOLE_NOTE_SLACK = 0.05  # how much more uneven than the best split into whole notes steps of fewer changes may be
LENGTH_FACTORS = (1.0, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0)  # lengths of steps to try, relative to those of the shortest choice
DETOUR_PRICE = 0.25  # unevenness that is worth steps shorter by as much as their own length
# Prices to try, in squares of a step's length: of a step that strays from its place by its length, of a clip that is mixed.
PRICES = ((1.5, 1.5), (0.15, 0.4), (0.0, 0.1), (0.0, 0.0))


def unevenness(steps: Sequence[float]) -> float:
    """Compute the coefficient of variation of step distances: 0 where all steps are equal."""
    mean = fmean(steps)
    return math.sqrt(fmean([(step - mean) ** 2 for step in steps])) / mean if mean else 0.0


def best_split(changes: int, steps: int) -> float:
    """Compute the unevenness of the most even split of some changes into steps of whole notes."""
    return unevenness([changes // steps + (k < changes % steps) for k in range(steps)])


@dataclass(frozen=True)
class Evenness:
    """How even some steps must be between ends that are so many changes apart."""

    changes: int
    steps: int

    @cached_property
    def most(self) -> float:
        """How uneven the steps may be: where they are only a few notes, hardly more than the best split of whole notes."""
        return (
            MOST_UNEVENNESS
            if self.changes >= FULL_STEP * self.steps
            else best_split(self.changes, self.steps) + WHOLE_NOTE_SLACK
        )

    def holds(self, far: Sequence[float]) -> bool:
        """Whether steps are as even, and none stands still where there are changes enough for all."""
        return unevenness(far) <= self.most and (min(far) > 0 or self.changes < self.steps)


def choose_steps(apart: NDArray[np.float64], steps: int) -> list[int]:
    """Choose `steps` of N clips in their order, the first and the last among them: the shortest of the even choices."""
    return choose_by_length(apart, steps, np.zeros(1))[0]


def choose_by_length(
    apart: NDArray[np.float64], steps: int, lengths: NDArray[np.float64], prices: NDArray[np.float64] | None = None
) -> list[list[int]]:
    """Choose `steps` of N clips in their order, the first and the last among them: for each of L lengths, steps about so long.

    `apart` [N, N] are their distances. The sum of the squares by which steps miss the length is the least there is; with
    length 0 they are the shortest of the even ones. `prices` [L, steps, N] are what a clip at a step costs besides. By
    dynamic programming, L * N * reach * steps, of pairs that are not infinitely far apart.
    """
    size = len(apart)
    if steps > size:
        raise ValueError(f"{steps} steps cannot be chosen from {size} clips")
    # Clips that are too far apart to follow one another are left out: the others are a band beside the diagonal.
    i, j = np.nonzero(np.isfinite(np.triu(apart, 1)) & np.triu(np.ones((size, size), bool), 1))
    reach = int((j - i).max()) if len(i) else 1
    before = np.arange(size) - np.arange(reach, 0, -1)[:, None]  # [reach, N], the earliest first
    there = np.where(before < 0, np.inf, apart[np.maximum(before, 0), np.arange(size)])
    band = (there - lengths[:, None, None]) ** 2
    before = np.maximum(before, 0)
    best = np.where(np.arange(size) > 0, (apart[0] - lengths[:, None]) ** 2, np.inf)  # [L, N]
    came = [np.zeros(best.shape, int)]
    for step in range(1, steps - 1):
        if prices is not None:
            best = best + prices[:, step]
        ways = best[:, before] + band
        came.append(before[ways.argmin(1), np.arange(size)])
        best = ways.min(1)
        pause()
    chosen = [np.full(len(lengths), size - 1)]
    for back in reversed(came):
        chosen.append(back[np.arange(len(lengths)), chosen[-1]])
    found: list[list[int]] = np.stack(chosen[::-1], 1).tolist()
    return found


def choose_evenly(
    apart: NDArray[np.float64], even: Evenness, *, places: NDArray[np.float64], mixed: NDArray[np.bool_]
) -> list[int]:
    """Choose steps, see `choose_by_length`, of a length that makes them even, no longer and with no more mixed than that takes.

    `places` [N], 0..1, are where on the way clips lie: a step should not stray from its own, as far as it is even so.
    """
    steps = even.steps + 1
    shortest = choose_steps(apart, steps)
    length = float(np.mean([apart[i, j] for i, j in pairwise(shortest)]))
    astray = (places - np.linspace(0, 1, steps)[:, None]) ** 2 * even.steps**2
    best: tuple[tuple[float, ...], list[int]] = (np.inf,), shortest
    for stray, mix in PRICES:
        price = stray * astray + mix * even.steps * even.most**2 * mixed
        lengths = [length * longer for longer in LENGTH_FACTORS]
        prices = price * np.array([each**2 for each in lengths])[:, None, None]
        for longer, chosen in zip(LENGTH_FACTORS, choose_by_length(apart, steps, np.array(lengths), prices), strict=True):
            far = [float(apart[i, j]) for i, j in pairwise(chosen)]
            is_even = even.holds(far)
            pause()
            key = (not is_even, int(mixed[chosen].sum()) if is_even else 0, unevenness(far) + DETOUR_PRICE * (longer - 1))
            best = min(best, (key, chosen))
        if not best[0][0]:
            break
    return best[1]
