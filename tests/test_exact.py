"""Exact: what must come back as it was sent does, field for field, whatever the clip, in every verb.

The strategies and checks here serve other tests too. EXAMPLES=20 in the environment makes every property run twenty times as
many examples, which is thousands for each.
"""

from __future__ import annotations

import math
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.engine import Engine
from bridge.requests import Blend, Cross, Interpolate, Sample, Vary
from models.clip import Clip, Note, note_order
from models.drum_map import VOICE_NAMES
from models.grid import VOICE_OF, Grid, hear_drums, write_drums
from models.midi import MidiError, read_clip
from models.store import load_model
from tests.test_grid import clips as scattered
from tests.test_grid import meters, parts

MANY = int(os.environ.get("EXAMPLES", "1"))
CLIPS = Path(__file__).parent / "clips"
Kind = Literal["drums", "notes"]
kinds = pytest.mark.parametrize("kind", ["drums", "notes"])
PATHS: tuple[Literal["even", "slerp", "morph"], ...] = ("even", "slerp", "morph")


def some(examples: int) -> settings:
    """Set how often a property is tried: always the same examples, so that a run says what the last one said."""
    return settings(
        deadline=None,
        derandomize=True,
        database=None,
        max_examples=examples * MANY,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def tiny_engine(models: Path, rows: int | None = None) -> Engine:
    """Make an engine of small untrained models."""
    return Engine(rows=rows, load=lambda name, device: load_model(str(models / name), device))


@pytest.fixture(scope="module")
def engine(tiny_models: Path) -> Engine:
    return tiny_engine(tiny_models)


def _laid_at(notes: Iterable[Note], beats: float, start: float, meter: tuple[int, int]) -> Clip:
    return Clip(tuple(replace(n, start=n.start + start) for n in notes), beats, start, meter)


def _in_turn(steps: Sequence[tuple[int, float, float, bool]], start: float) -> list[Note]:
    """Lay notes behind one another: (pitch, beats to the next, share of these that sounds, is a rest)."""
    notes: list[Note] = []
    for pitch, beats, share, is_rest in steps:
        if not is_rest:
            notes.append(Note(pitch, start, beats * share, 60.0 + 5 * (pitch % 12)))
        start += beats
    return notes


# Notes on sixteenths, triplets and thirty-seconds, before the clip, after it and in between, with all fields.
_notes = st.builds(
    Note,
    pitch=st.sampled_from([35, 36, 38, 40, 42, 44, 45, 46, 49, 51, 60, 99, 0, 127]),
    start=st.one_of(st.integers(-4, 70).map(lambda k: k / 4), st.integers(-3, 50).map(lambda k: k / 3), st.floats(-1, 17)),
    duration=st.sampled_from([0.1, 0.25, 0.25, 0.5, 1 / 3, 1.0, 2.5, 0.0]),
    velocity=st.sampled_from([1.0, 64.5, 100.0, 101.0, 127.0]),
    mute=st.booleans(),
    probability=st.sampled_from([1.0, 0.5]),
    velocity_deviation=st.sampled_from([0.0, -127.0, 12.5]),
    release_velocity=st.sampled_from([64.0, 0.0, 127.0]),
)
_lengths = st.one_of(st.sampled_from([1.0, 2.5, 3.0, 3.37, 4.0, 6.0, 8.0, 8.0, 8.0000001, 12.0, 16.0]), st.floats(0.25, 20))
_starts = st.sampled_from([0.0, 0.0, -4.0, 1.5, 16.0])
_steps = st.tuples(
    st.sampled_from([60, 62, 64, 65, 67, 69, 71, 72, 61, 66, 0, 127]),
    st.sampled_from([0.25, 0.25, 0.5, 0.5, 1.0, 1 / 3, 0.125, 2.0, 5.0]),
    st.sampled_from([1.0, 1.0, 0.5, 0.9]),
    st.integers(0, 5).map(lambda k: k == 0),
)
hits = st.builds(_laid_at, st.lists(_notes, max_size=40), _lengths, _starts, meters)
lines = st.builds(
    _laid_at,
    st.builds(_in_turn, st.lists(_steps, max_size=40), st.sampled_from([0.0, 0.0, 0.0, -0.5, 0.05])),
    _lengths,
    _starts,
    meters,
)
sources: dict[Kind, st.SearchStrategy[Clip]] = {
    "drums": st.one_of(hits, hits, scattered),
    "notes": st.one_of(lines, lines, parts, scattered),
}


def fields(notes: Iterable[Note]) -> Counter[tuple[float, ...]]:
    """Count notes by all their fields."""
    return Counter(note_order(n) for n in notes)


def laid_out(clip: Clip, first: Clip, beats: float) -> Clip:
    """Repeat a clip at the place of another until it is as long as asked: what an answer between clips is held to.

    The notes of the first round come first, in their own order.
    """
    rounds = max(1, math.ceil(beats / clip.beats - 1e-9))
    shift = first.start - clip.start
    tail = beats - clip.beats if rounds > 1 else 0.0  # what no loop plays stays past the end
    notes = [replace(n, start=n.start + (shift + (tail if n.start >= clip.end else 0.0))) for n in clip.notes]
    for k in range(1, rounds):
        inside = [n for n in clip.notes if clip.start <= n.start < clip.end]
        again = [replace(n, start=n.start + (shift + k * clip.beats)) for n in inside]
        again = [n for n in again if n.start < first.start + beats]
        for i, n in enumerate(notes):  # what rings into the next round is cut where that strikes its pitch
            struck = [o.start for o in again if o.pitch == n.pitch and n.start < o.start < n.end]
            if struck and n.start < min(o.start for o in again if o.pitch == n.pitch):
                notes[i] = replace(n, duration=min(struck) - n.start)
        notes += again
    return replace(clip, notes=tuple(notes), beats=beats, start=first.start, meter=first.meter)


def overlaps(notes: Iterable[Note]) -> set[tuple[int, float, float]]:
    """List where a note sounds into another of its pitch: (pitch, onset, onset)."""
    by_pitch: dict[int, list[Note]] = defaultdict(list)
    for n in notes:
        if n.duration > 0:
            by_pitch[n.pitch].append(n)
    found: set[tuple[int, float, float]] = set()
    for pitch, same in by_pitch.items():
        same.sort(key=lambda n: n.start)
        for i, n in enumerate(same):
            for later in same[i + 1 :]:
                if later.start >= n.end - 1e-6:
                    break
                found.add((pitch, n.start, later.start))
    return found


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


def between(clips: Sequence[Clip]) -> list[Clip]:
    """Lay clips out as they are between the ends."""
    beats = max(clip.beats for clip in clips)
    return [laid_out(clip, clips[0], beats) for clip in clips]


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
@some(200)
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
@some(120)
def test_a_variation_is_true_to_its_clip_and_loses_nothing_that_a_model_does_not_know(
    engine: Engine, kind: Kind, data: st.DataObject
) -> None:
    clip = data.draw(sources[kind])
    amount = data.draw(st.sampled_from([0.1, 0.3, 0.6, 1.0]))
    answer = engine.run(Vary(clips=(clip,), amount=amount, count=2, seed=1, kind=kind))
    assert 1 <= len(answer.clips) <= 2
    onset = [(n.pitch, n.start) for n in clip.notes if not clip.start - 0.13 <= n.start < clip.end]
    unknown = [n for n in clip.notes if kind == "drums" and n.pitch not in VOICE_OF]
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
    heard = hear_drums(Clip((), 4))
    grid = heard.grid.map(np.copy)
    grid.tokens[0, [4, 5]] = 1
    grid.velocities[0, [4, 5], 0] = 0.5
    grid.offsets[0, [4, 5], 0] = 0.5, -0.5
    assert [n.start for n in write_drums(heard, grid).notes] == [1.125]


def test_a_clip_that_begins_between_ticks_has_no_note_before_it() -> None:
    heard = hear_drums(Clip((), 4, start=0.1234))
    grid = heard.grid.map(np.copy)
    grid.tokens[0, 0] = 1
    assert all(n.start >= 0.1234 for n in write_drums(heard, grid).notes)


def test_a_crash_alone_is_not_heard_as_a_crash_and_a_kick(engine: Engine) -> None:
    crash, both = (hear_drums(Clip(tuple(Note(p, 0, 0.25) for p in pads), 8)).grid for pads in ((49,), (49, 36)))
    # Of the same force: what differs is what is struck.
    both = Grid(both.tokens, crash.velocities, crash.offsets)
    model = engine.model("drums")
    assert not np.allclose(model.encode(crash), model.encode(both))
