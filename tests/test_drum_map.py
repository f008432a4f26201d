"""Published maps, pads that override them, and what the names of pads say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.drum_map import VOICE_NAMES, drum_maps, drum_words, find_drum_map, voice_by_name, with_pads
from models.grid import VOICE_OF, VOICES

MAPS = drum_maps()

# The pads of Live's 909 and 808 Core Kits from C1 up, as Live names them.
LIVE_909 = [
    "Bass Drum", "Rim Shot", "Snare Drum", "Hand Clap", "Bass Drum", "Snare Drum", "Closed Hi Hat", "Snare Drum",
    "Low Tom", "Mid Tom", "Open Hi Hat", "Hi Tom", "Crash", "Crash", "Ride", "Ride",
]  # fmt: skip
LIVE_808 = [
    "Kick 808", "Rim 808", "Snare 808", "Clap 808", "Clave 808", "Tom Low 808", "Hi-hat Closed 808", "Tom Mid 808",
    "Maracas 808", "Tom Hi 808", "Hi-hat Open 808", "Conga Low 808", "Conga Mid 808", "Cymbal 808", "Conga Hi 808",
    "Cowbell 808",
]  # fmt: skip

NAMES = {
    "kick": ["Kick 606", "Kick 808 Deep", "Kick Noise Dub 1", "Bass Drum", "BD", "BD2", "Kick b", "KickDrum", "808"],
    "snare": [
        "Snare Tight", "Snare 606 Dub", "SD", "Snare Hat Combo Bangky", "SnareDrum", "Rim", "Rim 7T8", "Rim Sidestick Tamuz 1",
        "Clap", "Clap Dub Short", "Clap-909", "Side Stick",
    ],
    "closed_hat": [
        "HH Closed", "HH Closed b", "Hihat Closed 808 Dub 1", "Hihat Closed Tamuz Half", "Hihat 808 Closed", "Closed Hi-Hat",
        "CH", "Hat", "Hihat", "HiHat", "ClosedHat", "Pedal Hi-Hat", "HH Pedal",
    ],
    "open_hat": ["HH Open", "Hihat Open 808 1 Onyx", "Open Hi Hat", "OH", "Hihat Open Trad", "OpenHat"],
    "low_tom": ["Tom Low", "Tom 808 Lo Hiss", "Tom 707 Low", "Low Floor Tom", "High Floor Tom", "Tom Lo Dub", "FloorTom"],
    "mid_tom": ["Tom Mid", "Tom Mid Low", "Low-Mid Tom", "Tom 808 Mid Dub", "Tom", "Tom Unvx Dub", "Tom 2"],
    "high_tom": ["Tom Hi", "Tom 808 Hi I", "Hi Tom", "Hi-Mid Tom", "Tom 1"],
    "crash": ["Crash", "Crash 909", "Crash Layered", "Cymbal", "Cymbal 808 VA90", "China", "Splash Cymbal"],
    "ride": ["Ride", "Ride Bell", "Ride Cymbal 1", "Ride Layered"],
}  # fmt: skip
NONE = [
    "Cowbell", "Cowbell 808", "Maracas 808", "Conga Hi", "Clave 808", "Shaker", "Perc Metal Tap Dub", "E-Perc BittyBot",
    "FX Laser Dub", "Snap SP", "Wood Dub", "Stick Dub", "", "Pad 12",
    "Kyathe Monks", "Strider", "Bell Ring ER Fenk 1", "Bass Sub C#0", "C1",
]  # fmt: skip


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


def test_the_voices_of_the_grid_are_those_of_the_general_midi_map() -> None:
    gm = find_drum_map("gm")
    assert tuple(v.name for v in VOICES) == VOICE_NAMES
    assert {v.name: v.pitches for v in VOICES} == gm.pitches
    assert gm.voice_of == VOICE_OF


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
