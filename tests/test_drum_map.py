"""Published maps, pads that override them, and what the names of pads say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.families.drums import FAMILY, GM_KIT
from models.music.drum_map import VOICE_NAMES, drum_maps, drum_words, find_drum_map, voice_by_name, with_pads
from tests.support.pads import LIVE_808, LIVE_909, NAMES, NONE

MAPS = drum_maps()


@pytest.mark.parametrize(("name", "voice"), [(name, voice) for voice, names in NAMES.items() for name in names])
def test_the_name_of_a_pad_tells_its_voice(name: str, voice: str) -> None:
    assert voice_by_name(name) == voice


@pytest.mark.parametrize("name", NONE)
def test_what_is_none_of_the_nine_voices_is_not_taken_for_one(name: str) -> None:
    assert voice_by_name(name) is None


@pytest.mark.parametrize(("kit", "names"), [("live_808", LIVE_808), ("live_909", LIVE_909)])
def test_the_maps_of_lives_kits_are_what_their_pads_are_called(kit: str, names: list[str]) -> None:
    named = {36 + i: voice_by_name(name) for i, name in enumerate(names)}
    ours = {pitch: VOICE_NAMES[voice] for pitch, voice in find_drum_map(kit).voice_of.items()}
    assert ours == {pitch: voice for pitch, voice in named.items() if voice}


@given(name=st.text(max_size=20))
def test_any_name_is_read(name: str) -> None:
    assert voice_by_name(name) in (*VOICE_NAMES, None)


def test_the_lanes_of_drums_are_the_voices_of_the_general_midi_map() -> None:
    gm = find_drum_map("gm")
    assert tuple(gm.pitches) == FAMILY.lane_names == VOICE_NAMES
    lanes: dict[str, tuple[int, ...]] = dict.fromkeys(VOICE_NAMES, ())
    for pitch, lane in GM_KIT.items():
        lanes[FAMILY.lane_names[lane]] += (pitch,)
    assert lanes == gm.pitches
    assert gm.voice_of == GM_KIT == FAMILY.kit("gm", ()) == FAMILY.default_kit()


@pytest.mark.parametrize("name", MAPS)
def test_no_pad_of_a_map_has_two_voices(name: str) -> None:
    pitches = [pitch for its in MAPS[name].pitches.values() for pitch in its]
    assert len(pitches) == len(set(pitches))
    assert all(0 <= pitch <= 127 for pitch in pitches)
    assert MAPS[name].source
    assert MAPS[name].about


def test_an_unknown_map_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="there is no drum map 'tr707'; there are: gm, roland_td"):
        find_drum_map("tr707")


def test_a_pad_that_is_named_leaves_its_old_voice_and_leads_its_new_one() -> None:
    changed = with_pads(find_drum_map("gm"), [(60, "kick"), (38, "kick"), (60, "snare")])
    assert changed.pitches["kick"] == (38, 36, 35)
    assert changed.pitches["snare"] == (60, 37, 40)
    assert find_drum_map("gm").pitches["snare"] == (38, 37, 40)


def test_a_pad_of_no_voice_is_refused_in_plain_words() -> None:
    with pytest.raises(ValueError, match="there is no drum voice 'cowbell'; there are: kick, snare"):
        with_pads(find_drum_map("gm"), [(56, "cowbell")])


def test_every_word_names_a_voice_or_none_and_can_be_reached() -> None:
    for voice, entries in drum_words():
        assert voice in (*VOICE_NAMES, "other")
        for entry in entries:
            assert entry == entry.lower()
            assert voice_by_name(entry) == (None if voice == "other" else voice), entry
