"""Write the MIDI files of this folder. Everything is typed in by hand: no clip of anyone else, no chance.

The file is long because it is the clips, written as text.

python tests/clips/make.py [FOLDER]
"""

from __future__ import annotations

import io
import itertools
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import mido

from models.music import midi
from models.music.clip import Clip, Note

TICKS = 480

KICK, RIM, SNARE, CLAP, HAT, PEDAL, OPEN = 36, 37, 38, 39, 42, 44, 46
LOW, MID, HIGH, CRASH, RIDE, BELL = 45, 47, 50, 49, 51, 53

# How a hand wavers, in ticks and in velocity. The lengths share no factor with a bar, so no bar is played like another.
WAVER = (0, 4, -3, 6, -5, 2, 7, -2, 1, -6, 3)
TOUCH = (0, 3, -2, 5, -4, 1, -1)


class Groove(NamedTuple):
    """Lines of drums and the ticks by which each limb is late: a character a step, 1 to 9 for how hard, a dot for nothing."""

    lines: dict[int, tuple[str, int]]
    tempo: float
    meter: tuple[int, int] = (4, 4)
    steps: int = 4  # to a beat
    is_human: bool = True


class Tune(NamedTuple):
    """Pitches, each with its beats after a colon where it is not one beat; - is a rest, and a bar line checks the bar."""

    text: str
    tempo: float
    meter: tuple[int, int] = (4, 4)
    pickup: float = 0.0  # beats before beat 0


GROOVES: dict[str, Groove] = {
    "rock": Groove(
        {
            CRASH: ("9............... ................", -2),
            HAT: ("..6.8.6.8.6.8.6. 8.6.8.6.8.6.8...", -3),
            OPEN: ("................ ..............7.", 2),
            SNARE: ("....9.......9... ....9.......9..6", 6),
            KICK: ("9.......9.8..... 9.....7.9.8.....", 0),
        },
        tempo=118.0,
    ),
    "funk": Groove(
        {
            HAT: ("8474847484748474 84748474847484..", -4),
            OPEN: ("................ ..............7.", -2),
            SNARE: ("....9..2.2..9..2 .2..9..2.2.29.2.", 9),
            KICK: ("9..7......8..6.. 9..7..6...8.....", -1),
        },
        tempo=98.0,
    ),
    "shuffle": Groove(
        {
            RIDE: ("8.58.68.58.6 8.58.68.58.6", 3),
            PEDAL: ("...6.....6.. ...6.....6..", 0),
            SNARE: ("..29..2.29.. ..29..2.29.3", 8),
            KICK: ("9....68....6 9....68.....", 0),
        },
        tempo=128.0,
        steps=3,
    ),
    "bossa": Groove(
        {
            HAT: ("6464646464646464 6464646464646464", 1),
            RIM: ("7..7..7...7..7.. 7..7..7...7..7..", 5),
            KICK: ("8..67..68..67..6 8..67..68..67..6", 0),
        },
        tempo=140.0,
    ),
    "halftime": Groove(
        {
            CRASH: ("9............... ................", 0),
            HAT: ("..6.7.6.7.6.7.66 7.6.7.6.7.6.....", -2),
            HIGH: ("................ ............8...", 4),
            MID: ("................ .............7..", 6),
            LOW: ("................ ..............88", 8),
            SNARE: ("........9......2 ........9..2....", 12),
            KICK: ("9.....7....8.... 9..8..7.........", 2),
        },
        tempo=142.0,
    ),
    "house": Groove(
        {
            OPEN: ("..8...8...8...8. ..8...8...8...8.", 0),
            HAT: ("6...6...6...6... 6...6...6...6.6.", 0),
            CLAP: ("....9.......9... ....9.......9...", 0),
            KICK: ("9...9...9...9... 9...9...9...9...", 0),
        },
        tempo=124.0,
        is_human=False,
    ),
    "breakbeat": Groove(
        {
            CRASH: ("................ ................ ................ ..........8.....", 0),
            RIDE: ("8.6.8.6.8.6.8.6. 8.6.8.6.8.6.8.6. 8.6.8.6.8.6.8.6. 8.6.8.6.8...8.6.", -4),
            SNARE: ("....9..4.4..9..4 ....9..4.4..9..4 ....9..4.4....9. .4..9..4.4....8.", 5),
            KICK: ("9.9.......88.... 9.9.......88.... 9.9.......8..... ..87......8.....", -1),
        },
        tempo=136.0,
    ),
    "one_bar": Groove(
        {
            HAT: ("8.5.8.5.8.5.8.57", -2),
            SNARE: ("....9..2....9...", 7),
            KICK: ("9.....7.8.8.....", 0),
        },
        tempo=104.0,
    ),
    "waltz_3_4": Groove(
        {
            RIDE: ("8...7.5.7... 8...7.5.7.5.", 0),
            PEDAL: ("....6...6... ....6...6...", 2),
            SNARE: ("....3...4... ....3...4..2", 6),
            KICK: ("8........... 8.........5.", 0),
        },
        tempo=152.0,
        meter=(3, 4),
    ),
    "drums_6_8": Groove(
        {
            HAT: ("8.5.6.7.5.6. 8.5.6.7.5.6.", -2),
            SNARE: ("......9....2 ......9...2.", 7),
            KICK: ("9...6....... 9.....8.....", 0),
        },
        tempo=96.0,
        meter=(6, 8),
    ),
    "drums_7_8": Groove(
        {
            HAT: ("8.5.8.5.8.5.5. 8.5.8.5.8.5.57", -3),
            SNARE: ("....9.....9... ....9.....9.2.", 5),
            KICK: ("9.....8.....6. 9..6..8.......", 0),
        },
        tempo=132.0,
        meter=(7, 8),
    ),
    "drums_5_4": Groove(
        {
            RIDE: ("8...7.58..7.5.7.....", 2),
            PEDAL: ("....6......6....6...", 0),
            SNARE: ("..2...3...8...2.7...", 6),
            KICK: ("8.....6.....8.......", 0),
        },
        tempo=168.0,
        meter=(5, 4),
    ),
    "pads_not_gm": Groove(
        {
            1: ("9...9...9...9...", 0),
            12: ("....8.......8...", 4),
            23: ("6.4.6.4.6.4.6.4.", -2),
            96: ("..........7.....", 0),
            111: ("7...............", 0),
        },
        tempo=110.0,
    ),
}

