"""MIDI files come and go as they are: what is read, what is refused, what survives. As long as the format has corners."""

from __future__ import annotations

import importlib
import io
import itertools
import json
import os
import random
import runpy
import subprocess
import sys
import tarfile
import zlib
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mido.midifiles.meta import MetaSpec_sequencer_specific, add_meta_spec

from models.music import midi, midi_file, note_seq
from models.music.clip import Clip, Note
from models.music.midi_file import Limits

CLIPS = Path(__file__).parent / "clips"
DATA = Path(__file__).parents[2] / "shared" / "data"
BROKEN = {
    "truncated": "is cut off",
    "corrupt": "is corrupt",
    "not_midi": "is not a MIDI file",
    "zero_bytes": "is empty",
    "smpte": "counts time in SMPTE frames",
    "format_2": "is a MIDI file of format 2",
}
OPEN = sorted(path.stem for path in CLIPS.glob("*.mid") if path.stem not in BROKEN)


# Written and read

velocities = st.floats(0, 127)
meters = st.tuples(st.integers(1, 16), st.sampled_from([1, 2, 4, 8, 16]))
spans = st.none() | st.tuples(st.floats(-100, 100), st.floats(-100, 100))


@st.composite
def clips_on_the_grid(draw: st.DrawFn) -> Clip:
    """Draw a clip whose times are whole ticks, its notes of one pitch not nested, whatever else its notes hold."""
    ticks = draw(st.sampled_from([1, 24, 96, 480, 960, 32767]))
    times = st.tuples(st.integers(-3 * ticks, 8 * ticks), st.integers(0, 4 * ticks), st.sampled_from([0, 36, 60, 61, 127]))
    notes = []
    last_end: dict[int, int] = {}
    for start, duration, pitch in sorted(draw(st.lists(times, max_size=12))):
        if start + duration >= last_end.get(pitch, start):
            last_end[pitch] = start + duration
            notes.append(draw(notes_of(st.just(pitch), st.just(start / ticks), st.just(duration / ticks))))
    return draw(clips_of(st.just(notes), ticks, st.integers(1, 40 * ticks).map(lambda tick: tick / ticks)))


def notes_of(
    pitches: st.SearchStrategy[int], starts: st.SearchStrategy[float], durations: st.SearchStrategy[float]
) -> st.SearchStrategy[Note]:
    return st.builds(
        Note,
        pitches,
        starts,
        durations,
        velocities | st.integers(1, 127).map(float),
        st.booleans(),
        st.floats(0, 1),
        st.floats(-127, 127),
        velocities,
    )


def clips_of(notes: st.SearchStrategy[list[Note]], ticks: int, beats: st.SearchStrategy[float]) -> st.SearchStrategy[Clip]:
    return st.builds(
        Clip,
        notes=notes.map(tuple),
        beats=beats,
        start=st.just(0.0) | st.floats(-20, 20),
        meter=meters,
        tempo=st.integers(20, 300).map(float) | st.floats(0.01, 1e6),
        ticks_per_beat=st.just(ticks),
        loop=spans,
        markers=spans,
        name=st.text(max_size=12),
        channel=st.none() | st.integers(1, 16),
    )


@given(clips_on_the_grid())
@settings(max_examples=150, deadline=None)
def test_a_clip_on_the_tick_grid_is_the_same_after_writing_and_reading(clip: Clip) -> None:
    assert clip_again(clip) == clip.in_order()


@given(
    clips_of(
        st.lists(notes_of(st.integers(58, 62), st.floats(-50, 50), st.floats(0, 50)), max_size=10), 480, st.floats(0.01, 100)
    )
)
@settings(max_examples=100, deadline=None)
def test_a_clip_off_the_grid_is_the_same_too(clip: Clip) -> None:
    assert clip_again(clip) == clip.in_order()


@given(clips_on_the_grid())
@settings(max_examples=50, deadline=None)
def test_another_program_hears_the_same_notes(clip: Clip) -> None:
    clip = clip.with_notes(note for note in clip.notes if note.start >= 0)
    ticks = clip.ticks_per_beat
    wanted = [(n.pitch, round(n.start * ticks), round(n.end * ticks), max(round(n.velocity), 1)) for n in clip.notes]
    assert sorted(heard_by_mido(midi.to_bytes(clip))) == sorted(wanted)


@given(clips_on_the_grid())
@settings(max_examples=50, deadline=None)
def test_what_was_written_is_written_again_byte_for_byte(clip: Clip) -> None:
    data = midi.to_bytes(clip)
    assert midi.to_bytes(clip) == data
    assert midi.to_bytes(midi.from_bytes(data)) == data
    assert midi.to_bytes(midi.from_bytes(data).parts[0].clip) == data


