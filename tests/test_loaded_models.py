"""Models that were asked for: few are kept, none goes that is in use, and what one has encoded goes with it."""

from __future__ import annotations

import gc
import weakref
from collections import Counter
from pathlib import Path

import pytest

from bridge.engine import Engine
from bridge.loaded_models import MOST, LoadedModels
from bridge.requests import Blend, Vary
from models.editing.batching import run_alone
from models.editing.clip_state import EncodingCache
from models.families.grid import Grid
from models.music.clip import Clip, Note
from models.network.decoding import LatentModel
from models.store import load_model

BEAT = Clip(tuple(Note(pitch, k / 2, 0.25) for k in range(8) for pitch in (36, 42)), 8)
OTHER = Clip(tuple(Note(pitch, k / 2 + 0.25, 0.25) for k in range(8) for pitch in (38, 46)), 8)


class Shelf:
    """Gives the small model of drums under any name, each time another one, and counts."""

    def __init__(self, models: Path) -> None:
        self.models, self.loaded = models, Counter[str]()
        self.made: list[weakref.ref[LatentModel]] = []

    def load(self, name: str, device: str = "cpu") -> LatentModel:
        model = load_model(str(self.models / "drums"), device)
        self.loaded[name] += 1
        self.made.append(weakref.ref(model))
        return model

    @property
    def alive(self) -> int:
        gc.collect()
        return sum(there() is not None for there in self.made)


@pytest.fixture
def shelf(tiny_models: Path) -> Shelf:
    return Shelf(tiny_models)


def test_those_asked_for_last_are_kept_and_some_always(shelf: Shelf) -> None:
    models = LoadedModels(shelf.load, always=["drums"], most=2)
    for name in ("drums", "a", "b", "a", "c", "a", "drums"):
        models.find(name)
    assert shelf.loaded == {"drums": 1, "a": 1, "b": 1, "c": 1}
    assert shelf.alive == 3
    models.find("b")
    assert shelf.loaded["b"] == 2
    models.find("drums")
    assert shelf.loaded["drums"] == 1


def test_a_model_in_use_is_the_same_one_when_it_is_asked_for_again(shelf: Shelf) -> None:
    models = LoadedModels(shelf.load, most=1)
    mine = models.find("a")
    models.find("b")
    models.find("c")
    assert models.find("a") is mine
    assert shelf.loaded["a"] == 1


def test_however_many_are_named_an_engine_holds_few(shelf: Shelf) -> None:
    engine = Engine(load=shelf.load)
    for k in range(2 * MOST):
        engine.run(Vary(clips=(BEAT,), count=1, seed=1, model=f"mine {k}", kind="drums"))
    assert shelf.alive == MOST
    assert len(engine._encodings._found) <= 2 * MOST + 2


def test_a_palette_and_what_is_being_computed_keep_their_model(shelf: Shelf) -> None:
    engine = Engine(load=shelf.load)
    blend = Blend(clips=(BEAT, OTHER), grid=0, seed=1, model="mine", kind="drums")
    run_alone(engine.start(blend, palette=1), engine.batcher(), lambda fraction: None)
    before = run_alone(engine.start_at(1, 0.4, 0.0), engine.batcher(), lambda fraction: None).clips
    begun = engine.start(Vary(clips=(BEAT,), count=2, seed=1, model="yours", kind="drums"))
    job = next(begun)
    for k in range(2 * MOST):
        engine.model(f"another {k}")
    assert run_alone(engine.start_at(1, 0.4, 0.0), engine.batcher(), lambda fraction: None).clips == before
    assert shelf.alive == MOST + 2
    engine.drop_palette(1)
    begun.close()
    del begun, job
    assert shelf.alive == MOST


def test_what_a_model_has_encoded_goes_with_it(shelf: Shelf) -> None:
    cache, one, other = EncodingCache(), shelf.load("one"), shelf.load("other")
    grid = Grid.silent(3, one.family.spec, one.family.vocabulary)
    found = cache.find(one, grid)
    assert cache.find(other, grid) is not found
    assert cache.find(one, grid) is found
    del one
    gc.collect()
    cache.find(other, grid)
    assert len(cache._found) == 1
    assert cache._windows == 3
    assert cache.find(shelf.load("next"), grid) is not found
