"""What can be counted in a window of any family: rhythm, feel, and the small sums that named features are made of.

Arrays in, numbers out; no models, no judging. A feature is one number a window, [B]; NaN where it makes no sense.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.families.grid import GridSpec

Floats = NDArray[np.float64]

MAJOR = (0, 2, 4, 5, 7, 9, 11)  # the semitones of a major scale above its tonic
# How strong each sixteenth of a bar is (Longuet-Higgins and Lee 1984).
STRENGTH = np.array([0, -4, -3, -4, -2, -4, -3, -4, -1, -4, -3, -4, -2, -4, -3, -4])
SIXTEENTHS = ("on_beat", "e", "and", "a")  # of a beat


def rhythm_features(tokens: NDArray[np.int64], struck: NDArray[np.bool_], spec: GridSpec) -> dict[str, Floats]:
    """Describe steps by their tokens [B, T, S] and onsets [B, T, V], whatever they are onsets of."""
    hits, steps, half, beat = struck.sum(2), struck.shape[1], spec.half_steps, spec.steps_per_beat
    tokens = step_codes(tokens)
    onset = hits > 0
    total = np.maximum(hits.sum(1), 1)
    named: dict[str, Floats] = {
        "density": hits.sum(1).astype(float),
        "density_bar_1": hits[:, :half].sum(1).astype(float),
        "density_bar_2": hits[:, half:].sum(1).astype(float),
        "onset_steps": onset.sum(1).astype(float),
        "first_onset": np.where(hits.any(1), onset.argmax(1), steps).astype(float),
        "last_onset": np.where(hits.any(1), onset[:, ::-1].argmax(1), steps).astype(float),
        "longest_gap": longest(~onset),
        "longest_run": longest(onset),
        "syncopation": syncopation(onset, spec),
        "tokens": distinct(tokens, np.ones(tokens.shape, bool)),
    }
    for k, name in enumerate(places(spec)):
        named[f"share_{name}"] = hits[:, k::beat].sum(1) / total
    beats = hits.reshape(len(hits), -1, beat).sum(2)
    for k in range(beats.shape[1]):
        named[f"density_beat_{k + 1}"] = beats[:, k].astype(float)
    named["density_spread"] = beats.std(1)
    for lag in (lag for lag in dict.fromkeys((1, 2, beat, 2 * beat, half)) if lag < steps):
        named[f"alike_{lag}"] = (tokens[:, lag:] == tokens[:, :-lag]).mean(1)
        either = (struck[:, lag:] | struck[:, :-lag]).sum((1, 2))
        named[f"onsets_alike_{lag}"] = ratio((struck[:, lag:] & struck[:, :-lag]).sum((1, 2)), either)
    return named


def feel_features(
    what: str, values: NDArray[np.float32], struck: NDArray[np.bool_], labels: Sequence[str], spec: GridSpec
) -> dict[str, Floats]:
    """Describe velocities or offsets [B, T, V] of what is struck."""
    masked = np.where(struck, values, np.nan).astype(float)
    flat = masked.reshape(len(masked), -1)
    lag_1 = masked[:, 1:] - masked[:, :-1]
    half, beat = spec.half_steps, spec.steps_per_beat
    named = {
        f"{what}_mean": mean(flat),
        f"{what}_spread": spread(flat),
        f"{what}_max": reduce(np.fmax, flat),
        f"{what}_min": reduce(np.fmin, flat),
        f"{what}_next": mean(np.abs(lag_1).reshape(len(masked), -1)),
        f"{what}_next_bar": mean(np.abs(masked[:, half:] - masked[:, :-half]).reshape(len(masked), -1)),
        f"{what}_next_beat": mean(np.abs(masked[:, beat:] - masked[:, :-beat]).reshape(len(masked), -1)),
        f"{what}_extreme": mean(np.where(np.isnan(flat), np.nan, np.abs(flat) >= (127 if what == "velocity" else 0.45))),
    }
    for k, name in enumerate(places(spec)):
        named[f"{what}_{name}"] = mean(masked[:, k::beat].reshape(len(masked), -1)) - named[f"{what}_mean"]
    for v, label in enumerate(labels):
        named[f"{what}_{label}"] = mean(masked[:, :, v])
        named[f"{what}_spread_{label}"] = spread(masked[:, :, v])
        named[f"{what}_next_{label}"] = mean(np.abs(lag_1[:, :, v]))
    if len(labels) > 1:
        named[f"{what}_apart"] = mean(spread(masked.reshape(-1, masked.shape[2])).reshape(masked.shape[:2]))
    return named


def step_codes(tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number steps by all of their slots: [B, T, S] -> [B, T]."""
    codes = tokens[..., 0]
    for slot in range(1, tokens.shape[-1]):
        codes = codes * (int(tokens.max(initial=0)) + 1) + tokens[..., slot]
    return codes


