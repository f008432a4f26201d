"""What a second window is like beside the first, row by row: players' against the product's, whatever the judges make of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean, pstdev
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.evaluation.figures import Named
from models.evaluation.judge import Exhibits
from models.evaluation.shares import Counts, compare_shares
from models.families.family import Family
from models.music.clip import Clip


class Row(NamedTuple):
    """A feature of `pair_features.describe`, and how far the product was from players in it at commit 41a2b3a.

    That was measured on music of none of the sets, note lengths on validation pieces. A quarter of it is the aim.
    """

    feature: str
    before: float


LINES = {
    "outside_scale": Row("added_outside_scale", 0.19),
    "not_used_before": Row("added_not_used_before", 0.26),
    "leap": Row("leap_mean_grows", 0.4),
    "range": Row("range_grows", 1.5),
    "longest_gap": Row("longest_gap_grows", 1.4),
    "dropped_first": Row("dropped_first_quarter", 0.13),
    "dropped_third": Row("dropped_third_quarter", 0.12),
}
STROKES = {
    "bars_differ": Row("bars_differ_after", 0.15),
    "not_used_before": Row("added_not_used_before", 0.09),
    "longest_gap": Row("longest_gap_grows", 0.3),
}
VELOCITY_SPREAD, NOTE_LENGTH = 1.3, 0.05  # the same of what is measured of clips: spread of 127, and sixteenths
PART = 1 / 4


def pair_rows(
    family: Family,
    real: Exhibits,
    ours: Exhibits,
    clips: tuple[Sequence[Clip], Sequence[Clip], Sequence[Clip]],
    rng: np.random.Generator,
) -> Named:
    """Say row by row how the product's second windows are, how players' are, and the difference with its interval over pieces.

    `clips` are the first windows, the players' second ones and the product's, on the grid.
    """
    firsts, seconds, made = clips
    lines = LINES if family.is_pitched else STROKES
    rows = {name: (_column(real, row.feature), _column(ours, row.feature), row.before) for name, row in lines.items()}
    measures = {"velocity_spread": (_velocity_spread, VELOCITY_SPREAD)}
    if family.is_pitched:
        measures["note_length"] = (_note_length, NOTE_LENGTH)
    for name, (measure, before) in measures.items():
        rows[name] = _grown(firsts, seconds, measure), _grown(firsts, made, measure), before
    for name, (of_players, of_product, before) in rows.items():
        key = f"pair_{name}"
        players, product = (Counts.of_values(values, real.piece) for values in (of_players, of_product))
        yield key, product.share
        yield f"floor.players.{key}", players.share
        yield from compare_shares(f"{key}_more", product, players, rng)
        yield f"aim.{key}_more", f"± {PART * before:.2g}"


def _column(exhibits: Exhibits, name: str) -> NDArray[np.float64]:
    if name not in exhibits.names:
        return np.full(len(exhibits.table), np.nan)
    return np.asarray(exhibits.table[:, exhibits.names.index(name)], np.float64)


def _grown(firsts: Sequence[Clip], seconds: Sequence[Clip], measure: Callable[[Clip], float]) -> NDArray[np.float64]:
    """Measure by how much something is more in second windows; not where either is empty."""
    pairs = zip(firsts, seconds, strict=True)
    return np.array([measure(b) - measure(a) if a.notes and b.notes else np.nan for a, b in pairs], np.float64)


def _velocity_spread(clip: Clip) -> float:
    return pstdev(n.velocity for n in clip.notes)


def _note_length(clip: Clip) -> float:
    """Average the lengths of notes, in sixteenths."""
    return 4 * fmean(n.duration for n in clip.notes)
