"""The scale of a tune, and what lies outside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from models.evaluation.figures import mean_or_none
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


def outside_share(sources: Sequence[Clip], made: Sequence[Clip]) -> float | None:
    """Find the share of new notes that lie outside the scale of their tune; None where nothing is new."""
    outside: list[float] = []
    for source, clip in zip(sources, made, strict=True):
        scale, had = best_scale(source.notes), {(n.pitch, n.start) for n in source.notes}
        outside += [float(n.pitch % 12 not in scale) for n in clip.notes if (n.pitch, n.start) not in had]
    return mean_or_none(outside)


def own_outside_share(sources: Sequence[Clip]) -> float | None:
    """Find the share of tunes' own notes that lie outside their scales."""
    scales = [best_scale(source.notes) for source in sources]
    pairs = zip(sources, scales, strict=True)
    return mean_or_none(float(n.pitch % 12 not in scale) for source, scale in pairs for n in source.notes)
