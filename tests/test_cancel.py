"""A request that is ended at any pause leaves the engine as it was: the next one gives what it gives in a fresh engine."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bridge.engine import Answer, Engine
from bridge.requests import Blend, Cross, Interpolate, Reconstruct, Request, Sample, Vary
from models.editing.batching import run_alone
from models.music.clip import Clip, Note
from models.pause import pausing
from tests.support.models import tiny_engine


class Ended(Exception):
    """Raised inside a request that no one wants any more."""


class After:
    """Ends a request at a pause."""

    def __init__(self, pauses: int) -> None:
        self.left = pauses

    def __call__(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Ended


def beat(seed: int, notes: int = 24, beats: float = 16.0) -> Clip:
    rng = random.Random(seed)
    return Clip(tuple(Note(rng.randint(36, 46), rng.randint(0, int(beats * 4) - 1) / 4, 0.25) for _ in range(notes)), beats)


PAIR = beat(1), beat(2)
REQUESTS: list[Request] = [
    Vary(clips=PAIR, kind="drums", count=2, seed=1, amount=0.4),
    Vary(clips=PAIR[:1], kind="notes", count=2, seed=1, amount=0.4, lock_beats=((0, 4),), key="A minor"),
    Reconstruct(clips=PAIR, kind="notes", seed=1),
    Interpolate(clips=PAIR, kind="drums", steps=3, seed=2),
    Interpolate(clips=PAIR, kind="notes", steps=4, seed=2, path="morph"),
    Blend(clips=PAIR, kind="drums", grid=2, seed=3),
    Cross(clips=PAIR, kind="notes", count=2, seed=4),
    Sample(kind="drums", count=3, seed=5),
]


def notes_of(answer: Answer) -> object:
    return [(clip, [(n.from_clip, n.from_note) for n in clip.notes]) for clip in answer.clips]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda r: f"{type(r).__name__}-{r.kind}")
def test_a_request_that_was_ended_anywhere_changes_nothing_of_the_next(tiny_models: Path, request_: Request) -> None:
    whole = After(10**9)
    with pausing(whole):
        expected = notes_of(tiny_engine(tiny_models).run(request_))
    pauses = 10**9 - whole.left
    assert pauses > 10
    engine = tiny_engine(tiny_models)
    rng = random.Random(repr(request_.seed))
    for _ in range(2):
        with pausing(After(rng.randrange(pauses))), pytest.raises(Ended):
            engine.run(request_)
        assert notes_of(engine.run(request_)) == expected
        engine = tiny_engine(tiny_models)


def test_a_palette_is_kept_whole_or_not_at_all(tiny_models: Path) -> None:
    request = Blend(clips=PAIR, kind="drums", grid=0, seed=3)
    fresh = tiny_engine(tiny_models)
    run(fresh, request, palette=7)
    expected = notes_of(run_at(fresh, 7))
    engine = tiny_engine(tiny_models)
    with pausing(After(3)), pytest.raises(Ended):
        run(engine, request, palette=7)
    with pytest.raises(ValueError, match="palette"):
        engine.start_at(7, 0.4, 0.3)
    run(engine, request, palette=7)
    with pausing(After(1)), pytest.raises(Ended):
        run_at(engine, 7)
    assert notes_of(run_at(engine, 7)) == expected


def run(engine: Engine, request: Request, *, palette: int) -> Answer:
    return run_alone(engine.start(request, palette=palette), engine.batcher(), lambda fraction: None)


def run_at(engine: Engine, palette: int) -> Answer:
    return run_alone(engine.start_at(palette, 0.4, 0.3), engine.batcher(), lambda fraction: None)
