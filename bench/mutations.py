"""Mutations of MIDI files: of their bytes, of their events, several one after the other, from a seed. Nothing is read here."""

from __future__ import annotations

import json
import random
import re
import struct
from collections.abc import Callable

from models.music.midi import MidiError
from models.music.midi_file import END_OF_TRACK, LAST_TICK, Contents, Event, parse, write

Tracks = list[list[Event]]


# Mutations of bytes


def flip_bits(data: bytes, rng: random.Random) -> bytes:
    """Flip some bits."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 2, 4, 16, 64))):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def cut_off(data: bytes, rng: random.Random) -> bytes:
    """End too early."""
    return data[: rng.randrange(len(data))]


def cut_out(data: bytes, rng: random.Random) -> bytes:
    """Lose some bytes in the middle."""
    at = rng.randrange(len(data))
    return _measured(data[:at] + data[at + rng.randrange(1, 40) :], at, rng)


def insert_bytes(data: bytes, rng: random.Random) -> bytes:
    """Hold more bytes than it should, of a kind that means something to a reader."""
    at = rng.randrange(14, len(data)) if len(data) > 14 else 0
    pieces = (b"\xff", b"\xf0", b"\xf7", b"\x90", b"\x80", b"\xf4", b"\xf8", b"\xff\x7f", b"\xff\xff\xff\xff", b"\x00", b"MTrk")
    return _measured(data[:at] + b"".join(rng.choices(pieces, k=rng.choice((1, 2, 8, 64)))) + data[at:], at, rng)


def _measured(data: bytes, at: int, rng: random.Random) -> bytes:
    """Make, mostly, the length of a track what it is again, so that what is in it is read."""
    track, after = data.rfind(b"MTrk", 0, at), data.find(b"MTrk", at)
    if track < 0 or rng.random() < 0.2:
        return data
    size = (after if after >= 0 else len(data)) - track - 8
    return data[: track + 4] + struct.pack(">L", max(size, 0)) + data[track + 8 :]


def lie_of_lengths(data: bytes, rng: random.Random) -> bytes:
    """Say another length of the header or of a track."""
    places = [4, *(found.start() + 4 for found in re.finditer(b"MTrk", data))]
    at = rng.choice(places)
    size = rng.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, rng.randrange(1 << 16), len(data)))
    return data[:at] + struct.pack(">L", size) + data[at + 4 :]


def lie_in_header(data: bytes, rng: random.Random) -> bytes:
    """Say another format, number of tracks or division: none, SMPTE, the finest."""
    out = bytearray(data.ljust(14, b"\0"))
    at, values = rng.choice(
        ((8, (0, 1, 2, 0xFFFF)), (10, (0, 1, 2, 1024, 1025, 0xFFFF)), (12, (0, 1, 0xE728, 0x8000, 0x7FFF, 2)))
    )
    out[at : at + 2] = struct.pack(">H", rng.choice(values))
    return bytes(out)


def wrap(data: bytes, rng: random.Random) -> bytes:
    """Wrap it in RIFF, rightly or not."""
    size = rng.choice((len(data), len(data), len(data), 0, 0xFFFFFFFF, len(data) - 1))
    before = rng.choice((b"", b"INFO\x03\0\0\0abc\0", b"LIST\xff\xff\xff\xff", b"junk\0\0\0\0" * 1000))
    chunks = b"RMID" + before + b"data" + struct.pack("<L", size) + data
    return b"RIFF" + struct.pack("<L", rng.choice((len(chunks), 0, 0xFFFFFFFF))) + chunks


# Mutations of events


def _some_track(tracks: Tracks, rng: random.Random) -> list[Event]:
    return max(rng.sample(tracks, min(2, len(tracks))), key=len)


def _shift(track: list[Event], at: int, ticks: int) -> None:
    track[at:] = [(tick + ticks, message) for tick, message in track[at:]]


def open_gaps(tracks: Tracks, rng: random.Random) -> None:
    """Silence of hours to millennia before some events."""
    track = _some_track(tracks, rng)
    for _ in range(rng.choice((1, 1, 2, 20))):
        _shift(track, rng.randrange(len(track)), rng.choice((LAST_TICK, LAST_TICK, 2**20, rng.randrange(LAST_TICK))))


def lengthen_notes(tracks: Tracks, rng: random.Random) -> None:
    """Notes that are switched off late, or never."""
    track = _some_track(tracks, rng)
    is_off = [i for i, (_, m) in enumerate(track) if m[0] < 0x90 or (m[0] < 0xA0 and not m[2])]
    for at in sorted(rng.sample(is_off, min(len(is_off), rng.choice((1, 3, 100)))), reverse=True):
        _, message = track.pop(at)
        if rng.random() < 0.7:
            track.insert(-1, (track[-1][0], message))
    _shift(track, len(track) - 1, rng.choice((0, 2**16, LAST_TICK)))


def repeat_notes(tracks: Tracks, rng: random.Random) -> None:
    """One note over and over: at once, or as fast as can be."""
    track = _some_track(tracks, rng)
    is_on = [i for i, (_, m) in enumerate(track) if 0x90 <= m[0] < 0xA0]
    if is_on:
        at = rng.choice(is_on)
        tick, message = track[at]
        count = rng.choice((10, 100, 1000, 10_000, 60_000))
        off = bytes((message[0], message[1], 0))
        step = rng.choice((0, 0, 1))
        both = [(tick + k * step, m) for k in range(count) for m in ((message,) if rng.random() < 0.3 else (message, off))]
        _shift(track, at, count * step)
        track[at:at] = both


def many_pitches(tracks: Tracks, rng: random.Random) -> None:
    """All notes of the keyboard at once, again and again."""
    track = _some_track(tracks, rng)
    tick, channel = track[-1][0], rng.randrange(16)
    for k in range(rng.choice((1, 10, 40))):
        track[-1:-1] = [(tick + 100 * k, bytes((0x90 | channel, pitch, 64))) for pitch in range(128)]
        track[-1:-1] = [(tick + 100 * k + 90, bytes((0x80 | channel, pitch, 64))) for pitch in range(128)]
        track[-1] = (tick + 100 * k + 90, END_OF_TRACK)


OURS: tuple[dict[str, object], ...] = (
    {"clip": {"beats": 1e308}},
    {"clip": {"beats": 1e-308}},
    {"clip": {"beats": 2.0**50}},
    {"clip": {"beats": 1e9}},
    {"clip": {"beats": 0.001}},
    {"clip": {"beats": -1}},
    {"clip": {"start": 1e15}},
    {"clip": {"start": -1e15}},
    {"clip": {"start": -1e308}},
    {"clip": {"tempo": 1e308}},
    {"clip": {"tempo": 1e-308}},
    {"clip": {"tempo": 0}},
    {"clip": {"loop": [-1e300, 1e300]}},
    {"clip": {"markers": [1e15, -1e15]}},
    {"clip": {"channel": 10**30}},
    {"clip": {"name": "x" * 100_000}},
    {"clip": {"name": "\u0000\ud7ff"}},
    {"shift": 1e15},
    {"shift": 1e308},
    {"shift": 2.0**50},
    {"shift": 0.5},
    {"check": 10**4000},
    {"notes": {"0": {"start": 1e308}}},
    {"notes": {"-1": {"mute": True}}},
    {"notes": {str(k): {} for k in range(5000)}},
)


def say_ours(tracks: Tracks, rng: random.Random) -> None:
    """Our own event, saying what cannot be."""
    track = _some_track(tracks, rng)
    channels = [(m[0] & 0x0F) + 1 for _, m in track if 0x90 <= m[0] < 0xA0] or [1]
    for _ in range(rng.choice((1, 1, 1, 2, 500))):
        told = {"part": rng.choice((*channels, 16)), **rng.choice(OURS)}
        text = json.dumps(told, separators=(",", ":")).encode()
        if rng.random() < 0.2:
            text = rng.choice(
                (text[:-3], b'{"part":1,"clip":' + b"[" * 50_000, b'{"part":1,"clip":{"loop":[' + b"1," * 50_000 + b"1]}}")
            )
        track.insert(0, (0, b"\xff\x7f\x7dLatentBridge 1 " + text))


def say_metas(tracks: Tracks, rng: random.Random) -> None:
    """Meta events of any type with too little, too much or senseless in them."""
    track = _some_track(tracks, rng)
    for _ in range(rng.choice((1, 3, 3000))):
        kind = rng.choice((0x00, 0x03, 0x20, 0x21, 0x2F, 0x51, 0x51, 0x54, 0x58, 0x58, 0x59, 0x7F, rng.randrange(256)))
        text = rng.choice(
            (b"", b"\0", b"\0\0\0", b"\0\0\1", b"\xff" * 4, b"\x01\x06\x18\x08", b"\xff\x06\x18\x08", rng.randbytes(40))
        )
        if kind == 0x2F:
            text = rng.choice((b"", b"\0"))
        at = rng.randrange(len(track))
        track.insert(at, (track[at][0], bytes((0xFF, kind)) + text))


def name_at_length(tracks: Tracks, rng: random.Random) -> None:
    """Names of a hundred thousand letters, or of none that can be shown."""
    name = rng.choice((b"x" * 100_000, b"\xff\xfe" * 1000, b"\x1b[2J\n\r\t", b"\xe2\x80\xae" * 10, b"/../" * 100))
    for track in tracks:
        track.insert(0, (0, b"\xff\x03" + name))


def add_tracks(tracks: Tracks, rng: random.Random) -> None:
    """Hundreds of tracks, empty or full."""
    one = rng.choice((list(_some_track(tracks, rng)), [(0, END_OF_TRACK)]))
    tracks += [one] * min(rng.choice((10, 40, 1000, 1100)), max(1, 10_000 // len(one)))


def mix_channels(tracks: Tracks, rng: random.Random) -> None:
    """Each note on another channel."""
    track = _some_track(tracks, rng)
    track[:] = [
        (tick, bytes((m[0] & 0xF0 | m[1] % 16,)) + m[1:] if m[0] < 0xA0 and rng.random() < 0.95 else m) for tick, m in track
    ]


BYTES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "flip bits": flip_bits,
    "cut off": cut_off,
    "cut out": cut_out,
    "insert bytes": insert_bytes,
    "lie of lengths": lie_of_lengths,
    "lie in header": lie_in_header,
    "wrap in RIFF": wrap,
}
EVENTS: dict[str, Callable[[Tracks, random.Random], None]] = {
    "open gaps": open_gaps,
    "lengthen notes": lengthen_notes,
    "repeat notes": repeat_notes,
    "many pitches": many_pitches,
    "say ours": say_ours,
    "say metas": say_metas,
    "name at length": name_at_length,
    "add tracks": add_tracks,
    "mix channels": mix_channels,
}
STRAY = "stray bytes"


def mutate(data: bytes, rng: random.Random) -> tuple[str, bytes]:
    """Make a mutant, and say how; now and then in two ways."""
    names: list[str] = []
    for _ in range(rng.choice((1, 1, 1, 2))):
        contents = _parsed(data)
        name = rng.choice((*BYTES, *((STRAY, *EVENTS, "open gaps", "say ours") if contents else ())))
        if contents and name == STRAY:
            data = _with_stray_bytes(contents, rng)
        elif contents and name in EVENTS:
            tracks = [list(track) for track in contents.tracks]
            EVENTS[name](tracks, rng)
            data = write(contents.format, rng.choice((contents.ticks_per_beat,) * 6 + (1, 0x7FFF)), tracks)
        elif data:
            data = BYTES[name](data, rng)
        names.append(name)
    return " + ".join(names), data


def _parsed(data: bytes) -> Contents | None:
    try:
        return parse(data)
    except MidiError:
        return None


def _with_stray_bytes(contents: Contents, rng: random.Random) -> bytes:
    """Put real-time bytes between the events of a file, by a mark that takes as many bytes."""
    mark = b"\xff\x01stray!"
    tracks = [list(track) for track in contents.tracks]
    track = _some_track(tracks, rng)
    for _ in range(rng.choice((1, 10, 1000))):
        at = rng.randrange(len(track))
        track.insert(at, (track[at][0], mark))
    stray = b"".join(bytes((rng.choice((0xF8, 0xF9, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE)), 0)) for _ in range(4)) + b"\xf8"
    return write(contents.format, contents.ticks_per_beat, tracks).replace(b"\xff\x01\x06stray!", stray)
