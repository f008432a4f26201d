"""Which windows of a clip are alike: what it repeats is varied alike, and all else in its own way. Arrays only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.families.layout import GridLayout
from models.music.paced import paced

ALIKE = 0.6  # of the notes of the fuller of two windows that the other has too: then it repeats it with changes
MOST = 64  # groups that a window is compared with; what is like none of them, beyond these, goes with the likest


def group_windows(layout: GridLayout) -> NDArray[np.int64]:
    """Number the windows of a clip, all voices together, by which are alike, [windows]: 0 is what the first is like."""
    windows, tokens = layout.windows, layout.grid.tokens
    rows = tokens.reshape(layout.voices, windows, -1).transpose(1, 0, 2).reshape(windows, -1)
    struck = layout.vocabulary.struck(tokens).any(-1)
    slots = tokens.shape[-1]
    is_struck = np.repeat(struck.reshape(layout.voices, windows, -1).transpose(1, 0, 2), slots, -1).reshape(windows, -1)
    counts = is_struck.sum(1)
    group = np.zeros(windows, np.int64)
    first = [0]  # the first window of each group
    for w in paced(range(1, windows), 8):
        both = (rows[first] == rows[w]) & is_struck[first] & is_struck[w]
        most = np.maximum(counts[first], counts[w])
        share = np.where(most > 0, both.sum(1) / np.maximum(most, 1), 1.0)
        best = int(np.argmax(share))
        if share[best] >= ALIKE or len(first) == MOST:
            group[w] = best
        else:
            group[w] = len(first)
            first.append(w)
    return group