def places(spec: GridSpec) -> Sequence[str]:
    """Name the steps of a beat."""
    return SIXTEENTHS if spec.steps_per_beat == len(SIXTEENTHS) else [f"step_{k}" for k in range(spec.steps_per_beat)]


def strengths(spec: GridSpec) -> NDArray[np.int64]:
    """How strong each step of half a window is: the published values for sixteenths, else beats before what is between."""
    if spec.steps_per_beat == len(SIXTEENTHS):
        return np.resize(STRENGTH, spec.half_steps)
    return np.where(np.arange(spec.half_steps) % spec.steps_per_beat, -2, -1)


def syncopation(onset: NDArray[np.bool_], spec: GridSpec) -> Floats:
    """Sum how much stronger the silent steps after each onset are than its own (Longuet-Higgins and Lee), [B]."""
    strength = np.resize(strengths(spec), onset.shape[1])
    total = np.zeros(len(onset))
    strongest = np.full(len(onset), -9)
    for t in range(onset.shape[1] - 1, -1, -1):
        total += np.where(onset[:, t], np.maximum(0, strongest - strength[t]), 0)
        strongest = np.where(onset[:, t], -9, np.maximum(strongest, strength[t]))
    return total


def longest(run: NDArray[np.bool_]) -> Floats:
    """Find the length of the longest run in each row, [B]."""
    longest = np.zeros(len(run))
    now = np.zeros(len(run))
    for t in range(run.shape[1]):
        now = np.where(run[:, t], now + 1, 0)
        longest = np.maximum(longest, now)
    return longest


def repeated(struck: NDArray[np.bool_], lag: int) -> Floats:
    """Find how much of what is struck [B, T, V] is struck the same so many steps later: of both together, the share, [B]."""
    before, after = struck[:, :-lag], struck[:, lag:]
    return np.asarray((before & after).sum((1, 2)) / np.maximum((before | after).sum((1, 2)), 1))


def distinct(values: NDArray[np.int64], there: NDArray[np.bool_]) -> Floats:
    """Count the different values of each row [B, N] among those that are there."""
    ordered = np.sort(np.where(there, values, -1), axis=1)
    found: Floats = ((np.diff(ordered, axis=1) != 0).sum(1) + 1 - (ordered[:, 0] == -1)).astype(float)
    return found


def ratio(a: NDArray[np.int64] | Floats, b: NDArray[np.int64]) -> Floats:
    """Divide; NaN where there is nothing to divide by."""
    share: Floats = np.where(b > 0, a / np.maximum(b, 1), np.nan).astype(float)
    return share


def median(values: NDArray[np.int64], there: NDArray[np.bool_]) -> Floats:
    """Find the median of each row [B, N] among those that are there; NaN where none is."""
    count = there.sum(1)
    ordered = np.sort(np.where(there, values, np.iinfo(np.int64).max), axis=1)
    middle = [np.take_along_axis(ordered, np.maximum(k, 0)[:, None], 1)[:, 0] for k in ((count - 1) // 2, count // 2)]
    return np.where(count > 0, middle[0] / 2 + middle[1] / 2, np.nan)


def mean(values: Floats) -> Floats:
    """Average each row, NaN left out."""
    there = ~np.isnan(values)
    return ratio(np.where(there, values, 0).sum(1), there.sum(1))


def spread(values: Floats) -> Floats:
    """Compute the standard deviation of each row, NaN left out."""
    return np.sqrt(np.maximum(mean((values - mean(values)[:, None]) ** 2), 0))


def reduce(how: np.ufunc, values: Floats) -> Floats:
    """Reduce each row by a ufunc."""
    result: Floats = how.reduce(values, axis=1)
    return result
