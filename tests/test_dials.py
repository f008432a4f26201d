"""Swing, intensity and length: what each dial does to a clip, and to nothing else."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.engine import Engine
from bridge.requests import Blend, Cross, Interpolate, Sample, Vary
from models.editing.batching import FIXED_ROWS
from models.music.clip import Clip, Note
from models.music.dials import Dials, swing_unit
from models.music.midi import read_clip

CLIPS = Path(__file__).parent / "clips"
ROCK, FUNK, TUNE = (read_clip(CLIPS / f"{name}.mid") for name in ("rock", "funk", "ode_to_joy"))
EIGHTHS = Clip(tuple(Note(42, k / 2, 0.25, 60.0 + 10 * (k % 2)) for k in range(8)), 4.0)

amounts = st.sampled_from([-1.0, -0.5, -0.1, 0.1, 0.5, 1.0])


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(batch_size=FIXED_ROWS)


def test_swing_takes_straight_off_beats_to_the_triplet_and_back() -> None:
    swung = Dials(swing=1).turn(EIGHTHS)
    assert [n.start for n in swung.notes] == pytest.approx([0, 2 / 3, 1, 5 / 3, 2, 8 / 3, 3, 11 / 3], abs=1 / 480)
    assert [n.start for n in Dials(swing=-1).turn(swung).notes] == pytest.approx([n.start for n in EIGHTHS.notes], abs=1 / 480)
    assert [n.start for n in Dials(swing=0.5).turn(EIGHTHS).notes][1] == pytest.approx(7 / 12, abs=1 / 480)


def test_what_lies_on_the_beat_does_not_swing() -> None:
    played = EIGHTHS.with_notes(replace(n, start=n.start + 0.02, from_clip=0, from_note=k) for k, n in enumerate(EIGHTHS.notes))
    swung = Dials(swing=0.7).turn(played, strokes=True)
    assert [n.from_note for n in swung.notes] == [0, -1, 2, -1, 4, -1, 6, -1]


@pytest.mark.parametrize(
    ("starts", "meter", "unit"),
    [
        ([0, 0.5, 1, 1.5], (4, 4), 1.0),
        ([0, 2 / 3, 1, 5 / 3], (4, 4), 1.0),  # swung already
        ([0, 0.25, 0.5, 0.75, 1, 1.25], (4, 4), 0.5),
        ([0, 0.5, 1], (6, 8), 0.5),
        ([0, 0.5, 1], (7, 8), 0.5),
        ([], (3, 4), 1.0),
    ],
)
def test_sixteenths_swing_where_they_lead(starts: list[float], meter: tuple[int, int], unit: float) -> None:
    clip = Clip(tuple(Note(60, start, 0.25) for start in starts), 4.0, meter=meter)
    assert swing_unit(clip) == unit


def test_intensity_keeps_accents_and_stays_within_what_midi_has() -> None:
    clip = EIGHTHS.with_notes(
        replace(n, velocity=v) for n, v in zip(EIGHTHS.notes, (1, 2, 28, 64, 100, 126, 127, 0), strict=True)
    )
    soft, loud = ([n.velocity for n in Dials(intensity=by).turn(clip).notes] for by in (-1, 1))
    assert soft == [1, 1, 14, 32, 50, 63, 64, 0]
    assert loud == [11, 16, 60, 90, 113, 126, 127, 0]


def test_length_goes_from_staccato_to_legato() -> None:
    line = Clip((Note(60, 0, 0.5), Note(62, 1, 0.5), Note(64, 2, 1.0), Note(60, 3, 0.25)), 8.0)
    assert [n.duration for n in Dials(length=1).turn(line).notes] == [1, 1, 1, 0.75]
    assert [n.duration for n in Dials(length=-1).turn(line).notes] == pytest.approx([1 / 6, 1 / 6, 1 / 3, 1 / 12], abs=1 / 480)


def test_a_long_last_note_does_not_ring_on_into_silent_bars() -> None:
    line = Clip((Note(60, 0, 0.5), Note(62, 2, 1.0), Note(60, 13, 0.5)), 16.0)
    assert [n.end for n in Dials(length=1).turn(line).notes] == [1.5, 4, 14.5]


def test_chords_are_held_until_the_next() -> None:
    chords = Clip(tuple(Note(pitch, beat, 1.5) for beat in (0, 2) for pitch in (60, 64, 67)), 4.0)
    assert {n.end for n in Dials(length=1).turn(chords).notes} == {2, 4}


@given(amounts, amounts, amounts, st.sampled_from([ROCK, FUNK, TUNE]))
def test_dials_keep_the_order_of_notes_and_let_none_overlap(swing: float, intensity: float, length: float, clip: Clip) -> None:
    turned = Dials(swing, intensity, length).turn(clip, strokes=clip is not TUNE)
    assert sorted(n.pitch for n in turned.notes) == sorted(n.pitch for n in clip.notes)
    for pitch in {n.pitch for n in clip.notes}:
        before, after = ([n for n in c.in_order().notes if n.pitch == pitch] for c in (clip, turned))
        assert all(a.start < b.start for a, b in pairwise(after))
        assert all(b.end <= max(c.start, a.end) + 1e-9 for a, b, c in zip(before, after, after[1:], strict=False))


def test_dials_at_0_change_nothing(engine: Engine) -> None:
    plain = engine.run(Vary(clips=(ROCK,), count=2, seed=3)).clips
    assert engine.run(Vary(clips=(ROCK,), count=2, seed=3, swing=0, intensity=0, length=0)).clips == plain
    assert engine.run(Vary(clips=(ROCK,), amount=0, swing=1, seed=3)).clips == (ROCK,)


def test_locks_win(engine: Engine) -> None:
    asked = Vary(clips=(FUNK,), count=2, seed=3, swing=1, intensity=-1, lock_voices=("kick",), lock_beats=((2.0, 4.0),))
    kept = {i for i, n in enumerate(FUNK.notes) if n.pitch in (35, 36) or 2 <= n.start < 4}
    for made in engine.run(asked).clips:
        assert kept == {n.from_note for n in made.notes if n.is_untouched} & kept
        assert sum(2 <= n.start < 4 for n in made.notes) == sum(2 <= n.start < 4 for n in FUNK.notes)
    in_time = engine.run(Vary(clips=(TUNE,), count=1, seed=3, swing=1, length=1, intensity=-1, lock=("rhythm",)))
    assert in_time.info[0] == "the rhythm is locked: swing and length are left out"
    assert {(n.start, n.duration) for n in in_time.clips[0].notes} == {(n.start, n.duration) for n in TUNE.notes}
    loud = engine.run(Vary(clips=(TUNE,), count=1, seed=3, intensity=-1, lock=("velocity",)))
    assert loud.info[0] == "the velocity is locked: intensity is left out"


def test_the_ends_of_an_interpolation_and_the_corners_of_a_blend_are_not_played_otherwise(engine: Engine) -> None:
    walk = engine.run(Interpolate(clips=(ROCK, FUNK), steps=4, seed=1, swing=1)).clips
    straight = engine.run(Interpolate(clips=(ROCK, FUNK), steps=4, seed=1)).clips
    assert (walk[0], walk[-1]) == (ROCK, FUNK)
    assert all(a != b for a, b in zip(walk[1:-1], straight[1:-1], strict=True))
    corners = engine.run(Blend(clips=(ROCK, FUNK), grid=2, seed=1, intensity=1)).clips
    assert corners == (ROCK, FUNK, ROCK, FUNK)


def test_what_is_made_from_nothing_is_played_so_too(engine: Engine) -> None:
    plain, soft = (engine.run(Sample(count=1, seed=4, intensity=by)).clips[0] for by in (0, -1))
    assert sum(n.velocity for n in soft.notes) < 0.6 * sum(n.velocity for n in plain.notes)
    crossed = engine.run(Cross(clips=(ROCK, FUNK), count=1, seed=4, swing=1)).clips[0]
    assert crossed != engine.run(Cross(clips=(ROCK, FUNK), count=1, seed=4)).clips[0]


def test_drums_have_no_length(engine: Engine) -> None:
    asked = engine.run(Vary(clips=(ROCK,), count=1, seed=3, length=1))
    assert asked.info == ("drums are strokes without length: length is left out",)
