"""What a MIDI file holds, part by part, before anything is made of it: what `inspect` shows. Songs in, facts out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from models.families.family import PartFacts
from models.families.registry import find_family
from models.families.routing import RoutedPart, route_parts
from models.music.clip import Clip
from models.music.key_finding import LocalKey, find_local_keys
from models.music.midi import Part, Song

STRIKE = 1 / 4  # beats that a stroke on a drum sounds: a step
LEGATO = 1 / 4  # beats: a note that rings into the next by no more does not sound with it
KEYS_SHOWN = 4


@dataclass(frozen=True)
class PartReport:
    """What a part is, and what `auto` makes of it. `model` is the one called as its family, None where it is copied through."""

    number: int
    name: str
    channel: int
    program: int | None  # 1 to 128, as devices show it
    notes: int
    voices: int  # that sound at once, at most
    bars: int
    silent_bars: int
    key: str | None
    family: str
    model: str | None
    why: str


@dataclass(frozen=True)
class SongReport:
    """What a file is: its parts, and the keys that its pitched parts are in together, one after the other."""

    format: int
    bars: float
    parts: tuple[PartReport, ...]
    keys: tuple[LocalKey, ...]


def inspect_song(song: Song) -> SongReport:
    """Say of each part what it is and which model `auto` takes for it, and why."""
    families = route_parts([RoutedPart(part.clip, _facts(part)) for part in song.parts])
    pitched = [
        part.clip
        for part, route in zip(song.parts, families, strict=True)
        if part.clip.notes and find_family(route.family).is_pitched
    ]
    keys: tuple[LocalKey, ...] = ()
    if pitched:
        notes = [note for clip in pitched for note in clip.notes]
        first, last = min(clip.start for clip in pitched), max(clip.end for clip in pitched)
        keys = find_local_keys(notes, bar=pitched[0].bar, start=first, end=last)
    reports = []
    for number, (part, route) in enumerate(zip(song.parts, families, strict=True), 1):
        clip, family = part.clip, find_family(route.family)
        model, why = (route.family, route.reason) if clip.notes else (None, "it has no notes")
        reports.append(
            PartReport(
                number,
                part.name,
                part.channel,
                None if part.program is None else part.program + 1,
                len(clip.notes),
                voices_at_once(clip, family.is_pitched),
                math.ceil(clip.beats / clip.bar - 1e-9),
                silent_bars(clip, family.is_pitched),
                name_keys(keys) if family.is_pitched and clip.notes else None,
                route.family,
                model,
                why,
            )
        )
    longest = max((part.clip.beats / part.clip.bar for part in song.parts), default=0.0)
    return SongReport(song.format, longest, tuple(reports), keys)


def voices_at_once(clip: Clip, is_pitched: bool) -> int:
    """Count the most notes that sound at once; of drums the most that are struck together."""
    edges: list[tuple[float, int]] = []
    for note in clip.notes:
        length = max(note.duration - LEGATO, note.duration / 2) if is_pitched else STRIKE / 2
        edges += [(note.start, 1), (note.start + max(length, 1e-6), -1)]
    most = now = 0
    for _, change in sorted(edges):
        now += change
        most = max(most, now)
    return most


def silent_bars(clip: Clip, is_pitched: bool) -> int:
    """Count the bars in which nothing sounds, to the sixteenth; a note that is a little early belongs to its bar."""
    bars = math.ceil(clip.beats / clip.bar - 1e-9)
    spans = []
    for note in clip.notes:
        first = math.floor((note.start - clip.start + STRIKE / 2) / clip.bar)
        last = math.ceil((note.end - clip.start - STRIKE / 2) / clip.bar) - 1 if is_pitched else first
        spans.append((max(first, 0), min(max(first, last), bars - 1)))
    return bars - _covered(spans)


def name_keys(keys: Sequence[LocalKey]) -> str | None:
    """Name keys in their order, those that are not clear with a question mark."""
    names = [key.found.key.name + ("" if key.found.is_clear else "?") for key in keys]
    changes = [name for i, name in enumerate(names) if i == 0 or name != names[i - 1]]
    more = f" → … {len(changes) - KEYS_SHOWN} more" if len(changes) > KEYS_SHOWN else ""
    return (" → ".join(changes[:KEYS_SHOWN]) + more) or None


def _facts(part: Part) -> PartFacts:
    return PartFacts(part.channel, part.program, part.name)


def _covered(spans: Iterable[tuple[int, int]]) -> int:
    """Count the whole numbers in stretches of them, both ends included."""
    count, reached = 0, -1
    for first, last in sorted(spans):
        count += max(0, last - max(first - 1, reached))
        reached = max(reached, last)
    return count
