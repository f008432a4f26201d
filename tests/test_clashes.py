"""What sounds beside a line: new notes lean away from its semitones."""

from __future__ import annotations

import numpy as np
import pytest

from models.families.constraints import Constraints
from models.families.registry import find_family
from models.families.sustained import CLASH, HOLD, HOLE, MASKED, NOT_STRUCK, REST, STRUCK
from models.music.clip import Clip, Note

MELODY = find_family("melody")
LINE = Clip((Note(60, 0.0, 1.0), Note(65, 1.0, 1.0), Note(67, 2.0, 1.0)), 8.0)


def leans(clip: Clip, beside: tuple[Note, ...], voices: int = 1) -> np.ndarray:
    """Find the nats on pitches [B, T, 128]; none where nothing leans."""
    layout = MELODY.clip_to_grid(clip, voices=voices)
    bias = MELODY.compile(layout, Constraints(beside=beside)).logit_bias
    if bias is None:
        return np.zeros((len(layout.grid), 32, HOLD))
    strikes = layout.grid.tokens < HOLD
    return np.asarray(bias[:][..., :HOLD] - MASKED - np.where(strikes, STRUCK, NOT_STRUCK))


def test_pitches_a_semitone_from_what_sounds_are_leant_away_from_while_it_sounds() -> None:
    lean = leans(LINE, (Note(52, 4.0, 2.0),))[0]
    assert lean[16, [51, 53, 63, 65, 77]] == pytest.approx(CLASH)
    assert lean[16, [52, 54, 60, 62, 64]] == pytest.approx(0)
    assert lean[15] == pytest.approx(0)
    assert lean[24] == pytest.approx(0)


def test_what_sounds_itself_and_what_the_clip_has_there_does_not_clash() -> None:
    lean = leans(LINE, (Note(52, 0.0, 4.0), Note(53, 0.0, 4.0)))[0]
    assert lean[0, [52, 53, 64, 65]] == pytest.approx(0)
    assert lean[0, [51, 54]] == pytest.approx(CLASH)
    own = leans(LINE, (Note(64, 0.0, 4.0),))[0]
    assert own[4, 65] == pytest.approx(0)  # the clip's own F, against an E
    assert own[5, 65] == pytest.approx(CLASH)


def test_voices_of_a_clip_hear_each_other() -> None:
    two = Clip((*LINE.notes, Note(40, 0.0, 3.0)), 8.0)
    lean = leans(two, (), voices=2)
    assert lean[0, 0, [63, 65]] == pytest.approx(CLASH)  # beside the E below
    assert lean[1, 0, [47, 49]] == pytest.approx(CLASH)  # beside the C above


def test_no_voice_comes_to_the_note_of_another() -> None:
    two = Clip((*LINE.notes, Note(60, 4.0, 1.0), Note(40, 0.0, 3.0), Note(60, 4.0, 2.0)), 8.0)
    lean = leans(two, (), voices=2)
    assert lean[0, :12, 40] == pytest.approx(CLASH)
    assert lean[0, 12:16, 40] == pytest.approx(0)
    assert lean[1, :4, 60] == pytest.approx(CLASH)
    assert lean[1, 4:8, 65] == pytest.approx(CLASH)


def test_what_is_struck_is_struck_again_and_where_a_clip_sounds_it_leans_off_rests() -> None:
    layout = MELODY.clip_to_grid(LINE)
    beside = (Note(52, 4.0, 2.0),)
    bias = MELODY.compile(layout, Constraints(beside=beside)).logit_bias
    assert bias is not None
    (found,) = bias[:]
    assert found[[0, 4, 8], 60] == pytest.approx(MASKED + STRUCK)
    assert found[[1, 3, 12], 60] == pytest.approx(MASKED + NOT_STRUCK)
    assert found[:12, REST] == pytest.approx(HOLE)
    assert not found[12:, REST].any()
    assert not found[:, HOLD].any()
    for compiled in (
        MELODY.compile(layout, Constraints(beside=beside, density=-2)),
        MELODY.compile(layout, Constraints(beside=beside), also=[layout.grid]),
    ):
        assert compiled.logit_bias is not None
        assert not compiled.logit_bias[:][..., REST].any()


def test_a_line_alone_leans_to_its_own_strokes_alone() -> None:
    layout = MELODY.clip_to_grid(LINE)
    bias = MELODY.compile(layout, Constraints()).logit_bias
    assert bias is not None
    assert bias[:][..., :HOLD] == pytest.approx(np.where(layout.grid.tokens < HOLD, STRUCK, NOT_STRUCK) + np.zeros(HOLD))


def test_music_of_many_bars_stays_in_its_range_and_two_bars_are_free() -> None:
    for windows, nats in ((1, 0.0), (2, -0.25), (9, -2.0), (20, -2.0)):
        clip = Clip(tuple(Note(60 + k % 8, k * 1.0, 1.0) for k in range(8 * windows)), 8.0 * windows)
        layout = MELODY.clip_to_grid(clip)
        bias = MELODY.compile(layout, Constraints()).logit_bias
        assert bias is not None
        lean = bias[:][0, 1, :HOLD] - NOT_STRUCK
        assert lean[60:68] == pytest.approx(0)
        assert lean[[59, 68, 70, 55]] == pytest.approx(nats * np.array([1, 1, 3, 5]))
        raised = MELODY.compile(layout, Constraints(octave=1)).logit_bias
        assert raised is not None
        assert (raised[:][0, 1, 80] > raised[:][0, 1, 60]).all()


def test_two_bars_of_a_bass_stay_a_bass() -> None:
    bass = Clip(tuple(Note(32 + k, k * 1.0, 1.0) for k in range(8)), 8.0)
    bias = MELODY.compile(MELODY.clip_to_grid(bass), Constraints()).logit_bias
    assert bias is not None
    lean = bias[:][0, 1, :HOLD] - NOT_STRUCK
    assert lean[[31, 40, 51]] == pytest.approx(-0.5 * np.array([1, 1, 12]))
