"""Clips <-> Standard MIDI Files; all rounding to ticks is here. No grids, no models.

Reading and writing stand in one file, although it is long: each undoes what the other does, and is read beside it.

A song is a whole file. Its parts are the notes of one channel in one track, so a file of format 0 has one for each channel
with notes. Replacing a part rewrites its notes; every other event keeps its tick and its place.

Notes that overlap on one pitch are paired first in, first out. A note that is never switched off ends with its track.
A note_on of velocity 0 is a note_off of release velocity 64, as the standard has it. A clip lasts as many whole bars as its
notes and its track need.

A file has no time before beat 0: for a clip with pickups it begins whole bars earlier. A note that is early by less than half
a sixteenth is no pickup but played with feel; it is written on tick 0.

What a file has no place for goes into one event of the part: see `midi_extra`.
"""

from __future__ import annotations

import io
import math
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import mido
from mido.midifiles.meta import KeySignatureError, MetaSpec_sequencer_specific, add_meta_spec

from models.music.clip import Clip, Note
from models.music.midi_extra import LAST_TICK, Extra, extra_message, find_lost, read_extra, restore

if TYPE_CHECKING:
    pass

T = TypeVar("T")
Event = tuple[int, mido.Message | mido.MetaMessage]  # the tick since the start of the track, and what happens

_EARLY = 0.125  # beats, half a sixteenth: as much before beat 0, or over the last bar line, is feel


class MidiError(ValueError):
    """A file that cannot be read or written, in one sentence that names it."""


@dataclass(frozen=True, slots=True)
class Part:
    """The notes of one channel in one track, as a clip. Channels are 1 to 16, programs 0 to 127; tracks count from 0."""

    track: int
    channel: int
    program: int | None  # the first in this track, None where there is none
    clip: Clip
    shift: float = 0.0  # beats by which the file begins before the clip's beat 0

    @property
    def name(self) -> str:
        """The name of the track."""
        return self.clip.name


@dataclass(frozen=True, slots=True, eq=False)
class Song:
    """A whole file: each track's events in order, the end_of_track last, and what they say. Compare songs by their bytes."""

    format: int
    ticks_per_beat: int
    tracks: tuple[tuple[Event, ...], ...]
    parts: tuple[Part, ...]  # by track, then channel; never none: a file without a note has one empty part
    tempos: tuple[tuple[float, float], ...]  # (beat, beats per minute, to the microsecond); empty where the file does not say
    meters: tuple[tuple[float, tuple[int, int]], ...]  # (beat, (numerator, denominator))


def read(path: str | Path) -> Song:
    """Read a MIDI file of format 0 or 1."""
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise MidiError(f"{path} does not exist") from error
    except OSError as error:
        raise MidiError(f"{path} cannot be read: {error.strerror}") from error
    return from_bytes(data, name=str(path))


def read_clip(path: str | Path, *, track: int | str | None = None) -> Clip:
    """Read one part of a file: the only one, or that with this number (from 1) or name."""
    song = read(path)
    try:
        return song.parts[find_part(song, track)].clip
    except MidiError as error:
        raise MidiError(f"{path} {error}") from error


def find_part(song: Song, track: int | str | None = None) -> int:
    """Find the index of the part with this number (from 1, as a DAW counts them) or name; without either, of the only part."""
    if track is None and len(song.parts) == 1:
        return 0
    wanted = str(track).casefold()
    numbers = [str(number) for number in range(1, len(song.parts) + 1)]
    for labels in (numbers, [part.name.casefold() for part in song.parts]):
        if wanted and wanted in labels:
            return labels.index(wanted)
    listed = ", ".join(f"{i} {part.name or 'unnamed'} (channel {part.channel})" for i, part in enumerate(song.parts, 1))
    raise MidiError(f"has no track {track}, only {listed}" if track is not None else f"has several tracks, say which: {listed}")


