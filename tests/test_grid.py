"""Clips on the grid and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.clip import Clip, Note, same_notes
from models.grid import (
    BAR_STEPS,
    DRUMS,
    HOLD,
    MELODY,
    REST,
    VOICE_OF,
    VOICES,
    Grid,
    Heard,
    hear_drums,
    hear_melody,
    leading_rests,
    segments,
    top_line,
    write_drums,
    write_melody,
)
from models.midi import extract_melody, read_clip

CLIPS = Path(__file__).parent / "clips"

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


@pytest.mark.parametrize(("hear", "write"), [(hear_drums, write_drums), (hear_melody, write_melody)])
@given(clip=clips)
@settings(deadline=None, max_examples=150)
def test_a_clip_laid_on_the_grid_and_written_unchanged_is_the_same_clip(
    hear: Callable[[Clip], Heard], write: Callable[[Heard, Grid], Clip], clip: Clip
) -> None:
    heard = hear(clip)
    assert same_notes(write(heard, heard.grid), clip)


@given(clip=clips)
@settings(deadline=None, max_examples=100)
def test_every_note_is_either_in_a_cell_or_apart(clip: Clip) -> None:
    for heard in (hear_drums(clip), hear_melody(clip)):
        placed = [i for notes in heard.cells.values() for i in notes]
        assert sorted((*placed, *heard.apart)) == list(range(len(clip.notes)))


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
    [((4, 4), 8, [16, 16]), ((3, 4), 6, [12, 12]), ((6, 8), 3, [12]), ((7, 8), 7, [14, 14]), ((5, 4), 5, [16, 4])],
)
def test_bars_of_any_meter_are_laid_at_the_start_of_the_models_bars(
    meter: tuple[int, int], beats: float, steps: list[int]
) -> None:
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
