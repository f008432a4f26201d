"""How notes are played, by three dials: swing, intensity and length, -1 to 1 each. Clips in, clips out; nothing is learned.

What begins when, how loud and how long is moved by rule, so that a dial does the same to every clip and to nothing else.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from models.music.clip import Clip, Note, note_order
from models.music.paced import paced, sorted_in_runs

TRIPLET = 2 / 3  # where in a unit of swing its middle comes to lie at 1: between straight and this at less
PLACES = (0.0, 0.25, 1 / 3, 0.5, 2 / 3, 0.75, 1.0)  # of a beat where notes are meant to begin, swung or not
LONGER = 3.0  # times as long at 1, where there is room, and as short at -1
SHORTEST = 1 / 16  # beats
LEGATO = 1 / 8  # beats that a note may ring into the next and still end with it


@dataclass(frozen=True)
class Dials:
    """How far each dial is turned; at 0 it leaves notes as they are."""

    swing: float = 0.0
    intensity: float = 0.0
    length: float = 0.0

    def __bool__(self) -> bool:
        """Whether any is turned."""
        return bool(self.swing or self.intensity or self.length)

    def turn(
        self,
        clip: Clip,
        kept: Collection[Note] = frozenset(),
        *,
        like: Clip | None = None,
        is_still: Callable[[float], bool] = lambda beat: False,
        strokes: bool = False,
    ) -> Clip:
        """Play the notes of a clip as the dials say, but for those that are `kept`.

        `like` is the clip whose notes tell what swings; no note that lies elsewhere comes to a beat that `is_still`. How long
        `strokes` last does not tell when they end.
        """
        if not self or not clip.notes:
            return clip
        locked = [n for n in paced(clip.notes) if n in kept]
        free = [n for n in paced(clip.notes) if n not in kept] if locked else list(clip.notes)
        if self.intensity:
            free = [_with(n, velocity=_louder(n.velocity, self.intensity)) for n in paced(free)]
        if self.swing:
            moved = _swung(clip, free, self.swing, swing_unit(like or clip), strokes=strokes)
            clashes = _clashes(locked)
            # What would now run into a locked note of its pitch, or into what is to stay as it is, stays where it was.
            free = [old if is_still(new.start) or clashes(new) else new for old, new in zip(free, moved, strict=True)]
        if self.length:
            free = _lasting(clip, free, locked, LONGER**self.length)
        return clip.with_notes(sorted_in_runs([*locked, *free], key=note_order))


def swing_unit(clip: Clip) -> float:
    """Find the beats whose middle swings: a beat, or half of one where sixteenths lead or eighths are what is counted."""
    if clip.meter[1] >= 8:
        return 4 / clip.meter[1]
    found = [0] * len(PLACES)
    for note in paced(clip.notes):
        phase = (note.start - clip.start) % 1
        found[min(range(len(PLACES)), key=lambda k: abs(PLACES[k] - phase))] += 1
    return 0.5 if found[1] + found[5] > found[2] + found[3] + found[4] else 1.0


def _with(note: Note, **fields: float) -> Note:
    """Change a note; where nothing is new in it, it is still the one that it was."""
    changed = replace(note, **fields, from_clip=-1, from_note=-1)  # type: ignore[arg-type]
    return note if changed == note else changed


def _louder(velocity: float, by: float) -> float:
    """Halve a velocity at -1, and bring it halfway to the most, as ratios go, at 1: accents stay, and nothing falls silent."""
    if velocity < 1:
        return velocity
    return float(max(1, round(velocity * 2**by if by < 0 else 127 * (velocity / 127) ** 2**-by)))


def _swung(clip: Clip, free: Sequence[Note], swing: float, unit: float, *, strokes: bool) -> list[Note]:
    """Warp time within each unit, so that no two notes change places: its beginning stays, and its middle moves as it is.

    Notes end where what follows now begins; strokes last as long as they did, up to the next of their pitch.
    """
    ticks, first = clip.ticks_per_beat, clip.start
    middle = 0.5 + abs(swing) * (TRIPLET - 0.5)
    straight, swung = (0.0, 0.125, 0.375, 0.625, 0.875, 1.0), (0.0, 0.125, middle - 0.125, middle + 0.125, 0.875, 1.0)
    given, wanted = (straight, swung) if swing > 0 else (swung, straight)

    def warp(beat: float) -> float:
        whole = math.floor((beat - first) / unit)
        if (whole + 1) * unit > clip.beats + 1e-6:  # what is left of a unit at the end of a clip does not swing
            return beat
        phase = (beat - first) / unit - whole
        k = bisect_right(given, phase) - 1
        now = wanted[k] + (phase - given[k]) * (wanted[k + 1] - wanted[k]) / (given[k + 1] - given[k])
        return beat if abs(now - phase) < 1e-9 else round((first + (whole + now) * unit) * ticks) / ticks

    begun = [warp(n.start) for n in paced(free)]
    if not strokes:
        lasting = (max(warp(n.end), start + min(n.duration, 1 / ticks)) for n, start in zip(free, begun, strict=True))
        return [_between(n, start, end) for n, start, end in zip(free, begun, paced(lasting), strict=True)]
    after: dict[int, float] = {}  # of each pitch, when the next one begins
    ends = [0.0] * len(free)
    for _, k in paced(reversed(sorted_in_runs([(start, k) for k, start in enumerate(begun)]))):
        note, start = free[k], begun[k]
        following, end = after.get(note.pitch, math.inf), start + note.duration
        ends[k] = following if start < following < end and end > note.end else end
        after[note.pitch] = start
    return [_between(n, start, end) for n, start, end in zip(free, begun, paced(ends), strict=True)]


def _between(note: Note, start: float, end: float) -> Note:
    """Let a note sound from one beat to another."""
    if (start, end) == (note.start, note.end):
        return note
    return _with(note, start=start, duration=note.duration if end - start == note.duration else end - start)


def _clashes(locked: Sequence[Note]) -> Callable[[Note], bool]:
    """Give what tells whether a note overlaps one of some notes, of its pitch."""
    sounding: dict[int, list[tuple[float, float]]] = {}
    for note in paced(sorted_in_runs(locked, key=note_order)):
        sounding.setdefault(note.pitch, []).append((note.start, note.end))

    def clashes(note: Note) -> bool:
        its = sounding.get(note.pitch, ())
        k = bisect_right(its, (note.start, math.inf)) if its else 0
        before = bool(k) and its[k - 1][1] > note.start
        return before or (k < len(its) and its[k][0] < note.end)

    return clashes


def _lasting(clip: Clip, free: Sequence[Note], locked: Sequence[Note], times: float) -> list[Note]:
    """Let notes last so many times as long; longer ones until the next begins, as in legato, and not on into silent bars."""
    ticks = clip.ticks_per_beat
    if times < 1:
        shorter = (max(round(n.duration * times * ticks) / ticks, min(SHORTEST, n.duration)) for n in paced(free))
        return [_with(n, duration=duration) for n, duration in zip(free, shorter, strict=True)]
    starts = sorted_in_runs([(n.start,) for n in paced([*free, *locked])])

    def latest(note: Note) -> float:
        """Find when a note must end: as the next begins that does not begin while it sounds."""
        k = bisect_right(starts, (max(note.start, note.end - LEGATO),))
        after = starts[k][0] if k < len(starts) else math.inf
        bar_end = clip.start + math.ceil((note.end - clip.start) / clip.bar - 1e-9) * clip.bar
        return min(after if after < bar_end + clip.bar else bar_end, clip.sounding_end)

    made = []
    for note in paced(free):
        end = max(min(note.start + note.duration * times, latest(note)), note.end)
        made.append(_with(note, duration=note.duration if end == note.end else round(end * ticks) / ticks - note.start))
    return made
