"""Long silences, closed before clips are laid out and opened again in what is made of them: they cost nothing and stay.

Only whole windows are taken out, so that all else lies in bars and windows as before. No grids, no requests.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate

from models.families.constraints import Constraints
from models.families.grid import GridSpec
from models.families.layout import window_period
from models.music.clip import Clip, Note
from models.music.paced import paced, sorted_in_runs

LONGEST = 8  # windows in a row that may be silent; of more one stays
# Of that one, the first half lies before what is taken out, where notes may ring on, and the other behind it, for pickups.
BEFORE = 0.5


@dataclass(frozen=True)
class Gap:
    """A stretch that was taken out: from a beat of the clip on, so long. `rings`: a note sounds all through it."""

    at: float
    length: float
    rings: bool = False


@dataclass(frozen=True)
class Gaps:
    """What was taken out of clips that are laid out alike: the same of each. Without any gap nothing is changed at all."""

    gaps: tuple[Gap, ...] = ()
    # What each closed note was. The notes are kept alive here, so their ids are theirs alone.
    _was: dict[int, tuple[Note, Note]] = field(default_factory=dict)

    @cached_property
    def _before(self) -> list[float]:
        """How much is taken out before the end of each gap, the gap included."""
        total, found = 0.0, []
        for gap in self.gaps:
            total += gap.length
            found.append(total)
        return found

    @cached_property
    def _at(self) -> list[float]:
        """The beat of each gap."""
        return [gap.at for gap in self.gaps]

    @cached_property
    def _at_closed(self) -> list[float]:
        """The beat of each gap, after those before it are taken out."""
        return [gap.at - before + gap.length for gap, before in zip(self.gaps, self._before, strict=True)]

    def close_beat(self, beat: float) -> float:
        """Find where a beat lies without the gaps; all beats of a gap lie at its place."""
        k = bisect_right(self._at, beat) - 1
        if k < 0:
            return beat
        gap, before = self.gaps[k], self._before[k]
        return self._at_closed[k] if beat < gap.at + gap.length else beat - before

    def stretches(self, clip: Clip) -> list[tuple[float, float]]:
        """List the stretches of a clip that are not taken out, in its own beats."""
        begins = [clip.start, *(gap.at + gap.length for gap in self.gaps)]
        return list(zip(begins, [*self._at, clip.end], strict=True))

    def open_beat(self, beat: float) -> float:
        """Find where a beat lies with the gaps put back: one at the place of a gap lies behind it."""
        k = bisect_right(self._at_closed, beat)
        return beat + self._before[k - 1] if k else beat

    def close(self, clip: Clip) -> Clip:
        """Take the gaps out of a clip."""
        if not self.gaps:
            return clip
        return replace(
            clip,
            notes=tuple(self._closed(n) for n in paced(clip.notes)),
            beats=clip.beats - self._before[-1],
            track_end=None if clip.track_end is None else self.close_beat(clip.track_end),
        )

    def close_constraints(self, constraints: Constraints, start: float) -> Constraints:
        """Move locked stretches, which count from a clip's start, to where their music is."""
        if not self.gaps or not constraints.beats:
            return constraints
        closed = [
            (self.close_beat(start + low) - start, self.close_beat(start + high) - start) for low, high in constraints.beats
        ]
        return replace(constraints, beats=tuple((low, high) for low, high in closed if low < high))

    def open(self, clip: Clip) -> Clip:
        """Put the gaps back into what was made of closed clips: notes that did not change are the notes they were."""
        if not self.gaps:
            return clip
        return replace(
            clip,
            notes=tuple(self._opened(n) for n in paced(clip.notes)),
            beats=clip.beats + self._before[-1],
            track_end=None if clip.track_end is None else clip.track_end + self._before[-1],
        )

    def _closed(self, note: Note) -> Note:
        start, end = self.close_beat(note.start), self.close_beat(note.end)
        is_whole = bisect_right(self._at, note.start) == bisect_right(self._at, note.end)
        duration = note.duration if is_whole else end - start
        if start == note.start and duration == note.duration:
            return note
        closed = replace(note, start=start, duration=duration)
        self._was[id(closed)] = note, closed
        return closed

    def _opened(self, note: Note) -> Note:
        if id(note) in self._was:
            return self._was[id(note)][0]
        k = bisect_right(self._at_closed, note.start)
        last = bisect_left(self._at_closed, note.end, k)  # gaps k to last - 1 lie within the note
        longer = 0.0
        for gap, at in zip(self.gaps[k:last], self._at_closed[k:last], strict=True):
            if not gap.rings:
                return self._moved(note, k, longer + at - note.end)
            longer += gap.length
        return self._moved(note, k, longer)

    def _moved(self, note: Note, after: int, longer: float) -> Note:
        by = self._before[after - 1] if after else 0.0
        if not by and not longer:
            return note
        return replace(note, start=note.start + by, duration=note.duration + longer, from_clip=-1, from_note=-1)


def find_gaps(clips: Sequence[Clip], spec: GridSpec) -> Gaps:
    """Find the stretches in which no note of any clip begins; all clips have the length, place and meter of the first."""
    first = clips[0]
    period, windows = window_period(first.meter, spec)
    whole = math.floor(first.beats / period + 1e-9)  # what is left at the end stays
    longest = math.ceil(LONGEST / windows)
    if whole <= longest:
        return Gaps()
    early = spec.step_beats  # a note that is struck early is the next window's
    struck: set[int] = set()
    for clip in clips:
        for n in paced(clip.notes):
            place = (n.start - first.start) / period
            struck.add(math.floor(place))
            struck.add(math.floor(place + early / period))
    found: list[Gap] = []
    after = 0
    for k in paced([*sorted(k for k in struck if 0 <= k < whole), whole]):
        if k - after > longest:
            found.append(Gap(first.start + (after + BEFORE) * period, (k - after - 1) * period))
        after = k + 1
    if not found:
        return Gaps()
    ordered = sorted_in_runs([(n.start, n.end) for clip in clips for n in paced(clip.notes)])
    starts = [start for start, _ in ordered]
    latest = list(accumulate((end for _, end in paced(ordered)), max))  # end of those that begin so early

    def rings(gap: Gap) -> bool:
        k = bisect_left(starts, gap.at)
        return k > 0 and latest[k - 1] >= gap.at + gap.length

    return Gaps(tuple(replace(gap, rings=rings(gap)) for gap in paced(found)))
