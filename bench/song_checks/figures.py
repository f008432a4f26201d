"""What is measured of parts, before and after: notes and pairs in, numbers out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import fmean, pstdev

from bench.song_checks.reader import Heard, Sound
from bench.song_checks.runs import Pair
from models.music.drum_map import find_drum_map

MAJOR = (0, 2, 4, 5, 7, 9, 11)
SIXTH = 1 / 6  # beats: a note that comes back so near is the same note
EARLY = 1 / 8  # beats: half a sixteenth is feel


class Sounding:
    """What sounds in a file when, drums left out, by beat."""

    def __init__(self, heard: Heard) -> None:
        self._by_beat: dict[int, list[Sound]] = defaultdict(list)
        for (_, channel), notes in heard.parts.items():
            for n in notes if channel != 10 else []:
                for beat in range(int(n.start), min(int(n.end), int(n.start) + 64) + 1):
                    self._by_beat[beat].append(n)

    def clashes(self, note: Sound) -> bool:
        """Tell whether another note a semitone away, in any octave, sounds when this one has begun."""
        at = note.start + EARLY / 2
        near = self._by_beat.get(int(at), [])
        return any(n.start <= at < n.end - EARLY / 2 and (n.pitch - note.pitch) % 12 in (1, 11) for n in near)


def strokes(notes: Sequence[Sound]) -> list[Sound]:
    """List what a model of drums can hold of them, by voice: no pads of no voice, and one stroke of a voice a sixteenth."""
    voices = find_drum_map("gm").voice_of
    heard = {(voices[n.pitch], round(n.start * 4)): replace(n, pitch=voices[n.pitch]) for n in notes if n.pitch in voices}
    return list(heard.values())


def f1(before: Sequence[Sound], after: Sequence[Sound]) -> float:
    """Count notes that come back: the same pitch within a sixth of a beat, each once."""
    left: dict[int, list[float]] = defaultdict(list)
    for n in after:
        left[n.pitch].append(n.start)
    found = 0
    for n in before:
        near = [at for at in left[n.pitch] if abs(at - n.start) <= SIXTH]
        if near:
            left[n.pitch].remove(min(near, key=lambda at, n=n: abs(at - n.start)))  # type: ignore[misc]
            found += 1
    return 2 * found / max(1, len(before) + len(after))


def is_kept(pair: Pair) -> bool:
    """Tell whether a part has as many notes as before, to a tenth; to two where it has fewer than 20."""
    apart = abs(len(pair.after) - len(pair.before))
    return apart <= (2 if len(pair.before) < 20 else 0.1 * len(pair.before))


def silent_bars(pair: Pair) -> set[int]:
    """List the bars in which a part is silent, to the sixteenth; a stroke of a drum sounds where it is struck."""
    bar = pair.source.bar
    last = bar_of(max([n.end for n in (*pair.before, *pair.after)], default=0.0), bar) + 1
    loud: set[int] = set()
    for n in pair.before:
        end = n.start if pair.is_drums else max(n.end - 2 * EARLY, n.start)
        loud.update(range(bar_of(n.start + EARLY, bar), bar_of(end + EARLY, bar) + 1))
    return set(range(last + 1)) - loud


def strange_pads(pairs: Iterable[Pair]) -> Iterator[bool]:
    """Tell of each new hit whether the part never uses its pad."""
    for pair in pairs:
        used = {n.pitch for n in pair.before}
        yield from (n.pitch not in used for n in pair.new)


def scale_of(heard: Heard) -> frozenset[int]:
    """Find the major scale that holds most of what sounds in a file."""
    weight = [0.0] * 12
    for (_, channel), notes in heard.parts.items():
        for n in notes if channel != 10 else []:
            weight[n.pitch % 12] += min(n.end - n.start, 8.0)
    scales = [frozenset((root + step) % 12 for step in MAJOR) for root in range(12)]
    return max(scales, key=lambda scale: sum(weight[k] for k in scale))


def leap(notes: Sequence[Sound]) -> float | None:
    """Average the leaps from stroke to stroke, of the highest notes."""
    top: dict[int, int] = {}
    for n in notes:
        top[round(n.start * 12)] = max(top.get(round(n.start * 12), 0), n.pitch)
    leaps = [abs(b - a) for a, b in pairwise(top.values())]
    return fmean(leaps) if leaps else None


def longest_gap(notes: Sequence[Sound]) -> float | None:
    """Find the longest time between strokes, in beats, rests of two bars and more left out."""
    gaps = [b - a for a, b in pairwise(sorted({n.start for n in notes})) if b - a < 8]
    return max(gaps, default=None)


def bars_differ(notes: Sequence[Sound]) -> float | None:
    """Compare each bar of four beats with the next: the share of hits that they do not have in common."""
    bars: dict[int, set[tuple[int, int]]] = defaultdict(set)
    for n in notes:
        step = round(n.start * 4)
        bars[step // 16].add((step % 16, n.pitch))
    found = [len(bars[k] ^ bars[k + 1]) / len(bars[k] | bars[k + 1]) for k in sorted(bars) if k + 1 in bars]
    return fmean(found) if found else None


def bar_of(at: float, bar: float) -> int:
    """Number the bar that a beat is in."""
    return int(at // bar)


Figure = Callable[[Sequence[Sound]], float | None]
PITCHED: dict[str, Figure] = {
    "range, semitones": lambda notes: max(n.pitch for n in notes) - min(n.pitch for n in notes) if notes else None,
    "leap, semitones": leap,
    "note length, beats": lambda notes: fmean(min(n.end - n.start, 8) for n in notes) if notes else None,
    "velocity spread": lambda notes: pstdev(n.velocity for n in notes) if notes else None,
    "longest gap below two bars, beats": longest_gap,
    "next bars differ": bars_differ,
}
STRUCK: dict[str, Figure] = {key: PITCHED[key] for key in list(PITCHED)[3:]}