def write(path: str | Path, music: Clip | Song) -> None:
    """Write a song, or a clip as a new file of format 0. The same music gives the same bytes."""
    try:
        Path(path).write_bytes(to_bytes(music))
    except MidiError as error:
        raise MidiError(f"{path} cannot be written: {error}") from error
    except OSError as error:
        raise MidiError(f"{path} cannot be written: {error.strerror}") from error


def replace_part(song: Song, index: int, clip: Clip) -> Song:
    """Put other notes in place of a part's; tempo, meter, name, channel and all that is not notes stay the song's."""
    now = song.parts[index].clip
    clip = replace(
        clip, tempo=now.tempo, meter=now.meter, ticks_per_beat=now.ticks_per_beat, name=now.name, channel=now.channel
    ).in_order()
    return song if clip == now else _with_clip(song, index, clip)


def rounded(clip: Clip) -> Clip:
    """Round times to ticks and velocities to whole numbers, so that a file holds them as they are."""
    notes = []
    for note in clip.notes:
        on, off = _ticks(note, clip.ticks_per_beat)
        start, duration = on / clip.ticks_per_beat, (off - on) / clip.ticks_per_beat
        release = float(round(note.release_velocity))
        notes.append(
            replace(note, start=start, duration=duration, velocity=float(whole_velocity(note)), release_velocity=release)
        )
    return clip.with_notes(notes)


def from_bytes(data: bytes, *, name: str = "the MIDI data") -> Song:
    """Read the bytes of a MIDI file; `name` is what an error calls them."""
    try:
        file = _parse(data)
        tracks = tuple(_events(track) for track in file.tracks or [[]])
    except MidiError as error:
        raise MidiError(f"{name} {error}") from error
    return _song(file.type, file.ticks_per_beat, tracks)


def to_bytes(music: Clip | Song) -> bytes:
    """Give the bytes of the file that `write` writes."""
    song = music if isinstance(music, Song) else _new_song(music)
    tracks = []
    for events in song.tracks:
        tracks.append(mido.MidiTrack())
        now = 0
        for tick, message in events:
            delta = tick - now
            tracks[-1].append(message if message.time == delta else message.copy(time=delta))
            now = tick
    out = io.BytesIO()
    # A file that calls itself format 0 and has several tracks is in fact format 1.
    file_format = 0 if len(tracks) == 1 and song.format == 0 else 1
    mido.MidiFile(type=file_format, ticks_per_beat=song.ticks_per_beat, tracks=tracks).save(file=out)
    return out.getvalue()


# From bytes to events


# mido refuses a file for a key of 8 flats; such files exist, and no one else minds.
_IMPOSSIBLE_KEY = re.compile(rb"\xff\x59\x02(?![\x00-\x07\xf9-\xff][\x00\x01])..", re.DOTALL)
_NO_KEY = b"\xff\x59\x02\x00\x00"


def _parse(data: bytes) -> mido.MidiFile:
    if not data:
        raise MidiError("is empty (0 bytes)")
    if not data.startswith(b"MThd"):
        raise MidiError("is not a MIDI file: it does not begin with MThd")
    _keep_unknown_metas()
    try:
        try:
            # clip: a data byte above 127 counts as 127, as other programs have it.
            file = mido.MidiFile(file=io.BytesIO(data), clip=True)
        except KeySignatureError:
            file = mido.MidiFile(file=io.BytesIO(_IMPOSSIBLE_KEY.sub(_NO_KEY, data)), clip=True)
    except EOFError as error:
        raise MidiError("is cut off: it ends in the middle of a track") from error
    except OSError as error:
        raise MidiError(f"is corrupt: {error}") from error
    except (ValueError, LookupError, struct.error, KeySignatureError) as error:
        raise MidiError("is corrupt: one of its events makes no sense") from error
    if file.ticks_per_beat < 0:
        raise MidiError("counts time in SMPTE frames; only files that count it in ticks per beat can be read")
    if file.ticks_per_beat == 0:
        raise MidiError("is corrupt: it has 0 ticks per beat")
    if file.type not in (0, 1):
        raise MidiError(f"is a MIDI file of format {file.type}; only formats 0 and 1 can be read")
    return file


