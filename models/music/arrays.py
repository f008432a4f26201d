"""Clips <-> plain arrays, a row a note: pitch, start, duration, velocity. Beats and MIDI numbers, as in a clip."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.music.clip import Clip, Note

COLUMNS = ("pitch", "start", "duration", "velocity")


def to_array(clip: Clip) -> NDArray[np.float64]:
    """Give the notes of a clip as rows of COLUMNS, [notes, 4]."""
    rows = [(n.pitch, n.start, n.duration, n.velocity) for n in clip.notes]
    return np.array(rows, np.float64).reshape(-1, len(COLUMNS))


def from_array(
    rows: ArrayLike,
    *,
    beats: float | None = None,
    meter: tuple[int, int] = (4, 4),
    tempo: float = 120.0,
    channel: int | None = None,
    name: str = "",
) -> Clip:
    """Make a clip of rows of COLUMNS; as long as the whole bars that they need where `beats` are not given.

    With `channel=10` they are drums, as in a MIDI file.
    """
    array = np.asarray(rows, np.float64)
    if not array.size:
        array = array.reshape(0, len(COLUMNS))
    if array.ndim != 2 or array.shape[1] != len(COLUMNS):
        raise ValueError(f"an array of shape {array.shape} holds no notes: each row must be {', '.join(COLUMNS)}")
    if not np.isfinite(array).all() or (array[:, 0] % 1).any():
        raise ValueError("notes must be finite numbers, and their pitches whole ones")
    notes = tuple(Note(int(pitch), start, duration, velocity) for pitch, start, duration, velocity in array.tolist())
    bar = meter[0] * 4 / meter[1]
    last = max((note.end for note in notes), default=0.0)
    length = max(1, math.ceil(last / bar - 1e-9)) * bar if beats is None else beats
    return Clip(notes, length, meter=meter, tempo=tempo, channel=channel, name=name).in_order()
