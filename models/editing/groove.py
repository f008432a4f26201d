"""Giving the notes of a clip the timing and the velocity of drummers. Clips in, clips out; no requests.

Every note stays, with its pitch; only when it begins and how loud it is change, and its length where it would run into the
next note of its pitch. What is on the grid moves off it; what was played freely is played anew.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.editing.clip_state import Made, Remark, called, content_key
from models.feel.hits import (
    BIN,
    BINS,
    HALF_BINS,
    TICKS,
    Hits,
    Ints,
    close_up,
    find_places,
    in_order,
    is_exact,
)
from models.feel.kinds import kinds_of
from models.feel.player import Known, Player
from models.music.clip import Clip, Note
from models.music.drum_map import VOICE_NAMES
from models.music.paced import paced, sorted_in_runs
from models.pause import pause

HAT = VOICE_NAMES.index("closed_hat")  # asked for the feel of notes that are no drum hits
QUANTISED = 0.8  # share of onsets just on the grid from which on a clip was not played, but placed
HEARD = 384  # hits of another clip whose feel is taken: its last ones
APART = 1 / 96  # beats that strokes of one pitch keep between them, where they had as many
LEADS, FOLLOWS, ACCENTS = 0, 1, 2  # a note is a hit; it is struck with one of its voice; it is no drum hit


@dataclass(frozen=True)
class Playing:
    """How far feel goes, 0 (not at all) to 1; how freely it is drawn, and by what seed."""

    timing: float = 1.0
    velocity: float = 1.0
    temperature: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class _Read:
    """The onsets of a clip as hits. Of its notes, in order, `hit_of` finds the hit, `role` says what they are to it.

    `base` is the beat that each note's feel is added to.
    """

    hits: Hits
    notes: tuple[int, ...]
    hit_of: Ints
    role: Ints
    base: NDArray[np.float64]


def groove(
    player: Player,
    clip: Clip,
    kit: Mapping[int, int] | None,
    playing: Playing,
    *,
    count: int,
    locked: frozenset[int] = frozenset(),
    like: tuple[Clip, Mapping[int, int] | None] | None = None,
) -> Made:
    """Play a clip in different ways; notes that are locked stay as they are, and the others fit them.

    `kit` says the voice of each pad, None where notes are pitches; `like` is a clip whose feel is taken, with its kit.
    """
    reason = _why_not(clip, playing, locked)
    if reason:
        return Made((clip,), (Remark(reason),))
    read, said = _read(clip, kit), []
    before = None
    if like is not None and like[0].notes:
        before = _read(*like).hits
        before = before.take(slice(max(0, len(before) - HEARD), None))
    elif like is not None:
        said.append(Remark(f"{called(like[0])} has no notes, so there is no feel in it: another is drawn"))
    hits, first = (read.hits, 0) if before is None else _after(before, read.hits)
    content = content_key(clip)
    chances = [np.random.default_rng((playing.seed, content, k)) for k in range(count)]
    known = _known(clip, read, playing, locked, len(hits), first)
    if before is not None:
        feels = np.repeat(player.hear(before)[None], count, 0)
    else:
        mean, deviation = player.guess(hits)
        feels = np.stack([mean + deviation * chance.standard_normal(len(mean)) for chance in chances])
    draws = np.stack([chance.random((len(hits), 3)) for chance in chances])
    offset, velocity = player.play(
        hits, feels.astype(np.float32), draws.astype(np.float32), known, temperature=playing.temperature
    )
    late = offset[:, first:].astype(np.float64)
    made = [_write(clip, read, playing, locked, late[k], velocity[k, first:]) for k in range(count)]
    return Made(tuple(dict.fromkeys(made)), tuple(said))


def _why_not(clip: Clip, playing: Playing, locked: frozenset[int]) -> str:
    """Say why a clip stays as it is, if so."""
    if not clip.notes:
        return f"{called(clip)} has no notes: it stays as it is"
    if not (playing.timing or playing.velocity):
        return "timing and velocity are 0: there is one clip, as it was"
    return f"all notes of {called(clip)} are locked: it stays as it is" if len(locked) == len(clip.notes) else ""


def _read(clip: Clip, kit: Mapping[int, int] | None) -> _Read:
    """Read a clip: hits of the kit as they are; of other notes, one closed hat for all that begin at one place."""
    order = sorted_in_runs(range(len(clip.notes)), key=lambda i: (clip.notes[i].start, clip.notes[i].pitch))
    notes = [clip.notes[i] for i in order]
    start = np.array([n.start - clip.start for n in notes], np.float64)
    pitch = np.array([n.pitch for n in notes], np.int64)
    exact = is_exact(start)
    is_placed = bool(len(start)) and exact.mean() >= QUANTISED
    # What is no drum hit shares a place whatever its pitch, as a chord does.
    kinds = np.full(len(notes), -1) if kit is None else kinds_of(pitch, kit)
    place = find_places(start, np.where(kinds >= 0, pitch, -1 - np.arange(len(notes))), triplets=True)
    if is_placed:
        place = np.where(exact, np.rint(start * TICKS), place).astype(np.int64)
    hit_of, role = np.zeros(len(notes), np.int64), np.where(kinds < 0, ACCENTS, FOLLOWS)
    here: dict[tuple[int, int], int] = {}
    at: dict[int, int] = {}
    rows: list[int] = []
    pitch_of: list[int] = []
    for i in paced(sorted(range(len(notes)), key=lambda i: kinds[i] < 0)):
        spot, kind = int(place[i]), int(kinds[i])
        mate = at.get(spot) if kind < 0 else here.get((spot, kind))
        # Strokes of one pad are hits each; two pads of one voice are struck as one.
        if mate is not None and (kind < 0 or pitch_of[mate] != pitch[i]):
            hit_of[i] = mate
            continue
        hit_of[i] = len(rows)
        if kind >= 0:
            role[i] = LEADS
        here[spot, kind] = len(rows)
        at[spot] = here.get((spot, HAT), at.get(spot, len(rows)))
        rows.append(i)
        pitch_of.append(int(pitch[i]))
    some = np.array(rows, np.int64)
    asked = np.where(kinds[some] < 0, HAT, kinds[some])
    sorted_rows = in_order(start[some], place[some], asked)
    rank = np.empty(len(rows), np.int64)
    rank[sorted_rows] = np.arange(len(rows))
    some, asked = some[sorted_rows], asked[sorted_rows]
    base = np.where(is_placed, start, place / TICKS)
    offset = np.clip(start - base, -HALF_BINS * BIN, HALF_BINS * BIN)
    velocity = np.array([min(127, max(1, round(n.velocity))) for n in notes], np.int64)
    bar = max(1, round(clip.bar * TICKS))
    places = close_up(place[some], bar)
    hits = Hits(places, asked, offset[some].astype(np.float32), velocity[some], bar, clip.tempo)
    hit_of = rank[hit_of] if rows else hit_of
    # What is struck together stays together: it keeps its distance from the note that is the hit.
    is_hit = np.zeros(len(notes), bool)
    is_hit[some] = True
    base = np.where(is_hit, base, start - offset[some][hit_of]) if rows else base
    return _Read(hits, tuple(order), hit_of, role, base + clip.start)


def _after(before: Hits, hits: Hits) -> tuple[Hits, int]:
    """Put hits after those of another clip, from a bar line on: what was played goes on with another beat."""
    bars = -(-(int(before.place[-1]) + 1) // hits.bar)
    lowest = min(0, int(hits.place[0]) // hits.bar)
    moved = before.place - (bars - lowest) * hits.bar
    joined = replace(
        hits,
        place=np.concatenate([moved, hits.place]),
        kind=np.concatenate([before.kind, hits.kind]),
        offset=np.concatenate([before.offset, hits.offset]),
        velocity=np.concatenate([before.velocity, hits.velocity]),
    )
    return joined, len(before)


def _known(clip: Clip, read: _Read, playing: Playing, locked: frozenset[int], count: int, first: int) -> Known:
    """Say what of the hits is known: those of another clip, those that are locked, and what a dial at 0 leaves as it is."""
    offset, velocity = np.zeros(count, bool), np.zeros(count, bool)
    low, high = np.zeros(count, np.int64), np.full(count, BINS - 1)
    offset[:first] = velocity[:first] = True
    offset[first:] |= playing.timing == 0
    velocity[first:] |= playing.velocity == 0
    for k, i in paced(enumerate(read.notes)):
        row = first + int(read.hit_of[k])
        if i in locked:
            offset[row] = velocity[row] = True
        # A note stays on its side of the clip's beginning, and before its end.
        note, base = clip.notes[i], float(read.base[k])
        earliest = clip.start if note.start >= clip.start else -math.inf
        latest = clip.start if note.start < clip.start else clip.sounding_end if note.start < clip.sounding_end else math.inf
        low[row] = max(low[row], min(BINS - 1, math.ceil(max(-HALF_BINS, (earliest - base) / BIN + 0.5)) + HALF_BINS))
        high[row] = min(high[row], max(0, math.floor(min(HALF_BINS, (latest - base) / BIN - 0.5)) + HALF_BINS))
    return Known(offset, velocity, np.minimum(low, high), high)


def _write(
    clip: Clip, read: _Read, playing: Playing, locked: frozenset[int], offset: NDArray[np.float64], velocity: Ints
) -> Clip:
    """Write a clip as it was played: each note where its hit was struck, and as loud, or as accented."""
    pause()
    accented = read.hit_of[read.role == ACCENTS]
    level = float(velocity[accented].mean()) if len(accented) else 0.0
    starts: dict[int, float] = {}
    louds: dict[int, float] = {}
    for k, i in paced(enumerate(read.notes)):
        note, hit, role = clip.notes[i], int(read.hit_of[k]), read.role[k]
        starts[i], louds[i] = note.start, note.velocity
        if i in locked:
            continue
        if playing.timing:
            starts[i] += playing.timing * (float(read.base[k]) + float(offset[hit]) - note.start)
        if playing.velocity and note.velocity > 0:
            own = note.velocity if role == LEADS else float(read.hits.velocity[hit]) if role == FOLLOWS else level
            louds[i] = float(min(127, max(1, round(note.velocity + playing.velocity * (float(velocity[hit]) - own)))))
    if playing.timing:
        _keep_order(clip, read.notes, starts, locked)
    lasts = _lengths(clip, read.notes, starts) if playing.timing else {i: note.duration for i, note in enumerate(clip.notes)}
    return clip.with_notes(_changed(note, starts[i], lasts[i], louds[i]) for i, note in paced(enumerate(clip.notes)))


def _changed(note: Note, start: float, duration: float, velocity: float) -> Note:
    """Play a note at another time, or otherwise; the same note where nothing of that is new."""
    if (start, duration, velocity) == (note.start, note.duration, note.velocity):
        return note
    return Note(
        note.pitch, start, duration, velocity, note.mute, note.probability, note.velocity_deviation, note.release_velocity
    )


def _keep_order(clip: Clip, order: Sequence[int], starts: dict[int, float], locked: frozenset[int]) -> None:
    """Keep strokes of one pitch in their order, and notes on their side of the clip's beginning and end."""

    def low(i: int) -> float:
        own = clip.notes[i].start
        return own if i in locked else clip.start if own >= clip.start else -math.inf

    def high(i: int) -> float:
        own = clip.notes[i].start
        if i in locked or own >= clip.sounding_end:
            return own if i in locked else math.inf
        return max(own, (clip.start if own < clip.start else clip.sounding_end) - APART)

    for mine in _by_pitch(clip, order).values():
        before, own = -math.inf, -math.inf
        for i in paced(mine):
            start = clip.notes[i].start
            before = starts[i] = start if i in locked else max(starts[i], low(i), before + min(APART, start - own))
            own = start
        after, own = math.inf, math.inf
        for i in paced(reversed(mine)):
            start = clip.notes[i].start
            after = starts[i] = start if i in locked else min(starts[i], high(i), after - min(APART, own - start))
            own = start


def _lengths(clip: Clip, order: Sequence[int], starts: Mapping[int, float]) -> dict[int, float]:
    """Find how long notes last: as they did, but not into one of their pitch, or beyond the clip, where they did not."""
    lasts = {i: clip.notes[i].duration for i in order}
    for mine in _by_pitch(clip, order).values():
        own = [clip.notes[i].start for i in mine]
        for k, i in paced(enumerate(mine)):
            note = clip.notes[i]
            after = bisect_left(own, note.end - 1e-9, k + 1)
            until = starts[mine[after]] if after < len(mine) else math.inf
            if note.end <= clip.sounding_end + 1e-9:
                until = min(until, clip.sounding_end)
            if starts[i] != note.start or until < note.end:
                lasts[i] = max(0.0, min(note.duration, until - starts[i]))
    return lasts


def _by_pitch(clip: Clip, order: Sequence[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for i in paced(order):
        found[clip.notes[i].pitch].append(i)
    return found
