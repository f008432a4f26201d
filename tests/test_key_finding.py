"""Finding keys: scales and tunes whose key anyone hears, music that is not clear, and music that changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.music.clip import Note
from models.music.key import SCALES, parse_key
from models.music.key_finding import FoundKey, correlations, find_key, find_local_keys, keys, weigh
from models.music.midi import read_clip

TUNE = (60, 64, 67, 65, 64, 62, 60, 59, 60, 62, 64, 67, 65, 62, 59, 60)  # C major, four bars


def line(pitches: tuple[int, ...], start: float = 0.0, up: int = 0) -> list[Note]:
    return [Note(p + up, start + k, 1.0) for k, p in enumerate(pitches)]


def found(notes: list[Note]) -> FoundKey:
    key = find_key(weigh(notes))
    assert key is not None
    return key


@pytest.mark.parametrize("up", range(-12, 13))
def test_a_tune_is_in_its_key_wherever_it_is_put(up: int) -> None:
    key = found(line(TUNE * 4, up=up))
    assert key.key.root == up % 12
    assert key.key.steps == SCALES["Major"]
    assert key.is_clear
    assert key.classes == key.key.classes
    assert key.confidence > 0.95


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("frere_jacques.mid", "C Major"),
        ("greensleeves.mid", "A Minor"),
        ("menuet_in_g.mid", "G Major"),
        ("ode_to_joy.mid", "C Major"),
        ("twinkle.mid", "C Major"),
        ("drunken_sailor.mid", "D Minor"),
    ],
)
def test_tunes_that_everybody_knows(clips: Path, file: str, name: str) -> None:
    song = read_clip(clips / file, track=1)
    assert any(key.classes == parse_key(name).classes for key in found(list(song.notes)).likely)


def test_few_notes_leave_several_keys_likely_and_their_common_classes_hold_what_sounds_in_all() -> None:
    key = found(line((60, 64, 67, 64)))
    assert not key.is_clear
    assert key.classes >= {0, 7}
    assert key.classes == frozenset.intersection(*(k.classes for k in key.likely))
    assert len({k.classes for k in key.likely}) == len(key.likely)
    assert key.likely[0] == key.key


def test_all_twelve_pitch_classes_alike_are_in_no_clear_key() -> None:
    key = found(line(tuple(range(60, 72))))
    assert key.confidence < 0.2
    assert key.classes == frozenset()


def test_of_silence_nothing_is_said() -> None:
    assert find_key(weigh([])) is None
    assert find_key(weigh([Note(60, 0.0, 1.0, mute=True)])) is None
    assert find_local_keys([], bar=4.0, start=0.0, end=8.0) == ()
    assert correlations([0.0] * 12) == [0.0] * 24


def test_a_tune_that_changes_its_key_is_followed() -> None:
    notes = line(TUNE * 4) + line(TUNE * 4, 64.0, up=3)
    local = find_local_keys(notes, bar=4.0, start=0.0, end=128.0)
    assert [k.found.key.name for k in local] == ["C Major", "Eb Major"]
    assert local[0].start == 0
    assert local[1].end == 128
    assert abs(local[0].end - 64) <= 8
    assert local[0].end == local[1].start


def test_a_tune_that_does_not_is_one_stretch_with_pickups_and_silence() -> None:
    notes = [Note(67, -1.0, 1.0), *line(TUNE * 2), *line(TUNE * 2, 400_000.0)]
    (local,) = find_local_keys(notes, bar=4.0, start=0.0, end=400_064.0)
    assert (local.start, local.end, local.found.key.name) == (0.0, 400_064.0, "C Major")
    assert local.found == find_key(weigh(notes))


def test_a_drone_of_a_hundred_thousand_bars_costs_nothing() -> None:
    (local,) = find_local_keys([*line(TUNE), replace(Note(48, 0.0, 1.0), duration=4e5)], bar=4.0, start=0.0, end=4e5)
    assert local.found.key.root == 0


def test_the_keys_are_twelve_major_and_twelve_minor_ones_of_lives_list() -> None:
    assert len({(key.root, key.steps) for key in keys()}) == 24
    assert {key.name.split()[1] for key in keys()} == {"Major", "Minor"}


@given(st.lists(st.floats(0, 1e6), min_size=12, max_size=12))
def test_correlations_are_between_minus_one_and_one(classes: list[float]) -> None:
    assert all(-1 - 1e-9 <= fit <= 1 + 1e-9 for fit in correlations(classes))
