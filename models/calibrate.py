"""Measuring a model on held-out windows so that *amount* means distance: noise levels, their distances, and the reach."""

from __future__ import annotations

from statistics import median

import numpy as np
from numpy.typing import NDArray

from models.clip import Clip
from models.distance import distance
from models.family import Family, LatentModel
from models.grid import BAR_STEPS, DRUMS, STEPS_PER_BEAT, VOICE_OF, Grid
from models.latent import Dice, Together, blur, noise
from models.residual import carry_over

LEVELS = tuple(np.round(np.linspace(0.1, 1, 19), 3).tolist())


def calibrate(model: LatentModel, valid: Grid, *, seed: int = 0, limit: int = 192) -> tuple[list[tuple[float, float]], float]:
    """Measure (noise level, median distance it gives) for a row of levels, and the median distance of unrelated windows."""
    rng = np.random.default_rng(seed)
    own = on_grid(valid[np.sort(rng.permutation(len(valid))[:limit])])
    sources = [as_clip(model.family, own[i : i + 1]) for i in range(len(own))]
    voice = VOICE_OF.get if model.family.kind is DRUMS else None
    mu = model.encode(own)
    back = model.decode(mu, np.full(len(own), model.least_noise, np.float32))
    table: list[tuple[float, float]] = []
    for s in LEVELS:
        level = np.full(len(own), s, np.float32)
        dice = Dice.roll(rng, len(own), steps=own.tokens.shape[1], voices=own.velocities.shape[2])
        decoded = model.decode(blur(mu, level, noise(rng, *mu.shape)), level, dice=dice)
        varied = on_grid(carry_over(own, back, decoded, model.family.kind))
        apart = [distance(a, as_clip(model.family, varied[i : i + 1]), voice=voice) for i, a in enumerate(sources)]
        table.append((s, max(median(apart), table[-1][1] if table else 0.0)))
    shuffled = rng.permutation(len(sources))
    unrelated = [distance(a, sources[j], voice=voice) for a, j in zip(sources, shuffled, strict=True) if a is not sources[j]]
    return table, float(median(unrelated or [1.0]))


def measure_together(ranks: NDArray[np.float32], struck: NDArray[np.bool_]) -> Together:
    """Correlate the ranks [B, T, V, 2] of strokes: how far a drummer's hands and feet agree beyond what the model expects."""
    from scipy.special import ndtri

    scores = ndtri(np.clip(ranks, 0.001, 0.999)) * struck[..., None]
    scores /= np.sqrt((scores**2).sum((0, 1, 2)) / max(1, struck.sum()))
    both = struck[:, :BAR_STEPS] & struck[:, BAR_STEPS:]
    step, voice = _alike(scores, struck, 2), _alike(scores, struck, 1)
    bar = (scores[:, :BAR_STEPS] * scores[:, BAR_STEPS:])[both].mean(0) - voice if both.any() else np.zeros(2)
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
    empty = Clip((), float(len(grid) * 2 * BAR_STEPS / STEPS_PER_BEAT), channel=10 if family.kind is DRUMS else 1)
    return family.write(family.hear(empty), grid)


def on_grid(grid: Grid) -> Grid:
    """Take the micro-timing away: unrelated strokes of one step would else count as different notes."""
    return Grid(grid.tokens, grid.velocities, np.zeros_like(grid.offsets))
