"""Which changes are kept so that a variation has about as many notes as its clip. Edits and numbers; no models, no clips."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.families.family import NoteEdit
from models.music.paced import paced

# By what share of its notes a variation may differ from a clip, where changes to choose from allow; at most twice that counts
# as a balance kept. Musicians keep the number on the whole and not in every two bars (there they differ by a sixth at .3), so
# that clips of four bars may differ more, and those of two most.
SLACK, SHORT_SLACK, SHORTEST_SLACK = 0.03, 0.05, 0.1
LEAST_SLACK, LEAST_SHORTEST_SLACK = 1.0, 2.0  # notes


def slack_of(notes: int, windows: int) -> float:
    """Compute by how many notes a variation of a clip of so many, in so many windows, may differ from it."""
    if windows == 1:
        return max(LEAST_SHORTEST_SLACK, SHORTEST_SLACK * notes)
    return max(LEAST_SLACK, max(SLACK, SHORT_SLACK * min(1, 2 / windows)) * notes)


@dataclass(frozen=True)
class Balance:
    """How many notes the changes to a clip bring, or take, and how far from even their sum may be; infinite where any may."""

    gains: NDArray[np.int64]  # of the cell of each edit, [B, T, V]
    slack: float

    def of(self, edit: NoteEdit) -> int:
        """Count the notes that an edit brings, below 0 those that it takes."""
        return sum(self.gains.item(cell) for cell in edit)

    def usable(self, edits: Sequence[NoteEdit]) -> float:
        """Count about how many of some edits can be taken together."""
        if math.isinf(self.slack):
            return len(edits)
        return len(edits) - max(0.0, abs(sum(self.of(edit) for edit in paced(edits))) - self.slack)

    def order(self, edits: Sequence[NoteEdit], total: int = 0) -> list[NoteEdit]:
        """Order edits so that in any first part of them as many notes come as go, as far as there are both.

        `total` is how many have come without them.
        """
        if math.isinf(self.slack):
            return list(edits)
        return [edits[k] for k in even_order([self.of(edit) for edit in paced(edits)], self.slack, total)]


def even_order(gains: Sequence[int], slack: float, total: int = 0) -> list[int]:
    """Order changes that bring so many notes each so that their sum, from `total` on, stays as even as `slack` says.

    Those that would bring too many, or take too many, wait until others have made room for them, and else come last.
    """
    ordered: list[int] = []
    waiting: dict[bool, deque[int]] = {True: deque(), False: deque()}  # by whether they bring notes

    def fits(gain: int) -> bool:
        return abs(total + gain) <= max(slack, abs(total) - 1)

    for k, gain in paced(enumerate(gains)):
        if not fits(gain):
            waiting[gain > 0].append(k)
            continue
        ordered.append(k)
        total += gain
        for its in waiting.values():
            while its and fits(gains[its[0]]):
                total += gains[its[0]]
                ordered.append(its.popleft())
    return [*ordered, *(k for its in waiting.values() for k in its)]
