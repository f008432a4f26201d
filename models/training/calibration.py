"""Measuring a model on held-out windows so that *amount* means distance: noise levels, their distances, and the reach."""

from __future__ import annotations

from statistics import fmean, median

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
LEANT, LEAN, MOST_LEAN = (0.2, 0.4, 0.6), 1.0, 4.0  # amounts to tell, nats at amount 1 to try, and the most to find


def calibrate(
    model: LatentModel, valid: Grid, *, told_noise: float = 0.0, seed: int = 0, limit: int = 192
) -> tuple[list[tuple[float, float]], float]:
    """Measure (noise level, median distance it gives) for a row of levels, and the median distance of unrelated windows.

    With `told_noise` the rows are (amount that is told, median distance it gives at that noise level).
    """
    trial = _Trial(model, valid, seed, limit)
    sources = [as_clip(model.family, trial.own[i : i + 1]) for i in range(len(trial.own))]
    lane_of = model.family.lane_of
    table: list[tuple[float, float]] = []
    for s in TOLD if told_noise else LEVELS:
        varied = on_grid(trial.vary(told_noise or s, s if told_noise else None))
        apart = [distance(a, as_clip(model.family, varied[i : i + 1]), voice=lane_of) for i, a in enumerate(sources)]
        table.append((s, max(median(apart), table[-1][1] if table else 0.0)))
    shuffled = trial.rng.permutation(len(sources))
    unrelated = [distance(a, sources[j], voice=lane_of) for a, j in zip(sources, shuffled, strict=True) if a is not sources[j]]
    return table, float(median(unrelated or [1.0]))


def measure_lean(model: LatentModel, valid: Grid, told_noise: float, *, seed: int = 0, limit: int = 192) -> float:
    """Measure how far, in nats at amount 1, onsets must be leant towards so that variations have as many notes as windows.

    Never away from them: what is taken back of a decode that went too far takes notes with it.
    """
    trial = _Trial(model, valid, seed, limit)
    before = int(model.family.vocabulary.struck(trial.own.tokens).sum())

    def more(nats: float) -> float:
        """Count how many notes more variations have, as a share of those that there were."""
        counts = [int(model.family.vocabulary.struck(trial.vary(told_noise, told, nats * told).tokens).sum()) for told in LEANT]
        return fmean(counts) / before - 1

    plain, leant = more(0.0), more(LEAN)
    return round(float(np.clip(-plain * LEAN / (leant - plain), 0, MOST_LEAN)), 2) if leant > plain else 0.0


class _Trial:
    """Windows on the grid, to be varied as the engine varies clips."""

    def __init__(self, model: LatentModel, valid: Grid, seed: int, limit: int) -> None:
        self.model, self.rng = model, np.random.default_rng(seed)
        self.own = on_grid(valid[np.sort(self.rng.permutation(len(valid))[:limit])])
        self.mu = model.encode(self.own)
        self.described = model.family.own_context(self.own)
        level = np.full(len(self.own), model.least_noise, np.float32)
        self.back = model.decode(DecodeBatch(self.mu, level, context=self.described))

    def vary(self, noise_level: float, told: float | None = None, lean: float = 0.0) -> Grid:
        """Vary the windows, told how far to go where that is said, with so many nats more on onsets."""
        model, rows = self.model, len(self.own)
        family, level, context = model.family, np.full(rows, noise_level, np.float32), self.described
        if told is not None and context is not None:
            context = tell_amount(context, np.full(rows, told), family.context)
        bias = None
        if lean:
            bias = np.tile(np.float32(lean) * family.vocabulary.onsets.any(1), (rows, family.spec.steps, 1))
        drawn = Randomness.draw(self.rng, rows, family.spec, family.vocabulary)
        point = add_noise(self.mu, level, noise(self.rng, *self.mu.shape))
        batch = DecodeBatch(point, level, drawn, np.ones(rows, np.float32), logit_bias=bias, context=context)
        return family.apply_residual(self.own, self.back, model.decode(batch))


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
