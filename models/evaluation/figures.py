"""Figures by name, and how they are gathered part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import fmean
from typing import Any

Figure = float | int | str | None
Figures = dict[str, Figure]
Named = Iterator[tuple[str, Figure]]  # what a part of an evaluation yields
Progress = Callable[[float, str], None]  # the share that is done, 0..1, and the name of the part that was finished last


def gather(parts: Sequence[tuple[Callable[[Any], Named], object]], progress: Progress) -> Figures:
    """Measure part after part, each a function and what it is called with."""
    figures: Figures = {}
    for done, (part, subject) in enumerate(parts):
        figures |= dict(part(subject))
        progress((done + 1) / len(parts), part.__name__)
    return figures


def unjudged(*keys: str) -> Named:
    """Answer that AUCs do not apply."""
    for key in keys:
        yield from ((k, None) for k in (key, f"{key}_low", f"{key}_high"))


def excess(value: Figure, floor: Figure) -> float | None:
    """Subtract a floor from a figure; None where either is missing."""
    return value - floor if isinstance(value, float) and isinstance(floor, float) else None


def mean_or_none(values: Iterable[float]) -> float | None:
    """Average values; None where there are none."""
    found = list(values)
    return fmean(found) if found else None
