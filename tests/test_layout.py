"""Clips laid out on a grid and written back; what the tokens of a grid mean."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.families.drums import GM_KIT
from models.families.family import Family
from models.families.grid import Grid, shift_back, shift_by_half
from models.families.layout import GridLayout, segments
from models.families.registry import find_family
from models.families.sustained import HOLD, REST
from models.music.clip import Clip, Note, same_notes
from models.music.drum_map import VOICE_NAMES, drum_maps, find_drum_map, with_pads
from models.music.midi import read_clip
from models.music.note_seq import extract_melody
from models.music.voices import separate_voices, top_voice
from tests.support.clips import clips, parts

CLIPS = Path(__file__).parent / "clips"
VOICES = 8
DRUMS, MELODY = find_family("drums"), find_family("melody")
SPEC = DRUMS.spec
HALF = SPEC.half_steps


class LayOut(Protocol):
    """A way to lay a clip out."""

    def __call__(self, clip: Clip) -> GridLayout: ...


in_voices = partial(MELODY.clip_to_grid, voices=VOICES)
families = pytest.mark.parametrize(
    ("lay_out", "family"), [(DRUMS.clip_to_grid, DRUMS), (MELODY.clip_to_grid, MELODY), (in_voices, MELODY)]
)


def silent(windows: int, family: Family) -> Grid:
    return Grid.silent(windows, family.spec, family.vocabulary)


@families
@given(clip=st.one_of(clips, parts))
@settings(deadline=None, max_examples=400)
def test_a_clip_laid_on_the_grid_and_written_unchanged_is_the_same_clip(lay_out: LayOut, family: Family, clip: Clip) -> None:
    layout = lay_out(clip)
    assert same_notes(family.grid_to_clip(layout, layout.grid), clip)


@families
@given(clip=st.one_of(clips, parts))
@settings(deadline=None, max_examples=100)
def test_every_note_is_either_in_a_cell_or_unmapped_for_a_reason(lay_out: LayOut, family: Family, clip: Clip) -> None:
    layout = lay_out(clip)
    placed = [i for notes in layout.cells.values() for i in notes]
    assert sorted((*placed, *layout.unmapped)) == list(range(len(clip.notes)))
    assert sorted(i for notes in layout.why_unmapped().values() for i in notes) == list(layout.unmapped)
    assert len(layout.grid) == layout.voices * layout.windows == len(layout.open_steps) == len(layout.beats)
    assert all(layout.open_steps[b, t] for b, t, _ in layout.cells)


@families
@given(clip=st.one_of(clips, parts))
@settings(deadline=None, max_examples=100)
def test_a_decode_that_says_what_is_there_changes_no_note(lay_out: LayOut, family: Family, clip: Clip) -> None:
    layout = lay_out(clip)
    silence = silent(len(layout.grid), family)
    assert same_notes(family.grid_to_clip(layout, family.apply_residual(layout.grid, silence, silence)), clip)


def test_the_voices_are_the_nine_that_groovae_published() -> None:
    assert DRUMS.lane_names == (
        "kick", "snare", "closed_hat", "open_hat", "low_tom", "mid_tom", "high_tom", "crash", "ride",
    )  # fmt: skip
    published = [{36}, {38, 37, 40}, {42, 22, 44}, {46, 26}, {43, 58}, {47, 45}, {50, 48}, {49, 52, 55, 57}, {51, 53, 59}]
    pads = [{pitch for pitch, lane in GM_KIT.items() if lane == k} for k in range(DRUMS.vocabulary.lanes)]
    assert all(pitches <= its for pitches, its in zip(published, pads, strict=True))


def test_hits_keep_their_pitch_velocity_and_feel() -> None:
    clip = Clip((Note(40, 1.03, 0.1, 91), Note(36, 0, 0.1, 127), Note(99, 2, 0.1)), 4)
    layout = DRUMS.clip_to_grid(clip)
    assert layout.grid.tokens[0, 4] == 1 << GM_KIT[38]
    assert layout.grid.velocities[0, 4, 1] == pytest.approx(91 / 127)
    assert layout.grid.offsets[0, 4, 1] == pytest.approx(0.12)
    assert layout.unmapped == (2,)


def test_a_new_hit_is_written_at_the_pitch_the_clip_uses_for_that_voice() -> None:
    layout = DRUMS.clip_to_grid(Clip((Note(40, 0, 0.1), Note(36, 1, 0.1)), 4))
    grid = layout.grid.map(np.copy)
    grid.tokens[0, 8] |= 1 << 1
    grid.velocities[0, 8, 1] = 0.5
    new = [n for n in DRUMS.grid_to_clip(layout, grid).notes if n.start == 2]
    assert [(n.pitch, n.velocity, n.is_untouched) for n in new] == [(40, 64.0, False)]


def test_a_melody_becomes_onsets_holds_and_rests() -> None:
    clip = Clip((Note(60, 0, 1), Note(62, 1, 0.5), Note(64, 2.02, 2)), 4)
    tokens = MELODY.clip_to_grid(clip).grid.tokens[0, :HALF, 0].tolist()
    assert tokens == [60, HOLD, HOLD, HOLD, 62, HOLD, REST, REST, 64, *[HOLD] * 7]


@pytest.mark.full
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # note-seq's imports, not ours
@pytest.mark.parametrize("name", ["ode_to_joy", "twinkle", "frere_jacques"])
def test_melodies_are_heard_as_note_seq_hears_them(name: str) -> None:
    clip = read_clip(CLIPS / f"{name}.mid")
    clip = replace(clip, notes=tuple(replace(n, start=round(n.start * 4) / 4) for n in clip.notes), meter=(4, 4))
    theirs = [e for e in extract_melody(clip) if e >= 0]
    ours = [int(t) for t in MELODY.clip_to_grid(clip).grid.tokens.reshape(-1) if t < HOLD][: len(theirs)]
    assert theirs == ours


def test_of_notes_struck_together_the_highest_is_the_voice() -> None:
    clip = Clip((Note(60, 0, 1), Note(64, 0, 1), Note(67, 0.01, 1), Note(55, 0.5, 0.25), Note(65, 1, 1)), 4)
    assert top_voice(clip) == [2, 4]


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
    assert [s for _, s in segments(Clip((), beats, meter=meter), SPEC)] == steps


def test_the_bar_a_loop_lacks_is_its_beginning() -> None:
    layout = DRUMS.clip_to_grid(Clip((Note(36, 0, 0.1),), 4))
    assert layout.grid.tokens[0, HALF] == 1
    assert not layout.open_steps[0, HALF:].any()


def test_a_note_held_into_a_window_is_read_as_a_rest() -> None:
    tokens = np.array([[HOLD, HOLD, 60, HOLD]])[..., None]
    assert MELODY.vocabulary.without_leading_holds(tokens)[..., 0].tolist() == [[REST, REST, 60, HOLD]]


def test_a_new_hit_cuts_short_the_note_it_would_overlap_and_no_other() -> None:
    clip = Clip((Note(36, 0, 3, from_clip=0, from_note=0), Note(38, 0, 3, from_clip=0, from_note=1)), 4)
    layout = DRUMS.clip_to_grid(clip)
    grid = layout.grid.map(np.copy)
    grid.tokens[0, 4] = 1
    kick, snare, new = sorted(DRUMS.grid_to_clip(layout, grid).notes, key=lambda n: (n.start, n.pitch))
    assert (kick.duration, kick.is_untouched) == (1, False)
    assert (snare.duration, snare.is_untouched) == (3, True)
    assert new.start == 1


def test_grids_stack_and_slice() -> None:
    grid = Grid.stack([silent(2, DRUMS), silent(1, DRUMS)])
    assert len(grid) == 3
    assert len(grid[1:]) == 2
    assert (silent(1, MELODY).tokens == REST).all()


@given(clip=st.one_of(clips, parts))
@settings(deadline=None, max_examples=200)
def test_each_note_is_in_one_voice_and_voices_go_on_in_time(clip: Clip) -> None:
    voices = separate_voices(clip.notes, most=VOICES)
    placed = [i for voice in voices for i in voice]
    assert len(placed) == len(set(placed))
    assert len(voices) <= VOICES
    assert len(voices) == VOICES or len(placed) == len(clip.notes)
    assert all(voice and voice == sorted(voice, key=lambda i: (clip.notes[i].start, i)) for voice in voices)


def test_chords_give_as_many_voices_as_they_have_notes_the_top_one_first() -> None:
    clip = Clip(tuple(Note(p, 4 * k, 4) for k, chord in enumerate([(48, 64, 67, 72), (50, 65, 69, 74)]) for p in chord), 8)
    layout = in_voices(clip)
    assert layout.voices == 4
    assert layout.grid.tokens[:, [0, HALF], 0].tolist() == [[72, 74], [67, 69], [64, 65], [48, 50]]
    assert layout.unmapped == ()
    assert {cell[0] for cell in layout.cells} == {0, 1, 2, 3}


def test_a_melody_stays_one_voice_over_what_goes_on_below() -> None:
    tune = [Note(p, k / 2, 0.5) for k, p in enumerate([72, 74, 76, 72, 71, 67, 69, 71])]
    layout = in_voices(Clip((*tune, Note(48, 0, 2), Note(55, 2, 1), Note(52, 3, 1)), 4))
    assert layout.voices == 2
    assert [t for t in layout.grid.tokens[0, :HALF, 0].tolist() if t < HOLD] == [n.pitch for n in tune]
    assert [t for t in layout.grid.tokens[1, :HALF, 0].tolist() if t < HOLD] == [48, 55, 52]


def test_a_single_note_between_chords_joins_the_voice_nearest_to_it() -> None:
    chord = [Note(p, s, 1) for s in (0, 2) for p in (48, 60, 72)]
    assert separate_voices([*chord, Note(61, 1, 1), Note(50, 3, 1)], most=VOICES) == [[2, 5], [1, 6, 4], [0, 3, 7]]


def test_of_more_notes_than_voices_the_lowest_are_unmapped() -> None:
    layout = in_voices(Clip(tuple(Note(60 + k, 0, 1) for k in range(10)), 4))
    assert layout.voices == VOICES
    assert layout.why_unmapped() == {"room": (0, 1)}


@pytest.mark.parametrize("name", ["ode_to_joy", "twinkle", "greensleeves", "scarborough_fair", "korobeiniki", "pickup"])
def test_a_tune_is_one_voice_just_as_its_top_voice_is(name: str) -> None:
    clip = read_clip(CLIPS / f"{name}.mid")
    one, many = MELODY.clip_to_grid(clip), in_voices(clip)
    assert many.voices == 1
    assert many.cells == one.cells
    assert all(np.array_equal(getattr(one.grid, f), getattr(many.grid, f)) for f in ("tokens", "velocities", "offsets"))


def test_voices_end_where_they_end() -> None:
    """What one voice holds at the end of the clip does not go on in the next."""
    layout = in_voices(Clip((Note(72, 0, 8), Note(60, 0, 8)), 8))
    grid = layout.grid.map(np.copy)
    grid.tokens[1, :4] = HOLD
    grid.tokens[1, 4] = 60
    grid.velocities[1, 4] = 0.5
    top, low = sorted(MELODY.grid_to_clip(layout, grid).notes, key=lambda n: -n.pitch)
    assert top == Note(72, 0, 8)
    assert (low.start, low.duration) == (1, 1 / 4 * 28)


def test_each_voice_is_filled_from_its_own_beginning() -> None:
    layout = in_voices(Clip((Note(72, 0, 1), Note(60, 0, 1)), 4))
    assert layout.is_wrapped
    assert layout.grid.tokens[:, HALF, 0].tolist() == [72, 60]


def test_two_voices_that_come_to_one_note_write_it_once_and_the_second_keeps_its_own() -> None:
    layout = in_voices(Clip((Note(72, 0, 1), Note(60, 0, 1), Note(72, 2, 1), Note(60, 2, 1)), 4))
    grid = layout.grid.map(np.copy)
    grid.tokens[:, 0] = 64
    grid.tokens[:, 4] = 65
    grid.tokens[1, 8] = 72
    written = MELODY.grid_to_clip(layout, grid)
    assert [(n.pitch, n.start) for n in written.notes] == [(60, 0), (64, 0), (65, 1), (60, 2), (72, 2)]


def test_a_clip_can_be_given_silent_voices() -> None:
    clip = Clip((Note(72, 0, 1), Note(74, 5, 1)), 12)
    layout = in_voices(clip).with_voices(3)
    assert (layout.voices, layout.windows, len(layout.grid)) == (3, 2, 6)
    assert (layout.grid.tokens[2:] == REST).all()
    assert MELODY.grid_to_clip(layout, layout.grid) == clip
    with pytest.raises(ValueError, match="3 voices cannot be laid out as 2"):
        layout.with_voices(2)


def test_a_note_held_over_a_short_bar_is_held_through_the_steps_it_lacks() -> None:
    clip = Clip((Note(60, 0, 1), Note(62, 2, 2), Note(64, 4, 2)), 6, meter=(3, 4))
    tokens = MELODY.clip_to_grid(clip).grid.tokens[0, :, 0]
    assert tokens[8 : HALF + 5].tolist() == [62, *[HOLD] * 11, 64]


def test_a_clip_a_hair_longer_than_its_bars_loses_no_note() -> None:
    clip = Clip((Note(36, 4, 0.1), Note(36, 4.00000005, 0.1)), 4.0000001)
    layout = DRUMS.clip_to_grid(clip)
    assert len(layout.grid) == 1
    assert DRUMS.grid_to_clip(layout, layout.grid) == clip


@pytest.mark.parametrize("name", drum_maps())
def test_a_beat_is_laid_out_alike_on_any_map(name: str) -> None:
    beat = [(0, "kick"), (0, "closed_hat"), (0.5, "open_hat"), (1, "snare"), (2, "low_tom"), (3, "crash")]
    pads = {v: p[0] for v, p in find_drum_map(name).pitches.items() if p}
    clip = Clip(tuple(Note(pads[voice], start, 0.1) for start, voice in beat), 4)
    general = Clip(tuple(Note(find_drum_map("gm").pitches[voice][0], start, 0.1) for start, voice in beat), 4)
    layout = DRUMS.clip_to_grid(clip, find_drum_map(name).voice_of)
    assert np.array_equal(layout.grid.tokens, DRUMS.clip_to_grid(general).grid.tokens)
    assert layout.unmapped == ()


def test_new_hits_are_written_on_the_pads_of_the_kit_and_none_where_it_has_no_such_voice() -> None:
    kit = with_pads(find_drum_map("live_808"), [(60, "snare")])
    layout = DRUMS.clip_to_grid(Clip((Note(36, 0, 0.1), Note(51, 1, 0.1)), 4), kit.voice_of)
    assert layout.why_unmapped() == {"pad": (1,)}
    grid = layout.grid.map(np.copy)
    grid.tokens[0, 8] = sum(1 << VOICE_NAMES.index(voice) for voice in ("kick", "snare", "crash", "ride"))
    assert [n.pitch for n in DRUMS.grid_to_clip(layout, grid).notes if n.start == 2] == [36, 49, 60]


@given(seed=st.integers(0, 1000), windows=st.integers(1, 5), voices=st.integers(1, 4))
@settings(deadline=None, max_examples=50)
def test_windows_over_the_seams_hold_the_music_on_both_sides_and_go_back_where_they_were(
    seed: int, windows: int, voices: int
) -> None:
    rng = np.random.default_rng(seed)
    shape = (windows * voices, SPEC.steps)
    grid = Grid(rng.integers(0, 130, (*shape, 1)), rng.random((*shape, 1), np.float32), rng.random((*shape, 1), np.float32))
    over = grid.map(lambda v: shift_by_half(v, voices=voices))
    back = over.map(lambda v: shift_back(v, voices=voices))
    for there, here in ((back.tokens, grid.tokens), (back.velocities, grid.velocities), (back.offsets, grid.offsets)):
        assert np.array_equal(there, here)
    for k in range(windows * voices):
        after = k + 1 if (k + 1) % windows else k + 1 - windows
        assert np.array_equal(over.tokens[k, :HALF], grid.tokens[k, HALF:])
        assert np.array_equal(over.tokens[k, HALF:], grid.tokens[after, :HALF])


def test_a_note_held_over_a_seam_is_held_where_a_window_over_the_seam_begins() -> None:
    layout = MELODY.clip_to_grid(Clip((Note(60, 3, 2), Note(62, 6, 4)), 16))
    over = shift_by_half(layout.grid.tokens)
    assert over[0, :, 0].tolist() == [*[HOLD] * 4, *[REST] * 4, 62, *[HOLD] * 15, *[REST] * 8]
    assert MELODY.vocabulary.without_leading_holds(over)[0, :4, 0].tolist() == [REST] * 4
