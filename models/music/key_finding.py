"""Finding the key of music, with how sure that is: notes in, keys out. Standard library only; no grids, nothing learned.

The method is Krumhansl and Schmuckler's: how long each pitch class sounds is correlated with what is usual in each of the 24
major and minor keys. What is usual are the profiles of Kostka and Payne's textbook, as in Temperley (Music and Probability,
2007), and those of Albrecht and Shanahan (Music Perception, 2013), half and half; durations count by their square roots, so
that one long note does not outweigh a scale. bench/keys.py prints how often that is right.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from models.music.clip import Note
from models.music.key import Key, parse_key
from models.music.paced import paced

CLASSES = 12
NAMES = {
    "Major": ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"),
    "Minor": ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"),
}
# How usual each pitch class is above the tonic, in major and in minor.
PROFILES = (
    (  # Kostka and Payne, as in Temperley 2007
        (0.748, 0.060, 0.488, 0.082, 0.670, 0.460, 0.096, 0.715, 0.104, 0.366, 0.057, 0.400),
        (0.712, 0.084, 0.474, 0.618, 0.049, 0.460, 0.105, 0.747, 0.404, 0.067, 0.133, 0.330),
    ),
    (  # Albrecht and Shanahan 2013
        (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081),
        (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052),
    ),
)
# Nats that a correlation of 1 is worth, by the beats heard: the most likely ones for the labelled keys of Nottingham and POP909
# are 8 for four beats, 11 for eight, 19 for 32 and 30 for whole pieces.
NATS, NATS_BEATS, NATS_POWER, NATS_MOST = 11.0, 8.0, 0.4, 30.0
SURE = 0.95  # the likely scales are the fewest that hold the key with this probability
NATS_OF_A_BAR = 5.0  # that a correlation of 1 is worth where bars are followed one by one
CHANGE = 14.0  # nats that a change of key costs
LONGEST = 8  # bars of a note that count: a drone says no more


@dataclass(frozen=True, slots=True)
class Heard:
    """What sounds in some music: how long each pitch class does, in beats, and in how many different beats anything does."""

    classes: tuple[float, ...] = (0.0,) * CLASSES
    beats: int = 0


@dataclass(frozen=True, slots=True)
class FoundKey:
    """The likeliest key, and all that are likely, the best of each scale first.

    `confidence` is the probability that the music is in the scale of `key`: relative keys (C major, A minor) have one scale.
    """

    key: Key
    confidence: float
    likely: tuple[Key, ...]

    @property
    def is_clear(self) -> bool:
        """Whether only one scale is likely."""
        return len(self.likely) == 1

    @property
    def classes(self) -> frozenset[int]:
        """The pitch classes that all likely scales share: those of the key where it is clear."""
        return frozenset.intersection(*(key.classes for key in self.likely))


@dataclass(frozen=True, slots=True)
class LocalKey:
    """The key of a stretch of music, from beat to beat."""

    start: float
    end: float
    found: FoundKey


def weigh(notes: Iterable[Note]) -> Heard:
    """Sum up how long each pitch class sounds; give it all that sounds but drums."""
    classes = [0.0] * CLASSES
    beats: set[int] = set()
    for note in paced(notes):
        if not note.mute:
            classes[note.pitch % CLASSES] += max(note.duration, 0.0)
            beats.update(range(math.floor(note.start), min(math.ceil(note.end), math.floor(note.start) + 4 * LONGEST)))
    return Heard(tuple(classes), len(beats))


def find_key(heard: Heard) -> FoundKey | None:
    """Find the key of what is heard; None where nothing is."""
    if not any(heard.classes):
        return None
    nats = min(NATS * (max(heard.beats, 1) / NATS_BEATS) ** NATS_POWER, NATS_MOST)
    fits = [nats * fit for fit in correlations(heard.classes)]
    most = max(fits)
    odds = [math.exp(fit - most) for fit in fits]
    by_scale: dict[frozenset[int], float] = defaultdict(float)
    best: dict[frozenset[int], int] = {}
    for index in sorted(range(len(odds)), key=lambda k: -odds[k]):
        scale = keys()[index].classes
        by_scale[scale] += odds[index] / sum(odds)
        best.setdefault(scale, index)
    key = keys()[fits.index(most)]
    # The likeliest key comes first, though another scale may be a little likelier as the sum of its two keys.
    order = sorted(by_scale, key=lambda scale: (scale != key.classes, -by_scale[scale]))
    likely: list[Key] = []
    total = 0.0
    for scale in order:
        likely.append(keys()[best[scale]])
        total += by_scale[scale]
        if total >= SURE:
            break
    return FoundKey(key, by_scale[key.classes], tuple(likely))


def find_local_keys(notes: Sequence[Note], *, bar: float, start: float, end: float) -> tuple[LocalKey, ...]:
    """Follow the key through music that may change it: one stretch where it does not, none where nothing sounds.

    The bars are explained by keys of which each change costs as much as several bars in the wrong one (Viterbi's method), so
    that a stretch is rarely shorter than eight bars. What a stretch is in is then found from all that sounds in it.
    """
    bars: dict[int, list[float]] = {}
    for note in paced(notes):
        if note.mute:
            continue
        bar_of_note = max(math.floor((note.start - start) / bar + 1e-9), 0)
        for k in range(bar_of_note, bar_of_note + LONGEST):
            begin, until = start + k * bar, start + (k + 1) * bar
            sounds = min(note.end, until) - max(note.start, begin)
            if sounds <= 0:
                break
            bars.setdefault(k, [0.0] * CLASSES)[note.pitch % CLASSES] += sounds
    order = sorted(bars)
    path = _follow([[NATS_OF_A_BAR * fit for fit in correlations(bars[k])] for k in paced(order, 32)])
    changes = [i for i in range(len(path)) if i == 0 or path[i] != path[i - 1]]
    edges = [start, *(start + order[i] * bar for i in changes[1:]), end]
    inside: list[list[Note]] = [[] for _ in changes]
    for note in paced(notes) if changes else ():
        inside[bisect_right(edges, note.start, 1, len(changes)) - 1].append(note)
    found: list[LocalKey] = []
    for (first, until), its in zip(pairwise(edges if changes else []), inside, strict=True):
        key = find_key(weigh(its))
        if key is not None:
            found.append(LocalKey(first, until, key))
    return tuple(found)


def correlations(classes: Sequence[float]) -> list[float]:
    """Correlate how long pitch classes sound with what is usual in each of `keys()`: -1 to 1, 0 for silence."""
    roots = [math.sqrt(c) for c in classes]
    mean = sum(roots) / CLASSES
    centred = [r - mean for r in roots]
    size = math.sqrt(sum(c * c for c in centred))
    if size < 1e-9:
        return [0.0] * (2 * CLASSES)
    return [sum(a * b for a, b in zip(centred, usual, strict=True)) / size for usual in _usual()]


@cache
def keys() -> tuple[Key, ...]:
    """List the keys that can be found: twelve major ones from C up, then twelve minor ones."""
    return tuple(parse_key(f"{root} {scale}") for scale, roots in NAMES.items() for root in roots)


@cache
def _usual() -> tuple[tuple[float, ...], ...]:
    """Turn the profiles to each root, centred and scaled so that a sum of products is the mean of the correlations."""
    found = []
    for mode in (0, 1):
        for root in range(CLASSES):
            total = [0.0] * CLASSES
            for profile in PROFILES:
                mean = sum(profile[mode]) / CLASSES
                size = math.sqrt(sum((p - mean) ** 2 for p in profile[mode])) * len(PROFILES)
                for step, p in enumerate(profile[mode]):
                    total[(root + step) % CLASSES] += (p - mean) / size
            found.append(tuple(total))
    return tuple(found)


def _follow(fits: Sequence[Sequence[float]]) -> list[int]:
    """Find the likeliest key of each bar, where each change costs CHANGE."""
    if not fits:
        return []
    best = list(fits[0])
    came: list[list[int]] = []
    for fit in paced(fits[1:]):
        from_ = max(range(len(best)), key=best.__getitem__)
        changed = best[from_] - CHANGE
        came.append([k if b >= changed else from_ for k, b in enumerate(best)])
        best = [max(b, changed) + f for b, f in zip(best, fit, strict=True)]
    path = [max(range(len(best)), key=best.__getitem__)]
    for back in reversed(came):
        path.append(back[path[-1]])
    return path[::-1]
