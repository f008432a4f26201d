"""Parts that lie far below tunes or above them: a model gets them octaves nearer, and they come back where they were."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.engine import Engine
from bridge.requests import Reconstruct, Vary
from models.editing.register import FAR, MIDDLE, Lift
from models.families.registry import find_family
from models.music.clip import Clip, Note

LINE = (
    (31, 0, 1),
    (31, 1, 0.5),
    (33, 1.5, 0.5),
    (36, 2, 1),
    (36, 3, 1),
    (40, 4, 1),
    (40, 5, 0.5),
    (36, 5.5, 0.5),
    (33, 6, 1),
    (31, 7, 1),
)
BASS = Clip(tuple(Note(pitch, start, duration, 90) for pitch, start, duration in LINE), 8.0)


def _transposed(clip: Clip, semitones: int) -> Clip:
    return clip.with_notes(replace(n, pitch=n.pitch + semitones) for n in clip.notes)


@given(st.lists(st.integers(0, 127), max_size=9))
def test_what_is_moved_comes_back_as_it_was(pitches: list[int]) -> None:
    clip = Clip(tuple(Note(p, k, 0.5, 90) for k, p in enumerate(pitches)), 16.0)
    lift = Lift.of([clip], find_family("melody"))
    (lifted,) = lift.up([clip])
    assert lift.semitones[0] % 12 == 0
    assert all(0 <= n.pitch < 128 for n in lifted.notes)
    assert lift.down(0, [lifted]) == (clip,)


def test_tunes_and_drums_stay_where_they_are() -> None:
    near = _transposed(BASS, MIDDLE - FAR - 34)
    assert Lift.of([near], find_family("melody")).semitones == (0,)
    assert Lift.of([BASS], find_family("melody")).semitones != (0,)
    assert Lift.of([BASS], find_family("drums")).semitones == (0,)


@pytest.mark.parametrize("octaves", [0, 5])
def test_a_part_far_off_is_reconstructed_where_it_lies(octaves: int) -> None:
    part = _transposed(BASS, 12 * octaves)
    (made,) = Engine().run(Reconstruct(clips=(part,), model="melody", seed=1)).clips
    assert [n.pitch for n in made.notes] == [n.pitch for n in part.notes]


def test_a_varied_bass_keeps_what_did_not_change_and_stays_a_bass() -> None:
    made = Engine().run(Vary(clips=(BASS,), model="melody", amount=0.3, count=8, seed=1)).clips
    for clip in made:
        assert all(
            n == replace(BASS.notes[n.from_note], from_clip=0, from_note=n.from_note) for n in clip.notes if n.from_note >= 0
        )
        assert sum(n.from_note >= 0 for n in clip.notes) >= 5
        assert max(n.pitch for n in clip.notes) <= 52
