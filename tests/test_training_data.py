"""What networks are trained on beside windows of music: pairs, rests, lines of parts, and what sounds around them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.families.context import (
    AFTER,
    AROUND,
    BEFORE,
    OTHERS,
    around_layout,
    around_windows,
    as_heard,
    columns,
    context_size,
    sounding_beats,
    transpose_context,
    without_kinds,
)
from models.families.family import Family
from models.families.grid import Grid
from models.families.registry import find_family
from models.families.sustained import HOLD, REST
from models.music.clip import Clip, Note
from models.music.distance import distance
from models.training.calibration import as_clip
from models.training.dataset import LINE, MUSIC, SPARSE, Surroundings, Windows, find_sources, pack
from models.training.pairs import FARTHEST, NEAREST, find_pairs
from tests.support.made_up import as_windows, beats, tune

DRUMS, MELODY = find_family("drums"), find_family("melody")


def placed(windows: Windows, kind: int = MUSIC) -> Windows:
    """Say of the windows of a row of bars where they are."""
    count = len(windows)
    place = np.stack([np.zeros(count, np.int64), 4 * np.arange(count)], 1)
    context = np.zeros((count, 8, 0), np.float16)
    return replace(windows, more=Surroundings(np.full(count, kind), place, context))


@pytest.mark.parametrize(("its", "music"), [(DRUMS, beats(24)), (MELODY, tune(24))], ids=["drums", "melody"])
def test_pairs_lie_as_far_apart_as_the_design_counts(its: Family, music: Grid) -> None:
    # Four bars over and over, of which every other beat is varied.
    varied = (np.arange(24 * 16) // 4 % 2 == 1)[None, :, None]
    windows = placed(as_windows(music.map(lambda values: np.where(varied, values, np.tile(values[:, :64], (1, 6, 1))))))
    pairs = find_pairs(windows, its, allowed=np.ones(len(windows), bool))
    clips = [as_clip(its, windows.grid[k : k + 1]) for k in range(len(windows))]
    want = {
        (i, j)
        for i, a in enumerate(clips)
        for j, b in enumerate(clips)
        if abs(i - j) >= 2 and (its is MELODY or abs(i - j) <= 16) and NEAREST <= distance(a, b, voice=its.lane_of) <= FARTHEST
    }
    found = set(zip(pairs.source.tolist(), pairs.target.tolist(), strict=True))
    assert found <= want
    assert found
    assert {(j, i) for i, j in found} == found
    for i, j, d in zip(pairs.source, pairs.target, pairs.distance, strict=True):
        assert d == pytest.approx(distance(clips[i], clips[j], voice=its.lane_of), abs=1e-6)


def test_a_piece_gives_no_more_pairs_than_it_may_and_its_own_alone() -> None:
    bars = beats(40)
    one = placed(as_windows(bars))
    allowed = np.ones(len(one), bool)
    assert len(find_pairs(one, DRUMS, allowed=allowed, most=5)) <= 10
    other = replace(one, piece=np.arange(len(one)))
    assert len(find_pairs(other, DRUMS, allowed=allowed)) == 0
    assert len(find_pairs(one, DRUMS, allowed=~allowed)) == 0


def test_windows_that_are_only_shifted_are_no_pair() -> None:
    bar = beats(2)
    shifted = bar.map(lambda values: np.roll(values, 1, 1))
    both = Grid(*(np.concatenate([getattr(bar, f), getattr(shifted, f)]) for f in ("tokens", "velocities", "offsets")))
    windows = replace(as_windows(beats(3)), grid=both)
    windows = placed(windows)
    assert windows.more is not None
    windows = replace(windows, more=replace(windows.more, place=np.array([[0, 0], [0, 8]])))
    assert len(find_pairs(windows, DRUMS, allowed=np.ones(2, bool))) == 0


def test_packing_everything_adds_rests_and_lines_and_leaves_the_music_as_it_is(clips: Path) -> None:
    for family in (DRUMS, MELODY):
        plain, whole = pack(find_sources(clips), family), pack(find_sources(clips), family, everything=True)
        assert plain.more is None
        assert whole.more is not None
        music = whole.take(whole.more.kind == MUSIC)
        keys = [{(int(p), t.tobytes()) for p, t in zip(w.piece, w.grid.tokens, strict=True)} for w in (plain, music)]
        assert keys[1] <= keys[0]
        assert len(keys[0] - keys[1]) <= 0.1 * len(keys[0])  # what is a line of another part, too
        assert (whole.more.kind == SPARSE).any() or family is DRUMS
        assert (whole.more.kind == LINE).any() == family.is_pitched
        onsets = family.vocabulary.struck(whole.grid.tokens).sum((1, 2))
        assert (onsets[whole.more.kind != SPARSE] >= 4).all()


def test_kept_windows_are_the_same_when_they_are_read_again(clips: Path, tmp_path: Path) -> None:
    windows = pack(find_sources(clips), MELODY, everything=True)
    windows.save(tmp_path / "windows.npz")
    assert Windows.load(tmp_path / "windows.npz").sha256() == windows.sha256()
    plain = pack(find_sources(clips), DRUMS)
    plain.save(tmp_path / "windows.npz")
    again = Windows.load(tmp_path / "windows.npz")
    assert (again.sha256(), again.sets, again.more) == (plain.sha256(), plain.sets, None)


# What sounds around


def test_pitch_classes_sound_for_as_long_as_their_notes() -> None:
    notes = [Note(60, 0.0, 1.5, 80.0), Note(72, 0.5, 0.25, 80.0), Note(67, 3.0, 0.125, 80.0), Note(64, 9.0, 1.0, 80.0)]
    sounding = sounding_beats(notes, np.arange(4.0))
    assert sounding[:, 0].tolist() == [1.25, 0.5, 0, 0]
    assert sounding[:, 7].tolist() == [0, 0, 0, 0.125]
    assert not sounding[:, 4].any()
    heard = as_heard(sounding, np.array([True, True, True, False]))
    assert heard[:, 0].tolist() == [1, 1, 1, 0]
    assert heard[:, 1].tolist() == [1, 1, 0, 0]
    assert not heard[3].any()


def test_windows_hear_other_parts_with_them_and_their_own_part_around_them() -> None:
    own = sounding_beats([Note(60 + k, float(k), 1.0, 80.0) for k in range(12)], np.arange(12.0))
    context = around_windows(own, None, window_beats=4, hop_beats=4)
    at = columns(AROUND)
    assert context.shape == (3, 4, context_size(AROUND))
    assert not context[..., at[OTHERS]].any()  # there are none: nothing is known of them
    before, after = context[..., at[BEFORE]], context[..., at[AFTER]]
    assert not before[0].any()
    assert not after[2].any()
    assert np.array_equal(before[1:, :, 1:].argmax(-1), [[0, 1, 2, 3], [4, 5, 6, 7]])
    assert np.array_equal(after[:2, :, 1:].argmax(-1), [[4, 5, 6, 7], [8, 9, 10, 11]])
    others = around_windows(own, own[::-1], window_beats=4, hop_beats=4)[..., at[OTHERS]]
    assert others[0, :, 1:].argmax(-1).tolist() == [11, 10, 9, 8]
    assert others[..., 0].all()


def test_contexts_are_transposed_and_dropped_kind_by_kind() -> None:
    own = sounding_beats([Note(60, 0.0, 12.0, 80.0)], np.arange(12.0))
    context = around_windows(own, own, window_beats=4, hop_beats=4)
    at = columns(AROUND)
    moved = transpose_context(context, np.array([0, 3, -1]), AROUND)
    assert moved[..., at[OTHERS]][:, 0, 1:].argmax(-1).tolist() == [0, 3, 11]
    assert np.array_equal(moved[..., at[OTHERS].start], context[..., at[OTHERS].start])
    told = without_kinds(context, {OTHERS: np.array([True, False, False])}, AROUND)
    assert not told[0][:, at[OTHERS]].any()
    assert np.array_equal(told[1:], context[1:])
    assert np.array_equal(told[..., at[AFTER]], context[..., at[AFTER]])


def test_rests_stay_rests_in_the_vocabulary_of_lines() -> None:
    tokens = np.full((1, 32, 1), HOLD)
    tokens[0, 0], tokens[0, 16] = REST, 60
    assert (MELODY.vocabulary.without_orphan_holds(tokens)[0, :16, 0] == REST).all()


@pytest.mark.parametrize("family", [DRUMS, MELODY], ids=["drums", "melody"])
def test_music_is_described_by_what_it_repeats_and_uses(family: Family) -> None:
    music = as_windows(beats(6) if family is DRUMS else tune(6)).grid
    once = music.map(lambda values: np.concatenate([values[:, :16], values[:, :16]], 1))
    told, again = family.own_context(music), family.own_context(once)
    assert told is not None
    assert again is not None
    assert told.shape == (len(music), 8, context_size(family.context))
    assert np.isfinite(told).all()
    at = columns(family.context)
    assert (told[..., at["habits"].start] == 1).all()
    assert not any(told[..., at[kind]].any() for kind in AROUND if kind in at)
    bars_alike = at["habits"].stop - 3 if family is DRUMS else at["habits"].start + 10
    assert np.allclose(again[..., bars_alike], 1)
    assert (told[..., bars_alike] < 1).any()
    silent = family.own_context(Grid.silent(2, family.spec, family.vocabulary))
    assert silent is not None
    assert np.isfinite(silent).all()


def test_a_transposed_line_has_the_same_habits_higher_up() -> None:
    music = as_windows(tune(6)).grid
    at = columns(MELODY.context)
    moved = replace(music, tokens=MELODY.transposed(music.tokens, np.full(len(music), 2)))
    here, there = MELODY.own_context(music), MELODY.own_context(moved)
    assert here is not None
    assert there is not None
    assert np.allclose(np.roll(here[:, 0, at["scale"]][:, 1:], 2, -1), there[:, 0, at["scale"]][:, 1:])
    differs = np.abs(here - there)[:, 0, at["habits"]].max(0) > 1e-6
    assert differs.sum() == 3  # lowest, highest and middle


def test_a_clip_hears_around_it_what_training_did() -> None:
    line = Clip(tuple(Note(60 + k % 12, float(k), 1.0, 80.0) for k in range(32)), 32.0)
    chords = [Note(pitch, 4.0 * k, 4.0, 80.0) for k in range(8) for pitch in (48 + k, 52 + k, 55 + k)]
    beats_ = np.arange(32.0)
    learned = around_windows(sounding_beats(line.notes, beats_), sounding_beats(chords, beats_), window_beats=8, hop_beats=4)
    layout = MELODY.clip_to_grid(line)
    assert np.allclose(around_layout(layout, chords), learned[::2])
    # What is before a clip and after it is not known, of the row that goes over its end nothing of use.
    assert np.allclose(around_layout(layout, chords, at_seam=True)[1:2], learned[3:4])
    alone = around_layout(layout)
    at = columns(AROUND)
    assert not alone[..., at[OTHERS]].any()
    assert np.array_equal(alone[..., at[BEFORE]], around_layout(layout, chords)[..., at[BEFORE]])


def test_the_voices_of_a_clip_hear_each_other() -> None:
    top = [Note(76, float(k), 1.0, 80.0) for k in range(16)]
    low = [Note(60, float(k), 1.0, 80.0) for k in range(16)]
    layout = MELODY.clip_to_grid(Clip((*top, *low), 16.0), voices=8)
    assert layout.voices == 2
    heard = around_layout(layout)[..., columns(AROUND)[OTHERS]]
    assert heard[:2, :, 1:].argmax(-1).tolist() == [[0] * 8] * 2
    assert heard[2:, :, 1:].argmax(-1).tolist() == [[4] * 8] * 2
    assert (heard[..., 1:].sum(-1) == 1).all()
