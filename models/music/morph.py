"""Leading one clip to another note by note, without a model. Clips in, clips out.

Where a function takes `voice` (as `distance` does), a clip with one is drums; without one it is notes, and where the clips
given are single lines, so is what comes back.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from models.music.assignment import assign, assign_near
from models.music.clip import Clip, Note, note_order
from models.music.distance import NEAR_ONSET, SAME_ONSET, VoiceOf, lane_of
from models.music.paced import paced, sorted_in_runs

STEP = 1 / 4  # beats: notes are led in sixteenths
TABLE = 1_000_000  # pairs of notes of which there is a table: 8 MB


def morph(a: Clip, b: Clip, at: float, *, voice: VoiceOf | None = None) -> Clip:
    """Lead each note of a to the note of b assigned to it; the others go and come one by one. 0 and 1 are the clips given.

    Time moves in sixteenths with the feel gliding between, pitch along the pitch classes of both clips, pads not at all.
    Every pair has its own moment to step, so that clips change note by note and not all at once.
    """
    return Morph(a, b, voice=voice).at(at)


class Morph:
    """The way from one clip to another, note by note: see `morph`."""

    def __init__(self, a: Clip, b: Clip, *, voice: VoiceOf | None = None) -> None:
        self._a, self._b, self._voice = a, b, voice

    @cached_property
    def _sides(self) -> tuple[Clip, list[Note], list[Note]]:
        return side_by_side(self._a, self._b)

    @cached_property
    def _pairs(self) -> list[tuple[int, int]]:
        return _assign(*self._sides[1:], self._voice)

    def at(self, share: float) -> Clip:
        """Make the clip at a share of the way."""
        check_share("at", share)
        if share in (0, 1):
            return self._b if share else self._a
        frame, from_a, from_b = self._sides
        pairs, voice = self._pairs, self._voice
        scale = {note.pitch % 12 for note in paced(from_a + from_b)}
        melodic = [p for p in range(128) if p % 12 in scale]
        led = []
        for (i, j), moment in paced(zip(pairs, _moments(len(pairs)), strict=True), 32):
            x, y = from_a[i], from_b[j]
            note = _between(x, y, share, moment, melodic if voice is None else [x.pitch, y.pitch])
            led.append(note if note is x or note is y else _cut(note, [frame.sounding_end]))
        paired_a, paired_b = {i for i, _ in paced(pairs)}, {j for _, j in paced(pairs)}
        alone = [(note, False) for i, note in paced(enumerate(from_a)) if i not in paired_a]
        alone += [(note, True) for j, note in paced(enumerate(from_b)) if j not in paired_b]
        alone = sorted_in_runs(alone, key=lambda entry: note_order(entry[0]))
        moments = _moments(len(alone))
        there = [n for (n, comes), moment in paced(zip(alone, moments, strict=True)) if comes == (share > moment)]
        single = voice is None and is_single_line(self._a) and is_single_line(self._b)
        return frame.with_notes(settle(settle([], led, single), there, single)).in_order()


def is_single_line(clip: Clip) -> bool:
    """Whether no note sounds while another does."""
    notes = sorted_in_runs(clip.notes, key=lambda n: (n.start,))
    return all(note.end <= later.start + 1e-6 for note, later in paced(pairwise(notes)))


def settle(notes: Sequence[Note], new: Sequence[Note], single: bool) -> list[Note]:
    """Let new notes in where no other is struck within half a step, and end each note where a new one of its lane begins.

    A lane is a pitch, or the whole clip where it is a single line. New notes of one pitch may stand close, as flams do.
    """
    old: dict[int, list[float]] = defaultdict(list)
    fresh: dict[int, list[float]] = defaultdict(list)
    for note in paced(notes):
        insort(old[0 if single else note.pitch], note.start)
    welcome = []
    for note in paced(new, 64):
        lane = 0 if single else note.pitch
        if _is_free(old[lane], note.start, STEP / 2) and _is_free(fresh[lane], note.start, STEP / 2 if single else SAME_ONSET):
            insort(fresh[lane], note.start)
            welcome.append(_cut(note, old[lane]))
    return [_cut(note, fresh[0 if single else note.pitch]) for note in paced((*notes, *welcome))]


def side_by_side(a: Clip, b: Clip) -> tuple[Clip, list[Note], list[Note]]:
    """The frame of what lies between two clips, the longer with a's meter and place, and the notes of both in it."""
    frame = a if a.beats >= b.beats else replace(a, beats=b.beats, loop=None, markers=None)
    sounding = max(clip.sounding_beats for clip in (a, b))
    frame = replace(frame, track_end=a.start + sounding if sounding < frame.beats else None)
    return frame, sorted_in_runs(_repeated(a, frame), key=note_order), sorted_in_runs(_repeated(b, frame), key=note_order)


