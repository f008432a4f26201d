"""Which habits of learned music a sample is told: drawn by chance, and fitted to what is asked for. No decoding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.editing.clip_state import EditContext
from models.families.constraints import Constraints
from models.families.context import CLASSES, SCALE, Context, columns, sounding_beats
from models.families.habits import tell_habits
from models.families.layout import GridLayout

CHOICES = 24  # habits of which the first that fits is taken, where a scale or a density is asked for
OCTAVE = 4 / 3  # that is told where one is asked for: decoders go three quarters of the way
TURNS = np.array(sorted(range(-6, 6), key=abs))  # semitones, the least first


def tells_habits(context: EditContext) -> bool:
    """Whether there are habits that samples can be told: the model keeps some, and hears them."""
    return bool(len(context.model.habits)) and context.model.hears


def draw_habits(
    context: EditContext, constraints: Constraints, layout: GridLayout, rows: int, rng: np.random.Generator
) -> Context | None:
    """Draw what so many samples are told to be like, [rows, beats, C]; None where there is nothing to tell.

    They are transposed into the scale that is asked for, or else towards what sounds beside; of several the first is taken
    that fits it, and has as many notes as are asked for.
    """
    model, family = context.model, context.family
    if not tells_habits(context):
        return None
    choices = CHOICES if constraints.has_scale or constraints.density else 1
    drawn = model.habits[rng.integers(len(model.habits), size=rows * choices)]
    told = tell_habits(drawn, family.spec.window_beats, family.context)
    misfit = np.zeros(len(told))
    if constraints.density:
        count = family.own_onsets(told).reshape(rows, choices)
        wanted = count[:, :1] + constraints.density * family.spec.window_beats / 4
        misfit = np.abs(count - np.maximum(wanted, 2)).reshape(-1)
    turned = np.zeros(len(told), np.int64)
    fits = _wanted_classes(constraints, layout)
    if fits is not None and SCALE in family.context:
        outside = _outside(told[:, 0, columns(family.context)[SCALE]][:, 1:], fits)
        turned = TURNS[outside.argmin(1)]
        if constraints.has_scale:
            misfit = misfit + CLASSES * outside.min(1)
    told = family.own_transposed(told, turned, octaves=OCTAVE * constraints.octave)
    return np.asarray(told[np.arange(rows) * choices + misfit.reshape(rows, choices).argmin(1)])


def _wanted_classes(constraints: Constraints, layout: GridLayout) -> NDArray[np.float64] | None:
    """Weigh pitch classes by for how long new notes may have them, or else by how long they sound beside; [12]."""
    if constraints.has_scale:
        allowed = constraints.allowed_classes(layout.beats[layout.open_steps] - layout.clip.start)
        return np.asarray(allowed.mean(0)) if len(allowed) else None
    if constraints.beside:
        first = layout.clip.start
        total = sounding_beats(constraints.beside, first + np.arange(max(1, round(layout.clip.beats)), dtype=np.float64)).sum(0)
        return np.asarray(total / max(total.max(), 1e-9))
    return None


def _outside(classes: NDArray[np.float32], fits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Find which share of pitch classes [N, 12] lies outside those that fit, at each of TURNS: [N, 12]."""
    inside = classes @ np.stack([np.roll(fits, -turn) for turn in TURNS], 1)
    return np.asarray(1 - inside / np.maximum(classes.sum(1, keepdims=True), 1e-9))