TUNES: dict[str, Tune] = {
    "ode_to_joy": Tune(
        """E4 E4 F4 G4 | G4 F4 E4 D4 | C4 C4 D4 E4 | E4:1.5 D4:.5 D4:2 |
        E4 E4 F4 G4 | G4 F4 E4 D4 | C4 C4 D4 E4 | D4:1.5 C4:.5 C4:2 |
        D4 D4 E4 C4 | D4 E4:.5 F4:.5 E4 C4 | D4 E4:.5 F4:.5 E4 D4 | C4 D4 G3:2 |
        E4 E4 F4 G4 | G4 F4 E4 D4 | C4 C4 D4 E4 | D4:1.5 C4:.5 C4:2 |""",
        tempo=112.0,
    ),
    "twinkle": Tune(
        """C4 C4 G4 G4 | A4 A4 G4:2 | F4 F4 E4 E4 | D4 D4 C4:2 | G4 G4 F4 F4 | E4 E4 D4:2 |
        G4 G4 F4 F4 | E4 E4 D4:2 | C4 C4 G4 G4 | A4 A4 G4:2 | F4 F4 E4 E4 | D4 D4 C4:2 |""",
        tempo=100.0,
    ),
    "greensleeves": Tune(
        """A4:.5 | C5 D5:.5 E5:.75 F5:.25 E5:.5 | D5 B4:.5 G4:.75 A4:.25 B4:.5 | C5 A4:.5 A4:.75 G#4:.25 A4:.5 |
        B4 G#4:.5 E4 A4:.5 | C5 D5:.5 E5:.75 F5:.25 E5:.5 | D5 B4:.5 G4:.75 A4:.25 B4:.5 |
        C5:.75 B4:.25 A4:.5 G#4:.75 F#4:.25 G#4:.5 | A4:2.5 -:.5 |""",
        tempo=84.0,
        meter=(6, 8),
        pickup=0.5,
    ),
    "scarborough_fair": Tune(
        """E4:2 E4 | B4 B4 B4 | F#4:1.5 G4:.5 F#4 | E4:3 | - B4 D5 | E5:2 D5 | B4 C#5 A4 | B4:3 |
        -:2 E5 | E5:2 E5 | D5:2 B4 | B4 A4 G4 | F#4 D4:2 | E4:2 B4 | A4:2 G4 | F#4 E4 D4 | E4:3 | -:3 |""",
        tempo=126.0,
        meter=(3, 4),
    ),
    "frere_jacques": Tune(
        """C4 D4 E4 C4 | C4 D4 E4 C4 | E4 F4 G4:2 | E4 F4 G4:2 |
        G4:.5 A4:.5 G4:.5 F4:.5 E4 C4 | G4:.5 A4:.5 G4:.5 F4:.5 E4 C4 | C4 G3 C4:2 | C4 G3 C4:2 |""",
        tempo=116.0,
    ),
    "when_the_saints": Tune(
        """C4 E4 F4 | G4:4 | - C4 E4 F4 | G4:4 | - C4 E4 F4 | G4:2 E4:2 | C4:2 E4:2 | D4:4 | - E4 E4 D4 |
        C4:3 C4 | E4:2 G4 G4 | G4 F4:3 | -:2 E4 F4 | G4:2 E4:2 | C4:2 D4:2 | C4:4 | -:4 |""",
        tempo=176.0,
        pickup=3.0,
    ),
    "menuet_in_g": Tune(
        """D5 G4:.5 A4:.5 B4:.5 C5:.5 | D5 G4 G4 | E5 C5:.5 D5:.5 E5:.5 F#5:.5 | G5 G4 G4 |
        C5 D5:.5 C5:.5 B4:.5 A4:.5 | B4 C5:.5 B4:.5 A4:.5 G4:.5 | F#4 G4:.5 A4:.5 B4:.5 G4:.5 | A4:3 |
        D5 G4:.5 A4:.5 B4:.5 C5:.5 | D5 G4 G4 | E5 C5:.5 D5:.5 E5:.5 F#5:.5 | G5 G4 G4 |
        C5 D5:.5 C5:.5 B4:.5 A4:.5 | B4 C5:.5 B4:.5 A4:.5 G4:.5 | A4 B4:.5 A4:.5 G4:.5 F#4:.5 | G4:3 |""",
        tempo=120.0,
        meter=(3, 4),
    ),
    "korobeiniki": Tune(
        """E5 B4:.5 C5:.5 D5 C5:.5 B4:.5 | A4 A4:.5 C5:.5 E5 D5:.5 C5:.5 | B4:1.5 C5:.5 D5 E5 | C5 A4 A4:2 |
        -:.5 D5 F5:.5 A5 G5:.5 F5:.5 | E5:1.5 C5:.5 E5 D5:.5 C5:.5 | B4 B4:.5 C5:.5 D5 E5 | C5 A4 A4:2 |""",
        tempo=144.0,
    ),
    "drunken_sailor": Tune(
        """A4:.5 A4:.25 A4:.25 A4:.5 A4:.25 A4:.25 | A4:.5 D4:.5 F4:.5 A4:.5 |
        G4:.5 G4:.25 G4:.25 G4:.5 G4:.25 G4:.25 | G4:.5 C4:.5 E4:.5 G4:.5 |
        A4:.5 A4:.25 A4:.25 A4:.5 A4:.25 A4:.25 | A4:.5 B4:.5 C5:.5 D5:.5 | C5:.5 A4:.5 G4:.5 E4:.5 | D4 D4 |""",
        tempo=108.0,
        meter=(2, 4),
    ),
    "pickup": Tune(
        "G3:.5 A3:.25 B3:.25 | C4 E4 G4 E4 | F4 D4 C4:1.5 -:.5 |",
        tempo=120.0,
        pickup=1.0,
    ),
    "one_note": Tune("C4:4 |", tempo=120.0),
}


