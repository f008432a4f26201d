"""What new notes of a clip may be where no key is named: the keys that are found there, and what they leave. No grids.

A scale is forced only where it is clear: elsewhere new notes keep to what all likely scales share. The clip's own pitch
classes are allowed near where they sound.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from models.families.constraints import Scale
from models.music.clip import Clip, Note
from models.music.key import Key
from models.music.key_finding import FoundKey, find_local_keys
from models.music.paced import paced

SHORTEST = 2.0  # beats that are heard as one bar at the least
# Bars either way of a note of the clip's own in which its pitch class may be new too: in a clear key what lies outside it is
# an accidental of that bar, elsewhere it may well be of the scale.
NEAR = {True: 0, False: 1}
# Where less is shared, the classes that most of the likely scales have are taken too: of few pitches a line cannot be varied as
# musicians vary one. More than 6 would be a scale that is not clear (bench/outside.py; `pair_auc` of `evaluate`).
FEWEST = 6
SHOWN = 4  # keys that a sentence holds
SHARPS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
FLATS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
IN_FLATS = {1, 3, 5, 8, 10}  # major keys that are written so, by their root


@dataclass(frozen=True)
class KeyUsed:
    """The key of new notes from a beat of a clip on, counted from its start: the likeliest, and the classes they keep to.

    Beside those the clip's own are allowed, near where they sound.
    """

    start: float
    key: Key
    is_clear: bool
    classes: frozenset[int]

    @staticmethod
    def named(key: Key) -> KeyUsed:
        """A key that was asked for."""
        return KeyUsed(0.0, key, True, key.classes)

    def moved(self, start: float) -> KeyUsed:
        """The same from another beat on."""
        return self if start == self.start else replace(self, start=start)

    @property
    def notes(self) -> str:
        """The names of the pitch classes, from the root on."""
        return spell(self.classes, self.key)


def find_keys(clip: Clip, beside: Sequence[Note] = ()) -> tuple[KeyUsed, ...]:
    """Find the keys that a clip is in together with what sounds beside it, on the clip's beats; none where nothing sounds."""
    notes = [*clip.notes, *beside]
    found = find_local_keys(notes, bar=_bar(clip), start=clip.start, end=clip.end)
    return tuple(KeyUsed(k.start - clip.start, k.found.key, k.found.is_clear, _allowed(k.found)) for k in found)


def scales_of(clip: Clip, keys: Sequence[KeyUsed]) -> tuple[Scale, ...]:
    """Say what new notes of a clip in some keys may be from which beat on, its own pitch classes included near by."""
    if not keys:
        return ()
    bar, starts = _bar(clip), [key.start for key in keys]

    def key_at(beat: float) -> KeyUsed:
        return keys[max(0, bisect_right(starts, beat + 1e-6) - 1)]

    own: dict[int, set[int]] = defaultdict(set)  # by bar: what is not in the key of its note
    for note in paced(clip.notes):
        at = note.start - clip.start
        key = key_at(at)
        if note.pitch % 12 not in key.classes:
            here, near = math.floor(at / bar + 1e-6), NEAR[key.is_clear]
            for k in range(here - near, here + near + 1):
                own[k].add(note.pitch % 12)
    edges = sorted({0.0, *starts, *(k * bar for k in own), *((k + 1) * bar for k in own)})
    found: list[Scale] = []
    for edge in paced(edges):
        classes = key_at(edge).classes | own.get(math.floor(edge / bar + 1e-6), set())
        if not found or found[-1].classes != classes:
            found.append(Scale(edge, classes))
    return tuple(found)


def join_scales(several: Sequence[Sequence[Scale]]) -> tuple[Scale, ...]:
    """Allow at each beat what any of some clips allows there; a clip without scales, as nothing sounds in it, has no say."""
    heard = [scales for scales in several if scales]
    if len(heard) < 2:
        return tuple(heard[0]) if heard else ()
    starts = [[scale.start for scale in scales] for scales in heard]
    found: list[Scale] = []
    for edge in paced(sorted({start for its in starts for start in its})):
        here = (scales[max(0, bisect_right(its, edge) - 1)] for scales, its in zip(heard, starts, strict=True))
        classes = frozenset[int]().union(*(scale.classes for scale in here))
        if not found or found[-1].classes != classes:
            found.append(Scale(edge, classes))
    return tuple(found)


def describe_keys(name: str, keys: Sequence[KeyUsed], scales: Sequence[Scale]) -> str:
    """Say in which key the new notes of a clip are, or what they keep to where none is clear."""
    if len(keys) == 1 and not keys[0].is_clear:
        is_one = len(scales) == 1
        kept = spell(scales[0].classes, keys[0].key) if is_one else f"{keys[0].notes} and, near by, to its own"
        return f"no clear key in {name}: new notes keep to {kept}"
    return f"key of {name}: {list_keys(keys)} (found)"


def list_keys(keys: Sequence[KeyUsed]) -> str:
    """List keys with the beats from which they hold, the first of many."""
    listed = [
        (f"from beat {key.start:g} " if k else "") + (key.key.name if key.is_clear else f"not clear: {key.notes}")
        for k, key in enumerate(keys[:SHOWN])
    ]
    return "; ".join([*listed, *([f"and {len(keys) - SHOWN} more"] if len(keys) > SHOWN else [])])


def spell(classes: frozenset[int], key: Key) -> str:
    """Name pitch classes from the root of a key on, with its accidentals."""
    major = key.root if 4 in key.steps else key.root + 3
    names = FLATS if major % 12 in IN_FLATS else SHARPS
    return " ".join(names[k] for k in sorted(classes, key=lambda k: (k - key.root) % 12))


def _bar(clip: Clip) -> float:
    return clip.bar * math.ceil(SHORTEST / clip.bar)


def _allowed(found: FoundKey) -> frozenset[int]:
    """Take what all likely scales share, and where that is little what most of them have."""
    shared = found.classes
    if len(shared) >= FEWEST:
        return shared
    by_scales = sorted(range(12), key=lambda k: (-sum(k in key.classes for key in found.likely), k not in found.key.classes))
    return shared.union(by_scales[:FEWEST])
