"""What can be counted in a window of music: named features and histograms. Grids in, numbers out; no models, no judging."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.grid import BAR_STEPS, DRUMS, HOLD, REST, STEPS_PER_BEAT, VOICES, Grid, GridKind

Floats = NDArray[np.float64]

MAJOR = (0, 2, 4, 5, 7, 9, 11)
# How strong each sixteenth of a bar is (Longuet-Higgins and Lee 1984).
STRENGTH = np.array([0, -4, -3, -4, -2, -4, -3, -4, -1, -4, -3, -4, -2, -4, -3, -4])
PLACES = ("on_beat", "e", "and", "a")  # of a beat


@dataclass(frozen=True)
class Sight:
    """What a judge is shown of a grid: which kind it is, and whether its velocities and its timing count."""

    kind: GridKind
    velocity: bool
    timing: bool


def features(grid: Grid, sight: Sight) -> dict[str, Floats]:
    """Describe each window by named numbers, [B] each; NaN where a number makes no sense (no snare has no loudness)."""
    named = _drum_features(grid) if sight.kind is DRUMS else _melody_features(grid)
    struck = sight.kind.onsets[grid.tokens]
    labels = [v.name for v in VOICES] if sight.kind is DRUMS else []
    if sight.velocity:
        named |= _feel_features("velocity", np.round(grid.velocities * 127), struck, labels)
    if sight.timing:
        named |= _feel_features("offset", grid.offsets, struck, labels)
    return named


def histograms(grid: Grid, kind: GridKind) -> dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """List what the overlaps compare, as values and the edges of their bins.

    Density: onsets of a window, by 4 for drums and by 2 for melodies. Pitch class: of each onset, for drums its voice.
    Melodies also: interval to the next onset in semitones, up to an octave and beyond, and duration in steps.
    """
    struck = kind.onsets[grid.tokens]
    width = 4 if kind is DRUMS else 2
    found = {"density": (struck.sum((1, 2)), np.arange(0, struck[0].size + width, width))}
    if kind is DRUMS:
        return found | {"pitch_class": (np.nonzero(struck)[2], np.arange(kind.voices + 1))}
    there, pitch, length = _notes(grid.tokens)
    interval = np.diff(pitch, axis=1)[there[:, 1:]]
    return found | {
        "pitch_class": (pitch[there] % 12, np.arange(13)),
        "interval": (np.clip(interval, -13, 13), np.arange(-13, 15)),
        "duration": (length[there], np.arange(1, grid.tokens.shape[1] + 2)),
    }


def sounding(tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find the pitch that sounds at each step of melody tokens, [B, T], -1 for silence."""
    steps = np.arange(tokens.shape[1])
    last = np.maximum.accumulate(np.where(tokens != HOLD, steps, 0), axis=1)
    source = np.take_along_axis(tokens, last, 1)
    return np.where(source < HOLD, source, -1)


