"""Finding out whether music is a copy of a training window when only hashes of those are kept. Arrays in, numbers out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.evaluation.family_statistics import statistics_of
from models.family import Family
from models.grid import WINDOW_STEPS

# A random number for each step and token (Zobrist 1970). The raw stream of PCG64 never changes, so the hashes in a model
# folder stay good for any version of numpy.
_TABLE = np.random.PCG64(20240229).random_raw(WINDOW_STEPS * 512).reshape(WINDOW_STEPS, 512)


def window_hashes(tokens: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Hash windows [N, T] so that a window with one other step has a hash that follows from it: [N]."""
    summed: NDArray[np.uint64] = _TABLE[np.arange(tokens.shape[1]), tokens].sum(1, dtype=np.uint64)
    return summed


def count_copies(tokens: NDArray[np.int64], hashes: NDArray[np.uint64], family: Family) -> int:
    """Count windows [N, T] of which all steps but one, at most, are those of a window hashed, transposed as training does.

    With 32 steps that is an agreement of 95 %: 31 steps are 97 %, 30 would be 94 %.
    """
    known = np.sort(hashes)
    return sum(_is_copy(window, known, family) for window in tokens) if len(known) else 0


def _is_copy(window: NDArray[np.int64], known: NDArray[np.uint64], family: Family) -> bool:
    moved = statistics_of(family).transpositions(window, family.transpose)
    table = _TABLE[: len(window), : family.kind.tokens]
    without = window_hashes(moved)[:, None] - table[np.arange(len(window)), moved]
    near = (without[:, :, None] + table).ravel()
    place = np.minimum(np.searchsorted(known, near), len(known) - 1)
    return bool((known[place] == near).any())
