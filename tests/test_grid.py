"""Clips on the grid and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.clip import Clip, Note, same_notes
from models.drum_map import VOICE_NAMES, drum_maps, find_drum_map, with_pads
from models.grid import (
    BAR_STEPS,
    DRUMS,
    HOLD,
    MELODY,
    REST,
    VOICE_OF,
    VOICES,
    WINDOW_STEPS,
    Grid,
    Heard,
    hear_drums,
    hear_melody,
    leading_rests,
    segments,
    straddle,
    top_line,
    unstraddle,
    with_lines,
    write_drums,
    write_melody,
)
from models.lines import separate
from models.midi import extract_melody, read_clip
from models.residual import carry_over

CLIPS = Path(__file__).parent / "clips"
LINES = 8

notes = st.builds(
    Note,
    pitch=st.integers(0, 127),
    start=st.floats(-4, 20, allow_nan=False),
    duration=st.floats(0, 8, allow_nan=False),
    velocity=st.floats(0, 127, allow_nan=False),
    mute=st.booleans(),
    probability=st.floats(0, 1, allow_nan=False),
    velocity_deviation=st.floats(-127, 127, allow_nan=False),
    release_velocity=st.floats(0, 127, allow_nan=False),
)
meters = st.sampled_from([(4, 4), (3, 4), (2, 4), (5, 4), (6, 8), (7, 8), (12, 8), (5, 16), (1, 32)])
clips = st.builds(
    Clip,
    notes=st.lists(notes, max_size=60).map(tuple),
    beats=st.floats(0.25, 20, allow_nan=False),
    start=st.sampled_from([0.0, -4.0, 1.5, 16.0]),
    meter=meters,
)


# Chords, strummed or not, lines over held notes, swing and triplets, doubled notes: what a keyboard part is made of.
times = st.one_of(
    st.integers(-8, 80).map(lambda k: k / 4),
    st.integers(-12, 60).map(lambda k: k / 3),
    st.integers(-8, 40).map(lambda k: k / 2 + (0.16 if k % 2 else 0.0)),
)
chords = st.builds(
    lambda start, pitches, length, strum: [Note(p, start + strum * k, length) for k, p in enumerate(pitches)],
    times,
    st.lists(st.one_of(st.integers(48, 72), st.sampled_from([0, 127, 60])), min_size=1, max_size=6),
    st.sampled_from([0.0, 0.1, 0.25, 1 / 3, 0.5, 1.0, 4.0, 9.5]),
    st.sampled_from([0.0, 0.01, 0.05]),
)
parts = st.builds(
    lambda chords, beats, start, meter: Clip(tuple(n for chord in chords for n in chord), beats, start, meter),
    st.lists(chords, max_size=25),
    st.one_of(st.sampled_from([2.5, 3.0, 4.0, 5.0, 7.0, 8.0, 12.0, 16.0, 8.0000001]), st.floats(0.25, 20)),
    st.sampled_from([0.0, -4.0, 1.5, 16.0]),
    meters,
)
hear_lines = partial(hear_melody, lines=LINES)
kinds = pytest.mark.parametrize(
    ("hear", "write"), [(hear_drums, write_drums), (hear_melody, write_melody), (hear_lines, write_melody)]
)


@kinds
@given(clip=st.one_of(clips, parts))
@settings(deadline=None, max_examples=400)
def test_a_clip_laid_on_the_grid_and_written_unchanged_is_the_same_clip(
    hear: Callable[[Clip], Heard], write: Callable[[Heard, Grid], Clip], clip: Clip
) -> None:
    heard = hear(clip)
    assert same_notes(write(heard, heard.grid), clip)


@kinds
@given(clip=st.one_of(clips, parts))
@settings(deadline=None, max_examples=100)
def test_every_note_is_either_in_a_cell_or_apart_for_a_reason(
    hear: Callable[[Clip], Heard], write: Callable[[Heard, Grid], Clip], clip: Clip
) -> None:
    heard = hear(clip)
    placed = [i for notes in heard.cells.values() for i in notes]
    assert sorted((*placed, *heard.apart)) == list(range(len(clip.notes)))
    assert sorted(i for notes in heard.apart_because().values() for i in notes) == list(heard.apart)
    assert len(heard.grid) == heard.lines * heard.windows == len(heard.open_steps) == len(heard.beats)
    assert all(heard.open_steps[b, t] for b, t, _ in heard.cells)


@kinds
@given(clip=st.one_of(clips, parts))
@settings(deadline=None, max_examples=100)
def test_a_decode_that_says_what_was_heard_changes_no_note(
    hear: Callable[[Clip], Heard], write: Callable[[Heard, Grid], Clip], clip: Clip
) -> None:
    heard = hear(clip)
    silence = Grid.empty(len(heard.grid), heard.kind)
    assert same_notes(write(heard, carry_over(heard.grid, silence, silence, heard.kind)), clip)


def test_the_voices_are_the_nine_that_groovae_published() -> None:
    assert [v.name for v in VOICES] == [
        "kick", "snare", "closed_hat", "open_hat", "low_tom", "mid_tom", "high_tom", "crash", "ride",
    ]  # fmt: skip
    published = [{36}, {38, 37, 40}, {42, 22, 44}, {46, 26}, {43, 58}, {47, 45}, {50, 48}, {49, 52, 55, 57}, {51, 53, 59}]
    assert all(pitches <= set(voice.pitches) for pitches, voice in zip(published, VOICES, strict=True))


def test_hits_keep_their_pitch_velocity_and_feel() -> None:
    clip = Clip((Note(40, 1.03, 0.1, 91), Note(36, 0, 0.1, 127), Note(99, 2, 0.1)), 4)
    heard = hear_drums(clip)
    assert heard.grid.tokens[0, 4] == 1 << VOICE_OF[38]
    assert heard.grid.velocities[0, 4, 1] == pytest.approx(91 / 127)
    assert heard.grid.offsets[0, 4, 1] == pytest.approx(0.12)
    assert heard.apart == (2,)


def test_a_new_hit_is_written_at_the_pitch_the_clip_uses_for_that_voice() -> None:
    heard = hear_drums(Clip((Note(40, 0, 0.1), Note(36, 1, 0.1)), 4))
    grid = heard.grid.map(np.copy)
    grid.tokens[0, 8] |= 1 << 1
    grid.velocities[0, 8, 1] = 0.5
    new = [n for n in write_drums(heard, grid).notes if n.start == 2]
    assert [(n.pitch, n.velocity, n.is_untouched) for n in new] == [(40, 64.0, False)]


def test_a_melody_becomes_onsets_holds_and_rests() -> None:
    clip = Clip((Note(60, 0, 1), Note(62, 1, 0.5), Note(64, 2.02, 2)), 4)
    tokens = hear_melody(clip).grid.tokens[0, :BAR_STEPS].tolist()
    assert tokens == [60, HOLD, HOLD, HOLD, 62, HOLD, REST, REST, 64, *[HOLD] * 7]


@pytest.mark.full
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # note-seq's imports, not ours
@pytest.mark.parametrize("name", ["ode_to_joy", "twinkle", "frere_jacques"])
def test_melodies_are_heard_as_note_seq_hears_them(name: str) -> None:
    clip = read_clip(CLIPS / f"{name}.mid")
    clip = replace(clip, notes=tuple(replace(n, start=round(n.start * 4) / 4) for n in clip.notes), meter=(4, 4))
    theirs = [e for e in extract_melody(clip) if e >= 0]
    ours = [int(t) for t in hear_melody(clip).grid.tokens.reshape(-1) if t < HOLD][: len(theirs)]
    assert theirs == ours


def test_of_notes_struck_together_the_highest_is_the_line() -> None:
    clip = Clip((Note(60, 0, 1), Note(64, 0, 1), Note(67, 0.01, 1), Note(55, 0.5, 0.25), Note(65, 1, 1)), 4)
    assert top_line(clip) == [2, 4]


@pytest.mark.parametrize(
    ("meter", "beats", "steps"),
    [
        ((4, 4), 8, [16, 16]),
        ((4, 4), 5, [16, 4]),
        ((4, 4), 8.0000001, [16, 16]),
        ((3, 4), 6, [12, 12]),
        ((3, 4), 2.5, [10]),
        ((6, 8), 3, [12]),
        ((7, 8), 7, [14, 14]),
        ((5, 4), 10, [12, 8, 12, 8]),
        ((5, 4), 4, [12, 4]),
        ((7, 4), 7, [16, 12]),
        ((12, 8), 12, [12, 12, 12, 12]),
        ((9, 8), 4.5, [12, 6]),
        ((2, 4), 8, [16, 16]),
        ((3, 8), 6, [12, 12]),
        ((1, 32), 5, [16, 4]),
    ],
)
def test_bars_of_any_meter_are_laid_in_the_models_bars(meter: tuple[int, int], beats: float, steps: list[int]) -> None:
    assert [s for _, s in segments(Clip((), beats, meter=meter))] == steps


def test_the_bar_a_loop_lacks_is_its_beginning() -> None:
    heard = hear_drums(Clip((Note(36, 0, 0.1),), 4))
    assert heard.grid.tokens[0, BAR_STEPS] == 1
    assert not heard.open_steps[0, BAR_STEPS:].any()


def test_a_note_held_into_a_window_is_heard_as_a_rest() -> None:
    tokens = np.array([[HOLD, HOLD, 60, HOLD]])
    assert leading_rests(tokens).tolist() == [[REST, REST, 60, HOLD]]


def test_a_new_hit_cuts_short_the_note_it_would_overlap_and_no_other() -> None:
    clip = Clip((Note(36, 0, 3, from_clip=0, from_note=0), Note(38, 0, 3, from_clip=0, from_note=1)), 4)
    heard = hear_drums(clip)
    grid = heard.grid.map(np.copy)
    grid.tokens[0, 4] = 1
    kick, snare, new = sorted(write_drums(heard, grid).notes, key=lambda n: (n.start, n.pitch))
    assert (kick.duration, kick.is_untouched) == (1, False)
    assert (snare.duration, snare.is_untouched) == (3, True)
    assert new.start == 1


def test_grids_stack_and_slice() -> None:
    grid = Grid.stack([Grid.empty(2, DRUMS), Grid.empty(1, DRUMS)])
    assert len(grid) == 3
    assert len(grid[1:]) == 2
    assert (Grid.empty(1, MELODY).tokens == REST).all()


@given(clip=st.one_of(clips, parts))
@settings(deadline=None, max_examples=200)
def test_each_note_is_in_one_line_and_lines_go_on_in_time(clip: Clip) -> None:
    lines = separate(clip.notes, most=LINES)
    placed = [i for line in lines for i in line]
    assert len(placed) == len(set(placed))
    assert len(lines) <= LINES
    assert len(lines) == LINES or len(placed) == len(clip.notes)
    assert all(line and line == sorted(line, key=lambda i: (clip.notes[i].start, i)) for line in lines)


def test_chords_give_as_many_lines_as_they_have_notes_the_top_one_first() -> None:
    clip = Clip(tuple(Note(p, 4 * k, 4) for k, chord in enumerate([(48, 64, 67, 72), (50, 65, 69, 74)]) for p in chord), 8)
    heard = hear_lines(clip)
    assert heard.lines == 4
    assert heard.grid.tokens[:, [0, BAR_STEPS]].tolist() == [[72, 74], [67, 69], [64, 65], [48, 50]]
    assert heard.apart == ()
    assert {cell[0] for cell in heard.cells} == {0, 1, 2, 3}


def test_a_melody_stays_one_line_over_what_goes_on_below() -> None:
    tune = [Note(p, k / 2, 0.5) for k, p in enumerate([72, 74, 76, 72, 71, 67, 69, 71])]
    heard = hear_lines(Clip((*tune, Note(48, 0, 2), Note(55, 2, 1), Note(52, 3, 1)), 4))
    assert heard.lines == 2
    assert [t for t in heard.grid.tokens[0, :BAR_STEPS].tolist() if t < HOLD] == [n.pitch for n in tune]
    assert [t for t in heard.grid.tokens[1, :BAR_STEPS].tolist() if t < HOLD] == [48, 55, 52]


def test_a_single_note_between_chords_joins_the_line_nearest_to_it() -> None:
    chord = [Note(p, s, 1) for s in (0, 2) for p in (48, 60, 72)]
    assert separate([*chord, Note(61, 1, 1), Note(50, 3, 1)], most=LINES) == [[2, 5], [1, 6, 4], [0, 3, 7]]


def test_of_more_notes_than_lines_the_lowest_are_kept_apart() -> None:
    heard = hear_lines(Clip(tuple(Note(60 + k, 0, 1) for k in range(10)), 4))
    assert heard.lines == LINES
    assert heard.apart_because() == {"room": (0, 1)}


@pytest.mark.parametrize("name", ["ode_to_joy", "twinkle", "greensleeves", "scarborough_fair", "korobeiniki", "pickup"])
def test_a_tune_is_one_line_just_as_its_top_line_is(name: str) -> None:
    clip = read_clip(CLIPS / f"{name}.mid")
    one, many = hear_melody(clip), hear_lines(clip)
    assert many.lines == 1
    assert many.cells == one.cells
    assert all(np.array_equal(getattr(one.grid, f), getattr(many.grid, f)) for f in ("tokens", "velocities", "offsets"))


def test_lines_end_where_they_end() -> None:
    """What one line holds at the end of the clip does not go on in the next line."""
    heard = hear_lines(Clip((Note(72, 0, 8), Note(60, 0, 8)), 8))
    grid = heard.grid.map(np.copy)
    grid.tokens[1, :4] = HOLD
    grid.tokens[1, 4] = 60
    grid.velocities[1, 4] = 0.5
    top, low = sorted(write_melody(heard, grid).notes, key=lambda n: -n.pitch)
    assert top == Note(72, 0, 8)
    assert (low.start, low.duration) == (1, 1 / 4 * 28)


def test_each_line_is_filled_from_its_own_beginning() -> None:
    heard = hear_lines(Clip((Note(72, 0, 1), Note(60, 0, 1)), 4))
    assert heard.is_wrapped
    assert heard.grid.tokens[:, BAR_STEPS].tolist() == [72, 60]


def test_two_lines_that_come_to_one_note_write_it_once() -> None:
    heard = hear_lines(Clip((Note(72, 0, 1), Note(60, 0, 1), Note(72, 2, 1), Note(60, 2, 1)), 4))
    grid = heard.grid.map(np.copy)
    grid.tokens[1, 8] = 72
    grid.tokens[:, 4] = 65
    written = write_melody(heard, grid)
    assert [(n.pitch, n.start) for n in written.notes] == [(60, 0), (72, 0), (65, 1), (72, 2)]


def test_a_clip_can_be_given_silent_lines() -> None:
    clip = Clip((Note(72, 0, 1), Note(74, 5, 1)), 12)
    heard = with_lines(hear_lines(clip), 3)
    assert (heard.lines, heard.windows, len(heard.grid)) == (3, 2, 6)
    assert (heard.grid.tokens[2:] == REST).all()
    assert write_melody(heard, heard.grid) == clip
    with pytest.raises(ValueError, match="3 lines cannot be laid out as 2"):
        with_lines(heard, 2)


def test_a_note_held_over_a_short_bar_is_held_through_the_steps_it_lacks() -> None:
    clip = Clip((Note(60, 0, 1), Note(62, 2, 2), Note(64, 4, 2)), 6, meter=(3, 4))
    tokens = hear_melody(clip).grid.tokens[0]
    assert tokens[8 : BAR_STEPS + 5].tolist() == [62, *[HOLD] * 11, 64]


def test_a_clip_a_hair_longer_than_its_bars_loses_no_note() -> None:
    clip = Clip((Note(36, 4, 0.1), Note(36, 4.00000005, 0.1)), 4.0000001)
    heard = hear_drums(clip)
    assert len(heard.grid) == 1
    assert write_drums(heard, heard.grid) == clip


@pytest.mark.parametrize("name", drum_maps())
def test_a_beat_is_heard_alike_on_any_map(name: str) -> None:
    beat = [(0, "kick"), (0, "closed_hat"), (0.5, "open_hat"), (1, "snare"), (2, "low_tom"), (3, "crash")]
    pads = {v: p[0] for v, p in find_drum_map(name).pitches.items() if p}
    clip = Clip(tuple(Note(pads[voice], start, 0.1) for start, voice in beat), 4)
    general = Clip(tuple(Note(VOICES[VOICE_NAMES.index(voice)].pitches[0], start, 0.1) for start, voice in beat), 4)
    heard = hear_drums(clip, find_drum_map(name).voice_of)
    assert np.array_equal(heard.grid.tokens, hear_drums(general).grid.tokens)
    assert heard.apart == ()


def test_new_hits_are_written_on_the_pads_of_the_kit_and_none_where_it_has_no_such_voice() -> None:
    kit = with_pads(find_drum_map("live_808"), [(60, "snare")])
    heard = hear_drums(Clip((Note(36, 0, 0.1), Note(51, 1, 0.1)), 4), kit.voice_of)
    assert heard.apart_because() == {"pad": (1,)}
    grid = heard.grid.map(np.copy)
    grid.tokens[0, 8] = sum(1 << VOICE_NAMES.index(voice) for voice in ("kick", "snare", "crash", "ride"))
    assert [n.pitch for n in write_drums(heard, grid).notes if n.start == 2] == [36, 49, 60]


@given(seed=st.integers(0, 1000), windows=st.integers(1, 5), lines=st.integers(1, 4))
@settings(deadline=None, max_examples=50)
def test_windows_over_the_seams_hold_the_music_on_both_sides_and_go_back_where_they_were(
    seed: int, windows: int, lines: int
) -> None:
    rng = np.random.default_rng(seed)
    shape = (windows * lines, WINDOW_STEPS)
    grid = Grid(rng.integers(0, 130, shape), rng.random((*shape, 1), np.float32), rng.random((*shape, 1), np.float32))
    over = grid.map(lambda v: straddle(v, lines=lines))
    back = over.map(lambda v: unstraddle(v, lines=lines))
    for there, here in ((back.tokens, grid.tokens), (back.velocities, grid.velocities), (back.offsets, grid.offsets)):
        assert np.array_equal(there, here)
    for k in range(windows * lines):
        after = k + 1 if (k + 1) % windows else k + 1 - windows
        assert np.array_equal(over.tokens[k, :BAR_STEPS], grid.tokens[k, BAR_STEPS:])
        assert np.array_equal(over.tokens[k, BAR_STEPS:], grid.tokens[after, :BAR_STEPS])


def test_a_note_held_over_a_seam_is_held_where_a_window_over_the_seam_begins() -> None:
    heard = hear_melody(Clip((Note(60, 3, 2), Note(62, 6, 4)), 16))
    over = straddle(heard.grid.tokens)
    assert over[0].tolist() == [*[HOLD] * 4, *[REST] * 4, 62, *[HOLD] * 15, *[REST] * 8]
    assert leading_rests(over)[0, :4].tolist() == [REST] * 4