def test_an_ordinary_clip_needs_no_event_of_ours() -> None:
    clip = Clip((Note(60, 0.0, 1.0, 90.0), Note(64, 1.5, 0.25, 100.0)), beats=4.0, tempo=174.0, name="plain", channel=3)
    assert b"LatentBridge" not in midi.to_bytes(clip)
    assert clip_again(clip) == clip


def test_a_clip_comes_back_from_disk(tmp_path: Path) -> None:
    clip = Clip((Note(36, 0.0, 0.25, 100.0),), beats=4.0, channel=10)
    midi.write(tmp_path / "beat.mid", clip)
    assert midi.read_clip(tmp_path / "beat.mid") == clip


def test_a_rounded_clip_is_what_its_file_alone_gives() -> None:
    notes = (Note(60, 1 / 3, 0.1, 99.6, release_velocity=12.3), Note(62, 1.0001, 1e-5, 0.2))
    clip = midi.rounded(Clip(notes, beats=4.0, channel=1))
    assert b"LatentBridge" not in midi.to_bytes(clip)
    assert clip_again(clip) == midi.rounded(clip) == clip
    assert clip.notes == (Note(60, 160 / 480, 48 / 480, 100.0, release_velocity=12.0), Note(62, 1.0, 1 / 480, 1.0))


# Files of other programs


@pytest.mark.parametrize("name", OPEN)
def test_every_clip_opens_and_its_parts_come_back(name: str) -> None:
    song = midi.read(CLIPS / f"{name}.mid")
    assert midi.from_bytes(midi.to_bytes(song)).parts == song.parts
    for part in song.parts:
        assert clip_again(part.clip) == part.clip


@pytest.mark.parametrize("name", BROKEN)
def test_every_broken_file_gives_its_sentence(name: str) -> None:
    path = CLIPS / f"{name}.mid"
    with pytest.raises(midi.MidiError) as caught:
        midi.read(path)
    assert str(caught.value).startswith(f"{path} {BROKEN[name]}")
    assert "\n" not in str(caught.value)


def test_the_clips_are_what_their_script_writes(tmp_path: Path) -> None:
    runpy.run_path(str(CLIPS / "make.py"))["main"](tmp_path)
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert written == {path.name: path.read_bytes() for path in CLIPS.glob("*.mid")}


