"""What sounds with a clip: laid along it, heard by models that were trained to hear, never changed and never returned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.engine import Engine
from bridge.requests import Blend, Cross, Interpolate, Reconstruct, Request, Sample, Vary
from models.editing.batching import run_alone
from models.editing.clip_state import EditContext, EncodingCache, describe_others, read_clips
from models.editing.gaps import Gap, Gaps, find_gaps
from models.editing.others import Other, notes_beside
from models.families.constraints import Constraints
from models.families.context import OTHERS, columns
from models.families.grid import GridSpec
from models.families.registry import find_family
from models.music.clip import Clip, Note
from tests.support.clips import Kind, kinds, some
from tests.support.models import tiny_engine

MELODY = find_family("melody")
TUNE = Clip(tuple(Note(60 + k % 7 * 2 % 12, k / 2, 0.5, 90.0) for k in range(32)), 16.0)
CHORDS = Clip(tuple(Note(p + 2 * k, 4.0 * k, 4.0) for k in range(4) for p in (48, 52, 55)), 16.0)
BEAT = Clip(tuple(Note(36 if k % 2 == 0 else 38, float(k), 0.25) for k in range(16)), 16.0)


@pytest.fixture(scope="module")
def engine(tiny_models: Path) -> Engine:
    return tiny_engine(tiny_models)


def rows(notes: Iterable[Note]) -> list[tuple[int, float, float]]:
    return [(n.pitch, n.start, n.end) for n in notes]


def test_what_is_longer_is_cut() -> None:
    found = notes_beside(replace(TUNE, beats=6.0), [Other(CHORDS)], Gaps())
    assert rows(found or ()) == [(48, 0, 4), (52, 0, 4), (55, 0, 4), (50, 4, 6), (54, 4, 6), (57, 4, 6)]


def test_what_is_shorter_is_repeated_as_a_loop_is() -> None:
    loop = Clip((Note(40, -0.5, 1.0), Note(43, 1.0, 3.0), Note(45, 2.5, 0.5)), 2.0)
    found = notes_beside(replace(TUNE, beats=5.0), [Other(loop)], Gaps())
    assert rows(found or ()) == [(40, 0, 0.5), (43, 1, 2), (40, 2, 2.5), (43, 3, 4), (40, 4, 4.5)]


def test_what_fits_is_heard_as_it_is() -> None:
    found = notes_beside(TUNE, [Other(CHORDS), Other(BEAT, is_pitched=False)], Gaps())
    assert found == CHORDS.notes
    assert all(a is b for a, b in zip(found, CHORDS.notes, strict=True))


def test_nothing_known_is_not_the_same_as_silence() -> None:
    assert notes_beside(TUNE, [], Gaps()) is None
    assert notes_beside(TUNE, [Other(BEAT, is_pitched=False)], Gaps()) is None
    assert notes_beside(TUNE, [Other(CHORDS.with_notes(()))], Gaps()) == ()


@some(60)
@given(
    st.lists(st.tuples(st.integers(0, 127), st.integers(-8, 80), st.integers(1, 40)), max_size=12),
    st.integers(1, 40),
    st.integers(1, 60),
    st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), max_size=3),
)
def test_what_sounds_at_a_beat_is_what_a_loop_has_there(
    given: list[tuple[int, int, int]], period: int, beats: int, cuts: list[tuple[int, int]]
) -> None:
    loop = Clip(tuple(Note(pitch, start / 2, length / 2) for pitch, start, length in given), float(period))
    gaps, at = [], 0.0
    for before, length in cuts:
        gaps.append(Gap(at + before, float(length)))
        at += before + length
    taken = Gaps(tuple(gap for gap in gaps if gap.at + gap.length < beats))
    clip = Clip((), float(beats))
    found = notes_beside(clip, [Other(loop)], taken) or ()
    for time in np.arange(0.25, beats, 0.5):
        if any(gap.at <= time < gap.at + gap.length for gap in taken.gaps):
            continue
        where = time % period if period < beats else time
        sounding = sorted(n.pitch for n in loop.notes if n.start <= where < n.end)
        closed = taken.close_beat(float(time))
        assert sorted(n.pitch for n in found if n.start <= closed < n.end) == sounding


def test_silence_costs_nothing_however_short_what_is_repeated() -> None:
    clip = Clip((*TUNE.notes, *(replace(n, start=n.start + 1e6) for n in TUNE.notes)), 1e6 + 16)
    gaps = find_gaps([clip], GridSpec())
    found = notes_beside(clip, [Other(Clip((Note(60, 0.0, 0.5),), 1.0))], gaps)
    assert len(found or ()) < 100


REQUESTS: list[Request] = [
    Sample(count=2, bars=4, seed=1),
    Vary(clips=(TUNE,), amount=0.6, count=2, seed=1),
    Interpolate(clips=(TUNE, CHORDS), steps=4, seed=1),
    Blend(clips=(TUNE, CHORDS), at=(0.4, 0.0), seed=1),
    Cross(clips=(TUNE, CHORDS), count=2, seed=1),
    Reconstruct(clips=(TUNE,), seed=1),
]


@kinds
@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: type(request).__name__)
def test_others_are_heard_and_come_back_nowhere(engine: Engine, request_: Request, kind: Kind) -> None:
    asked = request_.model_copy(update={"kind": kind})
    count = len(getattr(asked, "clips", ())) or 1
    alone = engine.run(asked)
    assert engine.run(asked, others=[[]] * count) == alone
    # Drums tell of no harmony, and drums hear none.
    assert engine.run(asked, others=[[Other(BEAT, is_pitched=False)]] * count) == alone
    beside = engine.run(asked, others=[[Other(CHORDS.with_notes(Note(61, float(k), 1.0) for k in range(16)))]] * count)
    assert (beside == alone) == (kind == "drums" or isinstance(request_, Reconstruct))
    assert len(beside.clips) == len(alone.clips)


def test_each_clip_has_others_of_its_own(engine: Engine) -> None:
    high, low = (CHORDS.with_notes(Note(p, float(k), 1.0) for k in range(16)) for p in (61, 66))
    both = Vary(clips=(TUNE, TUNE), amount=0.6, count=2, seed=1, kind="notes")
    one = Vary(clips=(TUNE,), amount=0.6, count=2, seed=1, kind="notes")
    made = engine.run(both, others=[[Other(high)], [Other(low)]]).clips
    assert made[:2] == engine.run(one, others=[[Other(high)]]).clips
    assert made[2:] == engine.run(one, others=[[Other(low)]]).clips
    assert made[:2] != made[2:]


def context_of(engine: Engine) -> EditContext:
    return EditContext(engine.model("melody"), Constraints(), None, 1.0, 1, EncodingCache())


def test_the_voices_of_a_clip_hear_each_other_and_the_others(engine: Engine) -> None:
    top, low = ([Note(p, float(k), 1.0, 80.0) for k in range(16)] for p in (76, 60))
    both = Clip((*top, *low), 16.0)
    others = [[Other(Clip(tuple(Note(42, float(k), 1.0) for k in range(4)), 4.0))]]
    ((state,), _) = run_alone(read_clips(context_of(engine), [both], others), engine.batcher(), lambda fraction: None)
    windows, seams = state.described
    assert windows is not None
    assert seams is not None
    for told in (windows, seams):
        heard = told[..., columns(MELODY.context)[OTHERS]][..., 1:]
        assert {tuple(np.flatnonzero(beat).tolist()) for beat in heard[:2].reshape(-1, 12)} == {(0, 6)}
        assert {tuple(np.flatnonzero(beat).tolist()) for beat in heard[2:].reshape(-1, 12)} == {(4, 6)}


def test_of_clips_from_nothing_only_what_sounds_with_them_is_known(engine: Engine) -> None:
    layout = find_family("melody").clip_to_grid(Clip((), 16.0))
    told = describe_others(context_of(engine), layout, CHORDS.notes)
    assert told is not None
    others = columns(MELODY.context)[OTHERS]
    assert told[..., others].any()
    assert not np.delete(told, np.r_[others], -1).any()
