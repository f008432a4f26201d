"""Keys: a root and a scale by the names that Live uses. Text in, pitch classes out; no clips, no grids."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Live's own list (Live 12, the scale menu of the control bar), in semitones above the root.
SCALES: dict[str, tuple[int, ...]] = {
    "Major": (0, 2, 4, 5, 7, 9, 11),
    "Minor": (0, 2, 3, 5, 7, 8, 10),
    "Dorian": (0, 2, 3, 5, 7, 9, 10),
    "Mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "Lydian": (0, 2, 4, 6, 7, 9, 11),
    "Phrygian": (0, 1, 3, 5, 7, 8, 10),
    "Locrian": (0, 1, 3, 5, 6, 8, 10),
    "Whole Tone": (0, 2, 4, 6, 8, 10),
    "Half-whole Dim.": (0, 1, 3, 4, 6, 7, 9, 10),
    "Whole-half Dim.": (0, 2, 3, 5, 6, 8, 9, 11),
    "Minor Blues": (0, 3, 5, 6, 7, 10),
    "Minor Pentatonic": (0, 3, 5, 7, 10),
    "Major Pentatonic": (0, 2, 4, 7, 9),
    "Harmonic Minor": (0, 2, 3, 5, 7, 8, 11),
    "Harmonic Major": (0, 2, 4, 5, 7, 8, 11),
    "Dorian #4": (0, 2, 3, 6, 7, 9, 10),
    "Phrygian Dominant": (0, 1, 4, 5, 7, 8, 10),
    "Melodic Minor": (0, 2, 3, 5, 7, 9, 11),
    "Lydian Augmented": (0, 2, 4, 6, 8, 9, 11),
    "Lydian Dominant": (0, 2, 4, 6, 7, 9, 10),
    "Super Locrian": (0, 1, 3, 4, 6, 8, 10),
    "8-Tone Spanish": (0, 1, 3, 4, 5, 6, 8, 10),
    "Bhairav": (0, 1, 4, 5, 7, 8, 11),
    "Hungarian Minor": (0, 2, 3, 6, 7, 8, 11),
    "Hirajoshi": (0, 2, 3, 7, 8),
    "In-Sen": (0, 1, 5, 7, 10),
    "Iwato": (0, 1, 5, 6, 10),
    "Kumoi": (0, 2, 3, 7, 9),
    "Pelog Selisir": (0, 1, 3, 7, 8),
    "Pelog Tembung": (0, 1, 5, 7, 8),
    "Messiaen 3": (0, 2, 3, 4, 6, 7, 8, 10, 11),
    "Messiaen 4": (0, 1, 2, 5, 6, 7, 8, 11),
    "Messiaen 5": (0, 1, 5, 6, 7, 11),
    "Messiaen 6": (0, 2, 4, 5, 6, 8, 10, 11),
    "Messiaen 7": (0, 1, 2, 3, 5, 6, 7, 8, 9, 11),
}
ALSO = {
    "ionian": "Major",
    "maj": "Major",
    "aeolian": "Minor",
    "natural minor": "Minor",
    "min": "Minor",
    "m": "Minor",
    "": "Major",
}
AUTO, FREE = "auto", "free"  # words for a key that is not named: the one that the music is in, and none
LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_BY_NAME = {re.sub(r"[^a-z0-9#]", "", name.lower()): name for name in SCALES}
_FORM = re.compile(r"\s*([A-Ga-g])([#b♯♭]?)\s*(.*?)\s*")


@dataclass(frozen=True, slots=True)
class Key:
    """The pitch classes that a request may write: `root` 0..11, `steps` in semitones above it."""

    name: str
    root: int
    steps: tuple[int, ...]

    @property
    def classes(self) -> frozenset[int]:
        """The pitch classes, 0..11, C is 0."""
        return frozenset((self.root + s) % 12 for s in self.steps)

    def has(self, pitch: int) -> bool:
        """Tell whether a pitch is in the key."""
        return (pitch - self.root) % 12 in self.steps


def parse_key(text: str) -> Key:
    """Read `A minor`, `F# Dorian`, `Bb Harmonic Minor`, `Am`, or a root and its semitones, `A 0 3 5 7 10`."""
    match = _FORM.fullmatch(text)
    if not match:
        raise ValueError(f"key {text!r} has no root: a key is a root (C, F#, Bb …) and a scale, as in A minor")
    letter, sign, rest = match.groups()
    root = (LETTERS[letter.upper()] + {"#": 1, "♯": 1, "b": -1, "♭": -1, "": 0}[sign]) % 12
    shown = letter.upper() + sign
    if re.fullmatch(r"\d+([ ,]+\d+)*", rest):
        steps = tuple(sorted({int(step) % 12 for step in re.split(r"[ ,]+", rest)}))
        return Key(f"{shown} {' '.join(map(str, steps))}", root, steps)
    plain = ALSO.get(rest.lower(), rest)
    name = _BY_NAME.get(re.sub(r"[^a-z0-9#]", "", plain.lower()))
    if name is None:
        raise ValueError(f"there is no scale {rest!r}; there are: {', '.join(SCALES)}")
    return Key(f"{shown} {name}", root, SCALES[name])
