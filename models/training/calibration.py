"""Measuring a model on held-out windows so that *amount* means distance: noise levels, their distances, and the reach."""

from __future__ import annotations

from statistics import median

import numpy as np
from numpy.typing import NDArray

from models.card import FeelCorrelation
from models.families.context import tell_amount
from models.families.family import Family
from models.families.grid import Grid
from models.music.clip import Clip
from models.music.distance import distance
from models.network.decoding import DecodeBatch, LatentModel
from models.network.latent import Randomness, add_noise, noise

LEVELS = tuple(np.round(np.linspace(0.1, 1, 19), 3).tolist())
TOLD = tuple(np.round(np.linspace(0.05, 0.75, 15), 3).tolist())  # amounts to tell


def calibrate(
    model: LatentModel, valid: Grid, *, told_noise: float = 0.0, seed: int = 0, limit: int = 192
) -> tuple[list[tuple[float, float]], float]:
    """Measure (noise level, median distance it gives) for a row of levels, and the median distance of unrelated windows.

    With `told_noise` the rows are (amount that is told, median distance it gives at that noise level).
    """
    rng = np.random.default_rng(seed)
    family = model.family
    own = on_grid(valid[np.sort(rng.permutation(len(valid))[:limit])])
    sources = [as_clip(family, own[i : i + 1]) for i in range(len(own))]
    lane_of = family.clip_to_grid(family.empty_clip(1.0)).lane_of
    mu = model.encode(own)
    described = family.own_context(own)
    back = model.decode(DecodeBatch(mu, np.full(len(own), model.least_noise, np.float32), context=described))
    table: list[tuple[float, float]] = []
    for s in TOLD if told_noise else LEVELS:
        level = np.full(len(own), told_noise or s, np.float32)
        context = described
        if told_noise and described is not None:
            context = tell_amount(described, np.full(len(own), s), family.context)
        drawn = Randomness.draw(rng, len(own), family.spec, family.vocabulary)
        point = add_noise(mu, level, noise(rng, *mu.shape))
        decoded = model.decode(DecodeBatch(point, level, drawn, np.ones(len(own), np.float32), context=context))
        varied = on_grid(family.apply_residual(own, back, decoded))
        apart = [distance(a, as_clip(family, varied[i : i + 1]), voice=lane_of) for i, a in enumerate(sources)]
        table.append((s, max(median(apart), table[-1][1] if table else 0.0)))
    shuffled = rng.permutation(len(sources))
    unrelated = [distance(a, sources[j], voice=lane_of) for a, j in zip(sources, shuffled, strict=True) if a is not sources[j]]
    return table, float(median(unrelated or [1.0]))


def measure_feel_correlation(ranks: NDArray[np.float32], struck: NDArray[np.bool_]) -> FeelCorrelation:
    """Correlate the ranks [B, T, V, 2] of strokes: how far a drummer's hands and feet agree beyond what the model expects."""
    from scipy.special import ndtri

    scores = ndtri(np.clip(ranks, 0.001, 0.999)) * struck[..., None]
    scores /= np.sqrt((scores**2).sum((0, 1, 2)) / max(1, struck.sum()))
    half = struck.shape[1] // 2
    both = struck[:, :half] & struck[:, half:]
    step, voice = _alike(scores, struck, 2), _alike(scores, struck, 1)
    bar = (scores[:, :half] * scores[:, half:])[both].mean(0) - voice if both.any() else np.zeros(2)
    shares = np.clip([step, voice, bar], 0, 0.3)
    return tuple((round(float(v), 3), round(float(t), 3)) for v, t in shares)


def _alike(scores: NDArray[np.float64], struck: NDArray[np.bool_], axis: int) -> NDArray[np.float64]:
    """Average the products of all pairs of strokes along an axis: [2]."""
    count = struck.sum(axis)
    pairs = max(1, int((count * (count - 1)).sum()))
    products: NDArray[np.float64] = (scores.sum(axis) ** 2).sum((0, 1)) - (scores**2).sum((0, 1, 2))
    return products / pairs


def as_clip(family: Family, grid: Grid) -> Clip:
    """Write windows as a clip of their own."""
    empty = family.empty_clip(float(len(grid) * family.spec.window_beats))
    return family.grid_to_clip(family.clip_to_grid(empty), grid)


def on_grid(grid: Grid) -> Grid:
    """Take the micro-timing away: unrelated strokes of one step would else count as different notes."""
    return Grid(grid.tokens, grid.velocities, np.zeros_like(grid.offsets))
