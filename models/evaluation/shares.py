"""Shares and means counted window by window, and how far apart two of them are, with an interval over pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.evaluation.figures import Named

RESAMPLES = 1000
INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class Counts:
    """Of each window a sum, what it is divided by (notes, or 1), and the piece that it is of: [N] each."""

    sums: NDArray[np.float64]
    of: NDArray[np.float64]
    piece: NDArray[np.int64]

    @staticmethod
    def of_flags(flags: Sequence[Sequence[bool]], piece: Sequence[int]) -> Counts:
        """Count of each window the things that are so."""
        sums, of = (np.array([count(its) for its in flags], np.float64) for count in (sum, len))
        return Counts(sums, of, np.array(piece, np.int64))

    @staticmethod
    def of_values(values: NDArray[np.float64], piece: NDArray[np.int64]) -> Counts:
        """Take one value of each window; those that make no sense are left out."""
        return Counts(np.nan_to_num(values), (~np.isnan(values)).astype(np.float64), piece)

    @property
    def share(self) -> float | None:
        """The share, or the mean; None where there is nothing to share."""
        return float(self.sums.sum() / self.of.sum()) if self.of.sum() else None


def compare_shares(key: str, ours: Counts, other: Counts, rng: np.random.Generator) -> Named:
    """Subtract a share from another, with the 95 % interval over pieces, the same ones drawn for both."""
    pieces = np.union1d(ours.piece, other.piece)
    found = [_by_piece(counts, pieces) for counts in (ours, other)]
    if any(not of.sum() for _, of in found):
        yield from ((k, None) for k in (key, f"{key}_low", f"{key}_high"))
        return
    drawn = rng.integers(len(pieces), size=(RESAMPLES, len(pieces)))
    with np.errstate(invalid="ignore", divide="ignore"):  # a draw may hold nothing to share
        a, b = (sums[drawn].sum(1) / of[drawn].sum(1) for sums, of in found)
    low, high = np.nanpercentile(a - b, INTERVAL)
    (a_sum, a_of), (b_sum, b_of) = found
    yield key, float(a_sum.sum() / a_of.sum() - b_sum.sum() / b_of.sum())
    yield f"{key}_low", float(low)
    yield f"{key}_high", float(high)


def _by_piece(counts: Counts, pieces: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    place = np.searchsorted(pieces, counts.piece)
    sums, of = (np.bincount(place, values, len(pieces)).astype(np.float64) for values in (counts.sums, counts.of))
    return sums, of
