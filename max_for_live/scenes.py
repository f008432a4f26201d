"""What the device shows in its pictures: what the script would have told its boxes and views, in several states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from max_for_live.control import PAGES, Mode, Page
from max_for_live.controls import room_of
from max_for_live.letters import FONT_SIZE, RESERVE, measure

Atom = str | int | float
Notes = Sequence[tuple[int, float, float, int]]
Message = tuple[Atom, ...]  # to whom, then what, as the script says it


@dataclass(frozen=True)
class Scene:
    """A state of the device: its mode, the page of its fold-out if that is open, and what it was told, below a caption."""

    name: str
    caption: str
    mode: Mode
    told: tuple[Message, ...]
    page: Page | None = None
    has_voices: bool = False


# Pitch, start and duration in beats, and whether the note is as in the source (0), new (1), or gone (2).
_BASS: Notes = (
    *(
        (36, 0, 0.75, 0),
        (36, 1, 0.5, 0),
        (43, 1.5, 0.5, 1),
        (41, 2, 0.75, 0),
        (39, 3, 0.5, 2),
        (46, 3, 0.5, 1),
        (39, 3.5, 0.5, 0),
    ),
    *((36, 4, 0.75, 0), (48, 5, 0.25, 1), (36, 5.5, 0.5, 0), (44, 6, 1, 1), (41, 6, 1, 2), (43, 7, 0.5, 0), (39, 7.5, 0.5, 0)),
    *((36, 8, 0.75, 0), (36, 9, 0.5, 0), (41, 10, 0.75, 0), (51, 11, 0.5, 1), (48, 11, 0.5, 2), (39, 11.5, 0.5, 0)),
    *((36, 12, 0.5, 0), (46, 12.75, 0.25, 1), (44, 13, 0.75, 0), (43, 14, 0.5, 0), (41, 14.5, 0.5, 1), (39, 15, 0.75, 0)),
)
_HALFWAY = [(pitch + 2 * int(start > 6), start, length, int(start > 4)) for pitch, start, length, kind in _BASS if kind < 2]
_DRUMS = ("Kick 808", "Snare", "Closed Hat", "Open Hat", "Tom Low", "Clap")
_BEAT: Notes = (
    *((36, beat, 0.25, int(beat == 5.5)) for beat in (0, 1.5, 2.5, 4, 5.5, 6.5)),
    *((38, beat, 0.25, 0) for beat in (1, 3, 5, 7)),
    *((42, beat / 2, 0.25, int(beat in (5, 9, 14))) for beat in range(16) if beat not in (7, 15)),
    *((46, 3.5, 0.25, 2), (46, 7.5, 0.25, 0), (45, 6.75, 0.25, 1), (45, 7.25, 0.25, 1), (39, 3, 0.25, 1)),
)
_SWATCHES = {"a": (92, 155, 213), "b": (224, 108, 117), "c": (152, 195, 121), "d": (97, 97, 97)}


def _roll(
    notes: Sequence[tuple[int, float, float, int]], beats: int, left: str, right: str, playhead: float
) -> tuple[Message, ...]:
    return (
        ("roll", "begin", beats, 4, 4, 0),
        *(("roll", "notes", *note) for note in notes),
        ("roll", "end"),
        ("roll", "title", left, right),
        ("roll", "playhead", playhead),
    )


def _beat(left: str, right: str) -> tuple[Message, ...]:
    """Tell of a beat; without a source (`left`) nothing in it is new or gone."""
    notes = _BEAT if left else [(pitch, start, length, 0) for pitch, start, length, kind in _BEAT if kind < 2]
    pitches = (36, 38, 42, 46, 45, 39)
    lanes = tuple(("roll", "lane", row, pitches[row], name) for row, name in enumerate(_DRUMS))
    _, *rest = _roll(notes, 8, left, right, 2.6)
    return (("roll", "begin", 8, 4, 4, 1), *lanes, *rest)


def _says(light: int, status: str, *share: float) -> tuple[Message, ...]:
    return (("light", "set", light, *share), ("status", "set", status))


def fitted(text: str, name: str) -> str:
    """Shorten a text to what the box of that name has room for, as the script does."""
    room = room_of(name)
    while measure(text, FONT_SIZE) * RESERVE > room:
        text = text.removesuffix("…")[:-1].rstrip() + "…"
    return text


def _corner(letter: str, state: int, name: str) -> tuple[Message, ...]:
    index, color = "abcd".index(letter), _SWATCHES[letter]
    words = {0: "pick a clip", 2: "click a clip"}.get(state, name)
    text = fitted(f"{letter.upper()}  {words}", f"pick_{letter}")
    return (
        ("pad", "corner", index, *color, state, name),
        (f"pick_{letter}", "text", text),
        (f"pick_{letter}", "texton", text),
        (f"pick_{letter}", "set", int(state == 2)),
        (f"swatch_{letter}", "bgfillcolor", *(channel / 255 for channel in color), int(state == 1)),
    )


_SETTLED: tuple[Message, ...] = (
    ("build", "set", "0.2.0"),
    ("locks_said", "text", "Lock: Nothing"),
    ("key_said", "text", "Key: A Minor"),
)
_PATH = [
    (0.16, 0.82),
    (0.2, 0.76),
    (0.26, 0.71),
    (0.33, 0.7),
    (0.4, 0.73),
    (0.46, 0.74),
    (0.52, 0.7),
    (0.57, 0.62),
    (0.62, 0.53),
]
_PATH += [(0.66, 0.44), (0.7, 0.37), (0.73, 0.32)]
_CORNERS = (*_corner("a", 1, "Verse Bass"), *_corner("b", 1, "Bass Dub"), *_corner("c", 1, "Hook"))
_CONNECTED = _says(2, "ready: drums, melody")
LONG = "A very long name of a clip that nobody would want to read to its end, Verse 2 (alternative take)"

IN_USE = Scene(
    "vary",
    "Vary: what changed in colour; ◀ ▶ play the results in place of the source",
    "vary",
    (
        *_SETTLED,
        *_roll(_BASS, 16, "Verse Bass", "Verse Bass ~30 % #3", 5.2),
        *_says(2, "8 clips in slots below"),
        ("result", "set", "3/8"),
        ("star", "set", 1),
    ),
)
SCENES: tuple[Scene, ...] = (
    Scene(
        "empty",
        "At first: no clip, and the server starts",
        "vary",
        (
            ("roll", "empty", "Select a MIDI clip, then press Generate."),
            *_says(1, "the server is loading its models…"),
            ("build", "set", "0.2.0"),
        ),
    ),
    IN_USE,
    Scene(
        "sample",
        "Sample, while it works: Generate has become Cancel",
        "sample",
        (
            *_SETTLED,
            *_beat("", "Drums #1"),
            *_says(1, "sample: 5 of 8…", 0.62),
            ("generate", "text", "Cancel"),
            ("key_said", "text", "Key: –"),
            ("result", "set", "1/4"),
        ),
    ),
    Scene(
        "morph",
        "Morph: from clip to clip in even steps",
        "morph",
        (
            *_SETTLED,
            *_corner("a", 1, "Verse Bass"),
            *_corner("b", 1, "Hook"),
            *_roll(_HALFWAY, 16, "Verse Bass", "Verse Bass > Hook 4/7", 9.3),
            *_says(2, "at Verse Bass > Hook 4/7"),
            ("result", "set", "4/7"),
            ("to", "set", 1),
        ),
    ),
    Scene(
        "pad",
        "Pad: D waits for the clip that is clicked next, anywhere in the set",
        "pad",
        (
            *_SETTLED,
            *_CORNERS,
            *_corner("d", 2, ""),
            ("pad", "locked", 0),
            ("pad", "puck", 0.73, 0.32),
            *(("pad", "trail", x, y) for x, y in _PATH),
            *_says(2, "D: click a clip, or D again to take Chorus"),
            ("generate", "text", "Blend"),
            ("result", "set", "–"),
        ),
    ),
    Scene(
        "lock",
        "Behind …, Lock: what stays, with the names of the clip's drums",
        "vary",
        (
            *_SETTLED,
            *_beat("Main Beat", "Main Beat ~30 % #3"),
            ("more", "set", 1),
            ("lock_rhythm", "set", 1),
            ("voice_1", "set", 1),
            *((f"voice_{number}", "text", name) for number, name in enumerate((*_DRUMS, "Crash", "Ride"), 1)),
            ("locks_said", "text", fitted("Lock: Kick 808, rhythm", "locks_said")),
            ("key_said", "text", "Key: –"),
            *_says(2, "at Main Beat ~30 % #3"),
        ),
        page="lock",
        has_voices=True,
    ),
    Scene(
        "feel",
        "Behind …, Feel: the key, and how it plays; Mine is there with a model of one's own",
        "vary",
        (
            *_SETTLED,
            ("more", "set", 1),
            ("page", "set", PAGES.index("feel")),
            ("swing", "set", 40),
            ("intensity", "set", -15),
            ("mine", "set", 80),
            ("model", "append", "us"),
            *_says(2, "8 clips in slots below"),
        ),
        page="feel",
    ),
    Scene(
        "no_server",
        "Without a server; behind …, Setup",
        "vary",
        (
            *_SETTLED,
            ("more", "set", 1),
            ("page", "set", PAGES.index("setup")),
            ("roll", "empty", "Select a MIDI clip, then press Generate."),
            *_says(0, "no server: press Start Server"),
            ("generate", "text", "Start Server"),
            ("seed", "set", 7),
        ),
        page="setup",
    ),
)
STRAINED: tuple[Scene, ...] = (
    Scene(
        "pad_empty",
        "The pad before it can be used",
        "pad",
        (
            *_SETTLED,
            *_corner("a", 1, "Verse Bass"),
            *_corner("b", 0, ""),
            *_corner("c", 0, ""),
            *_corner("d", 0, ""),
            ("pad", "locked", 1),
            ("pad", "says", "pick clips A and B"),
            *_CONNECTED,
            ("generate", "text", "Blend"),
        ),
    ),
    Scene(
        "long",
        "Long names",
        "vary",
        (
            *_roll(_BASS, 16, LONG, LONG, 5.2),
            *_says(2, f"16 clips on the new track {LONG}: give it an instrument"),
            ("result", "set", "16/16"),
            ("build", "set", "10.20.30 0a1b2c3d"),
        ),
    ),
    Scene(
        "long_pad",
        "Long names at the corners",
        "pad",
        (
            *(message for letter in "abc" for message in _corner(letter, 1, LONG)),
            *_corner("d", 3, f"gone: {LONG}"),
            ("pad", "locked", 0),
            ("pad", "puck", 0, 0),
            *_says(0, f"{LONG} is not where it was"),
        ),
    ),
)
