"""Samples that are told what some music that was learned from is like."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from numpy.typing import NDArray

from bridge.engine import Engine
from bridge.requests import Sample
from models.families.context import HABITS, SCALE, Context, columns
from models.families.family import Family
from models.families.grid import Grid
from models.families.habits import choose_habits, keep_habits, tell_habits
from models.families.registry import find_family
from models.music.key import parse_key
from models.network.cpu_runtime import NumpyModel
from models.network.decoding import DecodeBatch
from models.store import load_model
from tests.support.made_up import grooves, melodies


def music(name: str) -> tuple[Family, Grid, NDArray[np.int64]]:
    windows = melodies(6) if name == "melody" else grooves(6)
    return find_family(name), windows.grid, windows.piece


@pytest.mark.parametrize("name", ["drums", "melody"])
def test_habits_that_are_kept_are_told_as_they_were(name: str) -> None:
    family, grid, _ = music(name)
    own = family.own_context(grid)
    assert own is not None
    told = tell_habits(keep_habits(own, family.context), family.spec.window_beats, family.context)
    assert told.shape == own.shape
    assert np.abs(told - own).max() <= 0.5 / 32
    onsets = family.vocabulary.struck(grid.tokens).sum((1, 2))
    assert np.abs(family.own_onsets(told) - onsets).max() <= 1


def test_transposed_habits_are_those_of_transposed_music() -> None:
    family, grid, _ = music("melody")
    semitones = np.arange(len(grid)) % 11 - 5
    moved = Grid(family.transposed(grid.tokens, semitones), grid.velocities, grid.offsets)
    own, its = family.own_context(grid), family.own_context(moved)
    assert own is not None
    assert its is not None
    assert np.allclose(family.own_transposed(own, semitones), its, atol=1e-5)


def test_all_pieces_are_among_the_habits_that_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.families.habits.MOST", 9)
    family, grid, piece = music("melody")
    own = family.own_context(grid)
    assert own is not None
    own[..., columns(family.context)[HABITS].start + 1] = piece[:, None] / 32  # a number that names the piece
    kept = choose_habits(own, piece, family.context, np.random.default_rng(0))
    counts = np.bincount(kept[:, family.context[SCALE]], minlength=6)
    assert len(kept) == 9
    assert set(counts.tolist()) == {1, 2}


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[DecodeBatch]:
    """Every batch that is decoded."""
    batches: list[DecodeBatch] = []
    decode = NumpyModel.decode

    def noticed(self: NumpyModel, batch: DecodeBatch) -> Grid:
        batches.append(batch)
        return decode(self, batch)

    monkeypatch.setattr(NumpyModel, "decode", noticed)
    return batches


def telling(tiny_models: Path, name: str, *, keeps: bool = True) -> Engine:
    """Make an engine of a small model that hears, and keeps the habits of made-up music."""
    model = load_model(str(tiny_models / name), runtime="numpy")
    family, grid, piece = music(name)
    own = family.own_context(grid)
    assert own is not None
    assert isinstance(model, NumpyModel)
    model.hears = True
    if keeps:
        model.habits = choose_habits(own, piece, family.context, np.random.default_rng(0))
    return Engine(load=lambda _, device: model)


def told(batches: list[DecodeBatch]) -> list[Context]:
    return [batch.context for batch in batches if batch.context is not None]


@pytest.mark.parametrize("name", ["drums", "melody"])
def test_all_windows_of_a_sample_are_told_one_row_of_habits(tiny_models: Path, heard: list[DecodeBatch], name: str) -> None:
    engine = telling(tiny_models, name)
    assert len(engine.run(Sample(model=name, count=3, bars=4, seed=1)).clips) == 3
    family = find_family(name)
    first = told(heard)[0]
    assert len(told(heard)) == len(heard)
    assert all(np.array_equal(its, first) for its in told(heard)[:3])
    assert (first == first[:, :1]).all()
    assert first[..., columns(family.context)[HABITS].start].all()
    heard.clear()
    engine.run(Sample(model=name, count=3, bars=4, seed=1))
    assert np.array_equal(told(heard)[0], first)


def test_a_model_without_habits_is_told_nothing(tiny_models: Path, heard: list[DecodeBatch]) -> None:
    telling(tiny_models, "melody", keeps=False).run(Sample(model="melody", count=3, seed=1))
    assert not told(heard)


def test_habits_are_turned_into_the_key_and_moved_by_octaves(tiny_models: Path, heard: list[DecodeBatch]) -> None:
    engine, at = telling(tiny_models, "melody"), columns(find_family("melody").context)
    engine.run(Sample(model="melody", count=8, seed=1, key="F# major"))
    inside = parse_key("F# major").classes
    scales = [its[:, 0, at[SCALE]][:, 1:] for its in told(heard)]
    outside = [k for k in range(12) if k not in inside]
    assert all(its[:, outside].sum() <= 0.1 * its.sum() for its in scales)
    middles = []
    for octave in (0.0, 1.0):
        heard.clear()
        engine.run(Sample(model="melody", count=8, seed=1, octave=octave))
        middles.append(fmean(told(heard)[0][:, 0, at[HABITS].start + 4].tolist()))
    assert middles[1] - middles[0] == pytest.approx(2 / 3, abs=1e-4)


def test_the_dials_go_where_they_say() -> None:
    shipped = Engine()

    def made(**dials: float) -> tuple[float, float]:
        clips = shipped.run(Sample.model_validate({"count": 24, "seed": 1, "kind": "notes", **dials})).clips
        return fmean(n.pitch for c in clips for n in c.notes), fmean(len(c.notes) / 2 for c in clips)

    (pitch, notes), (higher, as_many), (_, more) = made(), made(octave=1), made(density=2)
    assert 6 < higher - pitch < 15
    assert 0.6 < as_many / notes < 1.6
    assert 0.5 < more - notes < 4
