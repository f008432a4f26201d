"""MIDI files as another reader than ours has them: mido. No commands, no figures."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import mido

Key = tuple[int, int]  # of a part: its track, its channel


@dataclass(frozen=True)
class Sound:
    """A note, in beats."""

    pitch: int
    start: float
    end: float
    velocity: int


@dataclass(frozen=True)
class Heard:
    """A file as another reader has it."""

    parts: dict[Key, list[Sound]]
    ends: dict[int, float]  # of tracks, in beats
    names: dict[int, str]
    others: dict[int, Counter[tuple[int, str]]]  # all that is no note, by track
    hanging: int
    bar: float

    @property
    def order(self) -> list[Key]:
        """The parts as the program numbers them."""
        return sorted(self.parts)


@cache
def listen(path: Path) -> Heard | None:
    """Read a file with mido; None where it cannot."""
    try:
        file = mido.MidiFile(path, clip=True)
    except Exception:  # whatever it is, mido does not read this file
        return None
    if file.type == 2 or file.ticks_per_beat <= 0:
        return None
    parts: dict[Key, list[Sound]] = defaultdict(list)
    ends, names, others = dict[int, float](), dict[int, str](), dict[int, Counter[tuple[int, str]]]()
    hanging, bar = 0, 4.0
    for number, track in enumerate(file.tracks):
        now = 0
        sounding: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        others[number] = Counter()
        for message in track:
            now += message.time
            if message.type == "note_on" and message.velocity:
                sounding[message.channel + 1, message.note].append((now, message.velocity))
            elif message.type in ("note_on", "note_off"):
                waiting = sounding[message.channel + 1, message.note]
                if waiting:
                    start, velocity = waiting.pop(0)
                    beats = (start / file.ticks_per_beat, now / file.ticks_per_beat)
                    parts[number, message.channel + 1].append(Sound(message.note, *beats, velocity))
            elif message.type not in ("end_of_track", "sequencer_specific"):
                others[number][now, str(message.copy(time=0))] += 1
                if message.type == "track_name":
                    names.setdefault(number, message.name)
                elif message.type == "time_signature" and not now:
                    bar = message.numerator * 4 / message.denominator
        ends[number] = now / file.ticks_per_beat
        for (channel, pitch), waiting in sounding.items():
            hanging += len(waiting)
            parts[number, channel] += [Sound(pitch, start / file.ticks_per_beat, ends[number], v) for start, v in waiting]
    ordered = {key: sorted(notes, key=lambda n: (n.start, n.pitch)) for key, notes in parts.items() if notes}
    return Heard(ordered, ends, names, others, hanging, bar)
