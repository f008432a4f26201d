"""What training music was like, kept with a model as bytes, a row a window, for samples to be told. No music, no files.

A row holds what `own_context` tells of a window, its pitch classes and its habits: some dozen numbers in 32nds, and no notes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from models.families.context import HABITS, SCALE, Context, columns, own_kinds

Habits = NDArray[np.int8]  # [N, W]

FINE = 32  # parts of 1
MOST = 2048  # rows of a model that is published
NO_HABITS: Habits = np.zeros((0, 0), np.int8)


def kept_kinds(kinds: Mapping[str, int]) -> dict[str, int]:
    """Choose the kinds of context that are kept."""
    return {kind: size for kind, size in kinds.items() if kind in (SCALE, HABITS)}


def row_size(kinds: Mapping[str, int]) -> int:
    """Count W, the numbers of a row."""
    return sum(kept_kinds(kinds).values())


def keep_habits(context: Context, kinds: Mapping[str, int]) -> Habits:
    """Keep what is told of windows as wholes [B, beats, C]."""
    at = columns(kinds)
    told = [context[:, 0, at[kind].start + 1 : at[kind].stop] for kind in kept_kinds(kinds)]
    return np.asarray(np.clip(np.round(np.concatenate(told, 1) * FINE), -127, 127), np.int8)


def tell_habits(habits: Habits, beats: int, kinds: Mapping[str, int]) -> Context:
    """Write rows as a context in which nothing else is known."""
    told: dict[str, NDArray[np.floating]] = {}
    first = 0
    for kind, size in kept_kinds(kinds).items():
        told[kind] = habits[:, first : first + size] / np.float32(FINE)
        first += size
    return own_kinds(told, beats, kinds)


def choose_habits(context: Context, piece: NDArray[np.int64], kinds: Mapping[str, int], rng: np.random.Generator) -> Habits:
    """Keep the habits of some windows, as many of each piece as there is room for, by chance."""
    order = rng.permutation(len(piece))
    by_piece = order[np.argsort(piece[order], kind="stable")]
    _, first, sizes = np.unique(piece[by_piece], return_index=True, return_counts=True)
    rank = np.arange(len(piece)) - np.repeat(first, sizes)
    return keep_habits(context[np.sort(by_piece[np.argsort(rank, kind="stable")][:MOST])], kinds)


def blend_habits(general: Habits, own: Habits, share: float) -> Habits:
    """Mix the habits of a personal model with those of the one it was made from: a share of the rows is its own."""
    if not len(own) or share == 0:
        return general
    if not len(general) or share == 1:
        return own
    its, others = round(share * MOST), MOST - round(share * MOST)
    rows = [habits[np.arange(count) * len(habits) // max(count, 1)] for habits, count in ((own, its), (general, others))]
    return np.concatenate(rows)