def test_every_clip_has_its_line_in_the_readme() -> None:
    told = (CLIPS / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in CLIPS.glob("*.mid") if f"| `{path.name}` |" not in told] == []


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(midi.MidiError, match=r"nowhere\.mid cannot be read: No such file"):
        midi.read(tmp_path / "nowhere.mid")
    with pytest.raises(midi.MidiError, match="is not a file"):
        midi.read(tmp_path)
    with pytest.raises(midi.MidiError, match="cannot be written"):
        midi.write(tmp_path / "nowhere" / "clip.mid", Clip((), 4.0))


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_whatever_is_broken_gives_a_sentence_or_a_song(data: st.DataObject) -> None:
    broken = bytearray((CLIPS / "band.mid").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    del broken[data.draw(st.integers(len(broken) // 2, len(broken))) :]
    song = song_or_sentence(bytes(broken))
    if isinstance(song, str):
        assert song.startswith("broken.mid ")
        assert "\n" not in song
    else:
        assert midi.from_bytes(midi.to_bytes(song)).parts == song.parts


def test_running_status_and_velocity_0_are_understood() -> None:
    assert [note.pitch for note in clip_of("running_status").notes] == [60, 62, 64, 65]
    assert [(note.start, note.duration, note.release_velocity) for note in clip_of("note_on_velocity_0").notes] == [
        (0.0, 1.0, 64.0),
        (1.0, 1.0, 64.0),
    ]


def test_a_hanging_note_ends_with_its_track() -> None:
    assert [(note.pitch, note.start, note.end) for note in clip_of("hanging_note").notes] == [(60, 0.0, 4.0), (64, 1.0, 2.0)]


def test_notes_that_overlap_on_one_pitch_end_in_the_order_they_began() -> None:
    on = track_of((0, "note_on", 60, 100), (10, "note_on", 60, 50), (20, "note_off", 60, 1), (30, "note_off", 60, 2))
    notes = midi.from_bytes(on).parts[0].clip.notes
    assert [(n.start * 480, n.end * 480, n.velocity, n.release_velocity) for n in notes] == [(0, 20, 100, 1), (10, 30, 50, 2)]


def test_an_end_without_a_beginning_is_no_note() -> None:
    assert midi.from_bytes(track_of((0, "note_off", 60, 1), (5, "note_off", 61, 1))).parts[0].clip.notes == ()


def test_a_note_of_no_length_stays_one() -> None:
    clip = Clip((Note(60, 0.0, 1.0), Note(60, 1.0, 0.0), Note(60, 1.0, 1.0)), beats=4.0, channel=1)
    assert b"LatentBridge" not in midi.to_bytes(clip)
    assert clip_again(clip) == clip


def test_a_meta_event_that_mido_has_no_name_for_keeps_its_time() -> None:
    song = midi.read(CLIPS / "unknown_events.mid")
    assert [note.start for note in song.parts[0].clip.notes] == [0.0, 2.0]
    assert b"\xff\x60\x02\x01\x02" in midi.to_bytes(song)
    assert b"\xff\x08\x05Piano" in midi.to_bytes(song)


def test_a_key_and_a_data_byte_that_cannot_be_do_not_keep_a_file_shut() -> None:
    assert len(clip_of("key_of_18_flats").notes) == 1
    assert len(clip_of("data_byte_200").notes) == 1


@pytest.mark.parametrize("tempo", [60.0, 117.0, 120.5, 128.0, 173.999, 174.0, 200.0])
def test_a_tempo_is_read_as_it_was_meant(tempo: float) -> None:
    data = midi.to_bytes(Clip((Note(60, 0.0, 1.0),), beats=4.0, tempo=tempo, channel=1))
    assert b"LatentBridge" not in data
    assert midi.from_bytes(data).parts[0].clip.tempo == tempo


def test_of_several_tempos_at_the_start_the_last_is_in_force() -> None:
    track = mido.MidiTrack(mido.MetaMessage("set_tempo", tempo=value, time=time) for value, time in [(500000, 0), (600000, 0)])
    track.append(mido.MetaMessage("set_tempo", tempo=400000, time=480))
    song = midi.from_bytes(saved(track))
    assert song.parts[0].clip.tempo == 100.0
    assert song.tempos == ((0.0, 120.0), (0.0, 100.0), (1.0, 150.0))


def test_names_are_read_in_utf_8_or_else_in_latin_1() -> None:
    for name in ("Grüße", "ピアノ", " padded "):
        assert clip_again(Clip((), 4.0, name=name)).name == name
    latin = mido.MidiTrack([mido.MetaMessage("track_name", name="Grüße")])
    assert midi.from_bytes(saved(latin)).parts[0].name == "Grüße"


@pytest.mark.parametrize(("end", "bars"), [(0, 1), (1, 1), (1920, 1), (1921, 1), (1980, 1), (1981, 2), (3840, 2), (3900, 2)])
def test_a_clip_lasts_whole_bars_and_what_spills_over_the_bar_line_is_no_bar(end: int, bars: int) -> None:
    assert midi.from_bytes(track_of((0, "note_on", 60, 100), (end, "note_off", 60, 64))).parts[0].clip.beats == bars * 4


def test_a_note_that_begins_on_the_bar_line_needs_the_next_bar() -> None:
    data = track_of((1920, "note_on", 60, 100), (1930, "note_off", 60, 64))
    assert midi.from_bytes(data).parts[0].clip.beats == 8.0


# Before beat 0


def test_pickups_keep_their_place_before_beat_0() -> None:
    clip = clip_of("pickup")
    assert [note.start for note in clip.notes[:4]] == [-1.0, -0.5, -0.25, 0.0]
    assert clip.beats == 8.0
    # Another program sees a file that begins a bar earlier.
    assert heard_by_mido(midi.to_bytes(clip))[0][1] == 3 * 480


def test_a_first_hit_that_is_early_by_feel_does_not_move_the_file() -> None:
    clip = Clip((Note(36, -0.02, 0.25), Note(38, 1.0, 0.25)), beats=4.0, channel=10)
    assert clip_again(clip) == clip
    assert [(pitch, on) for pitch, on, *_ in heard_by_mido(midi.to_bytes(clip))] == [(36, 0), (38, 480)]


def test_a_song_has_no_room_for_pickups_before_its_beginning() -> None:
    song = midi.read(CLIPS / "band.mid")
    with pytest.raises(midi.MidiError, match="a note at beat -1 is before the beginning of the file"):
        midi.replace_part(song, 0, Clip((Note(36, -1.0, 0.25),), beats=4.0))


def test_a_part_with_pickups_keeps_its_room_for_them() -> None:
    song = midi.read(CLIPS / "when_the_saints.mid")
    clip = song.parts[0].clip.with_notes([Note(60, -4.0, 1.0), Note(61, 0.0, 1.0)])
    assert midi.from_bytes(midi.to_bytes(midi.replace_part(song, 0, clip))).parts[0].clip == clip


# Songs


@pytest.mark.parametrize(
    ("name", "index"),
    [*itertools.product(["band", "format_0_band"], range(3)), ("unknown_events", 0), ("rock", 0), ("when_the_saints", 0)],
)
def test_all_but_the_notes_of_a_replaced_part_is_copied_through(name: str, index: int) -> None:
    source = (CLIPS / f"{name}.mid").read_bytes()
    song = midi.from_bytes(source)
    part = song.parts[index]
    notes = [replace(note, pitch=note.pitch ^ 1, start=note.start / 2) for note in part.clip.notes]
    changed = midi.replace_part(song, index, part.clip.with_notes(notes))
    written = midi.to_bytes(changed)
    assert others(written, part) == others(source, part)
    assert midi.from_bytes(written).parts[index].clip == part.clip.with_notes(notes).in_order()
    assert midi.from_bytes(written).parts == changed.parts
    assert [p for i, p in enumerate(changed.parts) if i != index] == [p for i, p in enumerate(song.parts) if i != index]


def test_a_part_replaced_by_itself_leaves_the_song_as_it_is() -> None:
    song = midi.read(CLIPS / "band.mid")
    for index, part in enumerate(song.parts):
        assert midi.replace_part(song, index, part.clip) is song


def test_a_part_without_notes_is_still_a_part() -> None:
    song = midi.read(CLIPS / "band.mid")
    emptied = midi.from_bytes(midi.to_bytes(midi.replace_part(song, 1, song.parts[1].clip.with_notes([]))))
    assert [(part.name, len(part.clip.notes)) for part in emptied.parts] == [("Drums", 28), ("Bass", 0), ("Lead", 7)]
    assert midi.replace_part(emptied, 1, song.parts[1].clip).parts == song.parts


def test_a_song_keeps_its_tempo_meter_and_names() -> None:
    song = midi.read(CLIPS / "band.mid")
    other = replace(clip_of("drums_7_8"), ticks_per_beat=96)
    part = midi.replace_part(song, 0, other).parts[0]
    assert (part.clip.tempo, part.clip.meter, part.clip.name, part.clip.ticks_per_beat) == (120.0, (4, 4), "Drums", 480)
    assert part.clip.notes == other.in_order().notes
    assert part.clip.beats == other.beats


@pytest.mark.parametrize(("beats", "ticks"), [(4.0, 1920), (16.0, 7680)])
def test_a_track_ends_with_its_new_clip(beats: float, ticks: int) -> None:
    song = midi.read(CLIPS / "pads_not_gm.mid")
    written = midi.from_bytes(midi.to_bytes(midi.replace_part(song, 0, replace(song.parts[0].clip, beats=beats))))
    assert written.tracks[0][-1][0] == ticks
    assert written.parts[0].clip.beats == beats


def test_programs_channels_and_changes_are_told() -> None:
    song = midi.read(CLIPS / "band.mid")
    assert [(part.track, part.channel, part.program, part.name) for part in song.parts] == [
        (1, 10, None, "Drums"),
        (2, 2, 33, "Bass"),
        (3, 1, 80, "Lead"),
    ]
    assert song.tempos == ((0.0, 120.0), (4.0, 125.0))
    assert song.meters == ((0.0, (4, 4)),)
    assert [part.channel for part in midi.read(CLIPS / "format_0_band.mid").parts] == [1, 2, 10]


def test_a_part_is_found_by_number_or_name() -> None:
    song = midi.read(CLIPS / "band.mid")
    assert [midi.find_part(song, track) for track in (1, "2", "lead")] == [0, 1, 2]
    assert midi.read_clip(CLIPS / "band.mid", track="Bass") == song.parts[1].clip
    with pytest.raises(midi.MidiError, match=r"band\.mid has several tracks, say which: 1 Drums \(channel 10\), 2 Bass"):
        midi.read_clip(CLIPS / "band.mid")
    with pytest.raises(midi.MidiError, match=r"band\.mid has no track 9, only 1 Drums"):
        midi.read_clip(CLIPS / "band.mid", track=9)


# Our event


def test_what_only_live_knows_is_in_our_event() -> None:
    clip = clip_of("from_live")
    assert [note.mute for note in clip.notes] == [False, True, False]
    assert [note.probability for note in clip.notes] == [0.5, 1.0, 1.0]
    assert clip.notes[2].velocity_deviation == -12.0
    assert clip.notes[0].velocity == 99.5
    assert (clip.loop, clip.markers) == ((0.0, 4.0), (0.0, 4.0))
    assert len(heard_by_mido((CLIPS / "from_live.mid").read_bytes())) == 3


def test_notes_edited_elsewhere_lose_what_our_event_said_of_them() -> None:
    file = mido.MidiFile(CLIPS / "from_live.mid")
    file.tracks[0] = mido.MidiTrack(
        m.copy(note=70) if m.type.startswith("note") and m.note == 62 else m for m in file.tracks[0]
    )
    clip = midi.from_bytes(saved(*file.tracks)).parts[0].clip
    assert [note.mute for note in clip.notes] == [False, False, False]
    assert clip.loop == (0.0, 4.0)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x7d",
        b"\x43\x10\x4c",
        b"\x7dLatentBridge 2 {}",
        b"\x7dLatentBridge 1 ",
        b"\x7dLatentBridge 1 null",
        b"\x7dLatentBridge 1 {",
        b"\x7dLatentBridge 1 \xff\xfe",
        b"\x7dLatentBridge 1 " + b"[" * 5000,
        *[
            b"\x7dLatentBridge 1 " + json.dumps(told).encode()
            for told in (
                {"part": 17},
                {"part": "bass"},
                {"part": 1, "shift": -4},
                {"part": 1, "shift": 1e300},
                {"part": 1, "shift": float("nan")},
                {"part": 1, "clip": {"beats": -1}},
                {"part": 1, "clip": {"tempo": "fast"}},
                {"part": 1, "clip": {"loop": [1]}},
                {"part": 1, "clip": {"channel": 99}},
                {"part": 1, "clip": {"notes": []}},
                {"part": 1, "clip": 5},
                {"part": 1, "check": 1, "notes": {"0": {"mute": True}}},
                {"part": 1, "notes": {"x": {}}},
                {"part": 1, "notes": [1]},
            )
        ],
    ],
)
def test_an_event_of_someone_else_or_a_broken_one_of_ours_changes_nothing(payload: bytes) -> None:
    notes = [(0, "note_on", 60, 100), (480, "note_off", 60, 64)]
    event = mido.MetaMessage("sequencer_specific", data=tuple(payload))
    assert midi.from_bytes(track_of(*notes, first=event)).parts == midi.from_bytes(track_of(*notes)).parts


@pytest.mark.parametrize(
    "payload",
    [
        json.dumps({"part": 1, "clip": {"beats": 1e308}}, separators=(",", ":")),
        json.dumps({"part": 1, "clip": {"start": 1e15}}, separators=(",", ":")),
        json.dumps({"part": 1, "shift": 1e300}, separators=(",", ":")),
        json.dumps({"part": 1, "clip": {"loop": [0, 1e300]}}, separators=(",", ":")),
        json.dumps({"part": 1, "clip": {"tempo": 1e-300}}, separators=(",", ":")),
        '{"part":1,"notes":{' + ",".join(f'"{k}":{{}}' for k in range(50_000)) + "}}",
        '{"part":1,"clip":{"loop":[' + "1," * 50_000 + "1]}}",
        '{"part":1,"clip":{"name":"' + "x" * 100_000 + '"}}',
    ],
    ids=lambda payload: payload[:24],
)
def test_an_event_of_ours_is_believed_only_as_far_as_it_can_be_true(payload: str) -> None:
    notes = [(0, "note_on", 60, 100), (480, "note_off", 60, 64)]
    event = mido.MetaMessage("sequencer_specific", data=tuple(b"\x7dLatentBridge 1 " + payload.encode()))
    assert midi.from_bytes(track_of(*notes, first=event)).parts == midi.from_bytes(track_of(*notes)).parts


def test_a_note_stays_about_where_the_file_has_it_whatever_our_event_says() -> None:
    clip = Clip((Note(60, 0.0, 1.0, probability=0.5), Note(62, 1.0, 1.0)), beats=4.0, channel=1)
    data = midi.to_bytes(clip)
    told = b'"0":{"probability":0.5'
    assert told in data
    for more in (b'"start":1e9', b'"duration":1e9', b'"start":-5'):
        moved = data.replace(told, told.replace(b'"prob', more + b',"prob'))
        size = data.index(b"LatentBridge") - 2
        changed = bytearray(moved)
        changed[size] += len(moved) - len(data)
        changed[21] += len(moved) - len(data)  # the length of the track
        assert (
            midi.from_bytes(bytes(changed)).parts[0].clip.notes
            == clip.with_notes(replace(note, probability=1.0) for note in clip.notes).notes
        )


# Limits


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (Limits(file_bytes=100), r"band\.mid is too large: 652 bytes, of at most 100"),
        (Limits(tracks=3), r"band\.mid has 4 tracks; at most 3 are read"),
        (Limits(events=50), r"band\.mid has more than 50 events, the most that are read"),
        (Limits(notes=40), r"band\.mid has more than 40 notes, the most that are read"),
    ],
)
def test_a_file_over_a_limit_is_told_which(limits: Limits, sentence: str) -> None:
    with pytest.raises(midi.MidiError, match=sentence):
        midi.read(CLIPS / "band.mid", limits)