def main(folder: Path) -> None:
    """Write every file into the folder."""
    for name, groove in GROOVES.items():
        midi.write(folder / f"{name}.mid", drums(name, groove))
    for name, tune in TUNES.items():
        midi.write(folder / f"{name}.mid", melody(name, tune))
    for clip in odd_clips():
        midi.write(folder / f"{clip.name}.mid", clip)
    for name, data in odd_files().items():
        (folder / f"{name}.mid").write_bytes(data)


def drums(name: str, groove: Groove) -> Clip:
    """Play a groove on channel 10."""
    notes = []
    hands = itertools.cycle(zip(itertools.cycle(WAVER), itertools.cycle(TOUCH), strict=False))
    beats = 0.0
    for pitch, (line, late) in groove.lines.items():
        hits = line.replace(" ", "")
        beats = len(hits) / groove.steps
        for step, hit in enumerate(hits):
            if hit == ".":
                continue
            waver, touch = next(hands) if groove.is_human else (0, 0)
            # The first beat is where the count-in put it.
            on = step * TICKS // groove.steps + (late + waver if step else max(late, 0))
            notes.append(Note(pitch, on / TICKS, 0.125, float(int(hit) * 13 + touch + 3)))
    return Clip(tuple(notes), beats, meter=groove.meter, tempo=groove.tempo, ticks_per_beat=TICKS, name=name, channel=10)


