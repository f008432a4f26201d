"""Which drum voice a pad is: published maps and the words in pad names. Names and pitches only; no clips, no numpy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from models.yaml_text import load_yaml

# The nine voices of GrooVAE (magenta/models/music_vae/data.py), in the order of a model's bits.
VOICE_NAMES = ("kick", "snare", "closed_hat", "open_hat", "low_tom", "mid_tom", "high_tom", "crash", "ride")
# Words for several voices at once.
TOGETHER = {
    **dict.fromkeys(("hihat", "hat", "hh"), ("closed_hat", "open_hat")),
    **dict.fromkeys(("tom", "tomtom"), ("low_tom", "mid_tom", "high_tom")),
    **dict.fromkeys(("cymbal",), ("crash", "ride")),
}
TABLE = Path(__file__).parent / "drum_maps.yaml"


@dataclass(frozen=True)
class DrumMap:
    """One kit's pads: the pitches of each voice; new hits are written at the first that a clip does not decide."""

    name: str
    about: str
    pitches: Mapping[str, tuple[int, ...]]
    source: str = ""

    @property
    def voice_of(self) -> dict[int, int]:
        """The voice of each pitch, by its place in VOICE_NAMES; of a voice's pitches the first comes first."""
        return {pitch: VOICE_NAMES.index(voice) for voice, pitches in self.pitches.items() for pitch in pitches}


def find_drum_map(name: str) -> DrumMap:
    """Look a map up by name."""
    maps = drum_maps()
    if name not in maps:
        raise ValueError(f"there is no drum map {name!r}; there are: {', '.join(maps)}")
    return maps[name]


@cache
def drum_maps() -> dict[str, DrumMap]:
    """Read the published maps, by name."""
    return {
        name: DrumMap(
            name, entry["about"], {voice: tuple(entry["pitches"].get(voice, ())) for voice in VOICE_NAMES}, entry["source"]
        )
        for name, entry in _read()["maps"].items()
    }


def with_pads(drum_map: DrumMap, pads: Iterable[tuple[int, str]]) -> DrumMap:
    """Change a map by what is known of single pads, (pitch, voice): they leave their old voice and lead their new one."""
    chosen = dict(pads)
    for voice in chosen.values():
        if voice not in VOICE_NAMES:
            raise ValueError(f"there is no drum voice {voice!r}; there are: {', '.join(VOICE_NAMES)}")
    return replace(
        drum_map,
        pitches={
            voice: (
                *(pitch for pitch, its in chosen.items() if its == voice),
                *(pitch for pitch in pitches if pitch not in chosen),
            )
            for voice, pitches in drum_map.pitches.items()
        },
    )


def drum_words() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """List (voice or `other`, what names it) in the order in which `voice_by_name` tries them, as the Live device does."""
    return tuple((voice, tuple(entries)) for voice, entries in _read()["words"])


def voices_by_word(word: str) -> tuple[str, ...]:
    """Find the voices that a musician's word means: one of the nine, hihat for both, toms, cymbals, or what pads are called."""
    said = re.sub("[^a-z]", "", word.lower())
    voices = (word,) if word in VOICE_NAMES else TOGETHER.get(said.removesuffix("s"), ())
    if not voices and (voice := voice_by_name(word)):
        voices = (voice,)
    if not voices:
        raise ValueError(
            f"{word.strip() or 'nothing'} is no drum voice; there are: hihat, toms, cymbals, {', '.join(VOICE_NAMES)}"
        )
    return voices


def voice_by_name(name: str) -> str | None:
    """Tell the voice of a pad from its name, None where it says none of the nine; the rule stands with the words."""
    parted = re.sub("(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])", " ", name)
    said = set(re.findall("[a-z0-9]+", parted.lower()))
    for voice, words in _entries():
        if words <= said:
            return voice if voice in VOICE_NAMES else None
    return None


@cache
def _entries() -> tuple[tuple[str, frozenset[str]], ...]:
    return tuple((voice, frozenset(entry.split())) for voice, entries in drum_words() for entry in entries)


@cache
def _read() -> dict[str, Any]:
    content: dict[str, Any] = load_yaml(TABLE.read_text(encoding="utf-8"))
    return content