_REALTIME = frozenset({"clock", "start", "continue", "stop", "active_sensing", "reset"})
_METAS_OF_MIDO = frozenset({*range(0x08), 0x09, 0x20, 0x21, 0x2F, 0x51, 0x54, 0x58, 0x59, 0x7F})


@cache
def _keep_unknown_metas() -> None:
    """Let mido carry every meta event: of a type that it has no name for, mido 1.3 loses the time before it."""
    for kind in set(range(0x80)) - _METAS_OF_MIDO:
        add_meta_spec(type(f"MetaSpec_meta_{kind:02x}", (MetaSpec_sequencer_specific,), {"type_byte": kind}))


def _events(track: Iterable[mido.Message]) -> tuple[Event, ...]:
    """Give each event its tick; one end_of_track comes last."""
    events = []
    tick = 0
    for message in track:
        tick += message.time
        if message.type in _REALTIME:
            raise MidiError(f"is corrupt: it holds a real-time message ({message.type}), which no file may")
        if message.type != "end_of_track":
            events.append((tick, message))
    events.append((tick, mido.MetaMessage("end_of_track")))
    return tuple(events)


# From events to parts


@dataclass(slots=True)
class _Sound:
    """A note in ticks."""

    pitch: int
    on: int
    off: int
    velocity: int
    release: int


@dataclass(slots=True)
class _Found:
    """What the events of a track say."""

    name: str = ""
    sounds: dict[int, list[_Sound]] = field(default_factory=dict)  # by channel, in order of their note_ons
    programs: dict[int, int] = field(default_factory=dict)
    extras: dict[int, Extra] = field(default_factory=dict)
    tempos: list[tuple[int, float]] = field(default_factory=list)
    meters: list[tuple[int, tuple[int, int]]] = field(default_factory=list)


def _song(file_format: int, ticks_per_beat: int, tracks: tuple[tuple[Event, ...], ...]) -> Song:
    found = [_scan(events) for events in tracks]
    song = Song(
        format=file_format,
        ticks_per_beat=ticks_per_beat,
        tracks=tracks,
        parts=(),
        tempos=_changes([one.tempos for one in found], ticks_per_beat),
        meters=_changes([one.meters for one in found], ticks_per_beat),
    )
    parts = [
        _part(song, track, channel, one)
        for track, one in enumerate(found)
        for channel in sorted(one.sounds.keys() | one.extras.keys())
    ]
    if not parts:
        last = len(tracks) - 1
        parts.append(Part(last, 1, None, replace(_plain(song, last, 1, found[last]), channel=None)))
    return replace(song, parts=tuple(parts))


def _changes(tracks: Iterable[list[tuple[int, T]]], ticks_per_beat: int) -> tuple[tuple[float, T], ...]:
    """Give the changes of tempo or meter in all tracks, by beat."""
    changes = sorted((change for track in tracks for change in track), key=lambda change: change[0])
    return tuple((tick / ticks_per_beat, value) for tick, value in changes)


def _first(changes: tuple[tuple[float, T], ...], default: T) -> T:
    """Give the tempo or meter that a song begins with: of several on the first beat that has one, the last is in force."""
    return next((value for beat, value in reversed(changes) if beat == changes[0][0]), default)


def _scan(events: tuple[Event, ...]) -> _Found:
    found = _Found()
    sounding: dict[tuple[int, int], list[_Sound]] = {}
    for tick, message in events:
        kind = message.type
        if kind == "note_on" and message.velocity:
            sound = _Sound(message.note, tick, events[-1][0], message.velocity, 64)
            found.sounds.setdefault(message.channel + 1, []).append(sound)
            sounding.setdefault((message.channel, message.note), []).append(sound)
        elif kind in ("note_off", "note_on"):
            waiting = sounding.get((message.channel, message.note))
            if waiting:
                sound = waiting.pop(0)
                sound.off = tick
                sound.release = message.velocity if kind == "note_off" else 64
        elif kind == "program_change":
            found.programs.setdefault(message.channel + 1, message.program)
        elif kind == "track_name":
            found.name = found.name or _decoded(message.name)
        elif kind == "set_tempo":
            if message.tempo:
                found.tempos.append((tick, 60e6 / message.tempo))
        elif kind == "time_signature":
            if message.numerator and message.denominator <= 64:
                found.meters.append((tick, (message.numerator, message.denominator)))
        elif kind == "sequencer_specific":
            extra = read_extra(message)
            if extra:
                found.extras[extra.part] = extra
    return found


