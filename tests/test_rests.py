"""Bars of rest: nothing new is put there unless it is asked for, and they are not decoded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bridge.engine import Engine
from bridge.requests import Blend, Interpolate, Reconstruct, Resting, Vary
from bridge.validation import STAND_IN
from models.editing.batching import Batcher, run_alone
from models.editing.rests import find_rests
from models.families.grid import GridSpec
from models.music.clip import Clip, Note
from models.network.cpu_runtime import NumpyModel
from models.network.decoding import DecodeBatch
from tests.support.models import tiny_engine

SPEC = GridSpec()
BAR = [(36, 0.0), (42, 0.5), (38, 1.0), (42, 1.5), (36, 2.0), (42, 2.5), (38, 3.0), (42, 3.5)]


@pytest.fixture(scope="module")
def engine(tiny_models: Path) -> Engine:
    return tiny_engine(tiny_models)


def music(*bars: int, of: int = 8, pitch: int | None = None, start: float = 0.0, channel: int | None = None) -> Clip:
    """Make a clip of so many bars that has notes in some of them: a beat, or a line about a pitch."""
    notes = [
        Note(p if pitch is None else pitch + i % 5, start + 4 * bar + beat, 0.4, 80.0 + i)
        for bar in bars
        for i, (p, beat) in enumerate(BAR)
    ]
    return Clip(tuple(notes), 4.0 * of, start=start, channel=channel)


def new_in(clip: Clip, rests: tuple[tuple[float, float], ...]) -> list[Note]:
    """List the notes of a clip that sound in a rest, to half a step; strokes of drums sound where they begin."""
    half = 0.5 / SPEC.steps_per_beat + 1e-3
    at = [(n.start - clip.start, (n.end if n.pitch > 46 else n.start + 0.1) - clip.start, n) for n in clip.notes]
    return [n for start, end, n in at for low, high in rests if start < high - half and end > low + half]


@pytest.mark.parametrize(
    ("clip", "holds", "rests"),
    [
        (music(0, 3), True, ((4.0, 12.0), (16.0, 32.0))),
        (music(0, 1, 2, 3, 4, 5, 6, 7), True, ()),
        (Clip((), 8.0), True, ((0.0, 8.0),)),
        # What is struck a little early is the next bar's; a note that is held sounds, a stroke does not.
        (Clip((Note(60, 3.9, 0.2),), 12.0), True, ((0.0, 4.0), (8.0, 12.0))),
        (Clip((Note(60, 0.0, 5.0),), 12.0), True, ((8.0, 12.0),)),
        (Clip((Note(60, 0.0, 5.0),), 12.0), False, ((4.0, 12.0),)),
        (Clip((Note(60, 0.0, 4.1),), 8.0), True, ((4.0, 8.0),)),
        # Bars are counted from beat 0, stretches from the clip's start.
        (Clip((Note(60, 5.0, 1.0),), 8.0, start=2.0), True, ((0.0, 2.0), (6.0, 8.0))),
        (Clip((Note(60, 4.0, 1.0),), 9.0, meter=(3, 4)), True, ((0.0, 3.0), (6.0, 9.0))),
        # Notes outside a clip's length say nothing of it; a stroke at its very end is its last step's.
        (Clip((Note(60, -2.0, 1.0), Note(60, 9.0, 1.0)), 8.0), True, ((0.0, 8.0),)),
        (Clip((Note(60, 7.95, 1.0),), 8.0), False, ((0.0, 4.0),)),
    ],
)
def test_rests_are_the_bars_in_which_nothing_sounds(clip: Clip, holds: bool, rests: object) -> None:
    assert find_rests([clip], SPEC, holds=holds) == rests


def test_clips_that_lie_alike_rest_where_all_of_them_do() -> None:
    assert find_rests([music(0, 1), music(3, 4)], SPEC, holds=True) == ((8.0, 12.0), (20.0, 32.0))


@pytest.mark.parametrize("source", [music(0, 3), music(1, 2, 6, pitch=64), music(0, 3, pitch=64, start=4.0)])
@pytest.mark.parametrize(
    "request_", [Vary(clips=(STAND_IN,), seed=1, amount=0.9, count=4), Reconstruct(clips=(STAND_IN,), seed=1)]
)
def test_bars_of_rest_stay_bars_of_rest(engine: Engine, source: Clip, request_: Resting) -> None:
    rests = find_rests([source], SPEC, holds=True)
    answer = engine.run(request_.model_copy(update={"clips": (source,)}))
    assert len(answer.clips) == request_.clip_count
    assert not any(new_in(clip, rests) for clip in answer.clips)
    filled = engine.run(request_.model_copy(update={"clips": (source,), "fill": True}))
    assert any(new_in(clip, rests) for clip in filled.clips)  # random weights write everywhere


@pytest.mark.parametrize("pitch", [None, 60])
def test_between_clips_what_all_rest_in_stays_a_rest(engine: Engine, pitch: int | None) -> None:
    a, b = music(0, 1, 4, pitch=pitch), music(0, 3, 4, pitch=pitch and pitch + 3)
    rests = ((8.0, 12.0), (20.0, 32.0))
    steps = engine.run(Interpolate(clips=(a, b), steps=5, seed=1)).clips
    grid = engine.run(Blend(clips=(a, b), grid=3, seed=1)).clips
    assert not any(new_in(clip, rests) for clip in (*steps, *grid))


def test_windows_of_rest_are_not_decoded(tiny_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[int] = []
    decode = NumpyModel.decode

    def counted(self: NumpyModel, batch: DecodeBatch) -> object:
        rows.append(len(batch))
        return decode(self, batch)

    monkeypatch.setattr(NumpyModel, "decode", counted)
    counts: list[int] = []
    for of in (4, 12):
        rows.clear()
        source = music(0, 1, of - 2, of - 1, of=of, pitch=64)
        run_alone(tiny_engine(tiny_models).start(Vary(clips=(source,), amount=0.5, count=2, seed=1)), Batcher(), lambda _: None)
        counts.append(sum(rows))
    assert counts[1] <= 2 * counts[0]  # four windows of rest among six: what they are in themselves is decoded, once each


def test_a_rest_of_one_bar_leaves_its_window_free(engine: Engine) -> None:
    source = music(0, 2, 3, of=4, pitch=64)
    for clip in engine.run(Vary(clips=(source,), amount=0.8, count=4, seed=2)).clips:
        assert not new_in(clip, ((4.0, 8.0),))
        assert {n.start // 4 for n in clip.notes} <= {0, 2, 3}


def test_untouched_at_amount_0_and_empty_clips_are_sampled(engine: Engine) -> None:
    source = music(0, pitch=64)
    assert engine.run(Vary(clips=(source,), amount=0, seed=1)).clips == (source,)
    sampled = engine.run(Vary(clips=(replace(source, notes=()),), amount=0.5, count=2, seed=1, kind="notes"))
    assert all(clip.notes for clip in sampled.clips)
    assert "is empty" in sampled.info[0]
