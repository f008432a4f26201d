"""How often a part is told to be drums, or not, where a file says so: with all in sight, and with what says so hidden."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from models.evaluation.figures import Figures
from models.families.family import PartFacts
from models.families.routing import DRUM_CHANNEL, DRUMS, RoutedPart, route_parts
from models.music.midi import MidiError, Song, from_bytes
from models.pause import pause
from models.training.dataset import find_sources

# What is hidden, by the name of the figure. The channel is what says that a part is drums; the others only hint at it.
HIDDEN: Mapping[str, tuple[str, ...]] = {
    "": (),
    "_without_channel": ("channel",),
    "_without_program": ("program",),
    "_without_name": ("name",),
    "_without_channel_and_program": ("channel", "program"),
    "_without_channel_and_name": ("channel", "name"),
    "_by_notes_alone": ("channel", "program", "name", "others"),
}
NOTHING = PartFacts()


@dataclass(frozen=True)
class RoutingResult:
    """How the parts of a file were told: what each is, what it was taken for, and why, by what was hidden."""

    file: str
    names: tuple[str, ...]
    is_drums: tuple[bool, ...]
    taken: Mapping[str, tuple[bool, ...]]
    reasons: Mapping[str, tuple[str, ...]]


def measure_routing(folder: Path, split: str) -> Figures:
    """Measure it on all MIDI files of a data folder that are in a split."""
    results: list[RoutingResult] = []
    for source in find_sources(folder, split):
        pause()
        try:
            song = from_bytes(source.content, name=source.name)
        except MidiError:
            continue  # as in packing
        results.append(route_song(f"{source.set}/{source.name}", song))
    if not any(result.names for result in results):
        raise ValueError(f"{folder} has no part with notes in split {split!r}")
    return count_routing(results)


def route_song(name: str, song: Song) -> RoutingResult:
    """Tell the parts of a file that have notes; MIDI channel 10 says which are drums."""
    parts = [
        RoutedPart(replace(part.clip, channel=None, name=""), PartFacts(part.channel, part.program, part.name))
        for part in song.parts
        if part.clip.notes
    ]
    taken, reasons = dict[str, tuple[bool, ...]](), dict[str, tuple[str, ...]]()
    for what, hidden in HIDDEN.items():
        blind = {key: getattr(NOTHING, key) for key in hidden if key != "others"}
        shown = [replace(part, facts=replace(part.facts, **blind)) for part in parts]
        lots = [[part] for part in shown] if "others" in hidden else [shown]
        routes = [route for lot in lots for route in route_parts(lot)]
        taken[what] = tuple(route.family == DRUMS for route in routes)
        reasons[what] = tuple(route.reason for route in routes)
    is_drums = tuple(part.facts.channel == DRUM_CHANNEL for part in parts)
    return RoutingResult(name, tuple(part.facts.name for part in parts), is_drums, taken, reasons)


def count_routing(results: Iterable[RoutingResult]) -> Figures:
    """Count how many parts are told rightly, and which way the others go."""
    found = list(results)
    figures: Figures = {
        "routing_parts": sum(len(result.names) for result in found),
        "routing_drum_parts": sum(sum(result.is_drums) for result in found),
    }
    for what in HIDDEN:
        pairs = [pair for result in found for pair in zip(result.is_drums, result.taken[what], strict=True)]
        figures[f"routing_accuracy{what}"] = sum(a == b for a, b in pairs) / len(pairs) if pairs else None
        figures[f"routing_taken_for_drums{what}"] = sum(b and not a for a, b in pairs)
        figures[f"routing_drums_missed{what}"] = sum(a and not b for a, b in pairs)
    return figures
