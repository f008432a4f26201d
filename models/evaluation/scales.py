"""The scale of a tune, and what lies outside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from models.evaluation.shares import Counts
from models.families.statistics import MAJOR
from models.music.clip import Clip, Note

Classes = frozenset[int]  # the pitch classes of a scale
SCALES: tuple[Classes, ...] = tuple(frozenset((root + step) % 12 for step in MAJOR) for root in range(12))


def best_scale(notes: Iterable[Note]) -> Classes:
    """Find the major scale that holds most of the time of notes, as pitch classes; that of C where there are none."""
    weight = [0.0] * 12
    for note in notes:
        weight[note.pitch % 12] += note.duration
    return max(SCALES, key=lambda scale: sum(weight[k] for k in scale))


def count_outside(sources: Sequence[Clip], made: Sequence[Clip]) -> Counts:
    """Count the new notes of each tune that lie outside its scale."""
    flags: list[list[bool]] = []
    for source, clip in zip(sources, made, strict=True):
        scale = best_scale(source.notes)
        flags.append([n.pitch % 12 not in scale for n in new_notes(source, clip)])
    return Counts.of_flags(flags, range(len(flags)))


def count_own_outside(sources: Sequence[Clip]) -> Counts:
    """Count the notes of tunes that lie outside their scales."""
    scales = [best_scale(source.notes) for source in sources]
    flags = [[n.pitch % 12 not in scale for n in source.notes] for source, scale in zip(sources, scales, strict=True)]
    return Counts.of_flags(flags, range(len(flags)))


def new_notes(source: Clip, made: Clip) -> list[Note]:
    """List the notes of a clip that its source has not."""
    had = {(n.pitch, n.start) for n in source.notes}
    return [n for n in made.notes if (n.pitch, n.start) not in had]
