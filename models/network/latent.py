"""Points and paths in latent space, and the random numbers that turn a point into music. Arithmetic on arrays, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.card import FeelCorrelation
from models.families.grid import GridSpec, Vocabulary
from models.network.normal import normal_cdf

Latents = NDArray[np.float32]  # [B, Z], of norm sqrt(Z)


@dataclass(frozen=True)
class Randomness:
    """Uniform numbers for a decode: `tokens` [B, T, S], `feel` [B, T, V, 2]. The same ones and latent give the same music."""

    tokens: NDArray[np.float32]
    feel: NDArray[np.float32]

    @staticmethod
    def draw(
        rng: np.random.Generator, rows: int, spec: GridSpec, vocabulary: Vocabulary, *, correlation: FeelCorrelation = ()
    ) -> Randomness:
        """Draw for some rows; a `correlation` makes the feel of some strokes alike, as one player's is.

        It is a Gaussian copula: each stroke's number is uniform on its own, whatever it shares with others.
        """
        steps, lanes, half = spec.steps, vocabulary.lanes, spec.half_steps
        tokens = rng.random((rows, steps, len(vocabulary.slots)), np.float32)
        if not correlation:
            return Randomness(tokens, rng.random((rows, steps, lanes, 2), np.float32))
        step, lane, place = (np.asarray(share, np.float32) for share in correlation)
        shared = np.tile(rng.standard_normal((rows, half, lanes, 2), np.float32), (1, 2, 1, 1))
        mixed: NDArray[Any] = np.sqrt(step) * rng.standard_normal((rows, steps, 1, 2), np.float32)
        mixed = mixed + np.sqrt(lane) * rng.standard_normal((rows, 1, lanes, 2), np.float32) + np.sqrt(place) * shared
        own = rng.standard_normal((rows, steps, lanes, 2), np.float32)
        return Randomness(tokens, _normal_cdf(np.asarray(mixed + np.sqrt(1 - step - lane - place) * own, np.float32)))

    @staticmethod
    def zero(rows: int, spec: GridSpec, vocabulary: Vocabulary) -> Randomness:
        """Numbers that are not random: with a temperature of 0 they give the likeliest music."""
        shape = rows, spec.steps
        return Randomness(
            np.zeros((*shape, len(vocabulary.slots)), np.float32), np.zeros((*shape, vocabulary.lanes, 2), np.float32)
        )

    def for_windows(self, windows: int) -> Randomness:
        """Use the numbers of each row for so many windows of its voice, behind one another."""
        return Randomness(np.repeat(self.tokens, windows, 0), np.repeat(self.feel, windows, 0))

    def shifted_by_half(self) -> Randomness:
        """Turn each row round by half a window."""
        half = self.tokens.shape[1] // 2
        return Randomness(np.roll(self.tokens, -half, 1), np.roll(self.feel, -half, 1))

    @staticmethod
    def stack(several: Sequence[Randomness]) -> Randomness:
        """Put the rows of several behind one another."""
        return Randomness(np.concatenate([r.tokens for r in several]), np.concatenate([r.feel for r in several]))

    def padded(self, spare: int) -> Randomness:
        """Add rows that no one asks for."""
        return Randomness(pad_rows(self.tokens, spare), pad_rows(self.feel, spare))

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Randomness:
        """Some of the rows."""
        return Randomness(self.tokens[rows], self.feel[rows])


def noise(rng: np.random.Generator, rows: int, size: int) -> Latents:
    """Draw from the prior N(0, I)."""
    return rng.standard_normal((rows, size), np.float32)


def add_noise(mu: Latents, level: NDArray[np.float32], e: Latents) -> Latents:
    """Mix latents [B, Z] with noise `e` [B, Z] at levels [B], 0 none and 1 nothing else; the power stays what it was."""
    s = np.asarray(level, np.float32)[:, None]
    return np.asarray(np.sqrt(1 - s**2) * mu + s * e, np.float32)


def slerp(a: Latents, b: Latents, at: float) -> Latents:
    """Interpolate on the great circle from a to b, [B, Z] each (Shoemake 1985)."""
    angle = _angle(a, b)[:, None]
    flat = np.sin(angle) < 1e-4
    wide = np.where(flat, 1.0, np.sin(angle))
    mixed = (np.sin((1 - at) * angle) * a + np.sin(at * angle) * b) / wide
    return np.asarray(np.where(flat, (1 - at) * a + at * b, mixed), np.float32)


def weighted_mean(points: Sequence[Latents], weights: Sequence[float]) -> Latents:
    """Weigh points on the sphere: the direction of their weighted sum, at their norm."""
    total = np.sum([w * p for w, p in zip(weights, points, strict=True)], axis=0)
    norm = np.linalg.norm(total, axis=-1, keepdims=True)
    return np.asarray(total / np.maximum(norm, 1e-9) * np.sqrt(points[0].shape[-1]), np.float32)


def noise_between(z: Latents, points: Sequence[Latents], *, least: float) -> NDArray[np.float32]:
    """Find how noisy a point between others is: the noise level at which the nearest of them would look like it, [B].

    Between clips the latent belongs to no clip. Seen from the nearest one, what the others add is noise; the decoder is
    told how much of it there is, and composes what that leaves open instead of averaging.
    """
    closest = np.cos(_angle(z, np.stack(points))).max(0)
    return np.asarray(np.clip(np.sqrt(np.maximum(0, 1 - closest**2)), least, 1), np.float32)


def add_midpoint_noise(
    z: Latents, level: NDArray[np.float32], e: Latents, *, most: float
) -> tuple[Latents, NDArray[np.float32]]:
    """Add noise to points between clips beyond `noise_between`, by at most `most` midway: [B, Z], [B] -> the same.

    It makes middles more natural and less like either clip: there, what two clips share says the least.
    """
    extra = np.asarray(most * np.minimum(1, 2 * level**2), np.float32)
    return add_noise(z, extra, e), np.asarray(np.sqrt(1 - (1 - level**2) * (1 - extra**2)), np.float32)


def corner_weights(corners: int, x: float, y: float) -> list[float]:
    """Weigh the corners of a palette, A (0,0), B (1,0), C (0,1), D (1,1); with two or three, A and B repeat below."""
    weights = [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y]
    folded = weights[:corners]
    for missing in range(corners, 4):
        folded[missing - 2] += weights[missing]
    return folded


def pad_rows(values: NDArray[Any], spare: int) -> NDArray[Any]:
    """Repeat the last row of a batch [B, …] so often."""
    return np.concatenate([values, np.repeat(values[-1:], spare, 0)]) if spare else values


def _angle(a: Latents, b: Latents) -> NDArray[np.float32]:
    cosine = (a * b).sum(-1) / np.maximum(np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1), 1e-9)
    return np.asarray(np.arccos(np.clip(cosine, -1, 1)), np.float32)


def _normal_cdf(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.minimum(normal_cdf(x), 1 - 2**-24), np.float32)
