"""Requests computed together: each gives what it gives alone, ends once, and is in no other's way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.engine import Answer, Engine
from bridge.requests import Blend, Cross, Interpolate, Reconstruct, Request, Sample, Vary
from models.editing.batching import Batcher, Computation, Decode
from models.music.clip import Clip
from models.music.midi import read_clip
from models.network.decoding import DecodeBatch, LatentModel
from models.network.latent import Randomness
from models.store import load_model
from tests.support.clips import some
from tests.support.models import make_model, tiny_engine

BATCH_SIZE = 32


class Stop(Exception):
    """What a progress raises when its request is not wanted any more."""


@dataclass
class Seen:
    """What the sender of a request sees of it."""

    progress: list[float] = field(default_factory=list)
    results: list[object] = field(default_factory=list)
    stop_at: int | None = None  # raise at this call

    def report(self, fraction: float) -> None:
        assert not self.results or fraction == 1
        self.progress.append(fraction)
        if self.stop_at is not None and len(self.progress) > self.stop_at:
            raise Stop

    @property
    def answer(self) -> Answer:
        (result,) = self.results
        assert isinstance(result, Answer)
        return result


@pytest.fixture(scope="module")
def requests(clips: Path) -> list[Request]:
    rock, funk, ode, twinkle, chords, waltz = (
        read_clip(clips / f"{name}.mid") for name in ("rock", "funk", "ode_to_joy", "twinkle", "chords", "waltz_3_4")
    )
    return [
        Vary(clips=(funk,), count=3, seed=1),
        Vary(clips=(rock, ode, waltz), count=5, amount=0.5, seed=2),
        Vary(clips=(chords,), count=2, seed=3, kind="notes", key="C Major", lock=("rhythm",)),
        Vary(clips=(Clip((), 12),), count=3, seed=4, kind="notes"),
        Sample(count=4, bars=5, seed=5),
        Sample(count=3, bars=2, seed=6, kind="notes", density=2),
        Interpolate(clips=(rock, waltz), steps=5, seed=7),
        Blend(clips=(ode, twinkle, ode), grid=3, seed=8, lock_beats=((0, 4),)),
        Cross(clips=(twinkle, ode), count=3, seed=9),
        Cross(clips=(funk, rock), count=3, seed=10),
        Reconstruct(clips=(funk, ode), seed=11),
        Vary(clips=(funk,), lock_voices=("kick",), count=4, seed=12),
    ]


@pytest.fixture(scope="module")
def alone(tiny_models: Path, requests: list[Request]) -> list[Answer]:
    return [tiny_engine(tiny_models, BATCH_SIZE).run(request) for request in requests]


def content(answer: Answer) -> tuple[object, ...]:
    """Take all of an answer, with the marks of its notes, which do not count when clips are compared."""
    marks = [[(n.from_clip, n.from_note) for n in clip.notes] for clip in answer.clips]
    return answer, marks


def _begin(engine: Engine, batcher: Batcher, request: Request, seen: Seen) -> None:
    batcher.add(engine.start(request), seen.report, seen.results.append)


@given(data=st.data())
@some(15)
def test_requests_that_are_computed_together_give_what_each_gives_alone(
    tiny_models: Path, requests: list[Request], alone: list[Answer], data: st.DataObject
) -> None:
    """Whenever each comes, whatever the engine was asked before."""
    engine = tiny_engine(tiny_models, BATCH_SIZE)
    batcher = engine.batcher()
    order = data.draw(st.lists(st.integers(0, len(requests) - 1), min_size=2, max_size=8))
    pauses = data.draw(st.lists(st.integers(0, 4), min_size=len(order), max_size=len(order)))
    seen = [Seen() for _ in order]
    for which, pause, its in zip(order, pauses, seen, strict=True):
        _begin(engine, batcher, requests[which], its)
        for _ in range(pause):
            batcher.run_batch()
    while len(batcher):
        batcher.run_batch()
    for which, its in zip(order, seen, strict=True):
        assert content(its.answer) == content(alone[which])
        assert its.progress == sorted(its.progress)
        assert its.progress[-1] == 1


def test_what_an_engine_has_done_before_changes_nothing(
    tiny_models: Path, requests: list[Request], alone: list[Answer]
) -> None:
    used = tiny_engine(tiny_models, BATCH_SIZE)
    for _ in range(2):
        for request, answer in zip(requests, alone, strict=True):
            assert content(used.run(request)) == content(answer)


def test_the_shipped_models_too_give_the_same_together(requests: list[Request]) -> None:
    chosen = [requests[i] for i in (0, 5, 6)]
    apart = [Engine(batch_size=BATCH_SIZE).run(request) for request in chosen]
    engine = Engine(batch_size=BATCH_SIZE)
    batcher, seen = engine.batcher(), [Seen() for _ in chosen]
    for request, its in zip(chosen, seen, strict=True):
        _begin(engine, batcher, request, its)
    while len(batcher):
        batcher.run_batch()
    assert [content(its.answer) for its in seen] == [content(answer) for answer in apart]


@given(stop_at=st.integers(0, 12), which=st.integers(0, 11), beside=st.integers(0, 11))
@some(15)
def test_one_that_is_stopped_ends_within_a_batch_and_harms_no_other(
    tiny_models: Path, requests: list[Request], alone: list[Answer], stop_at: int, which: int, beside: int
) -> None:
    engine = tiny_engine(tiny_models, BATCH_SIZE)
    batcher, stopped, other = engine.batcher(), Seen(stop_at=stop_at), Seen()
    _begin(engine, batcher, requests[which], stopped)
    _begin(engine, batcher, requests[beside], other)
    while len(batcher):
        batcher.run_batch()
        assert len(stopped.progress) <= stop_at + 1
        # It ends where it raised: within the same batch.
        assert bool(stopped.results) >= (len(stopped.progress) > stop_at)
    assert content(other.answer) == content(alone[beside])
    if isinstance(stopped.results[0], Stop):
        assert len(stopped.progress) == stop_at + 1
    else:
        assert content(stopped.answer) == content(alone[which])


@pytest.mark.parametrize("fails", ["before", "between", "in the batch"])
def test_one_that_fails_says_why_and_harms_no_other(
    tiny_models: Path, requests: list[Request], alone: list[Answer], fails: str
) -> None:
    engine = tiny_engine(tiny_models, BATCH_SIZE)
    batcher, bad, others = engine.batcher(), Seen(), [Seen(), Seen()]
    _begin(engine, batcher, requests[0], others[0])
    batcher.run_batch()  # both decode now
    batcher.add(_failing(engine.model("drums"), fails), bad.report, bad.results.append)
    _begin(engine, batcher, requests[4], others[1])
    while len(batcher):
        batcher.run_batch()
    assert [content(its.answer) for its in others] == [content(alone[0]), content(alone[4])]
    assert len(bad.results) == 1
    assert isinstance(bad.results[0], Exception)


def _failing(model: LatentModel, when: str) -> Computation[None]:
    if when == "before":
        raise ValueError("this cannot begin")
    for _ in range(3):
        yield _job(model, 4, model.card.latent + (1 if when == "in the batch" else 0))  # such latents fit no batch
    raise ValueError("this cannot go on")


def _job(model: LatentModel, rows: int, latent: int) -> Decode:
    randomness = Randomness.zero(rows, model.family.spec, model.family.vocabulary)
    temperature = np.ones(rows, np.float32)
    latents = np.zeros((rows, latent), np.float32)
    return Decode(model, DecodeBatch(latents, np.ones(rows, np.float32), randomness, temperature))


def _jobs(model: LatentModel, sizes: Sequence[int]) -> Computation[list[int]]:
    """Ask for decodes of so many rows, one after another."""
    done: list[int] = []
    for k, rows in enumerate(sizes):
        grid = yield replace(_job(model, rows, model.card.latent), span=(k / len(sizes), (k + 1) / len(sizes)))
        done.append(len(grid))
    return done


def _quietly(fraction: float) -> None:
    """Take a fraction and let it go on."""


@pytest.mark.parametrize("batch_size", [None, BATCH_SIZE])
def test_small_requests_are_done_before_a_huge_one_that_began_earlier(tiny_models: Path, batch_size: int | None) -> None:
    model = tiny_engine(tiny_models).model("drums")
    batcher, ended = Batcher(batch_size=batch_size), list[str]()

    def note(name: str) -> Callable[[object], None]:
        return lambda result: ended.append(name)

    batcher.add(_jobs(model, [2000]), _quietly, note("huge"))
    batcher.run_batch()
    for k in range(3):
        batcher.add(_jobs(model, [9, 9]), _quietly, note(f"small {k}"))
    for _ in range(20):  # five turns of each
        batcher.run_batch()
    assert sorted(ended) == ["small 0", "small 1", "small 2"]
    while len(batcher):
        batcher.run_batch()
    assert ended[-1] == "huge"


@given(sizes=st.lists(st.lists(st.integers(1, 90), min_size=1, max_size=4), min_size=1, max_size=40))
@some(20)
def test_each_request_gets_all_its_rows_and_is_done_once_however_many_there_are(
    tiny_models: Path, sizes: list[list[int]]
) -> None:
    model = tiny_engine(tiny_models).model("drums")
    batcher, results = Batcher(), list[tuple[int, object]]()

    def done(k: int) -> Callable[[object], None]:
        return lambda result: results.append((k, result))

    told: dict[int, list[float]] = {k: [] for k in range(len(sizes))}
    for k, mine in enumerate(sizes):
        batcher.add(_jobs(model, mine), told[k].append, done(k))
    while len(batcher):
        batcher.run_batch()
    assert sorted(results, key=lambda r: r[0]) == list(enumerate(sizes))
    assert all(its == sorted(its) and its[-1] == 1 for its in told.values())


def test_what_needs_no_computing_is_done_in_one_turn(tiny_models: Path, clips: Path) -> None:
    engine = tiny_engine(tiny_models)
    clip, seen, batcher = read_clip(clips / "rock.mid"), Seen(), engine.batcher()
    _begin(engine, batcher, Vary(clips=(clip,), amount=0, seed=1), seen)
    batcher.run_batch()
    assert len(batcher) == 0
    assert seen.answer.clips == (clip,)


def test_whose_turn_it_is_has_a_whole_batch_and_others_fill_a_small_one(tiny_models: Path) -> None:
    model = tiny_engine(tiny_models).model("drums")
    batcher = Batcher()
    large, small, other = (batcher.add(_jobs(model, [rows]), _quietly, lambda result: None) for rows in (40, 3, 9))
    for task in (large, small, other):
        assert batcher.run_batch(task) == [(task, 1.0)]  # to begin with, it says what it wants
    assert batcher.run_batch(large) == [(large, 1.0)]
    assert batcher.run_batch(small) == [(small, 3 / 8), (other, 5 / 8)]
    assert batcher.run_batch(other) == [(other, 4 / 8), (large, 4 / 8)]
    assert (large.rows, small.rows, other.rows) == (4, 0, 0)


def test_progress_never_goes_back_where_one_request_needs_several_models(tiny_models: Path, clips: Path) -> None:
    several = tuple(read_clip(clips / f"{name}.mid") for name in ("rock", "ode_to_joy", "funk", "twinkle"))
    seen: list[float] = []
    tiny_engine(tiny_models).run(Vary(clips=several, count=8, seed=1), seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_models_of_one_name_are_not_taken_for_one_another(tiny_models: Path, clips: Path, tmp_path: Path) -> None:
    """A model given by its path may be called as one that ships."""
    make_model(tmp_path / "drums", seed=7)
    clip = read_clip(clips / "rock.mid")
    places = {"drums": tiny_models / "drums", "mine": tmp_path / "drums"}
    engine = Engine(batch_size=BATCH_SIZE, load=lambda name, device: load_model(str(places[name]), device))
    request = Reconstruct(clips=(clip,), seed=1, model="mine")
    alone = Engine(batch_size=BATCH_SIZE, load=lambda name, device: load_model(str(places[name]), device)).run(request)
    engine.run(request.model_copy(update={"model": "drums"}))
    assert engine.run(request) == alone
