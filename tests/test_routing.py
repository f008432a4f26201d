"""Which family parts go to: what their names say, what their notes look like, and what the other parts are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from models.evaluation.routing import HIDDEN, count_routing, measure_routing, route_song
from models.families.family import PartFacts
from models.families.routing import RoutedPart, names_drums, nats_of_notes, route, route_beside, route_parts
from models.music.clip import Clip, Note
from models.music.midi import Song, from_bytes, read, read_clip

CHORDS = Clip(
    tuple(Note(p, 2.0 * k, 2.0) for k, r in enumerate((36, 41, 43, 36, 45, 41, 43, 36)) for p in (r, r + 4, r + 7)), 16.0
)
BASS = Clip(tuple(Note((36, 36, 41, 43)[k // 4], k / 1.0, 0.9) for k in range(16)), 16.0)
BEAT = Clip(
    tuple(Note(p, k / 2, 0.125) for k in range(32) for p in ((36, 42) if k % 4 == 0 else (38, 42) if k % 4 == 2 else (42,))),
    16.0,
)
FAINT = replace(  # it looks like drums, but not very
    BEAT, notes=tuple(replace(n, duration=0.1 * (k % 5 + 3)) for k, n in enumerate(BEAT.notes) if n.pitch != 38)
)


def part(clip: Clip, channel: int | None = 1, program: int | None = None, name: str = "") -> RoutedPart:
    return RoutedPart(clip, PartFacts(channel, program, name))


@pytest.mark.parametrize(
    "name",
    ["Drums", "DRUM KIT", "MIDI Drums", "Snare", "Bass Drum", "Kick", "Hi-Hat", "closed hats", "Percussion", "Perc 2",
     "Schlagzeug", "Batterie", "batería", "Slagverk", "Ударные", "ドラム", "PowerKick", "01_drums", "Toms"],
)  # fmt: skip
def test_words_for_drums_in_several_languages(name: str) -> None:
    assert names_drums(name) is True


@pytest.mark.parametrize(
    "name",
    ["Bass", "Piano", "Klavier links", "Steel Drums", "Melodic Tom", "taiko drum", "Timpani", "Lead 2", "Gesang", "MELODY",
     "Violoncello", "ElectricGuitar", "Contrabass", "Pad 2 (warm)", "Гитара", "ピアノ", "Chords"],
)  # fmt: skip
def test_words_for_what_has_pitches(name: str) -> None:
    assert names_drums(name) is False


@pytest.mark.parametrize("name", ["", "Track 1", "Spades", "That", "Rights", "Tomorrow", "Drum and Bass", "Overture", "What"])
def test_other_names_say_nothing(name: str) -> None:
    assert names_drums(name) is None


def test_channel_10_is_drums_whatever_else_is_said() -> None:
    (drums,) = route_parts([part(CHORDS, 10, 40, "Piano")])
    assert (drums.family, drums.reason) == ("drums", "MIDI channel 10")


def test_notes_alone_tell_a_beat_from_chords_and_from_a_bass_line_on_drum_pads() -> None:
    assert [route(clip) for clip in (BEAT, CHORDS, BASS)] == ["drums", "melody", "melody"]
    assert nats_of_notes(BEAT) > 3
    assert nats_of_notes(CHORDS) < -2


def test_a_name_or_a_program_outweighs_the_notes() -> None:
    (named,) = route_parts([part(BEAT, name="Bass")])
    assert (named.family, named.reason) == ("melody", "its name, 'Bass'")
    (odd,) = route_parts([part(BASS, name="Kick")])
    assert (odd.family, odd.reason) == ("drums", "its name, 'Kick'")
    (chords,) = route_parts([part(CHORDS, program=48)])
    assert chords.family == "melody"


def test_where_others_are_drums_what_only_looks_like_them_is_not() -> None:
    assert 0 < nats_of_notes(FAINT) < 4
    alone, beside = route_parts([part(FAINT)])[0], route_parts([part(FAINT), part(BEAT, 10)])[0]
    assert (alone.family, beside.family) == ("drums", "melody")
    assert beside.reason == "other parts are on MIDI channel 10"
    assert route_parts([part(FAINT), part(BEAT, name="Drums")])[0].reason == "another part is the drums"


def test_what_a_user_says_of_a_part_is_not_weighed() -> None:
    a, b = route_parts([part(BEAT, 10), part(CHORDS)], ["notes", None])
    assert (a.family, a.reason, b.family) == ("melody", "notes was asked for", "melody")
    with pytest.raises(ValueError, match="kind 'horns' is not one of: drums, notes"):
        route(BEAT, "horns")


def test_what_is_told_of_a_part_tells_of_the_others() -> None:
    faint = part(FAINT)
    assert [r.family for r in route_parts([faint, faint], ["drums", None])] == ["drums", "melody"]
    assert [r.family for r in route_parts([faint, faint], ["notes", None])] == ["melody", "drums"]


def test_clips_are_told_by_what_sounds_with_each() -> None:
    routes, beside = route_beside([FAINT, BEAT, CHORDS], [BEAT, CHORDS], ["drums", "notes"])
    assert [r.family for r in routes] == ["melody", "drums", "melody"]  # a clear beat is drums beside others
    assert [r.family for r in beside] == ["drums", "melody"]
    assert routes[0].reason == "another part is the drums"
    assert [r.family for r in route_beside([FAINT, BEAT, CHORDS], [CHORDS, BASS], ["notes", "notes"])[0]] == [
        "drums",
        "drums",
        "melody",
    ]
    assert [r.family for r in route_beside([FAINT, CHORDS], [])[0]] == [route(FAINT), route(CHORDS)]


def test_a_part_without_notes_and_no_parts_at_all_have_an_answer() -> None:
    assert route_parts([]) == []
    assert route(Clip((), 4.0)) == "melody"
    assert route(Clip((), 4.0, channel=10)) == "drums"


def test_a_file_of_a_band_is_told_part_by_part(clips: Path) -> None:
    song = read(clips / "band.mid")
    result = route_song("band", song)
    assert result.is_drums.count(True) >= 1
    assert set(result.taken) == set(HIDDEN)
    assert result.taken[""] == result.is_drums
    figures = count_routing([result])
    assert figures["routing_accuracy"] == 1
    assert figures["routing_parts"] == len(result.names)
    assert figures["routing_taken_for_drums"] == figures["routing_drums_missed"] == 0


def test_a_folder_is_measured_and_one_without_notes_refused(clips: Path, tmp_path: Path) -> None:
    for name in ("rock", "twinkle", "chords"):
        (tmp_path / f"{name}.mid").write_bytes((clips / f"{name}.mid").read_bytes())
    figures = measure_routing(tmp_path, "test")
    assert figures["routing_accuracy_without_channel"] == 1
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "empty.mid").write_bytes((clips / "empty.mid").read_bytes())
    with pytest.raises(ValueError, match="has no part with notes"):
        measure_routing(tmp_path / "none", "test")


def test_our_own_clips_are_told_without_their_channels(clips: Path) -> None:
    for name in ("rock", "funk", "house", "bossa", "breakbeat", "halftime", "shuffle", "drums_5_4", "drums_6_8", "drums_7_8"):
        assert route(replace(read_clip(clips / f"{name}.mid"), channel=None, name="")) == "drums", name
    for name in ("twinkle", "ode_to_joy", "chords", "greensleeves", "menuet_in_g", "korobeiniki"):
        song: Song = from_bytes((clips / f"{name}.mid").read_bytes())
        assert all(route(replace(p.clip, channel=None, name="")) == "melody" for p in song.parts if p.clip.notes), name