def lengths(tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the steps that each onset of melody tokens lasts, [B, T], 0 where there is none."""
    steps = tokens.shape[1]
    ends = np.where(tokens != HOLD, np.arange(steps), steps)
    after = np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]
    following = np.concatenate([after[:, 1:], np.full((len(tokens), 1), steps)], 1)
    return np.where(tokens < HOLD, following - np.arange(steps), 0)


def _drum_features(grid: Grid) -> dict[str, Floats]:
    struck = DRUMS.onsets[grid.tokens]
    named = _rhythm_features(grid.tokens, struck)
    for v, voice in enumerate(VOICES):
        named[f"density_{voice.name}"] = struck[:, :, v].sum(1).astype(float)
    together = struck.sum(2)
    hit = together > 0
    named["together_mean"] = _ratio(together.sum(1), hit.sum(1))
    named["together_max"] = together.max(1).astype(float)
    named["voices"] = struck.any(1).sum(1).astype(float)
    named["hats_at_once"] = (struck[:, :, 2] & struck[:, :, 3]).sum(1).astype(float)
    named["cymbals_at_once"] = (struck[:, :, [2, 3, 7, 8]].sum(2) > 1).sum(1).astype(float)
    named["hands_at_once"] = (struck[:, :, 1:].sum(2) > 2).sum(1).astype(float)
    named["backbeat"] = struck[:, [4, 12, 20, 28], 1].sum(1).astype(float)
    named["kick_on_one"] = struck[:, [0, 16], 0].sum(1).astype(float)
    named["kick_syncopation"] = _syncopation(struck[:, :, 0])
    named["snare_syncopation"] = _syncopation(struck[:, :, 1])
    named["fill"] = struck[:, 24:, 4:7].sum((1, 2)).astype(float)
    for name, lanes in (("kick", [0]), ("snare", [1]), ("hats", [2, 3]), ("ride", [8])):
        bars = struck[:, :, lanes].reshape(len(struck), 2, -1)
        named[f"bars_alike_{name}"] = _ratio((bars[:, 0] & bars[:, 1]).sum(1), (bars[:, 0] | bars[:, 1]).sum(1))
    return named


def _melody_features(grid: Grid) -> dict[str, Floats]:
    tokens = grid.tokens
    struck = tokens < HOLD
    named = _rhythm_features(tokens, struck[:, :, None])
    count = np.maximum(struck.sum(1), 1)
    there, pitch, length = _notes(tokens)
    gap = there[:, 1:]
    interval = np.where(gap, pitch[:, 1:] - pitch[:, :-1], 0)
    wide = np.abs(interval)
    gaps = np.maximum(gap.sum(1), 1)
    named["hold_share"] = (tokens == HOLD).mean(1)
    named["rest_share"] = (tokens == REST).mean(1)
    named["rests"] = ((tokens == REST)[:, 1:] & (tokens != REST)[:, :-1]).sum(1).astype(float)
    named["longest_rest"] = _longest(tokens == REST)
    named["ends_silent"] = (tokens[:, -1] == REST).astype(float)
    named["duration_mean"] = length.sum(1) / count
    named["duration_max"] = length.max(1).astype(float)
    named["durations"] = _distinct(length, there)
    for low, high in ((1, 1), (2, 2), (3, 3), (4, 4), (5, 7), (8, 32)):
        named[f"duration_{low}_{high}"] = ((length >= low) & (length <= high)).sum(1) / count
    named["pitch_mean"] = np.where(there, pitch, 0).sum(1) / count
    top, bottom = np.where(there, pitch, -1).max(1), np.where(there, pitch, 999).min(1)
    named["pitch_range"] = np.where(struck.any(1), top - bottom, np.nan)
    named["pitches"] = _distinct(pitch, there)
    named["pitch_classes"] = _distinct(pitch % 12, there)
    named["pitch_top"] = top.astype(float)
    named["last_pitch"] = np.take_along_axis(pitch, count[:, None] - 1, 1)[:, 0] - named["pitch_mean"]
    named["interval_mean"] = wide.sum(1) / gaps
    named["interval_max"] = wide.max(1).astype(float)
    named["interval_sum"] = interval.sum(1).astype(float)
    for low, high in ((0, 0), (1, 1), (2, 2), (3, 4), (5, 5), (6, 6), (7, 9), (10, 11), (12, 12), (13, 127)):
        named[f"interval_{low}_{high}"] = ((wide >= low) & (wide <= high) & gap).sum(1) / gaps
    turn = (interval[:, 1:] * interval[:, :-1] < 0).sum(1)
    named["turns"] = turn / gaps
    named["tritone"] = (wide == 6).sum(1).astype(float)
    leap_back = (wide[:, :-1] > 4) & (interval[:, 1:] * interval[:, :-1] < 0) & (wide[:, 1:] <= 4)
    named["leaps_resolved"] = _ratio(leap_back.sum(1), ((wide[:, :-1] > 4) & gap[:, 1:]).sum(1))
    weight = np.zeros((len(tokens), 12))
    np.add.at(weight, (np.nonzero(there)[0], pitch[there] % 12), length[there])
    scale = np.isin((np.arange(12)[None] - np.arange(12)[:, None]) % 12, MAJOR)
    total = np.maximum(weight.sum(1), 1)
    inside = weight @ scale.T.astype(float)
    named["in_key"] = inside.max(1) / total
    tonic = inside.argmax(1)
    named["tonic_share"] = weight[np.arange(len(tokens)), tonic] / total
    share = weight / total[:, None]
    named["pitch_class_entropy"] = -(share * np.log(np.maximum(share, 1e-9))).sum(1)
    said = sounding(tokens)
    for lag in (4, 8, 16):
        both = struck[:, lag:] & struck[:, :-lag]
        shift = tokens[:, lag:] - tokens[:, :-lag]
        usual = _median(shift, both)[:, None]
        named[f"pitch_again_{lag}"] = ((shift == 0) & both).sum(1) / count
        named[f"moved_again_{lag}"] = _ratio(((shift == usual) & both).sum(1), both.sum(1))
        named[f"sounds_again_{lag}"] = ((said[:, lag:] == said[:, :-lag]) & (said[:, lag:] >= 0)).mean(1)
    return named


def _notes(tokens: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """Put the notes of each window in a row, padded: which there are, their pitches (-1) and their lengths (0), [B, T] each."""
    struck = tokens < HOLD
    order = np.argsort(~struck, axis=1, kind="stable")
    there = np.arange(tokens.shape[1]) < struck.sum(1)[:, None]
    pitch = np.where(there, np.take_along_axis(tokens, order, 1), -1)
    return there, pitch, np.where(there, np.take_along_axis(lengths(tokens), order, 1), 0)


def _rhythm_features(tokens: NDArray[np.int64], struck: NDArray[np.bool_]) -> dict[str, Floats]:
    """Describe onsets [B, T, V], whatever they are onsets of."""
    hits = struck.sum(2)
    onset = hits > 0
    total = np.maximum(hits.sum(1), 1)
    named: dict[str, Floats] = {
        "density": hits.sum(1).astype(float),
        "density_bar_1": hits[:, :BAR_STEPS].sum(1).astype(float),
        "density_bar_2": hits[:, BAR_STEPS:].sum(1).astype(float),
        "onset_steps": onset.sum(1).astype(float),
        "first_onset": np.where(hits.any(1), onset.argmax(1), 32).astype(float),
        "last_onset": np.where(hits.any(1), onset[:, ::-1].argmax(1), 32).astype(float),
        "longest_gap": _longest(~onset),
        "longest_run": _longest(onset),
        "syncopation": _syncopation(onset),
        "tokens": _distinct(tokens, np.ones(tokens.shape, bool)),
    }
    for k, name in enumerate(PLACES):
        named[f"share_{name}"] = hits[:, k::STEPS_PER_BEAT].sum(1) / total
    beats = hits.reshape(len(hits), -1, STEPS_PER_BEAT).sum(2)
    for k in range(beats.shape[1]):
        named[f"density_beat_{k + 1}"] = beats[:, k].astype(float)
    named["density_spread"] = beats.std(1)
    for lag in (1, 2, 4, 8, 16):
        named[f"alike_{lag}"] = (tokens[:, lag:] == tokens[:, :-lag]).mean(1)
        either = (struck[:, lag:] | struck[:, :-lag]).sum((1, 2))
        named[f"onsets_alike_{lag}"] = _ratio((struck[:, lag:] & struck[:, :-lag]).sum((1, 2)), either)
    return named


def _feel_features(
    what: str, values: NDArray[np.float32], struck: NDArray[np.bool_], labels: Sequence[str]
) -> dict[str, Floats]:
    """Describe velocities or offsets [B, T, V] of what is struck."""
    masked = np.where(struck, values, np.nan).astype(float)
    flat = masked.reshape(len(masked), -1)
    lag_1 = masked[:, 1:] - masked[:, :-1]
    named = {
        f"{what}_mean": _mean(flat),
        f"{what}_spread": _spread(flat),
        f"{what}_max": _reduce(np.fmax, flat),
        f"{what}_min": _reduce(np.fmin, flat),
        f"{what}_next": _mean(np.abs(lag_1).reshape(len(masked), -1)),
        f"{what}_next_bar": _mean(np.abs(masked[:, 16:] - masked[:, :-16]).reshape(len(masked), -1)),
        f"{what}_next_beat": _mean(np.abs(masked[:, 4:] - masked[:, :-4]).reshape(len(masked), -1)),
        f"{what}_extreme": _mean(np.where(np.isnan(flat), np.nan, np.abs(flat) >= (127 if what == "velocity" else 0.45))),
    }
    for k, name in enumerate(PLACES):
        named[f"{what}_{name}"] = _mean(masked[:, k::STEPS_PER_BEAT].reshape(len(masked), -1)) - named[f"{what}_mean"]
    for v, label in enumerate(labels):
        named[f"{what}_{label}"] = _mean(masked[:, :, v])
        named[f"{what}_spread_{label}"] = _spread(masked[:, :, v])
        named[f"{what}_next_{label}"] = _mean(np.abs(lag_1[:, :, v]))
    if len(labels) > 1:
        named[f"{what}_apart"] = _mean(_spread(masked.reshape(-1, masked.shape[2])).reshape(masked.shape[:2]))
    return named


def _syncopation(onset: NDArray[np.bool_]) -> Floats:
    """Sum how much stronger the silent steps after each onset are than its own (Longuet-Higgins and Lee), [B]."""
    strength = np.tile(STRENGTH, 2)
    total = np.zeros(len(onset))
    strongest = np.full(len(onset), -9)
    for t in range(onset.shape[1] - 1, -1, -1):
        total += np.where(onset[:, t], np.maximum(0, strongest - strength[t]), 0)
        strongest = np.where(onset[:, t], -9, np.maximum(strongest, strength[t]))
    return total


def _longest(run: NDArray[np.bool_]) -> Floats:
    longest = np.zeros(len(run))
    now = np.zeros(len(run))
    for t in range(run.shape[1]):
        now = np.where(run[:, t], now + 1, 0)
        longest = np.maximum(longest, now)
    return longest


def _distinct(values: NDArray[np.int64], there: NDArray[np.bool_]) -> Floats:
    ordered = np.sort(np.where(there, values, -1), axis=1)
    found: Floats = ((np.diff(ordered, axis=1) != 0).sum(1) + 1 - (ordered[:, 0] == -1)).astype(float)
    return found


def _ratio(a: NDArray[np.int64] | Floats, b: NDArray[np.int64]) -> Floats:
    share: Floats = np.where(b > 0, a / np.maximum(b, 1), np.nan).astype(float)
    return share


def _median(values: NDArray[np.int64], there: NDArray[np.bool_]) -> Floats:
    return np.array([np.median(v[t]) if t.any() else np.nan for v, t in zip(values, there, strict=True)])


def _mean(values: Floats) -> Floats:
    there = ~np.isnan(values)
    return _ratio(np.where(there, values, 0).sum(1), there.sum(1))


def _spread(values: Floats) -> Floats:
    return np.sqrt(np.maximum(_mean((values - _mean(values)[:, None]) ** 2), 0))


def _reduce(how: np.ufunc, values: Floats) -> Floats:
    result: Floats = how.reduce(values, axis=1)
    return result