def melody(name: str, tune: Tune) -> Clip:
    """Play a tune on channel 1."""
    notes: list[Note] = []
    beat = -tune.pickup
    bar = tune.meter[0] * 4 / tune.meter[1]
    for token in tune.text.split():
        if token == "|":
            assert beat % bar == 0, f"{name}: a bar line at beat {beat}"
            continue
        pitch, _, beats = token.partition(":")
        length = float(beats or 1)
        if pitch != "-":
            weight = 96 if beat % bar == 0 else 86 if beat % 1 == 0 else 78
            velocity = float(weight + TOUCH[len(notes) % len(TOUCH)])
            # Sung, not glued: each note leaves a little air.
            notes.append(Note(_pitch(pitch), beat, round(length * TICKS * 0.94) / TICKS, velocity))
        beat += length
    return Clip(tuple(notes), beat, meter=tune.meter, tempo=tune.tempo, ticks_per_beat=TICKS, name=name, channel=1)


def _pitch(name: str) -> int:
    return ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B").index(name[:-1]) + 12 * (int(name[-1]) + 1)


def odd_clips() -> list[Clip]:
    """Make clips that are fine and yet trip programs."""
    chords = [(60, 64, 67), (57, 60, 64, 69), (53, 57, 60, 65), (55, 59, 62, 65, 67)]
    walk = [(72 + step * 5 % 13 - step * 3 % 7, step * 0.25) for step in range(1000)]
    return [
        Clip((), beats=8.0, tempo=120.0, name="empty", channel=1),
        _clip("triplets", [(60 + step % 12, step * 160 / TICKS, 160 / TICKS, 106 - step % 3 * 14) for step in range(24)]),
        _clip(
            "overlaps", [(60, 0.0, 2.0, 100), (60, 1.0, 2.0, 80), (64, 0.5, 3.0, 90), (64, 1.5, 2.0, 70), (60, 3.0, 0.5, 60)]
        ),
        _clip("lowest_and_highest", [(0, 0.0, 1.0, 1), (127, 1.0, 1.0, 127), (0, 2.0, 1.0, 127), (127, 3.0, 1.0, 1)]),
        _clip("chords", [(pitch, bar * 4.0, 3.5, 72 + pitch % 9) for bar, chord in enumerate(chords) for pitch in chord]),
        _clip("thousand_notes", [(pitch, start, 0.25, 60 + index * 7 % 60) for index, (pitch, start) in enumerate(walk)]),
        Clip(
            (Note(62, 0, 1, 99.5, probability=0.5), Note(65, 1, 1, mute=True), Note(69, 2, 2, velocity_deviation=-12.0)),
            beats=4.0,
            start=0.0,
            loop=(0.0, 4.0),
            markers=(0.0, 4.0),
            name="from_live",
            channel=1,
        ),
    ]


