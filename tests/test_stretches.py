"""Variations of lines change one stretch of a window, as players do; and flat clips stay flat."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.engine import Engine
from bridge.requests import Vary
from models.editing.stretches import draw_stretch
from models.music.clip import Clip, Note
from models.music.distance import compare, distance
from models.store import load_model

TOLD = {"told_noise": 0.3, "told_amounts": ((0.1, 0.1), (0.3, 0.3), (0.6, 0.6)), "told_lean": 0.0}


def line(velocity: float | None = None) -> Clip:
    return Clip(tuple(Note(60 + k * 5 % 12, k * 0.5, 0.5, velocity or 60.0 + k) for k in range(32)), 16.0)


@given(st.integers(0, 2**32), st.floats(0.05, 0.95), st.floats(0.05, 0.6))
def test_a_stretch_holds_about_the_share_that_is_wanted(seed: int, share: float, amount: float) -> None:
    rng = np.random.default_rng(seed)
    onsets = rng.integers(0, 3, 32) * (rng.random(32) < 0.5)
    free = draw_stretch(onsets, share, amount, rng)
    assert free.shape == (32,)
    if onsets.any():
        off = onsets[free].sum() - share * onsets.sum()
        struck = np.count_nonzero(onsets)
        # One note more or less, and one at least; what is not to reach the ends may find no room.
        assert abs(off) <= onsets.max() or free[onsets > 0].sum() in (1, struck - 2)
    edges = np.flatnonzero(np.diff(np.concatenate([free[-1:], free]).astype(int)))
    assert len(edges) <= 2  # one stretch, which may go over the end
    assert all(onsets[edge] or not edge for edge in edges)


def test_stretches_lie_at_the_ends_as_often_as_players_change_them() -> None:
    rng = np.random.default_rng(1)
    onsets = np.tile([1, 0], 16)
    drawn = np.array([draw_stretch(onsets, 0.3, 0.25, rng) for _ in range(2000)])
    first, last = drawn[:, 0], drawn[:, -1]
    shares = [(~first & ~last).mean(), (first & last).mean(), (first & ~last).mean(), (last & ~first).mean()]
    assert shares == pytest.approx([0.3, 0.1, 0.27, 0.33], abs=0.06)


def test_a_variation_changes_one_stretch_and_the_same_of_all_windows(tiny_models: Path) -> None:
    model = load_model(str(tiny_models / "melody"))
    model.card = model.card.model_copy(update=TOLD)
    clip = line()
    for made in Engine(load=lambda name, device: model).run(Vary(clips=(clip,), amount=0.25, count=6, seed=1)).clips:
        found = compare(clip, made)
        changed = [clip.notes[i] for i in (*found.dropped, *(i for i, _ in found.moved))]
        places = sorted({round(note.start * 4) % 32 for note in changed})
        gaps = np.diff([*places, places[0] + 32])
        assert max(gaps) >= 8  # steps: beside stretches, which may go over the end, much is kept in every window
        assert distance(clip, made) == pytest.approx(0.25, abs=0.5 / 32 + 0.04 + 1e-6)


def test_new_notes_of_a_clip_with_one_velocity_have_that_velocity(tiny_models: Path) -> None:
    engine = Engine(load=lambda name, device: load_model(str(tiny_models / "melody")))
    for clip, flat in ((line(77.0), True), (line(), False)):
        made = engine.run(Vary(clips=(clip,), amount=0.5, count=4, seed=1)).clips
        new = [note for its in made for note in its.notes if note.from_note < 0]
        assert new
        assert ({note.velocity for note in new} == {77.0}) == flat
