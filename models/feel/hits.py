"""What a model of feel reads: the hits of a part in order, each with its place on a grid, and what lies around and before it.

Arrays only; no clips, no networks. N hits, F features.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

TICKS = 24  # places of a beat: sixteenths are 6 apart, thirty-seconds 3, triplets 8 and 4
STEP = 6  # ticks of a sixteenth
# Nine voices of a kit in the order of models.music.drum_map, and three ways of playing one of them that sound unlike it.
CLASSES = 12
PEDAL_HAT, SIDE_STICK, RIDE_BELL = 9, 10, 11
REST = 4  # bars of a rest, at most
REACH = 16  # sixteenths to either side that a hit is seen with
BEATS = 8  # beats of a bar that are told apart; those after are like the last
BIN = 1 / 240  # beats of a bin of offsets: 2 ms at 120 beats per minute
HALF_BINS = 30  # to either side: half a sixteenth
BINS = 2 * HALF_BINS + 1
LOUD = 127  # velocities, 1 to 127

STATIC = CLASSES + TICKS + 2 * BEATS + 4 + (2 * REACH + 1) * CLASSES + CLASSES * 4
EARLIER = 8 + CLASSES  # hits that are looked back at
GROUPS = 3  # of earlier hits, whose mean is looked at: of this class, of it at this place of a beat, of all at this place
DYNAMIC = EARLIER * 3 + GROUPS * 3 + 2

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True)
class Hits:
    """Hits in order of their places and then of their classes, [N] each; `place` counts ticks from a bar line."""

    place: Ints
    kind: Ints  # the class
    offset: Floats  # beats late
    velocity: Ints  # 1 to 127
    bar: int  # ticks of a bar
    tempo: float

    def __len__(self) -> int:
        """How many hits there are."""
        return len(self.place)

    def take(self, rows: Ints | NDArray[np.bool_] | slice) -> Hits:
        """Some of the hits."""
        return replace(
            self, place=self.place[rows], kind=self.kind[rows], offset=self.offset[rows], velocity=self.velocity[rows]
        )


def is_exact(starts: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which onsets, given in beats, lie just on a place: a multiple of a thirty-second, or of a sixth of a beat."""
    ticks = np.rint(starts * TICKS).astype(np.int64)
    found: NDArray[np.bool_] = (np.abs(starts * TICKS - ticks) < 0.25) & ((ticks % 3 == 0) | (ticks % 4 == 0))
    return found


def find_places(starts: NDArray[np.float64], pitches: Ints, *, triplets: bool) -> Ints:
    """Find the place of each onset, given in beats: the nearest sixteenth; in beats of triplets, where asked, one of those.

    Strokes of one pitch do not share a sixteenth: all but the nearest are thirty-seconds beside it.
    """
    x = starts * TICKS
    place = np.rint(x / STEP) * STEP
    if triplets:
        beat = np.floor(x / TICKS + 0.125).astype(np.int64)
        third = np.rint(x / 8) * 8
        beats, at = np.unique(beat, return_inverse=True)
        errors = [np.bincount(at, np.abs(x - found), len(beats)) for found in (place, third)]
        uneven = np.bincount(at, third % TICKS != 0, len(beats)) > 0
        place = np.where((uneven & (errors[1] < 0.5 * errors[0]))[at], third, place)
    found = place.astype(np.int64)
    taken: dict[tuple[int, int], bool] = {}
    for i in np.lexsort((np.abs(x - place), pitches)).tolist():
        spot = (int(pitches[i]), int(found[i]))
        if spot in taken:
            found[i] += STEP // 2 if x[i] >= found[i] else -(STEP // 2)
            spot = (spot[0], int(found[i]))
        taken[spot] = True
    return found


