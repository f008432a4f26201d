"""What sounds beside a line: new notes lean away from its semitones."""

from __future__ import annotations

import numpy as np
import pytest

from models.families.constraints import Constraints
from models.families.registry import find_family
from models.families.sustained import CLASH, HOLD, MASKED
from models.music.clip import Clip, Note

MELODY = find_family("melody")
LINE = Clip((Note(60, 0.0, 1.0), Note(65, 1.0, 1.0), Note(67, 2.0, 1.0)), 8.0)


def leans(clip: Clip, beside: tuple[Note, ...], voices: int = 1) -> np.ndarray:
    """Find the nats on pitches [B, T, 128]; none where nothing leans."""
    layout = MELODY.clip_to_grid(clip, voices=voices)
    bias = MELODY.compile(layout, Constraints(beside=beside)).logit_bias
    return np.zeros((len(layout.grid), 32, HOLD)) if bias is None else bias[:][..., :HOLD] - MASKED


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


def test_a_line_alone_leans_nowhere() -> None:
    assert not leans(LINE, ()).any()
