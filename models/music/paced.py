"""Long loops and long sorts in short pieces, with a pause between. Nothing is known here of what they are about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from models.pause import pause

EVERY = 256  # steps of a loop between two pauses, each of a few microseconds
RUN = 2048  # items that are sorted at once; to sort as many takes a few milliseconds

T = TypeVar("T")


def paced(items: Iterable[T], every: int = EVERY) -> Iterator[T]:
    """Go through items, pausing now and then; items may grow as it goes, as a queue does."""
    left = every
    for item in items:
        yield item
        left -= 1
        if not left:
            pause()
            left = every


def sorted_in_runs(items: Iterable[T], key: Callable[[T], tuple[float, ...]] | None = None) -> list[T]:
    """Sort as `sorted` does, pausing now and then."""
    all_items = list(items)
    if len(all_items) <= RUN:
        return sorted(all_items, key=key)  # type: ignore[type-var, arg-type]
    runs: list[list[tuple[Any, int]]] = []
    for first in range(0, len(all_items), RUN):
        some = range(first, min(first + RUN, len(all_items)))
        runs.append(sorted([(key(all_items[k]) if key else all_items[k], k) for k in some]))
        pause()
    while len(runs) > 1:
        merged = []
        for k in range(0, len(runs), 2):
            both = runs[k] + runs[k + 1] if k + 1 < len(runs) else runs[k]
            both.sort()  # of two runs in order, which takes a comparison an item
            merged.append(both)
            pause()
        runs = merged
    return [all_items[k] for _, k in paced(runs[0], RUN)]
