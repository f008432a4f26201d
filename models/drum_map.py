"""Which drum voice a pad is: published maps and the words in pad names. Names and pitches only; no clips, no numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

VOICE_NAMES = ("kick", "snare", "closed_hat", "open_hat", "low_tom", "mid_tom", "high_tom", "crash", "ride")
PLACES = (Path(__file__).parent / "drum_maps.yaml", Path(__file__).parents[1] / "configs" / "drum_maps.yaml")  # wheel, checkout


@dataclass(frozen=True)
class DrumMap:
    """One kit's pads: the pitches of each voice; new hits are written at the first that a clip does not decide."""

    name: str
    about: str
    pitches: Mapping[str, tuple[int, ...]]

    @property
    def voice_of(self) -> dict[int, int]:
        """The voice of each pitch, by its place in VOICE_NAMES."""
        return {pitch: VOICE_NAMES.index(voice) for voice, pitches in self.pitches.items() for pitch in pitches}


def find_drum_map(name: str) -> DrumMap:
    """Look a map up by name."""
    maps = _read()
    if name not in maps:
        raise ValueError(f"there is no drum map {name!r}; there are: {', '.join(maps)}")
    return maps[name]


@cache
def _read() -> dict[str, DrumMap]:
    path = next(place for place in PLACES if place.exists())
    listed = yaml.safe_load(path.read_text())["maps"]
    return {
        name: DrumMap(name, entry["about"], {voice: tuple(entry["pitches"].get(voice, ())) for voice in VOICE_NAMES})
        for name, entry in listed.items()
    }
