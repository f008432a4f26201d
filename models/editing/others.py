"""What sounds with a clip: other clips, which are heard and never changed, laid along it. Clips in, notes out; no grids."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from models.editing.gaps import Gaps
from models.music.clip import Clip, Note
from models.music.paced import paced, sorted_in_runs

Stretch = tuple[float, float]  # from a beat to another


@dataclass(frozen=True)
class Other:
    """A clip that sounds with another, on the beats of that one. Only what is pitched tells of harmony."""

    clip: Clip
    is_pitched: bool = True

    def moved(self, by: float) -> Other:
        """The same so many beats later."""
        if not by:
            return self
        notes = (replace(n, start=n.start + by) for n in paced(self.clip.notes))
        return replace(self, clip=replace(self.clip.with_notes(notes), start=self.clip.start + by))


def others_alike(clips: Sequence[Clip], others: Sequence[Sequence[Other]]) -> Sequence[Sequence[Other]]:
    """Move what sounds with each clip as the clip is moved to lie where the first does."""
    return [[o.moved(clips[0].start - clip.start) for o in its] for clip, its in zip(clips, others, strict=bool(others))]


def notes_beside(clip: Clip, others: Sequence[Other], gaps: Gaps) -> tuple[Note, ...] | None:
    """List the notes of other clips that sound with a clip from which `gaps` are taken out, on the beats it then has.

    What is shorter is repeated, what is longer is cut, and what sounds in the gaps is left out. None where nothing is known
    of any pitched part, which is not the same as that all of them are silent.
    """
    pitched = [other.clip for other in others if other.is_pitched]
    if not pitched:
        return None
    found: list[Note] = []
    for other in pitched:
        found += paced(_sounding(other, clip, gaps))
    return tuple(sorted_in_runs(found, key=lambda note: (note.start, note.pitch)))


def _sounding(other: Clip, clip: Clip, gaps: Gaps) -> Iterator[Note]:
    """Go through the notes of one other clip that sound where a clip has not been cut out."""
    is_repeated = other.end < clip.end
    notes = sorted_in_runs(other.notes, key=lambda note: (note.start,))
    if is_repeated:  # what lies outside a clip does not sound where it begins again
        notes = [n for n in (_cut(n, other.start, other.end, 0.0) for n in paced(notes)) if n]
    starts = [n.start for n in notes]
    latest = list(accumulate((n.end for n in paced(notes)), max))  # end of those that begin so early
    for low, high in gaps.stretches(clip):
        by = gaps.close_beat(low) - low
        first, last = (0, 0)
        if is_repeated:
            first, last = (
                max(0, math.floor((low - other.start) / other.beats)),
                math.ceil((high - other.start) / other.beats) - 1,
            )
        for k in range(first, last + 1):
            away = k * other.beats
            some = range(bisect_right(latest, low - away), bisect_left(starts, high - away))
            for i in some:
                note = _cut(notes[i], low - away, high - away, away + by)
                if note:
                    yield note


def _cut(note: Note, low: float, high: float, by: float) -> Note | None:
    """Give what of a note sounds in a stretch, so many beats later; None where nothing does."""
    start, end = max(note.start, low), min(note.end, high)
    if not start < end:
        return None
    if start == note.start and end == note.end and not by:
        return note
    return replace(note, start=start + by, duration=end - start, from_clip=-1, from_note=-1)
