"""What the judges see of a window: named features and a picture for a convolutional net, with or without its feel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.families.family import Family
from models.families.grid import Grid, GridSpec
from models.families.statistics import Floats, feel_features


@dataclass(frozen=True)
class FeatureView:
    """What a judge is shown of a grid: the music of a family, and whether its velocities and its timing count."""

    family: Family
    velocity: bool
    timing: bool


def features(grid: Grid, view: FeatureView) -> dict[str, Floats]:
    """Describe each window by named numbers, [B] each; NaN where a number makes no sense (no snare has no loudness)."""
    named = view.family.named_features(grid)
    struck = view.family.vocabulary.struck(grid.tokens)
    lanes, spec = view.family.lane_names, view.family.spec
    if view.velocity:
        named |= feel_features("velocity", np.round(grid.velocities * 127), struck, lanes, spec)
    if view.timing:
        named |= feel_features("offset", grid.offsets, struck, lanes, spec)
    return named


def picture(grid: Grid, view: FeatureView) -> NDArray[np.float32]:
    """Show windows to a net, [B, C, T]: what each step is, and how it differs from the steps some way before it.

    The differences matter: from a few hundred windows a net does not find out by itself that music repeats.
    """
    struck = view.family.vocabulary.struck(grid.tokens)
    parts = view.family.judge_view(grid)
    if view.velocity:
        loud = np.round(grid.velocities * 127) * struck
        parts += [loud / 127, loud.max(2, keepdims=True) >= 127]
    if view.timing:
        parts.append(grid.offsets * struck)
    now = np.concatenate(parts, -1).astype(np.float32)
    return with_differences(now, view.family.spec)


def with_differences(now: NDArray[np.float32], spec: GridSpec) -> NDArray[np.float32]:
    """Put beside what each step is [B, T, C] how it differs from those a step, a beat, two beats and half a window before."""
    lags = dict.fromkeys((1, spec.steps_per_beat, 2 * spec.steps_per_beat, spec.half_steps))
    shown = np.concatenate([now, *(np.abs(now - np.roll(now, lag, axis=1)) for lag in lags)], -1)
    return np.ascontiguousarray(shown.transpose(0, 2, 1))