def _repeated(clip: Clip, frame: Clip) -> list[Note]:
    """The notes of a clip at the place of the frame, from the beginning again until the frame is full and nothing past it."""
    notes = []
    for k in range(math.ceil(frame.beats / clip.beats - 1e-9) if clip.notes else 0):
        shift = frame.start - clip.start + k * clip.beats
        for n in paced(clip.notes):
            if k == 0:
                notes.append(at_onset(n, n.start + shift))
            elif n.start + shift < frame.sounding_end:
                notes.append(_cut(at_onset(n, n.start + shift), [frame.sounding_end]))
    return notes


def at_onset(note: Note, start: float) -> Note:
    """The note at another onset; the very note where it is its own."""
    return note if start == note.start else replace(note, start=start, from_clip=-1, from_note=-1)


def _is_free(starts: Sequence[float], onset: float, apart: float) -> bool:
    return bisect_right(starts, onset - apart) == bisect_left(starts, onset + apart)


def _cut(note: Note, starts: Sequence[float]) -> Note:
    after = bisect_right(starts, note.start)
    if after == len(starts) or note.end <= starts[after] + 1e-6:
        return note
    return replace(note, duration=starts[after] - note.start, from_clip=-1, from_note=-1)


def _assign(from_a: Sequence[Note], from_b: Sequence[Note], voice: VoiceOf | None) -> list[tuple[int, int]]:
    """Pair notes by the shortest way in all; none goes as far as a beat or an octave, nor to another drum voice."""
    if len(from_a) * len(from_b) > TABLE:
        return _assign_near(from_a, from_b, voice)
    start_a, start_b = (np.array([n.start for n in notes], dtype=np.float64) for notes in (from_a, from_b))
    cost = np.abs(start_a[:, None] - start_b)
    if voice is None:
        pitch_a, pitch_b = (np.array([n.pitch for n in notes], dtype=np.float64) for notes in (from_a, from_b))
        cost += np.abs(pitch_a[:, None] - pitch_b) / 12
    else:
        lane_a, lane_b = (np.array([lane_of(n.pitch, voice) for n in notes]) for notes in (from_a, from_b))
        cost[lane_a[:, None] != lane_b] = NEAR_ONSET
    # Whoever is too far is as good as alone, however far.
    return [(i, j) for i, j in assign(np.minimum(cost, NEAR_ONSET)) if cost[i, j] < NEAR_ONSET]


def _assign_near(from_a: Sequence[Note], from_b: Sequence[Note], voice: VoiceOf | None) -> list[tuple[int, int]]:
    """Pair notes as `_assign` does, without a table of all pairs."""
    lanes: dict[int, tuple[list[float], list[int]]] = {}  # of b's notes, in order: onsets and numbers
    for j, note in paced(enumerate(from_b)):
        starts, numbers = lanes.setdefault(note.pitch if voice is None else lane_of(note.pitch, voice), ([], []))
        starts.append(note.start)
        numbers.append(j)

    def near(i: int) -> list[tuple[int, float]]:
        note, found = from_a[i], list[tuple[int, float]]()
        own = note.pitch if voice is None else lane_of(note.pitch, voice)
        for lane in range(own - 11, own + 12) if voice is None else (own,):
            if lane in lanes:
                starts, numbers = lanes[lane]
                far = abs(lane - own) / 12
                reach = NEAR_ONSET - far
                low = bisect_left(starts, note.start - reach)
                high = bisect_right(starts, note.start + reach, low)
                costs = (abs(start - note.start) + far for start in starts[low:high])
                found += [(j, cost) for j, cost in zip(numbers[low:high], costs, strict=True) if cost < NEAR_ONSET]
        return found

    return assign_near(len(from_a), near, alone=NEAR_ONSET)


def _moments(count: int) -> list[float]:
    """Moments between 0 and 1, equally far apart; those of neighbours are far from each other (the golden ratio)."""
    ranks = np.argsort(np.argsort(np.arange(count) * (math.sqrt(5) - 1) / 2 % 1))
    return [float(m) for m in (ranks + 0.5) / max(count, 1)]


def _between(x: Note, y: Note, at: float, moment: float, pitches: Sequence[int]) -> Note:
    """The note on the way from x to y: whole sixteenths and pitches, in steps that come later for a smaller moment."""
    way = y.start - x.start
    steps = round(way / STEP)
    pitch = x.pitch + math.floor((y.pitch - x.pitch) * at + moment)
    near = x if at <= 1 - moment else y
    note = replace(
        near,
        pitch=min(pitches, key=lambda p: abs(p - pitch)),
        start=x.start + STEP * math.floor(steps * at + moment) + at * (way - STEP * steps),
        duration=x.duration + at * (y.duration - x.duration),
        velocity=x.velocity + at * (y.velocity - x.velocity),
        from_clip=-1,
        from_note=-1,
    )
    return near if note == near else note


def check_share(name: str, share: float) -> None:
    """Refuse what is no share."""
    if not 0 <= share <= 1:
        raise ValueError(f"{name} {share} is not in 0..1")
