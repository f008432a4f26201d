"""Music made up for tests: windows of beats and of tunes by piece, and clips that can be counted by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from models.families.grid import Grid
from models.families.registry import find_family
from models.families.sustained import HOLD
from models.music.clip import Clip, Note
from models.training.dataset import Windows

BAR_STEPS = 16

BEAT = Clip(
    tuple(Note(pitch, k / 2, 0.25, 90.0 + k) for k in range(16) for pitch in ((36, 42) if k % 4 == 0 else (42,))),
    8.0,
    channel=10,
)
LINE = Clip(tuple(Note(60 + k, float(k), 1.0, 80.0) for k in range(8)), 8.0)


def grooves(pieces: int, each: int = 8, *, seed: int = 0, busy: float = 0.3) -> Windows:
    """Make up beats: kicks of each piece's own, backbeat, eighth hats, and now and then another stroke."""
    rng = np.random.default_rng(seed)
    bits = rng.random((pieces, each, 32, 9)) < busy / 9
    bits[..., 0] |= np.tile(rng.random((pieces, 1, 16)) < 0.25, (1, 1, 2))
    bits[..., 0, 0] = True
    bits[:, :, 4::8, 1] = True
    bits[:, :, ::2, 2] = True
    bits = bits.reshape(-1, 32, 9)
    velocities = np.where(bits, rng.uniform(0.4, 1, bits.shape), 0).astype(np.float32)
    offsets = np.where(bits, rng.normal(0, 0.1, bits.shape).clip(-0.4, 0.4), 0).astype(np.float32)
    grid = Grid((bits << np.arange(9)).sum(2, keepdims=True), velocities, offsets)
    count = len(grid)
    return Windows(grid, np.arange(count) // each, np.ones((count, 2), bool), ("made up",), np.zeros(count, np.int64))


def melodies(pieces: int, each: int = 8, *, seed: int = 0) -> Windows:
    """Make up lines: eighths that walk up and down."""
    rng = np.random.default_rng(seed)
    count = pieces * each
    tokens = np.full((count, 32), HOLD)
    tokens[:, ::2] = np.clip(60 + rng.integers(-2, 3, (count, 16)).cumsum(1), 40, 90)
    velocities = np.where(tokens < HOLD, 0.8, 0)[..., None].astype(np.float32)
    feel = np.array([[True, False]] * count)
    grid = Grid(tokens[..., None], velocities, np.zeros_like(velocities))
    return Windows(grid, np.arange(count) // each, feel, ("made up",), np.zeros(count, np.int64))


def tune(bars: int, seed: int = 0) -> Grid:
    """A line [1, T] of which some notes are held over bar lines."""
    rng = np.random.default_rng(seed)
    tokens = np.where(rng.random((1, bars * BAR_STEPS)) < 0.3, rng.integers(50, 70, (1, bars * BAR_STEPS)), HOLD)
    tokens[0, 0] = 60
    velocities = np.where(tokens < HOLD, 0.8, 0)[..., None].astype(np.float32)
    return Grid(tokens[..., None], velocities, np.zeros_like(velocities))


def beats(bars: int, seed: int = 0) -> Grid:
    """A row of drum bars [1, T]."""
    rng = np.random.default_rng(seed)
    struck = rng.random((1, bars * BAR_STEPS, 9)) < 0.15
    struck[..., 2] = np.arange(bars * BAR_STEPS) % 2 == 0
    velocities = np.where(struck, rng.uniform(0.3, 1, struck.shape), 0).astype(np.float32)
    return Grid((struck << np.arange(9)).sum(2, keepdims=True), velocities, np.zeros_like(velocities))


def as_windows(bars: Grid, piece: int = 0) -> Windows:
    """Cut a row of bars [1, T] into windows of two at every bar, as packing does."""
    count = bars.tokens.shape[1] // BAR_STEPS - 1
    cut = bars.map(lambda v: np.concatenate([v[:, k * BAR_STEPS : (k + 2) * BAR_STEPS] for k in range(count)]))
    if bars.velocities.shape[2] == 1:
        cut = replace(cut, tokens=find_family("melody").vocabulary.without_leading_holds(cut.tokens))
    where = np.zeros(count, np.int64)
    return Windows(cut, where + piece, np.ones((count, 2), bool), ("made up",), where)


def pieces_of(music: Sequence[Grid]) -> Windows:
    """Cut several pieces into windows."""
    parts = [as_windows(bars, piece) for piece, bars in enumerate(music)]
    return Windows(
        Grid.stack([p.grid for p in parts]),
        np.concatenate([p.piece for p in parts]),
        np.concatenate([p.feel for p in parts]),
        ("made up",),
        np.concatenate([p.set_of for p in parts]),
    )


def marked(clip: Clip, index: int = 0) -> Clip:
    """A clip whose notes know where they come from, as an engine gives them back."""
    return clip.with_notes(replace(n, from_clip=index, from_note=i) for i, n in enumerate(clip.notes))


def without(clip: Clip, *indices: int) -> Clip:
    """A clip that lacks some notes."""
    return clip.with_notes(n for i, n in enumerate(clip.notes) if i not in indices)


def changed(clip: Clip, index: int, **fields: float) -> Clip:
    """A clip with one note changed."""
    return clip.with_notes(replace(n, **fields) if i == index else n for i, n in enumerate(clip.notes))  # type: ignore[arg-type]
