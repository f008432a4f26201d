"""Clips <-> Standard MIDI Files; all rounding to ticks is here. No grids, no models; the bytes are read in `midi_file`.

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

import math
import struct
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from models.music.clip import Clip, Note
from models.music.midi_extra import Extra, extra_message, extra_part, find_lost, is_extra, read_extra, restore
from models.music.midi_file import DEFAULT, END_OF_TRACK, LAST_TICK, Event, Limits, parse, read_file
from models.music.midi_file import MidiError as MidiError
from models.music.midi_file import write as write_events
from models.music.paced import paced
from models.pause import pause

T = TypeVar("T")

_PAUSE_EVERY = 4096  # events or notes
_SHOWN = 64  # parts of a list, and characters of a name, that a sentence holds
_EARLY = 0.125  # beats, half a sixteenth: as much before beat 0, or over the last bar line, is feel


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
    remarks: tuple[str, ...] = ()  # what was left out in reading, each a sentence to put after the file's name


def read(path: str | Path, limits: Limits = DEFAULT) -> Song:
    """Read a MIDI file of format 0 or 1."""
    return from_bytes(read_file(Path(path), limits), name=str(path), limits=limits)


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
    listed = list_parts(song)
    raise MidiError(f"has no track {track}, only {listed}" if track is not None else f"has several tracks, say which: {listed}")


def find_parts(song: Song, tracks: str | None = None) -> list[int]:
    """Find the indices of parts: `all`, one by its number or name, or several with commas between; each once, in order."""
    if tracks is not None and tracks.casefold() == "all":
        return [i for i, part in enumerate(song.parts) if part.clip.notes] or [0]
    try:
        return [find_part(song, tracks)]
    except MidiError:
        if tracks is None or "," not in tracks:
            raise
    return sorted({find_part(song, track.strip()) for track in tracks.split(",") if track.strip()})


def list_parts(song: Song, indices: Iterable[int] | None = None) -> str:
    """List parts as a sentence does, the first of very many."""
    chosen = list(range(len(song.parts)) if indices is None else indices)
    named = [f"{i + 1} {shortened(song.parts[i].name) or 'unnamed'} (channel {song.parts[i].channel})" for i in chosen[:_SHOWN]]
    return ", ".join([*named, *([f"and {len(chosen) - _SHOWN} more"] if len(chosen) > _SHOWN else [])])


def shortened(name: str) -> str:
    """Cut a name that no sentence could hold."""
    return name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…"


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
    return replace_parts(song, {index: clip})


def replace_parts(song: Song, clips: Mapping[int, Clip]) -> Song:
    """Put other notes in place of those of several parts, each given by its index; the same song where none is new."""
    changed: dict[int, dict[int, Clip]] = {}
    for index, clip in clips.items():
        part = song.parts[index]
        now = part.clip
        new = replace(
            clip, tempo=now.tempo, meter=now.meter, ticks_per_beat=now.ticks_per_beat, name=now.name, channel=now.channel
        ).in_order()
        if new != now:
            changed.setdefault(part.track, {})[index] = new
    return _with_clips(song, changed) if changed else song


def add_part(song: Song, clip: Clip, beside: int) -> Song:
    """Put a clip into a song as a track of its own, to sound with the part of this index, by whose beats it counts."""
    channel, shift = clip.channel or 1, song.parts[beside].shift
    begin = (b"\xff\x03" + clip.name.encode("utf-8", "replace"), extra_message(Extra(part=channel, shift=shift)))
    events = (*((0, said) for said in begin), (0, END_OF_TRACK))
    longer = _song(song.format, song.ticks_per_beat, (*song.tracks, events), song.remarks)
    return replace_part(longer, len(longer.parts) - 1, clip)


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


def from_bytes(data: bytes, *, name: str = "the MIDI data", limits: Limits = DEFAULT) -> Song:
    """Read the bytes of a MIDI file; `name` is what an error calls them."""
    try:
        contents = parse(data, limits)
    except MidiError as error:
        raise MidiError(f"{name} {error}") from error
    return _song(contents.format, contents.ticks_per_beat, contents.tracks, contents.remarks)


def to_bytes(music: Clip | Song) -> bytes:
    """Give the bytes of the file that `write` writes."""
    song = music if isinstance(music, Song) else _new_song(music)
    # A file that calls itself format 0 and has several tracks is in fact format 1.
    file_format = 0 if len(song.tracks) == 1 and song.format == 0 else 1
    return write_events(file_format, song.ticks_per_beat, song.tracks)


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
    ours: dict[int, list[bytes]] = field(default_factory=dict)  # our events, by part, not yet read
    tempos: list[tuple[int, float]] = field(default_factory=list)
    meters: list[tuple[int, tuple[int, int]]] = field(default_factory=list)


def _song(file_format: int, ticks_per_beat: int, tracks: tuple[tuple[Event, ...], ...], remarks: tuple[str, ...] = ()) -> Song:
    found = [_scan(events) for events in tracks]
    tempos = _changes([one.tempos for one in found], ticks_per_beat)
    meters = _changes([one.meters for one in found], ticks_per_beat)
    song = Song(file_format, ticks_per_beat, tracks, (), tempos, meters, remarks)
    frame = _frame(song)
    parts = [part for track, one in enumerate(found) for part in _parts(frame, track, one, tracks[track][-1][0])]
    if not parts:
        last = len(tracks) - 1
        parts.append(Part(last, 1, None, replace(_plain(frame, 1, found[last], tracks[last][-1][0]), channel=None)))
    return replace(song, parts=tuple(parts))


def _frame(song: Song) -> Clip:
    """Give a clip that has what all parts of a song share."""
    tempo = _beats_per_minute(_microseconds(_first(song.tempos, 120.0)))
    return Clip((), beats=4.0, meter=_first(song.meters, (4, 4)), tempo=tempo, ticks_per_beat=song.ticks_per_beat)


def _changes(tracks: Iterable[list[tuple[int, T]]], ticks_per_beat: int) -> tuple[tuple[float, T], ...]:
    """Give the changes of tempo or meter in all tracks, by beat."""
    changes = sorted((change for track in tracks for change in track), key=lambda change: change[0])
    return tuple((tick / ticks_per_beat, value) for tick, value in changes)


def _first(changes: tuple[tuple[float, T], ...], default: T) -> T:
    """Give the tempo or meter that a song begins with: of several on the first beat that has one, the last is in force."""
    return next((value for beat, value in reversed(changes) if beat == changes[0][0]), default)


def _scan(events: Sequence[Event]) -> _Found:
    found = _Found()
    sounding: dict[tuple[int, int], deque[_Sound]] = {}
    last = events[-1][0]
    for number, (tick, message) in enumerate(events):
        if not number % _PAUSE_EVERY:
            pause()
        status = message[0]
        if status < 0x90 or (status < 0xA0 and not message[2]):
            waiting = sounding.get((status & 0x0F, message[1]))
            if waiting:
                sound = waiting.popleft()
                sound.off = tick
                sound.release = message[2] if status < 0x90 else 64
        elif status < 0xA0:
            sound = _Sound(message[1], tick, last, message[2], 64)
            found.sounds.setdefault((status & 0x0F) + 1, []).append(sound)
            sounding.setdefault((status & 0x0F, message[1]), deque()).append(sound)
        elif status == 0xFF:
            _read_meta(found, tick, message)
        elif 0xC0 <= status < 0xD0:
            found.programs.setdefault((status & 0x0F) + 1, message[1])
    return found


def _read_meta(found: _Found, tick: int, message: bytes) -> None:
    """Note what a meta event says; one that is shorter than it should be says nothing."""
    kind, text = message[1], message[2:]
    if kind == 0x03:
        found.name = found.name or _decoded(text)
    elif kind == 0x51 and len(text) >= 3:
        if tempo := int.from_bytes(text[:3], "big"):
            found.tempos.append((tick, 60e6 / tempo))
    elif kind == 0x58 and len(text) >= 2:
        if text[0] and text[1] <= 6:
            found.meters.append((tick, (text[0], 2 ** text[1])))
    elif kind == 0x7F and is_extra(message) and (part := extra_part(message)):
        found.ours.setdefault(part, []).append(message)


def _parts(frame: Clip, track: int, found: _Found, end: int) -> list[Part]:
    """Give the parts of a track that ends at this tick."""
    parts = []
    for channel in range(1, 17):
        extra = _read_ours(found, channel)
        if extra or channel in found.sounds:
            extra = extra or Extra(part=channel)
            plain = _plain(frame, channel, found, end, shift=extra.shift)
            clip = _ended(restore(plain, extra).in_order(), end / frame.ticks_per_beat - extra.shift)
            parts.append(Part(track, channel, found.programs.get(channel), clip, extra.shift))
    return parts


def _ended(clip: Clip, end: float) -> Clip:
    """Note in a clip where its track ends, if that is before the clip does. Without a note nothing tells what it is for."""
    if not clip.notes:
        return clip
    last = max(end, max(note.end for note in paced(clip.notes)))
    is_before = last < clip.end - 0.5 / clip.ticks_per_beat  # a tick counts: loops must loop
    return replace(clip, track_end=last) if is_before else clip


def _read_ours(found: _Found, channel: int) -> Extra | None:
    """Read our event about a part: the last that can be read."""
    notes = len(found.sounds.get(channel, ()))
    read = (read_extra(message, notes) for message in reversed(found.ours.get(channel, ())))
    return next((extra for extra in read if extra), None)


def _plain(frame: Clip, channel: int, found: _Found, end: int, *, shift: float = 0.0) -> Clip:
    """Give what a file says without our event; notes in order of their note_ons."""
    ticks = frame.ticks_per_beat
    zero = round(shift * ticks)
    notes = []
    for number, sound in enumerate(found.sounds.get(channel, ())):
        if not number % _PAUSE_EVERY:
            pause()
        start, duration = (sound.on - zero) / ticks, (sound.off - sound.on) / ticks
        notes.append(Note(sound.pitch, start, duration, float(sound.velocity), release_velocity=float(sound.release)))
    return framed(replace(frame, name=found.name, channel=channel), notes, (end - zero) / ticks)


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
        b"\xff\x51" + _microseconds(clip.tempo).to_bytes(3, "big"),
        struct.pack("BBBBBB", 0xFF, 0x58, clip.meter[0], clip.meter[1].bit_length() - 1, 24, 8),
        extra_message(Extra(part=channel, shift=shift)),  # for the song to have this part; rewritten with its notes
    ]
    if clip.name:
        messages.insert(0, b"\xff\x03" + clip.name.encode("utf-8", "replace"))
    end = min(max(round((clip.end + shift) * clip.ticks_per_beat), 0), LAST_TICK)
    events = (*((0, message) for message in messages), (end, END_OF_TRACK))
    song = _song(0, clip.ticks_per_beat, (events,))
    return _with_clips(song, {0: {0: clip}})


def _with_clips(song: Song, changed: Mapping[int, Mapping[int, Clip]]) -> Song:
    """Write clips in place of parts, given by track and index."""
    tracks, frame = [*song.tracks], _frame(song)
    parts: dict[int, list[Part]] = {}
    for part in song.parts:
        parts.setdefault(part.track, []).append(part)
    for track, clips in changed.items():
        replaced = [(song.parts[index], clips[index]) for index in sorted(clips)]
        tracks[track] = _track_with_clips(song.tracks[track], frame, replaced, is_shared=len(parts[track]) > len(clips))
        parts[track] = _parts(frame, track, _scan(tracks[track]), tracks[track][-1][0])
    return replace(song, tracks=tuple(tracks), parts=tuple(part for track in sorted(parts) for part in parts[track]))


def _track_with_clips(
    events: tuple[Event, ...], frame: Clip, replaced: Sequence[tuple[Part, Clip]], *, is_shared: bool
) -> tuple[Event, ...]:
    """Write clips in place of parts of a track, as well as a file can, and beside them what a file cannot say."""
    notes_of = {part.channel: len(part.clip.notes) for part, _ in replaced}
    others = [event for event in events[:-1] if not _is_of(event[1], notes_of)]
    written = [(part, clip, *_sounds(clip, part.shift)) for part, clip in replaced]

    last = max([0, *(tick for tick, _ in others[-1:]), *(sound.off for _, _, sounds, _ in written for sound in sounds)])
    # The track ends for its other parts too. What is longer than a file can say is in our event.
    end = max(last, events[-1][0]) if is_shared or len(replaced) > 1 else last
    for part, clip, _, _ in written:
        is_as_long = (clip.start, clip.beats) == (part.clip.start, part.clip.beats)
        own = events[-1][0] if is_as_long else round((clip.sounding_end + part.shift) * clip.ticks_per_beat)
        end = max(end, own if is_as_long else min(own, last + LAST_TICK))

    merged = _merged(others, [(part.channel, None, sounds) for part, _, sounds, _ in written], end)
    found = _scan(merged)
    extras: list[bytes | None] = []
    for part, clip, _, notes in written:
        plain = _plain(frame, part.channel, found, end, shift=part.shift)
        known = Extra(part=part.channel, shift=part.shift) if part.shift else Extra(part=part.channel)
        extra = find_lost(plain, clip.with_notes(notes), known)
        # A part without a note is a part only by this event.
        extras.append(extra_message(extra) if len(extra.model_fields_set) > 1 or not notes else None)
    if not any(extras):
        return merged
    with_extras = zip(written, extras, strict=True)
    return _merged(others, [(part.channel, extra, sounds) for (part, _, sounds, _), extra in with_extras], end)


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


def _merged(others: list[Event], parts: Iterable[tuple[int, bytes | None, Iterable[_Sound]]], end: int) -> tuple[Event, ...]:
    """Join parts with all else: (channel, our event, notes). On one tick: ends of notes, all else in its order, new notes."""
    ends: list[Event] = []
    starts: list[Event] = []
    for channel, extra, sounds in parts:
        its_ends: list[Event] = []
        starts += [(0, extra)] if extra else []
        for number, sound in enumerate(sounds):
            if not number % _PAUSE_EVERY:
                pause()
            starts.append((sound.on, bytes((0x8F + channel, sound.pitch, sound.velocity))))
            # A note of no length ends after it began.
            off = sound.off, bytes((0x7F + channel, sound.pitch, sound.release))
            (its_ends if sound.off > sound.on else starts).append(off)
        ends = its_ends + ends
    merged = sorted([*ends, *others, *starts], key=lambda event: event[0])  # sorting keeps the order on one tick
    return (*merged, (end, END_OF_TRACK))


def _is_of(message: bytes, notes_of: Mapping[int, int]) -> bool:
    """Tell whether an event is a note of one of these channels, or our event about it."""
    if message[0] < 0xA0:
        return (message[0] & 0x0F) + 1 in notes_of
    if message[0] < 0xFF or not is_extra(message):
        return False
    part = extra_part(message)
    return part in notes_of and read_extra(message, notes_of[part]) is not None


def _ticks(note: Note, ticks_per_beat: int) -> tuple[int, int]:
    on = round(note.start * ticks_per_beat)
    return on, max(round(note.end * ticks_per_beat), on + (note.duration > 0))


def whole_velocity(note: Note) -> int:
    """Round a note's velocity to what a file holds, 1..127."""
    return max(round(note.velocity), 1)  # 0 would switch the note off


def _microseconds(tempo: float) -> int:
    return max(round(min(60e6 / tempo, 0xFFFFFF)), 1)


def _beats_per_minute(microseconds: int) -> float:
    """Give the roundest tempo that a file can mean: 344828 microseconds stand for 174, not for 173.99979."""
    exact = 60e6 / microseconds
    return next(
        (bpm for bpm in (round(exact, digits) for digits in range(7)) if bpm and _microseconds(bpm) == microseconds), exact
    )


def _decoded(name: bytes) -> str:
    """Read text as nearly all programs write it now, or else as they once did."""
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        text = name.decode("latin-1")
    return text.strip("\0 ")
