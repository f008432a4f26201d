"""Clips of all kinds for properties, how often these are tried, and what clips are compared by.

EXAMPLES=20 in the environment makes every property run twenty times as many examples, which is thousands for each.
"""

from __future__ import annotations

import math
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from models.music.clip import Clip, Note, note_order

MANY = int(os.environ.get("EXAMPLES", "1"))
Kind = Literal["drums", "notes"]
kinds = pytest.mark.parametrize("kind", ["drums", "notes"])
PATHS: tuple[Literal["even", "slerp", "morph"], ...] = ("even", "slerp", "morph")


def some(examples: int) -> settings:
    """Set how often a property is tried: always the same examples, so that a run says what the last one said."""
    return settings(
        deadline=None,
        derandomize=True,
        database=None,
        max_examples=examples * MANY,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


notes = st.builds(
    Note,
    pitch=st.integers(0, 127),
    start=st.floats(-4, 20, allow_nan=False),
    duration=st.floats(0, 8, allow_nan=False),
    velocity=st.floats(0, 127, allow_nan=False),
    mute=st.booleans(),
    probability=st.floats(0, 1, allow_nan=False),
    velocity_deviation=st.floats(-127, 127, allow_nan=False),
    release_velocity=st.floats(0, 127, allow_nan=False),
)
meters = st.sampled_from([(4, 4), (3, 4), (2, 4), (5, 4), (6, 8), (7, 8), (12, 8), (5, 16), (1, 32)])
clips = st.builds(
    Clip,
    notes=st.lists(notes, max_size=60).map(tuple),
    beats=st.floats(0.25, 20, allow_nan=False),
    start=st.sampled_from([0.0, -4.0, 1.5, 16.0]),
    meter=meters,
)


# Chords, strummed or not, lines over held notes, swing and triplets, doubled notes: what a keyboard part is made of.
times = st.one_of(
    st.integers(-8, 80).map(lambda k: k / 4),
    st.integers(-12, 60).map(lambda k: k / 3),
    st.integers(-8, 40).map(lambda k: k / 2 + (0.16 if k % 2 else 0.0)),
)
chords = st.builds(
    lambda start, pitches, length, strum: [Note(p, start + strum * k, length) for k, p in enumerate(pitches)],
    times,
    st.lists(st.one_of(st.integers(48, 72), st.sampled_from([0, 127, 60])), min_size=1, max_size=6),
    st.sampled_from([0.0, 0.1, 0.25, 1 / 3, 0.5, 1.0, 4.0, 9.5]),
    st.sampled_from([0.0, 0.01, 0.05]),
)
parts = st.builds(
    lambda chords, beats, start, meter: Clip(tuple(n for chord in chords for n in chord), beats, start, meter),
    st.lists(chords, max_size=25),
    st.one_of(st.sampled_from([2.5, 3.0, 4.0, 5.0, 7.0, 8.0, 12.0, 16.0, 8.0000001]), st.floats(0.25, 20)),
    st.sampled_from([0.0, -4.0, 1.5, 16.0]),
    meters,
)


def _laid_at(notes: Iterable[Note], beats: float, start: float, meter: tuple[int, int]) -> Clip:
    return Clip(tuple(replace(n, start=n.start + start) for n in notes), beats, start, meter)


def _in_turn(steps: Sequence[tuple[int, float, float, bool]], start: float) -> list[Note]:
    """Lay notes behind one another: (pitch, beats to the next, share of these that sounds, is a rest)."""
    notes: list[Note] = []
    for pitch, beats, share, is_rest in steps:
        if not is_rest:
            notes.append(Note(pitch, start, beats * share, 60.0 + 5 * (pitch % 12)))
        start += beats
    return notes


# Notes on sixteenths, triplets and thirty-seconds, before the clip, after it and in between, with all fields.
_notes = st.builds(
    Note,
    pitch=st.sampled_from([35, 36, 38, 40, 42, 44, 45, 46, 49, 51, 60, 99, 0, 127]),
    start=st.one_of(st.integers(-4, 70).map(lambda k: k / 4), st.integers(-3, 50).map(lambda k: k / 3), st.floats(-1, 17)),
    duration=st.sampled_from([0.1, 0.25, 0.25, 0.5, 1 / 3, 1.0, 2.5, 0.0]),
    velocity=st.sampled_from([1.0, 64.5, 100.0, 101.0, 127.0]),
    mute=st.booleans(),
    probability=st.sampled_from([1.0, 0.5]),
    velocity_deviation=st.sampled_from([0.0, -127.0, 12.5]),
    release_velocity=st.sampled_from([64.0, 0.0, 127.0]),
)
_lengths = st.one_of(st.sampled_from([1.0, 2.5, 3.0, 3.37, 4.0, 6.0, 8.0, 8.0, 8.0000001, 12.0, 16.0]), st.floats(0.25, 20))
_starts = st.sampled_from([0.0, 0.0, -4.0, 1.5, 16.0])
_steps = st.tuples(
    st.sampled_from([60, 62, 64, 65, 67, 69, 71, 72, 61, 66, 0, 127]),
    st.sampled_from([0.25, 0.25, 0.5, 0.5, 1.0, 1 / 3, 0.125, 2.0, 5.0]),
    st.sampled_from([1.0, 1.0, 0.5, 0.9]),
    st.integers(0, 5).map(lambda k: k == 0),
)
hits = st.builds(_laid_at, st.lists(_notes, max_size=40), _lengths, _starts, meters)
lines = st.builds(
    _laid_at,
    st.builds(_in_turn, st.lists(_steps, max_size=40), st.sampled_from([0.0, 0.0, 0.0, -0.5, 0.05])),
    _lengths,
    _starts,
    meters,
)
sources: dict[Kind, st.SearchStrategy[Clip]] = {
    "drums": st.one_of(hits, hits, clips),
    "notes": st.one_of(lines, lines, parts, clips),
}


def fields(notes: Iterable[Note]) -> Counter[tuple[float, ...]]:
    """Count notes by all their fields."""
    return Counter(note_order(n) for n in notes)


def laid_out(clip: Clip, first: Clip, beats: float) -> Clip:
    """Repeat a clip at the place of another until it is as long as asked: what an answer between clips is held to.

    No note that is repeated rings past the end.

    The notes of the first round come first, in their own order.
    """
    rounds = max(1, math.ceil(beats / clip.beats - 1e-9))
    shift = first.start - clip.start
    tail = beats - clip.beats if rounds > 1 else 0.0  # what no loop plays stays past the end
    notes = [replace(n, start=n.start + (shift + (tail if n.start >= clip.end else 0.0))) for n in clip.notes]
    for k in range(1, rounds):
        inside = [n for n in clip.notes if clip.start <= n.start < clip.end]
        again = [replace(n, start=n.start + (shift + k * clip.beats)) for n in inside]
        again = [n for n in again if n.start < first.start + beats]
        again = [replace(n, duration=first.start + beats - n.start) if n.end > first.start + beats else n for n in again]
        for i, n in enumerate(notes):  # what rings into the next round is cut where that strikes its pitch
            struck = [o.start for o in again if o.pitch == n.pitch and n.start < o.start < n.end]
            if struck and n.start < min(o.start for o in again if o.pitch == n.pitch):
                notes[i] = replace(n, duration=min(struck) - n.start)
        notes += again
    return replace(clip, notes=tuple(notes), beats=beats, start=first.start, meter=first.meter)


def overlaps(notes: Iterable[Note]) -> set[tuple[int, float, float]]:
    """List where a note sounds into another of its pitch: (pitch, onset, onset)."""
    by_pitch: dict[int, list[Note]] = defaultdict(list)
    for n in notes:
        if n.duration > 0:
            by_pitch[n.pitch].append(n)
    found: set[tuple[int, float, float]] = set()
    for pitch, same in by_pitch.items():
        same.sort(key=lambda n: n.start)
        for i, n in enumerate(same):
            for later in same[i + 1 :]:
                if later.start >= n.end - 1e-6:
                    break
                found.add((pitch, n.start, later.start))
    return found


def between(clips: Sequence[Clip]) -> list[Clip]:
    """Lay clips out as they are between the ends."""
    beats = max(clip.beats for clip in clips)
    return [laid_out(clip, clips[0], beats) for clip in clips]
