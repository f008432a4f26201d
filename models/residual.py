"""Carrying what a decode changes over to the music it was decoded around. Arithmetic on grids; no clips, no models."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.grid import DRUMS, HOLD, MELODY, REST, Grid, GridKind


def carry_over(own: Grid, heard_back: Grid, decoded: Grid, kind: GridKind) -> Grid:
    """Change `own` where `decoded` differs from `heard_back`, which is what the model would write of `own` itself.

    So what the model cannot hear of the music does not count as a change. Onsets that stay keep their velocity and offset.
    """
    if kind is DRUMS:  # voice by voice
        tokens = own.tokens ^ ((decoded.tokens ^ heard_back.tokens) & (decoded.tokens ^ own.tokens))
    else:
        tokens = np.where(decoded.tokens == heard_back.tokens, own.tokens, decoded.tokens)
    if kind is MELODY:
        tokens = without_orphans(tokens)
    struck = kind.onsets[tokens]
    stays = struck & kind.onsets[own.tokens]
    return Grid(
        tokens,
        np.where(stays, own.velocities, decoded.velocities * struck),
        np.where(stays, own.offsets, decoded.offsets * struck),
    )


def without_orphans(tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    """Turn holds with no note to hold into rests, [B, T]; a note held into the window stays held."""
    steps = np.arange(tokens.shape[1])
    last = np.maximum.accumulate(np.where(tokens != HOLD, steps, 0), axis=1)
    is_orphan = (tokens == HOLD) & (np.take_along_axis(tokens, last, 1) == REST)
    return np.where(is_orphan, REST, tokens)