def test_a_piece_of_40_minutes_in_20_tracks_is_under_half_of_every_limit() -> None:
    data = long_piece(minutes=40, tracks=20)
    half = Limits(*(value // 2 for value in vars(midi_file.DEFAULT).values()))
    contents = midi_file.parse(data, half)
    assert len(data) < half.file_bytes
    assert sum(map(len, contents.tracks)) > 800_000


def long_piece(*, minutes: int, tracks: int) -> bytes:
    """Write a piece at 120 bpm, sixteenths throughout in every track, a quarter of them with bends."""
    end = minutes * 120 * 480
    events: list[list[midi_file.Event]] = [[(end, midi_file.END_OF_TRACK)]]
    for track in range(tracks):
        one: list[midi_file.Event] = []
        for tick in range(0, end, 120):
            pitch = 40 + (tick // 120 * 7 + track) % 40
            one.append((tick, bytes((0x90 | track % 16, pitch, 80))))
            if track % 4 == 0:
                one.append((tick + 60, bytes((0xE0 | track % 16, 0, tick // 120 % 128))))
            one.append((tick + 110, bytes((0x80 | track % 16, pitch, 64))))
        events.append([*one, (end, midi_file.END_OF_TRACK)])
    return midi_file.write(1, 480, events)


@pytest.mark.skipif(sys.platform == "win32", reason="has neither fifos nor /dev/zero")
def test_only_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.mid")
    (tmp_path / "zero.mid").symlink_to("/dev/zero")
    for name in ("fifo.mid", "zero.mid"):
        with pytest.raises(midi.MidiError, match=rf"{name} is not a file"):
            midi.read(tmp_path / name)


def test_a_track_is_as_long_as_it_says_or_the_file_is_cut_off() -> None:
    data = (CLIPS / "rock.mid").read_bytes()
    for size in (0x7FFFFFFF, len(data) - 22 + 1):
        with pytest.raises(midi.MidiError, match="is cut off"):
            midi.from_bytes(data[:18] + size.to_bytes(4, "big") + data[22:])
    with pytest.raises(midi.MidiError, match="a time or a length of more than 4 bytes"):
        midi.from_bytes(midi_of(b"\x90\x3c\x40" + b"\xff" * 9 + b"\x00\x80\x3c\x40"))


def test_mutants_are_read_or_refused_with_a_sentence() -> None:
    bench = runpy.run_path(str(CLIPS.parents[1] / "bench" / "files.py"))
    kinds: Counter[str] = Counter()
    for number in range(100):
        rng = random.Random(f"mutant {number}")
        _, data = bench["mutate"]((CLIPS / f"{rng.choice(OPEN)}.mid").read_bytes(), rng)
        song = song_or_sentence(data)
        kinds[type(song).__name__] += 1
        if isinstance(song, midi.Song):
            assert midi.from_bytes(midi.to_bytes(song)).parts == song.parts
        else:
            assert song.startswith("broken.mid ")
            assert "\n" not in song
    assert min(kinds.values()) > 20


# Gaps

FAR = 2**28 - 1


@pytest.mark.parametrize("gaps", [1, 2, 9])
def test_a_gap_of_any_length_is_kept_and_costs_no_bytes(gaps: int) -> None:
    far = b"\xff\xff\xff\x7f\xff\x01\x00" * (gaps - 1) + b"\xff\xff\xff\x7f"
    data = midi_of(b"\x90\x3c\x40\x60\x80\x3c\x40" + far + b"\x90\x3e\x40\x60\x80\x3e\x40")
    song = midi.from_bytes(data)
    first, second = song.parts[0].clip.notes
    assert second.start * 480 == 96 + gaps * FAR
    changed = midi.replace_part(song, 0, song.parts[0].clip.with_notes([first, replace(second, pitch=70)]))
    written = midi.to_bytes(changed)
    assert len(written) < len(data) + 20
    assert midi.from_bytes(written).parts == changed.parts
    assert midi.from_bytes(written).parts[0].clip.notes == (first, replace(second, pitch=70))


def test_a_gap_that_opens_is_filled_where_one_event_cannot_say_it() -> None:
    far = b"\xff\xff\xff\x7f"
    on_off = b"\x90\x3c\x40\x60\x80\x3c\x40"
    song = midi.from_bytes(midi_of(on_off + far + on_off + far + on_off))
    first, _, last = song.parts[0].clip.notes
    changed = midi.replace_part(song, 0, song.parts[0].clip.with_notes([first, last]))
    assert last.start * 480 == 2 * (96 + FAR)
    assert [note.start for note in midi.from_bytes(midi.to_bytes(changed)).parts[0].clip.notes] == [0.0, last.start]


def test_a_clip_longer_than_a_file_can_say_is_so_by_our_event() -> None:
    clip = Clip((Note(60, 0.0, 1.0),), beats=4.0 * 2**30, channel=1)
    data = midi.to_bytes(clip)
    assert len(data) < 200
    assert midi.from_bytes(data).parts[0].clip == clip


def test_what_is_later_than_any_file_says_is_refused() -> None:
    with pytest.raises(midi.MidiError, match="is too late for a MIDI file"):
        midi.to_bytes(Clip((Note(60, 1e15, 1.0),), beats=4.0, channel=1))


# Files of other kinds, and what strays into tracks


def test_stray_real_time_bytes_are_skipped_and_counted() -> None:
    body = b"\xf8\x00\x90\x3c\x40\x30\xfe\x30\x3c\x00\x00\xfa"
    song = midi.from_bytes(midi_of(body))
    assert [(note.start * 480, note.end * 480) for note in song.parts[0].clip.notes] == [(0, 96)]
    assert song.remarks == ("held 3 stray real-time bytes, which were skipped",)
    assert midi.from_bytes(midi.to_bytes(song)).remarks == ()


def test_an_rmi_is_the_file_in_it() -> None:
    inside = (CLIPS / "band.mid").read_bytes()
    chunks = b"INFO\x03\x00\x00\x00abc\x00" + b"data" + len(inside).to_bytes(4, "little") + inside
    data = b"RIFF" + (4 + len(chunks)).to_bytes(4, "little") + b"RMID" + chunks
    assert midi.to_bytes(midi.from_bytes(data)) == inside
    for broken, sentence in (
        (data[:-9], "cut off"),
        (data[:20], "is a RIFF file without MIDI data"),
        (data.replace(b"RMID", b"WAVE"), "is not a MIDI file"),
        (data.replace(b"MThd", b"MThx"), "is not a MIDI file"),
    ):
        with pytest.raises(midi.MidiError, match=sentence):
            midi.from_bytes(broken)


def test_what_is_between_tracks_and_no_track_is_left_out() -> None:
    data = (CLIPS / "rock.mid").read_bytes()
    assert midi.from_bytes(data[:14] + b"XFIH\x00\x00\x00\x02ab" + data[14:]).parts == midi.from_bytes(data).parts


@pytest.mark.parametrize("message", [b"\xf0\x03\x01\x02\x03", b"\xf7\x02\xf8\x01", b"\xff\x51\x01\x07", b"\xf3\x07", b"\xf6"])
def test_what_is_odd_but_harmless_is_written_as_it_was_read(message: bytes) -> None:
    data = midi_of(b"\x90\x3c\x40\x60\x80\x3c\x40\x00" + message)
    assert midi.to_bytes(midi.from_bytes(data)) == data


def midi_of(body: bytes) -> bytes:
    """Write a file of one track that begins with these events, the first on tick 0."""
    track = b"\x00" + body + b"\x00\xff\x2f\x00"
    return b"MThd\0\0\0\6\0\0\0\1\x01\xe0MTrk" + len(track).to_bytes(4, "big") + track


# note-seq


@pytest.mark.full
def test_a_clip_comes_back_from_a_note_sequence() -> None:
    for name in ("menuet_in_g", "funk", "drums_7_8", "chords"):
        clip = replace(clip_of(name), channel=10 if clip_of(name).channel == 10 else None)
        back = note_seq.from_note_sequence(note_seq.to_note_sequence(clip))
        assert replace(back, notes=()) == replace(clip, notes=())
        for before, after in zip(clip.notes, back.notes, strict=True):
            assert (after.pitch, after.velocity) == (before.pitch, before.velocity)
            assert (after.start, after.duration) == pytest.approx((before.start, before.duration), abs=1e-9)


@pytest.mark.full
def test_note_seq_reads_our_files_as_we_do(tmp_path: Path) -> None:
    note_seq.to_note_sequence(clip_of("rock"))  # imports note-seq without its warnings about audio
    library = importlib.import_module("note_seq")
    for name in ("menuet_in_g", "funk", "drums_7_8"):
        midi.write(tmp_path / "clip.mid", clip_of(name))
        theirs = library.midi_file_to_note_sequence(str(tmp_path / "clip.mid"))
        ours = note_seq.to_note_sequence(clip_of(name))
        for a, b in zip(
            sorted(theirs.notes, key=lambda n: (round(n.start_time, 4), n.pitch)),
            sorted(ours.notes, key=lambda n: (round(n.start_time, 4), n.pitch)),
            strict=True,
        ):
            assert (a.pitch, a.velocity, a.is_drum) == (b.pitch, b.velocity, b.is_drum)
            assert (a.start_time, a.end_time) == pytest.approx((b.start_time, b.end_time), abs=1e-5)


@pytest.mark.full
def test_several_tempos_do_not_make_one_clip() -> None:
    sequence = note_seq.to_note_sequence(clip_of("rock"))
    sequence.tempos.add(qpm=90, time=2)
    with pytest.raises(midi.MidiError, match="has 2 tempos; it must keep to one"):
        note_seq.from_note_sequence(sequence)


@pytest.mark.full
def test_note_seq_quantises_pickups_too() -> None:
    assert note_seq.quantize(clip_of("pickup"))[:4] == [(55, -4, -2), (57, -2, -1), (59, -1, 0), (60, 0, 4)]


@pytest.mark.full
def test_note_seq_extracts_a_melody_and_drums() -> None:
    melody = note_seq.extract_melody(clip_of("twinkle"))
    assert melody[:20] == [60, -2, -2, -2, 60, -2, -2, -2, 67, -2, -2, -2, 67, -2, -2, -2, 69, -2, -2, -2]
    hits = note_seq.extract_drums(clip_of("rock"))
    assert hits[:9] == [{36, 49}, set(), {42}, set(), {38, 42}, set(), {42}, set(), {36, 42}]


# The whole


def test_importing_loads_neither_numpy_nor_torch_nor_note_seq() -> None:
    code = "import sys, models.music.midi; print(sorted({'numpy', 'torch', 'note_seq'} & set(sys.modules)))"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )
    assert found.stdout.strip() == "[]"


@pytest.mark.skipif(not DATA.exists(), reason=f"real files: {os.path.relpath(DATA)} is not there")
@pytest.mark.parametrize("archive", sorted(DATA.glob("*.tar.xz")), ids=lambda path: path.name.partition(".")[0])
def test_real_files_come_back_as_they_were(archive: Path) -> None:
    for index, (name, data) in enumerate(some_files(archive, 10)):
        song = midi.from_bytes(data, name=name)
        if index % 5:
            continue  # opened; that is enough
        assert midi.from_bytes(midi.to_bytes(song)).parts == song.parts, name
        assert clip_again(song.parts[-1].clip) == song.parts[-1].clip, name


def some_files(archive: Path, count: int) -> list[tuple[str, bytes]]:
    files = []
    with tarfile.open(archive, "r|xz") as members:
        for member in members:
            # The same few of every set each time, without unpacking it twice.
            if member.name.lower().endswith((".mid", ".midi")) and zlib.crc32(member.name.encode()) % 3 == 0:
                data = members.extractfile(member)
                assert data is not None
                files.append((member.name, data.read()))
            if len(files) == count:
                break
    return files


def clip_of(name: str) -> Clip:
    return midi.read_clip(CLIPS / f"{name}.mid")


def clip_again(clip: Clip) -> Clip:
    return midi.from_bytes(midi.to_bytes(clip)).parts[0].clip


def song_or_sentence(data: bytes) -> midi.Song | str:
    try:
        return midi.from_bytes(data, name="broken.mid")
    except midi.MidiError as error:
        return str(error)


def track_of(*events: tuple[int, str, int, int], first: mido.MetaMessage | None = None) -> bytes:
    track = mido.MidiTrack([first] if first else [])
    now = 0
    for tick, kind, pitch, velocity in events:
        track.append(mido.Message(kind, note=pitch, velocity=velocity, time=tick - now))
        now = tick
    return saved(track)


def saved(*tracks: mido.MidiTrack) -> bytes:
    out = io.BytesIO()
    mido.MidiFile(type=1, ticks_per_beat=480, tracks=list(tracks)).save(file=out)
    return out.getvalue()


def heard_by_mido(data: bytes) -> list[tuple[int, int, int, int]]:
    """List (pitch, on, off, velocity) as a plain player of mido's messages hears them."""
    heard: list[list[int]] = []
    tick = 0
    for message in mido.MidiFile(file=io.BytesIO(data)).merged_track:
        tick += message.time
        if message.type == "note_on":
            heard.append([message.note, tick, -1, message.velocity])
        elif message.type == "note_off":
            next(note for note in heard if note[0] == message.note and note[2] < 0)[2] = tick
    return [(pitch, on, off, velocity) for pitch, on, off, velocity in heard]


@cache
def keep_unknown_metas() -> None:
    """Let mido carry every meta event: of a type that it has no name for, mido 1.3 loses the time before it."""
    for kind in set(range(0x80)) - {*range(0x08), 0x09, 0x20, 0x21, 0x2F, 0x51, 0x54, 0x58, 0x59, 0x7F}:
        add_meta_spec(type(f"MetaSpec_meta_{kind:02x}", (MetaSpec_sequencer_specific,), {"type_byte": kind}))


def others(data: bytes, part: midi.Part) -> list[list[tuple[int, list[int]]]]:
    """List for each track the tick and bytes of every event but the notes of a part, and what we say of them."""
    keep_unknown_metas()
    kept: list[list[tuple[int, list[int]]]] = []
    for index, track in enumerate(mido.MidiFile(file=io.BytesIO(data)).tracks):
        tick = 0
        kept.append([])
        for message in track:
            tick += message.time
            is_note = message.type in ("note_on", "note_off") and message.channel == part.channel - 1
            is_ours = message.type == "sequencer_specific" and bytes(message.data).startswith(b"\x7dLatentBridge")
            if not (index == part.track and (is_note or is_ours)):
                kept[-1].append((tick, message.bytes()))
    return kept