def close_up(place: Ints, bar: int) -> Ints:
    """Shorten long rests between places in order, by whole bars: nothing is looked at so far back."""
    rest = np.diff(place, prepend=place[:1])
    found: Ints = place - np.cumsum(np.maximum(0, rest - REST * bar) // bar * bar)
    return found


def in_order(starts: NDArray[np.float64], place: Ints, kind: Ints) -> Ints:
    """Order onsets as models read them."""
    return np.lexsort((starts, kind, place))


def describe(hits: Hits) -> Floats:
    """Say of each hit what it is, where it lies, and what is struck around it, [N, STATIC]; not how it sounds."""
    n = len(hits)
    rows = np.arange(n)
    step = hits.place // STEP
    first = int(step.min(initial=0)) - REACH
    grid = np.zeros((int(step.max(initial=0)) - first + REACH + 1, CLASSES), np.float32)
    grid[step - first, hits.kind] = 1
    around = grid[(step - first)[:, None] + np.arange(-REACH, REACH + 1)].reshape(n, -1)
    here = np.zeros((n, CLASSES + TICKS + 2 * BEATS + 4), np.float32)
    beat = hits.place % hits.bar // TICKS
    left = -(-hits.bar // TICKS) - 1 - beat
    here[rows, hits.kind] = 1
    here[rows, CLASSES + hits.place % hits.bar % TICKS] = 1
    here[rows, CLASSES + TICKS + np.minimum(beat, BEATS - 1)] = 1
    here[rows, CLASSES + TICKS + BEATS + np.minimum(left, BEATS - 1)] = 1
    pace = np.log2(hits.tempo / 110)
    same = np.zeros(n, bool)
    same[1:] = (hits.place[1:] == hits.place[:-1]) & (hits.kind[1:] == hits.kind[:-1])
    here[:, -4:] = np.stack([np.full(n, pace), np.full(n, pace * pace), same, np.full(n, hits.bar / (4 * TICKS))], 1)
    span = max(1.0, (int(step.max(initial=0)) - int(step.min(initial=0)) + 1) / 4)
    used = np.zeros((CLASSES, 4), np.float32)
    np.add.at(used, (hits.kind, step % 4), 1 / span)
    return np.concatenate([here, around, np.broadcast_to(np.minimum(used, 1).reshape(1, -1), (n, used.size))], 1)


def look_back(hits: Hits) -> Ints:
    """Find the earlier hits that each is compared with, [N, EARLIER], -1 where there is none.

    They are the one before; the last of its class, of its class at that place of a beat, and of all at that place; those of
    its class a beat, two beats, a bar and two bars before; and those of each class that are struck with it.
    """
    found = np.full((len(hits), EARLIER), -1, np.int64)
    last: dict[tuple[int, ...], int] = {}
    lags = (TICKS, 2 * TICKS, hits.bar, 2 * hits.bar)
    for i, (place, kind) in enumerate(zip(hits.place.tolist(), hits.kind.tolist(), strict=True)):
        at = place % TICKS
        found[i, 0] = i - 1
        found[i, 1] = last.get((0, kind), -1)
        found[i, 2] = last.get((1, kind, at), -1)
        found[i, 3] = last.get((2, at), -1)
        for k, lag in enumerate(lags):
            found[i, 4 + k] = last.get((3, kind, place - lag), -1)
        for other in range(CLASSES):
            found[i, 8 + other] = last.get((3, other, place), -1)
        last[0, kind] = last[1, kind, at] = last[2, at] = last[3, kind, place] = i
    return found


def group(hits: Hits) -> Ints:
    """Number the groups of each hit, [N, GROUPS]: hits of one number are of one group."""
    at = hits.place % TICKS
    return np.stack([hits.kind, CLASSES + hits.kind * TICKS + at, CLASSES * (1 + TICKS) + at], 1)


GROUP_COUNT = CLASSES * (1 + TICKS) + TICKS


def bins_of(offset: Floats) -> Ints:
    """Find the bins of offsets."""
    found: Ints = np.clip(np.floor(offset / BIN + 0.5), -HALF_BINS, HALF_BINS).astype(np.int64) + HALF_BINS
    return found


def gaps(hits: Hits, earlier: Ints) -> Floats:
    """Say how long ago the hit before was, and the last of the class, in logarithms of beats, [N, 2]."""
    found = np.zeros((len(hits), 2), np.float32)
    for k in (0, 1):
        some = earlier[:, k] >= 0
        found[some, k] = np.log1p((hits.place[some] - hits.place[earlier[some, k]]) / TICKS)
        found[~some, k] = 3
    return found
