"""Paths through latent space and the dice that turn a latent into music: arithmetic on arrays, nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.grid import BAR_STEPS
from models.normal import normal_cdf

Latents = NDArray[np.float32]  # [B, Z], of norm sqrt(Z)

# How alike the feel of strokes is, beyond what a model expects, for velocity and for timing: of strokes of one step, of one
# voice, and of one voice at one place in the bar.
Together = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Dice:
    """Uniform numbers for a decode: `tokens` [B, T], `feel` [B, T, V, 2]. The same dice and latent give the same music."""

    tokens: NDArray[np.float32]
    feel: NDArray[np.float32]

    @staticmethod
    def roll(rng: np.random.Generator, rows: int, *, steps: int, voices: int, together: Together = ()) -> Dice:
        """Roll for some rows; `together` makes the feel of some strokes alike, as one player's is."""
        tokens = rng.random((rows, steps), np.float32)
        if not together:
            return Dice(tokens, rng.random((rows, steps, voices, 2), np.float32))
        # A Gaussian copula: each stroke's number is even on its own, whatever it shares with others.
        step, voice, bar = (np.asarray(share, np.float32) for share in together)
        bars = math.ceil(steps / BAR_STEPS)
        shared = np.tile(rng.standard_normal((rows, BAR_STEPS, voices, 2), np.float32), (1, bars, 1, 1))[:, :steps]
        mixed: NDArray[Any] = np.sqrt(step) * rng.standard_normal((rows, steps, 1, 2), np.float32)
        mixed = mixed + np.sqrt(voice) * rng.standard_normal((rows, 1, voices, 2), np.float32) + np.sqrt(bar) * shared
        own = rng.standard_normal((rows, steps, voices, 2), np.float32)
        return Dice(tokens, _normal_cdf(np.asarray(mixed + np.sqrt(1 - step - voice - bar) * own, np.float32)))

    def repeat(self, times: int) -> Dice:
        """Use the same dice for several rows in turn: the rows of `times` decodes behind one another."""
        return Dice(np.tile(self.tokens, (times, 1)), np.tile(self.feel, (times, 1, 1, 1)))

    def for_windows(self, windows: int) -> Dice:
        """Use the dice of each row for so many windows of its line, behind one another."""
        return Dice(np.repeat(self.tokens, windows, 0), np.repeat(self.feel, windows, 0))

    def shifted(self, steps: int) -> Dice:
        """Turn each row round by some steps."""
        return Dice(np.roll(self.tokens, -steps, 1), np.roll(self.feel, -steps, 1))

    @staticmethod
    def stack(dice: Sequence[Dice]) -> Dice:
        """Put the rows of several behind one another."""
        return Dice(np.concatenate([d.tokens for d in dice]), np.concatenate([d.feel for d in dice]))

    def padded(self, spare: int) -> Dice:
        """Add rows that no one asks for."""
        return Dice(pad_rows(self.tokens, spare), pad_rows(self.feel, spare))

    def __getitem__(self, rows: slice) -> Dice:
        """Some of the rows."""
        return Dice(self.tokens[rows], self.feel[rows])


def noise(rng: np.random.Generator, rows: int, size: int) -> Latents:
    """Draw from the prior N(0, I)."""
    return rng.standard_normal((rows, size), np.float32)


def blur(mu: Latents, level: NDArray[np.float32], e: Latents) -> Latents:
    """Forget part of latents: [B, Z] at levels [B] of noise. Level 0 forgets nothing, level 1 all; the power stays."""
    s = np.asarray(level, np.float32)[:, None]
    return np.asarray(np.sqrt(1 - s**2) * mu + s * e, np.float32)


def slerp(a: Latents, b: Latents, at: float) -> Latents:
    """Walk the great circle from a to b, [B, Z] each (Shoemake 1985)."""
    angle = _angle(a, b)[:, None]
    flat = np.sin(angle) < 1e-4
    wide = np.where(flat, 1.0, np.sin(angle))
    mixed = (np.sin((1 - at) * angle) * a + np.sin(at * angle) * b) / wide
    return np.asarray(np.where(flat, (1 - at) * a + at * b, mixed), np.float32)


def mean(points: Sequence[Latents], weights: Sequence[float]) -> Latents:
    """Weigh points on the sphere: the direction of their weighted sum, at their norm."""
    total = np.sum([w * p for w, p in zip(weights, points, strict=True)], axis=0)
    norm = np.linalg.norm(total, axis=-1, keepdims=True)
    return np.asarray(total / np.maximum(norm, 1e-9) * np.sqrt(points[0].shape[-1]), np.float32)


def distrust(z: Latents, points: Sequence[Latents], *, least: float) -> NDArray[np.float32]:
    """Find how noisy a point between others is: the noise level at which the nearest of them would look like it, [B].

    Between clips the latent belongs to no clip. Seen from the nearest one, what the others add is noise; the decoder is
    told how much of it there is, and composes what that leaves open instead of averaging.
    """
    closest = np.max([np.cos(_angle(z, p)) for p in points], axis=0)
    return np.asarray(np.clip(np.sqrt(np.maximum(0, 1 - closest**2)), least, 1), np.float32)


def loosen(z: Latents, level: NDArray[np.float32], e: Latents, *, most: float) -> tuple[Latents, NDArray[np.float32]]:
    """Forget more than `distrust` says, by at most a noise of `most` midway, where what two clips share says the least.

    It makes middles more natural and less like either clip: [B, Z], [B] -> the same.
    """
    extra = np.asarray(most * np.minimum(1, 2 * level**2), np.float32)
    return blur(z, extra, e), np.asarray(np.sqrt(1 - (1 - level**2) * (1 - extra**2)), np.float32)


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