def _clip(name: str, notes: Iterable[tuple[int, float, float, float]]) -> Clip:
    made = tuple(Note(pitch, start, duration, float(velocity)) for pitch, start, duration, velocity in notes)
    bars = -(-max(note.end for note in made) // 4)
    return Clip(made, beats=bars * 4.0, tempo=120.0, ticks_per_beat=TICKS, name=name, channel=1)


def odd_files() -> dict[str, bytes]:
    """Make files byte by byte: several tracks, the dark corners of the format, and broken ones."""
    header = "4D546864 00000006 0000 0001 01E0"
    rock = midi.to_bytes(drums("rock", GROOVES["rock"]))
    return {
        "band": band(),
        "format_0_band": _file(header, FORMAT_0_BAND),
        "running_status": _file(
            header,
            """00 90 3C 64   8360 80 3C 40   00 90 3E 64   8360 80 3E 40
            00 90 40 64   8360 40 00   00 41 50   8360 41 00   00 FF2F00""",
        ),
        "note_on_velocity_0": _file(header, "00 90 3C 64  8360 90 3C 00  00 90 40 50  8360 90 40 00  00 FF2F00"),
        "hanging_note": _file(header, "00 90 3C 64  8360 90 40 64  8360 80 40 40  8740 FF2F00"),
        "unknown_events": _file(
            header,
            """00 FF08 05 5069616E6F   00 90 3C 64   8360 80 3C 40   8360 FF60 02 0102   00 90 40 64
            8360 80 40 40   8740 FF2F00""",
        ),
        "key_of_18_flats": _file(header, "00 FF5902 EE01   00 90 3C 64   8360 80 3C 40   8B20 FF2F00"),
        "data_byte_200": _file(header, "00 B0 07 C8   00 90 3C 64   8360 80 3C 40   8B20 FF2F00"),
        "truncated": rock[: len(rock) // 2],
        "corrupt": _file(header, "00 90 3C 64   8360 F4 00   8360 80 3C 40   00 FF2F00"),
        "not_midi": b"This is a text file that someone called .mid.\n",
        "zero_bytes": b"",
        "smpte": _file("4D546864 00000006 0000 0001 E728", "00 90 3C 64   28 80 3C 40   00 FF2F00"),
        "format_2": _file("4D546864 00000006 0002 0001 01E0", "00 90 3C 64   8360 80 3C 40   00 FF2F00"),
    }


# Bass on channel 2, lead on channel 1 and drums on channel 10, all in one track.
FORMAT_0_BAND = """
    00 FF03 04 42616E64     00 FF51 03 0927C0       00 FF58 04 04021808
    00 C1 21                00 C0 50                00 B9 07 64
    00 91 24 60             00 90 48 5A             00 99 24 70
    8170 89 24 40           00 99 2A 50             8170 89 2A 40
    00 90 4A 55             00 80 48 40             00 99 26 6C
    8360 89 26 40           00 81 24 40             00 91 2B 58
    00 E0 00 50             8360 E0 00 40           00 80 4A 40
    00 90 4C 60             8360 80 4C 40           00 81 2B 40
    00 FF2F00
"""


def _file(header: str, track: str) -> bytes:
    events = bytes.fromhex(track)
    return bytes.fromhex(header) + b"MTrk" + len(events).to_bytes(4, "big") + events


def band() -> bytes:
    """Make a file of format 1: a conductor, drums, bass and lead, with controllers, bends, programs and a change of tempo."""
    note = mido.Message
    meta = mido.MetaMessage
    conductor = [
        (0, meta("track_name", name="Band")),
        (0, meta("copyright", text="Public domain")),
        (0, meta("set_tempo", tempo=500000)),
        (0, meta("time_signature", numerator=4, denominator=4)),
        (0, meta("key_signature", key="Am")),
        (0, note("sysex", data=(0x7E, 0x7F, 0x09, 0x01))),
        (0, meta("marker", text="Verse")),
        (1920, meta("set_tempo", tempo=480000)),
        (3840, meta("end_of_track")),
    ]
    beat = drums("Drums", GROOVES["rock"])
    drummer = [
        (0, meta("track_name", name="Drums")),
        (0, note("control_change", channel=9, control=7, value=110)),
        (0, note("control_change", channel=9, control=10, value=64)),
        *_played(beat, 9),
        (2000, note("control_change", channel=9, control=4, value=90)),
    ]
    line = [(33, 0, 460), (33, 480, 220), (36, 720, 220), (40, 960, 460), (31, 1440, 460)]
    bass = [
        (0, meta("track_name", name="Bass")),
        (0, meta("instrument_name", name="Fingered")),
        (0, note("control_change", channel=1, control=101, value=0)),
        (0, note("control_change", channel=1, control=100, value=0)),
        (0, note("control_change", channel=1, control=6, value=12)),
        (0, note("program_change", channel=1, program=33)),
        *_played(Clip(tuple(Note(p, (b + t) / TICKS, d / TICKS, 92.0) for b in (0, 1920) for p, t, d in line), 8.0), 1),
        *[(1440 + step * 60, note("pitchwheel", channel=1, pitch=step * 1000)) for step in range(5)],
        (1920, note("pitchwheel", channel=1, pitch=0)),
    ]
    tune = [(69, 0.0, 1.0), (72, 1.0, 0.5), (71, 1.5, 0.5), (69, 2.0, 1.0), (64, 3.0, 1.0), (65, 4.0, 2.0), (64, 6.0, 1.5)]
    lead = [
        (0, meta("track_name", name="Lead")),
        (0, note("control_change", channel=0, control=0, value=1)),
        (0, note("control_change", channel=0, control=32, value=2)),
        (0, note("program_change", channel=0, program=80)),
        *_played(Clip(tuple(Note(p, s, d * 0.95, 84.0, release_velocity=30.0) for p, s, d in tune), 8.0), 0),
        *[(2000 + step * 40, note("control_change", channel=0, control=1, value=step * 12)) for step in range(8)],
        (1930, note("control_change", channel=0, control=64, value=127)),
        (2870, note("control_change", channel=0, control=64, value=0)),
        (2100, note("aftertouch", channel=0, value=55)),
        (2110, note("polytouch", channel=0, note=65, value=44)),
        (2400, note("program_change", channel=0, program=81)),
        (1920, meta("lyrics", text="la")),
        (2880, meta("cue_marker", text="out")),
    ]
    tracks = []
    for events in (conductor, drummer, bass, lead):
        track = mido.MidiTrack()
        now = 0
        for tick, message in sorted(events, key=lambda event: event[0]):
            track.append(message.copy(time=tick - now))
            now = tick
        if track[-1].type != "end_of_track":
            track.append(meta("end_of_track", time=max(3840 - now, 0)))
        tracks.append(track)
    out = io.BytesIO()
    mido.MidiFile(type=1, ticks_per_beat=TICKS, tracks=tracks).save(file=out)
    return out.getvalue()


def _played(clip: Clip, channel: int) -> list[tuple[int, mido.Message]]:
    events = []
    for note in clip.notes:
        velocity, release = int(note.velocity), int(note.release_velocity)
        sounds = {"channel": channel, "note": note.pitch}
        events.append((round(note.start * TICKS), mido.Message("note_on", velocity=velocity, **sounds)))
        events.append((round(note.end * TICKS), mido.Message("note_off", velocity=release, **sounds)))
    return events


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
