"""Exact: what must come back as it was sent does, field for field, whatever the clip, in every verb."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.engine import Engine
from bridge.requests import Blend, Cross, Interpolate, Sample, Vary
from models.families.drums import GM_KIT
from models.families.grid import Grid
from models.families.registry import find_family
from models.music.clip import Clip, Note
from models.music.drum_map import VOICE_NAMES
from models.music.midi import MidiError, read_clip
from tests.support.clips import PATHS, Kind, between, fields, kinds, overlaps, some, sources
from tests.support.models import tiny_engine

CLIPS = Path(__file__).parent / "clips"
DRUMS = find_family("drums")


@pytest.fixture(scope="module")
def engine(tiny_models: Path) -> Engine:
    return tiny_engine(tiny_models)


def assert_true_to(made: Clip, given_clips: Sequence[Clip], frames: Sequence[Clip]) -> None:
    """Hold a made clip to what is promised of all: given the request's clips, and these as they are laid out for the answer."""
    marks = Counter((n.from_clip, n.from_note) for n in made.notes if n.from_clip >= 0 or n.from_note >= 0)
    assert all(count == 1 for count in marks.values())
    for n in made.notes:
        if n.from_clip >= 0 or n.from_note >= 0:
            assert n == given_clips[n.from_clip].notes[n.from_note]
    there = [n for frame in frames for n in frame.notes]
    assert overlaps(made.notes) <= set().union(*(overlaps(frame.notes) for frame in frames))
    onsets = {n.start for n in there}
    assert all(made.start <= n.start < made.end or n.start in onsets for n in made.notes)


def readable() -> dict[str, Clip]:
    """Read the files of tests/clips, those that are a clip."""
    found: dict[str, Clip] = {}
    for path in sorted(CLIPS.glob("*.mid")):
        try:
            found[path.stem] = read_clip(path)
        except MidiError:
            continue
    return found


FILES = readable()
of_files = pytest.mark.parametrize("name", FILES)


@of_files
@pytest.mark.parametrize("model", ["drums", "melody"])
def test_of_every_file_amount_0_is_the_clip_and_the_ends_and_corners_are(engine: Engine, name: str, model: str) -> None:
    clip, other = FILES[name], FILES["waltz_3_4"]
    answer = engine.run(Vary(clips=(clip,), amount=0, seed=1, model=model))
    assert answer.clips == (clip,)
    assert [(n.from_clip, n.from_note) for n in answer.clips[0].notes] == [(0, i) for i in range(len(clip.notes))]
    for pair in ((clip, other), (other, clip)):
        for path in PATHS:
            ends = engine.run(Interpolate(clips=pair, steps=2, path=path, seed=1, model=model)).clips
            assert ends == pair
            assert [n.from_clip for n in ends[1].notes] == [1] * len(pair[1].notes)
    assert engine.run(Blend(clips=(clip, other, clip, other), grid=2, seed=1, model=model)).clips == (clip, other, clip, other)


@kinds
@given(data=st.data())
@some(100)
def test_of_any_clip_amount_0_is_the_clip(engine: Engine, kind: Kind, data: st.DataObject) -> None:
    clip = data.draw(sources[kind])
    answer = engine.run(Vary(clips=(clip,), amount=0, seed=1, kind=kind))
    assert answer.clips == (clip,)
    assert fields(answer.clips[0].notes) == fields(clip.notes)
    assert [(n.from_clip, n.from_note) for n in answer.clips[0].notes] == [(0, i) for i in range(len(clip.notes))]
    assert any("amount is 0" in line for line in answer.info)


@kinds
@given(data=st.data())
@some(40)
def test_the_ends_of_a_walk_are_the_clips_and_what_lies_between_is_true_to_them(
    engine: Engine, kind: Kind, data: st.DataObject
) -> None:
    pair = data.draw(sources[kind]), data.draw(sources[kind])
    path = data.draw(st.sampled_from(PATHS))
    steps = data.draw(st.integers(2, 6))
    made = engine.run(Interpolate(clips=pair, steps=steps, path=path, seed=1, kind=kind)).clips
    assert len(made) == steps
    for end, clip in ((made[0], pair[0]), (made[-1], pair[1])):
        assert end == clip
        assert fields(end.notes) == fields(clip.notes)
    frames = between(pair)
    for clip in made[1:-1]:
        assert (clip.beats, clip.start, clip.meter) == (max(c.beats for c in pair), pair[0].start, pair[0].meter)
        if path != "morph":  # which leads pickups to pickups, by places where neither clip has one
            assert_true_to(clip, pair, frames)


@kinds
@given(data=st.data())
@some(30)
def test_the_corners_of_a_blend_are_the_clips_and_what_lies_between_is_true_to_them(
    engine: Engine, kind: Kind, data: st.DataObject
) -> None:
    corners = tuple(data.draw(st.lists(sources[kind], min_size=2, max_size=4)))
    made = engine.run(Blend(clips=corners, grid=3, seed=1, kind=kind)).clips
    four = {2: (0, 1, 0, 1), 3: (0, 1, 2, 1), 4: (0, 1, 2, 3)}[len(corners)]
    assert [made[i] for i in (0, 2, 6, 8)] == [corners[k] for k in four]
    frames = between(corners)
    for i in (1, 3, 4, 5, 7):
        if made[i] not in corners:
            assert (made[i].beats, made[i].start, made[i].meter) == (frames[0].beats, corners[0].start, corners[0].meter)
            assert_true_to(made[i], corners, frames)


