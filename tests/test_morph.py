"""Morphs: exact ends, an even way between, and nothing that neither clip has."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest

from models.music.clip import Clip, Note
from models.music.distance import VoiceOf, distance
from models.music.morph import is_single_line, morph, settle
from tests.support.made_up_clips import PAIRS, VOICE


@pytest.mark.parametrize(("a", "b", "voice"), PAIRS)
def test_the_ends_are_the_clips_themselves_and_the_way_between_is_even(a: Clip, b: Clip, voice: VoiceOf | None) -> None:
    steps = [morph(a, b, k / 8, voice=voice) for k in range(9)]
    assert steps[0] is a
    assert steps[-1] is b
    whole = distance(a, b, voice=voice)
    for near, far in pairwise(steps):
        assert distance(near, far, voice=voice) <= 0.4 * whole  # an even eighth would be 0.125, were the way straight
    assert all(is_single_line(clip) for clip in steps) or not (voice is None and is_single_line(a) and is_single_line(b))


@pytest.mark.parametrize(("a", "b", "voice"), PAIRS)
def test_a_morph_arrives_where_it_is_going(a: Clip, b: Clip, voice: VoiceOf | None) -> None:
    for source, at in ((a, 1e-9), (b, 1 - 1e-9)):
        assert distance(source, morph(a, b, at, voice=voice), voice=voice) <= 0.5 / len(source.notes)


def test_a_morph_moves_a_note_in_sixteenths_and_glides_in_feel_and_force() -> None:
    a, b = Clip((Note(60, 1, 1, 40),), 4), Clip((Note(64, 1.52, 0.5, 100),), 4)
    halfway = morph(a, b, 0.5).notes[0]
    assert (halfway.start, halfway.duration, halfway.velocity) == pytest.approx((1.26, 0.75, 70))
    path = [morph(a, b, k / 50).notes[0] for k in range(51)]
    assert {n.pitch for n in path} <= {60, 64}  # no pitch class that neither clip has
    assert all(math.isclose(n.start % 0.25, k / 50 * 0.02, abs_tol=1e-9) for k, n in enumerate(path))


def test_a_morph_leads_no_hit_to_another_drum_voice() -> None:
    a, b = Clip((Note(36, 0, 0.1), Note(38, 1, 0.1)), 4), Clip((Note(42, 0, 0.1), Note(40, 1.5, 0.1)), 4)
    for k in range(21):
        assert {n.pitch for n in morph(a, b, k / 20, voice=VOICE).notes} <= {36, 38, 40, 42}
    assert {n.start for n in morph(a, b, 0.5, voice=VOICE).notes if n.pitch in (38, 40)} == {1.25}


def test_what_has_no_partner_goes_and_comes_one_by_one() -> None:
    a, b = Clip(tuple(Note(36, t, 0.1) for t in range(8)), 8), Clip((), 8)
    assert [len(morph(a, b, k / 8 + 0.001, voice=VOICE).notes) for k in range(8)] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert [len(morph(b, a, k / 8 + 0.001, voice=VOICE).notes) for k in range(8)] == [0, 1, 2, 3, 4, 5, 6, 7]


def test_between_clips_of_unequal_length_the_shorter_is_repeated() -> None:
    a = Clip((Note(36, 10, 0.5), Note(38, 11, 0.5)), 2, start=10, meter=(2, 4), loop=(10, 12))
    b = Clip(tuple(Note(p, t, 0.5) for t, p in enumerate((36, 38, 36, 38, 36))), 5, meter=(5, 4))
    middle = morph(a, b, 0.5, voice=VOICE)
    assert (middle.start, middle.beats, middle.meter, middle.loop) == (10, 5, (2, 4), None)
    assert distance(middle, b, voice=VOICE) <= 0.4
    assert morph(b, a, 0.5, voice=VOICE).start == 0


def test_a_morph_of_nothing_is_nothing_and_an_impossible_place_is_refused() -> None:
    empty = Clip((), 8)
    assert morph(empty, replace(empty, name="b"), 0.5) == empty
    with pytest.raises(ValueError, match=r"at 1\.5 is not in 0\.\.1"):
        morph(empty, empty, 1.5)


def test_a_note_is_let_in_where_no_other_is_struck_and_ends_what_sounds_on_its_pitch() -> None:
    held, other = Note(60, 0, 2), Note(64, 1, 2)
    near, new = Note(60, 0.1, 1), Note(60, 1, 1)
    assert settle([held, other], [near, new], False) == [replace(held, duration=1.0), other, new]
    assert settle([held], [Note(64, 1, 1)], True) == [replace(held, duration=1.0), Note(64, 1, 1)]
    assert settle([held], [Note(64, 1, 1)], False) == [held, Note(64, 1, 1)]
