"""The bytes of a MIDI file <-> events with their ticks, within limits. What the events mean for clips is in `midi`.

Nothing here trusts a file: what it says of its own sizes is compared with what is there, and every limit is checked before
memory grows. Events keep their bytes, so that what nobody here understands is written as it was read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.pause import pause
from models.plain_file import PlainFileError, read_plain_file, shown

# What happens at a tick, as bytes: a channel or system message from its status byte on; FF, the type and the text of a meta
# event; F0 or F7 and what follows of a system exclusive one. Lengths are not in it: they follow from the bytes.
Event = tuple[int, bytes]

LAST_TICK = 0x0FFFFFFF  # the longest time that a file can write between two events
END_OF_TRACK = b"\xff\x2f"
_NOTHING = b"\xff\x01"  # an empty text, which stands where the time between two events is longer than that
_SYSTEM_LENGTHS = {0xF1: 2, 0xF2: 3, 0xF3: 2, 0xF6: 1}  # bytes of messages that no file needs and some have
_PAUSE_EVERY = 4096  # events


class MidiError(ValueError):
    """A file that cannot be read or written, in one sentence that names it."""


@dataclass(frozen=True)
class Limits:
    """How much of a file is read. An honest piece of 40 minutes in 20 tracks, sixteenths throughout, stays under half of each.

    A file that meets them all takes about 0.6 GiB when it is read. Time is no limit: a gap costs nothing, however long.
    """

    file_bytes: int = 16 * 2**20
    """Largest file; one that is larger holds samples or pictures, not notes."""
    tracks: int = 1024
    """Most tracks."""
    events: int = 1_750_000
    """Most events in all tracks: notes have two, and each movement of a controller is one. Some 150 bytes each."""
    notes: int = 800_000
    """Most notes in all tracks. Some 400 bytes each."""


DEFAULT = Limits()


@dataclass(frozen=True)
class Contents:
    """What a file holds: each track's events in order, one end_of_track last, and what was left out of it, in sentences."""

    format: int
    ticks_per_beat: int
    tracks: tuple[tuple[Event, ...], ...]
    remarks: tuple[str, ...] = ()


def read_file(path: Path, limits: Limits = DEFAULT) -> bytes:
    """Read a regular file that is not too large; a fifo or a device is not even opened."""
    try:
        return read_plain_file(path, limits.file_bytes)
    except PlainFileError as error:
        raise MidiError(f"{shown(path)} {error}") from error


def unwrap(data: bytes) -> bytes:
    """Take a MIDI file out of the RIFF that an .rmi wraps it in; any other file is itself."""
    if data[:4] != b"RIFF" or data[8:12] != b"RMID":
        return data
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"data":
            if at + 8 + size > len(data):
                raise MidiError("is cut off: it ends in the middle of the MIDI data of its RIFF")
            return data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2  # chunks are filled up to an even length
    raise MidiError("is a RIFF file without MIDI data")


def parse(data: bytes, limits: Limits = DEFAULT) -> Contents:
    """Read the tracks of a file of format 0 or 1."""
    data = unwrap(data)
    if not data:
        raise MidiError("is empty (0 bytes)")
    if not data.startswith(b"MThd"):
        raise MidiError("is not a MIDI file: it does not begin with MThd")
    size = int.from_bytes(data[4:8], "big")
    if len(data) < 8 + max(size, 6):
        raise MidiError("is cut off: it ends in the middle of its header")
    if size < 6:
        raise MidiError(f"is corrupt: its header has {size} bytes, not 6")
    file_format, tracks, division = (int.from_bytes(data[at : at + 2], "big") for at in (8, 10, 12))
    if division >= 0x8000:
        raise MidiError("counts time in SMPTE frames; only files that count it in ticks per beat can be read")
    if division == 0:
        raise MidiError("is corrupt: it has 0 ticks per beat")
    if file_format not in (0, 1):
        raise MidiError(f"is a MIDI file of format {file_format}; only formats 0 and 1 can be read")
    if tracks > limits.tracks:
        raise MidiError(f"has {tracks:,} tracks; at most {limits.tracks:,} are read")
    reader = _Reader(data, limits)
    read = tuple(reader.read_tracks(8 + size, tracks))
    remarks = []
    if reader.realtime:
        which = "byte, which was" if reader.realtime == 1 else "bytes, which were"
        remarks.append(f"held {reader.realtime:,} stray real-time {which} skipped")
    return Contents(file_format, division, read or (((0, END_OF_TRACK),),), tuple(remarks))