@kinds
@given(data=st.data())
@some(60)
def test_a_variation_is_true_to_its_clip_and_loses_nothing_that_a_model_does_not_know(
    engine: Engine, kind: Kind, data: st.DataObject
) -> None:
    clip = data.draw(sources[kind])
    amount = data.draw(st.sampled_from([0.1, 0.3, 0.6, 1.0]))
    answer = engine.run(Vary(clips=(clip,), amount=amount, count=2, seed=1, kind=kind))
    assert 1 <= len(answer.clips) <= 2
    onset = [(n.pitch, n.start) for n in clip.notes if not clip.start - 0.13 <= n.start < clip.end]
    unknown = [n for n in clip.notes if kind == "drums" and n.pitch not in GM_KIT]
    for varied in answer.clips:
        assert replace(varied, notes=()) == replace(clip, notes=())
        assert_true_to(varied, [clip], [clip])
        assert not Counter(onset) - Counter((n.pitch, n.start) for n in varied.notes)
        assert not fields(unknown) - fields(varied.notes)


@kinds
@given(data=st.data())
@some(40)
def test_a_cross_is_true_to_the_clip_whose_rhythm_it_has(engine: Engine, kind: Kind, data: st.DataObject) -> None:
    pair = data.draw(sources[kind]), data.draw(sources[kind])
    for clip in engine.run(Cross(clips=pair, count=2, seed=1, kind=kind)).clips:
        assert replace(clip, notes=()) == replace(pair[0], notes=())
        assert_true_to(clip, pair, pair[:1])


@kinds
@pytest.mark.parametrize("bars", [1, 2, 3, 5])
def test_a_sample_has_no_note_outside_it_and_none_over_another(engine: Engine, kind: Kind, bars: int) -> None:
    for clip in engine.run(Sample(count=8, bars=bars, seed=1, kind=kind)).clips:
        assert_true_to(clip, (), ())


@kinds
@given(data=st.data())
@some(40)
def test_with_all_of_it_locked_a_clip_comes_back_alone_and_the_answer_says_so(
    engine: Engine, kind: Kind, data: st.DataObject
) -> None:
    clip = data.draw(sources[kind].filter(lambda clip: bool(clip.notes)))
    whole = data.draw(st.sampled_from(["beats", "sides" if kind == "notes" else "voices"]))
    request = Vary(clips=(clip,), amount=0.5, count=3, seed=1, kind=kind)
    locks: dict[str, dict[str, object]] = {
        "beats": {"lock_beats": ((-1.0, clip.beats / 2), (clip.beats / 2, clip.beats))},
        "sides": {"lock": ("rhythm", "pitch")},
        "voices": {"lock_voices": VOICE_NAMES},
    }
    answer = engine.run(request.model_copy(update=locks[whole]))
    assert answer.clips == (clip,)
    assert all(n.is_untouched for n in answer.clips[0].notes)
    assert any("untouched" in line and "lock" in line for line in answer.info)


def test_where_the_locks_leave_nothing_else_to_write_the_clip_comes_back_and_the_answer_says_so(engine: Engine) -> None:
    clip = Clip(tuple(Note(36, k, 0.25) for k in range(8)), 8, channel=10)
    answer = engine.run(Vary(clips=(clip,), lock=("rhythm", "pitch"), count=4, seed=1))
    assert answer.clips == (clip,)
    assert any("untouched" in line for line in answer.info)


def test_what_rings_into_its_own_repetition_is_cut_there(engine: Engine) -> None:
    """A loop ends what rings past its end; so do the middles of a walk to a longer clip."""
    short = Clip((Note(36, 0, 0.25), Note(36, 3.5, 1.5), Note(38, 5, 1)), 4, channel=10)
    long = Clip((Note(36, 0, 0.25), Note(38, 4, 0.25)), 8, channel=10)
    for clip in engine.run(Interpolate(clips=(short, long), steps=4, seed=1)).clips[1:-1]:
        assert_true_to(clip, (short, long), between((short, long)))
        assert not overlaps(clip.notes)
        assert 5 not in {n.start for n in clip.notes if n.duration == 1}  # past the end it was not heard, nor is it now


def test_a_stroke_half_a_step_late_and_the_next_half_a_step_early_are_one() -> None:
    layout = DRUMS.clip_to_grid(Clip((), 4))
    grid = layout.grid.map(np.copy)
    grid.tokens[0, [4, 5]] = 1
    grid.velocities[0, [4, 5], 0] = 0.5
    grid.offsets[0, [4, 5], 0] = 0.5, -0.5
    assert [n.start for n in DRUMS.grid_to_clip(layout, grid).notes] == [1.125]


def test_a_clip_that_begins_between_ticks_has_no_note_before_it() -> None:
    layout = DRUMS.clip_to_grid(Clip((), 4, start=0.1234))
    grid = layout.grid.map(np.copy)
    grid.tokens[0, 0] = 1
    assert all(n.start >= 0.1234 for n in DRUMS.grid_to_clip(layout, grid).notes)


def test_a_crash_alone_is_not_heard_as_a_crash_and_a_kick(engine: Engine) -> None:
    crash, both = (DRUMS.clip_to_grid(Clip(tuple(Note(p, 0, 0.25) for p in pads), 8)).grid for pads in ((49,), (49, 36)))
    # Of the same force: what differs is what is struck.
    both = Grid(both.tokens, crash.velocities, crash.offsets)
    model = engine.model("drums")
    assert not np.allclose(model.encode(crash), model.encode(both))
