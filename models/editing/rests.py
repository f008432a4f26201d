"""Bars of rest: where nothing sounds in clips, so that nothing new is put there. Clips in, stretches of beats out; no grids.

What sounds is judged on grid steps: a stroke just before a bar line is the next bar's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from models.families.grid import GridSpec
from models.music.clip import Clip
from models.music.paced import paced

Stretch = tuple[float, float]


def find_rests(clips: Sequence[Clip], spec: GridSpec, *, holds: bool) -> tuple[Stretch, ...]:
    """Find the bars in which no note of any clip sounds, those in a row as one stretch, in beats from the clips' start.

    All clips have the length, place and meter of the first; bars are counted from beat 0. Without `holds` a note, as a stroke
    of a drum, sounds only in the step in which it is struck.
    """
    first, per_beat = clips[0], spec.steps_per_beat
    bar, until = first.bar, first.end
    lowest = math.floor(first.start / bar + 1e-9)
    highest = math.ceil(until / bar - 1e-9)  # the first bar after the clips
    loud: set[int] = set()
    for clip in clips:
        for note in paced(clip.notes):
            if note.start >= until:
                continue
            # Steps count from the clip's start, as the grid lays them out; what begins in the last half step is in the last.
            start = math.floor((note.start - first.start) * per_beat + 0.5)
            end = max(math.ceil((note.end - first.start) * per_beat - 0.5), start + 1) if holds else start + 1
            start = min(start, math.ceil(first.beats * per_beat - 1e-6) - 1)
            a, b = (math.floor((first.start + step / per_beat) / bar + 1e-6) for step in (start, end - 1))
            if a < highest and b >= lowest:
                loud.update(range(max(a, lowest), min(b, highest - 1) + 1))
    found: list[Stretch] = []
    after = lowest  # the first bar of what may be a stretch
    for k in paced([*sorted(loud), highest]):
        if k > after:
            found.append((max(after * bar, first.start) - first.start, min(k * bar, until) - first.start))
        after = k + 1
    return tuple((low, high) for low, high in found if low < high)