class _Reader:
    """Reads the tracks of one file, and counts what they hold together."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._data, self._limits = data, limits
        self._events = self._notes = 0
        self._same: dict[tuple[int, ...], bytes] = {}  # a file says the same a thousand times; here it stands once
        self.realtime = 0

    def read_tracks(self, at: int, count: int) -> Iterator[tuple[Event, ...]]:
        """Read so many tracks; chunks of other kinds between them are left out, as the format asks."""
        data = self._data
        found = 0
        while found < count:
            if at + 8 > len(data):
                raise MidiError(f"is cut off: it has {found} of {count} tracks")
            end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "big")
            if data[at : at + 4] == b"MTrk":
                if end > len(data):
                    raise MidiError("is cut off: it ends in the middle of a track")
                found += 1
                yield self._read_track(at + 8, end)
            elif not data[at : at + 4].isalnum():
                raise MidiError("is corrupt: something else stands where a track should begin")
            at = end

    def _read_track(self, at: int, end: int) -> tuple[Event, ...]:
        data, same, most = self._data, self._same, self._limits.events
        events: list[Event] = []
        add = events.append
        tick = status = 0
        try:
            while at < end:
                delta = data[at]
                at += 1
                if delta >= 0x80:
                    delta, at = _read_length(data, at - 1)
                tick += delta
                first = data[at]
                if first >= 0xF0:
                    message, at = self._read_system(at, end)
                    if message:
                        add((tick, message))
                else:
                    if first >= 0x80:
                        status = first
                        at += 1
                    elif not status:
                        raise MidiError("is corrupt: an event leaves its status out, and none is before it")
                    # A data byte above 127 counts as 127, as other programs have it.
                    if 0xC0 <= status < 0xE0:
                        key: tuple[int, ...] = status, min(data[at], 127)
                        at += 1
                    else:
                        key = status, min(data[at], 127), min(data[at + 1], 127)
                        at += 2
                        if 0x90 <= status < 0xA0 and key[2]:
                            self._count_note()
                    event = same.get(key)
                    if event is None:
                        event = same[key] = bytes(key)
                    add((tick, event))
                if self._events + self.realtime + len(events) > most:
                    raise MidiError(f"has more than {most:,} events, the most that are read")
                if not len(events) % _PAUSE_EVERY:
                    pause()
        except IndexError:
            at = end + 1
        if at > end:
            raise MidiError("is cut off: one of its tracks ends in the middle of an event")
        self._events += len(events)
        events.append((tick, END_OF_TRACK))
        return tuple(events)

    def _count_note(self) -> None:
        self._notes += 1
        if self._notes > self._limits.notes:
            raise MidiError(f"has more than {self._limits.notes:,} notes, the most that are read")

    def _read_system(self, at: int, end: int) -> tuple[bytes, int]:
        """Read what is no channel message, and where it ends; nothing where it is left out."""
        data = self._data
        first = data[at]
        at += 1
        if first in (0xF0, 0xF7, 0xFF):
            head = bytes((first,))
            if first == 0xFF:
                head = bytes((first, data[at]))
                at += 1
            size, at = _read_length(data, at)
            if at + size > end:
                raise IndexError
            return (b"" if head == END_OF_TRACK else head + data[at : at + size]), at + size
        if first in _SYSTEM_LENGTHS:
            size = _SYSTEM_LENGTHS[first] - 1
            return bytes((first, *(min(value, 127) for value in data[at : at + size]))), at + size
        if first < 0xF8:
            raise MidiError(f"is corrupt: it holds the byte {first:02X}, which begins no event")
        self.realtime += 1
        return b"", at


def _read_length(data: bytes, at: int) -> tuple[int, int]:
    """Read a number of up to four bytes of seven bits, and where it ends."""
    value = 0
    for place in range(at, at + 4):
        value = value << 7 | data[place] & 0x7F
        if data[place] < 0x80:
            return value, place + 1
    raise MidiError("is corrupt: it holds a time or a length of more than 4 bytes")


def write(file_format: int, ticks_per_beat: int, tracks: Sequence[Sequence[Event]]) -> bytes:
    """Give the bytes of a file; the same events give the same bytes."""
    out = [b"MThd", struct.pack(">LHHH", 6, file_format, len(tracks), ticks_per_beat)]
    for events in tracks:
        track = _track_bytes(events)
        out += [b"MTrk", struct.pack(">L", len(track)), bytes(track)]
    return b"".join(out)


def _track_bytes(events: Sequence[Event]) -> bytearray:
    if events[-1][0] > LAST_TICK * DEFAULT.events:  # no file says that in events of its own
        raise MidiError(f"what happens at tick {events[-1][0]:,} is too late for a MIDI file")
    track = bytearray()
    now = running = 0
    for number, (tick, message) in enumerate(events):
        if not number % _PAUSE_EVERY:
            pause()
        while tick - now > LAST_TICK:
            now += LAST_TICK
            track += _length(LAST_TICK) + _NOTHING + b"\0"
            running = 0
        delta = tick - now
        track += bytes((delta,)) if delta < 0x80 else _length(delta)
        now = tick
        first = message[0]
        if first < 0xF0:
            track += message[1:] if first == running else message
            running = first
            continue
        running = 0
        if first in _SYSTEM_LENGTHS:
            track += message
        else:
            head = 2 if first == 0xFF else 1
            track += message[:head] + _length(len(message) - head) + message[head:]
    return track


def _length(value: int) -> bytes:
    """Write a number in bytes of seven bits."""
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(value & 0x7F | 0x80)
    return bytes(reversed(out))