def _part(song: Song, track: int, channel: int, found: _Found) -> Part:
    extra = found.extras.get(channel, Extra(part=channel))
    plain = _plain(song, track, channel, found, shift=extra.shift)
    return Part(track, channel, found.programs.get(channel), restore(plain, extra).in_order(), extra.shift)


def _plain(song: Song, track: int, channel: int, found: _Found, *, shift: float = 0.0) -> Clip:
    """Give what a file says without our event; notes in order of their note_ons."""
    ticks = song.ticks_per_beat
    zero = round(shift * ticks)
    notes = [
        Note(
            pitch=sound.pitch,
            start=(sound.on - zero) / ticks,
            duration=(sound.off - sound.on) / ticks,
            velocity=float(sound.velocity),
            release_velocity=float(sound.release),
        )
        for sound in found.sounds.get(channel, [])
    ]
    frame = Clip(
        notes=(),
        beats=4.0,
        meter=_first(song.meters, (4, 4)),
        tempo=_beats_per_minute(_microseconds(_first(song.tempos, 120.0))),
        ticks_per_beat=ticks,
        name=found.name,
        channel=channel,
    )
    return framed(frame, notes, (song.tracks[track][-1][0] - zero) / ticks)


def framed(frame: Clip, notes: Iterable[Note], end: float) -> Clip:
    """Put notes into a clip as long as the whole bars that they and the end of their track need."""
    notes = tuple(notes)
    sounding = max((note.end for note in notes), default=0.0)
    struck = max((note.start for note in notes), default=0.0)
    bars = max(1, math.ceil((max(end, sounding) - _EARLY) / frame.bar - 1e-9), math.floor(struck / frame.bar + 1e-9) + 1)
    return replace(frame, notes=notes, beats=bars * frame.bar)


# From clips to events


def _new_song(clip: Clip) -> Song:
    """Make a song of one track that holds just the clip."""
    early = min((note.start for note in clip.notes), default=0.0)
    shift = math.ceil(-early / clip.bar) * clip.bar if early < -_EARLY else 0.0
    channel = clip.channel or 1
    messages = [
        mido.MetaMessage("set_tempo", tempo=_microseconds(clip.tempo)),
        mido.MetaMessage("time_signature", numerator=clip.meter[0], denominator=clip.meter[1]),
        extra_message(Extra(part=channel, shift=shift)),  # for the song to have this part; rewritten with its notes
    ]
    if clip.name:
        messages.insert(0, mido.MetaMessage("track_name", name=_encoded(clip.name)))
    end = max(round((clip.end + shift) * clip.ticks_per_beat), 0)
    events = (*((0, message) for message in messages), (end, mido.MetaMessage("end_of_track")))
    return _with_clip(_song(0, clip.ticks_per_beat, (events,)), 0, clip)


def _with_clip(song: Song, index: int, clip: Clip) -> Song:
    """Write a clip in place of a part, as well as a file can, and beside it what a file cannot say."""
    part = song.parts[index]
    events = song.tracks[part.track]
    others = [event for event in events[:-1] if not _is_of(event[1], part.channel)]
    sounds, notes = _sounds(clip, part.shift)

    end = round((clip.end + part.shift) * clip.ticks_per_beat)
    if (clip.start, clip.beats) == (part.clip.start, part.clip.beats):
        end = events[-1][0]
    elif sum(other.track == part.track for other in song.parts) > 1:
        end = max(end, events[-1][0])  # the track ends for its other parts too
    end = max([end, *(tick for tick, _ in others), *(sound.off for sound in sounds)])
    if end > LAST_TICK:
        raise MidiError(f"a clip that ends at beat {clip.end:g} is too long for a MIDI file")

    written = _merged(others, sounds, part.channel, end)
    tracks = [*song.tracks]
    tracks[part.track] = written
    plain = _plain(replace(song, tracks=tuple(tracks)), part.track, part.channel, _scan(written), shift=part.shift)
    known = Extra(part=part.channel, shift=part.shift) if part.shift else Extra(part=part.channel)
    extra = find_lost(plain, clip.with_notes(notes), known)
    # A part without a note is a part only by this event.
    if len(extra.model_fields_set) > 1 or not notes:
        tracks[part.track] = _merged([*others, (0, extra_message(extra))], sounds, part.channel, end)
    return _song(song.format, song.ticks_per_beat, tuple(tracks))


def _sounds(clip: Clip, shift: float) -> tuple[list[_Sound], list[Note]]:
    """Round notes to ticks, and list them in the order of their note_ons."""
    zero = round(shift * clip.ticks_per_beat)
    pairs = []
    for note in clip.in_order().notes:
        if note.start < -shift - _EARLY:
            raise MidiError(f"a note at beat {note.start:g} is before the beginning of the file")
        on, off = _ticks(note, clip.ticks_per_beat)
        on = max(zero + on, 0)
        off = max(zero + off, on)
        pairs.append((_Sound(note.pitch, on, off, whole_velocity(note), round(note.release_velocity)), note))
    pairs.sort(key=lambda pair: (pair[0].on, pair[0].pitch, pair[0].off))
    return [sound for sound, _ in pairs], [note for _, note in pairs]


def _merged(others: list[Event], sounds: Iterable[_Sound], channel: int, end: int) -> tuple[Event, ...]:
    """Join notes with all else. On one tick: ends of notes, then all else in its order, then new notes."""
    ends: list[Event] = []
    starts: list[Event] = []
    for sound in sounds:
        on = mido.Message("note_on", skip_checks=True, channel=channel - 1, note=sound.pitch, velocity=sound.velocity)
        off = mido.Message("note_off", skip_checks=True, channel=channel - 1, note=sound.pitch, velocity=sound.release)
        starts.append((sound.on, on))
        # A note of no length ends after it began.
        (ends if sound.off > sound.on else starts).append((sound.off, off))
    ends.sort(key=lambda event: event[0])
    merged = sorted([*ends, *others, *starts], key=lambda event: event[0])  # sorting keeps the order on one tick
    return (*merged, (end, mido.MetaMessage("end_of_track")))


def _is_of(message: mido.Message, channel: int) -> bool:
    if message.type in ("note_on", "note_off"):
        return bool(message.channel == channel - 1)
    extra = read_extra(message) if message.type == "sequencer_specific" else None
    return extra is not None and extra.part == channel


def _ticks(note: Note, ticks_per_beat: int) -> tuple[int, int]:
    on = round(note.start * ticks_per_beat)
    return on, max(round(note.end * ticks_per_beat), on + (note.duration > 0))


def whole_velocity(note: Note) -> int:
    """Round a note's velocity to what a file holds, 1..127."""
    return max(round(note.velocity), 1)  # 0 would switch the note off


def _microseconds(tempo: float) -> int:
    return min(max(round(60e6 / tempo), 1), 0xFFFFFF)


def _beats_per_minute(microseconds: int) -> float:
    """Give the roundest tempo that a file can mean: 344828 microseconds stand for 174, not for 173.99979."""
    exact = 60e6 / microseconds
    return next(
        (bpm for bpm in (round(exact, digits) for digits in range(7)) if bpm and _microseconds(bpm) == microseconds), exact
    )


# mido reads and writes text as Latin-1, which keeps every byte; nearly all programs now write UTF-8.
def _encoded(name: str) -> str:
    return name.encode("utf-8", "replace").decode("latin-1")


def _decoded(name: str) -> str:
    try:
        text = name.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        text = name
    return text.strip("\0 ")
