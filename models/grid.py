"""Clip <-> step grid: sixteenths, two bars a window. All rounding of time to steps is here; nothing here knows a network.

A polyphonic clip is heard line by line: each line has windows of its own, those of the top line first.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from statistics import median
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.clip import Clip, Note, note_order
from models.drum_map import find_drum_map
from models.lines import separate

STEPS_PER_BEAT = 4
BAR_STEPS = 16
WINDOW_STEPS = 2 * BAR_STEPS
BAR_BEATS = BAR_STEPS / STEPS_PER_BEAT


@dataclass(frozen=True)
class Voice:
    """One of the nine drum voices; new hits are written at the first pitch."""

    name: str
    pitches: tuple[int, ...]


# The nine voices of GrooVAE and the pads that a clip has where nothing else is known of it.
VOICES = tuple(Voice(name, pitches) for name, pitches in find_drum_map("gm").pitches.items())
VOICE_OF = {pitch: index for index, voice in enumerate(VOICES) for pitch in voice.pitches}

Why = Literal["outside", "pad", "room"]  # reasons for a note to be kept apart

HOLD, REST = 128, 129  # melody tokens: 0..127 is an onset of that pitch


@dataclass(frozen=True)
class Grid:
    """Windows of steps: what a model reads and writes.

    `tokens` [B, T] is one symbol a step: for drums the nine voices as bits (0..511), for melodies a pitch, HOLD or REST.
    `velocities` [B, T, V] are 0..1 and `offsets` [B, T, V] are steps late, -0.5..0.5; both are 0 where there is no onset.
    """

    tokens: NDArray[np.int64]
    velocities: NDArray[np.float32]
    offsets: NDArray[np.float32]

    def __len__(self) -> int:
        """How many windows there are."""
        return len(self.tokens)

    def __getitem__(self, index: slice | NDArray[np.int64] | NDArray[np.bool_]) -> Grid:
        """Some of the windows."""
        return self.map(lambda values: values[index])

    def map(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Grid:
        """Change tokens, velocities and offsets alike."""
        return Grid(change(self.tokens), change(self.velocities), change(self.offsets))

    @staticmethod
    def stack(grids: Iterable[Grid]) -> Grid:
        """Put the windows of several grids behind one another."""
        many = list(grids)
        return Grid(
            np.concatenate([g.tokens for g in many]),
            np.concatenate([g.velocities for g in many]),
            np.concatenate([g.offsets for g in many]),
        )

    @staticmethod
    def empty(windows: int, kind: GridKind) -> Grid:
        """Make windows of silence."""
        shape = (windows, WINDOW_STEPS)
        return Grid(
            np.full(shape, kind.silence, np.int64),
            np.zeros((*shape, kind.voices), np.float32),
            np.zeros((*shape, kind.voices), np.float32),
        )


@dataclass(frozen=True)
class GridKind:
    """What a token means in one family: how many there are, which is silence, and which voices sound an onset."""

    name: str
    tokens: int
    voices: int
    silence: int
    onsets: NDArray[np.bool_]  # [tokens, voices]


DRUMS = GridKind("drums", 512, len(VOICES), 0, (np.arange(512)[:, None] >> np.arange(9)[None, :] & 1).astype(bool))
MELODY = GridKind("melody", 130, 1, REST, (np.arange(130) < 128)[:, None])


@dataclass(frozen=True)
class Heard:
    """A clip as a model sees it, and what is needed to write it back.

    The windows of `lines` lines stand behind one another, as many for each, the top line's first; B counts all of them.
    Cells are (window, step, voice). `cells` names the notes of the clip behind each onset (the first is the one heard);
    `apart` are the notes the grid has no place for: they are passed through. `open_steps` [B, T] is False where a window
    has steps that the clip has not (short bars, the end of the clip): what a model writes there is dropped.
    """

    clip: Clip
    kind: GridKind
    grid: Grid
    cells: Mapping[tuple[int, int, int], tuple[int, ...]]
    apart: tuple[int, ...]
    open_steps: NDArray[np.bool_]
    beats: NDArray[np.float64]  # [B, T]: the beat at which each step lies
    lines: int = 1
    voice_of: Mapping[int, int] = field(default_factory=lambda: VOICE_OF)  # the drum voice of each pad

    @cached_property
    def behind(self) -> dict[tuple[int, int, int], list[Note]]:
        """The notes of the clip behind each onset, as in `cells`."""
        return {cell: [self.clip.notes[i] for i in indices] for cell, indices in self.cells.items()}

    @cached_property
    def habits(self) -> dict[int, tuple[int, float]]:
        """The pitch that the clip uses most for each voice, and how long its notes are."""
        notes: dict[int, list[Note]] = defaultdict(list)
        for (_, _, v), behind in self.behind.items():
            notes[v] += behind
        pitches = {v: Counter(n.pitch for n in ns).most_common(1)[0][0] for v, ns in notes.items()}
        return {v: (pitches[v], median(n.duration for n in ns)) for v, ns in notes.items()}

    @cached_property
    def first_pads(self) -> dict[int, int]:
        """The pad that each voice of the kit is written on where the clip has no habit."""
        return {v: pitch for pitch, v in reversed(list(self.voice_of.items()))}

    @cached_property
    def spans(self) -> dict[tuple[int, int], tuple[int, int]]:
        """The notes of a melody: (window, step) of each onset -> (pitch, steps it lasts)."""
        return _spans(self.grid.tokens, self.open_steps, self.lines)

    @property
    def windows(self) -> int:
        """How many windows each line has."""
        return len(self.grid) // self.lines

    @property
    def is_wrapped(self) -> bool:
        """Whether the second bar of each line's last window is the clip's beginning again; see `wrap_around`."""
        return not self.open_steps[-1, BAR_STEPS:].any()

    def apart_because(self) -> dict[Why, tuple[int, ...]]:
        """Say why notes are apart: outside the clip's length, on a pad of no voice, or with no room in the steps or lines."""
        pieces = segments(self.clip)
        why: dict[Why, list[int]] = {"outside": [], "pad": [], "room": []}
        for i in self.apart:
            note = self.clip.notes[i]
            is_outside = _step(note.start, self.clip, pieces) is None
            no_pad = self.kind is DRUMS and note.pitch not in self.voice_of
            why["outside" if is_outside else "pad" if no_pad else "room"].append(i)
        return {reason: tuple(notes) for reason, notes in why.items() if notes}


def hear_drums(clip: Clip, voice_of: Mapping[int, int] = VOICE_OF) -> Heard:
    """Lay a drum clip on the grid, given the voice of each pad; unknown pads, pickups and tails are kept apart."""
    return _hear(clip, DRUMS, [{i: voice_of[n.pitch] for i, n in enumerate(clip.notes) if n.pitch in voice_of}], voice_of)


def hear_melody(clip: Clip, lines: int = 1) -> Heard:
    """Lay up to `lines` lines of a clip on the grid, its top line where one is asked for or all there is; the rest is apart."""
    pieces = segments(clip)
    inside = [i for i, n in enumerate(clip.notes) if _step(n.start, clip, pieces)]
    found = [top_line(clip)]
    if lines > 1 and len(found[0]) < len(clip.notes):
        parts = separate([clip.notes[i] for i in inside], most=lines)
        found = [top_line(clip, [inside[k] for k in part]) for part in parts] or found
    return _hear(clip, MELODY, [dict.fromkeys(line, 0) for line in found])


def with_lines(heard: Heard, lines: int) -> Heard:
    """Give a clip silent lines below its own, so that it is laid out as one of more lines is."""
    more = lines - heard.lines
    if more < 0:
        raise ValueError(f"{heard.lines} lines cannot be laid out as {lines}")
    silence = Grid.empty(more * heard.windows, heard.kind)
    tiled = (lines, 1)
    return replace(
        heard,
        grid=Grid.stack([heard.grid, silence]),
        open_steps=np.tile(heard.open_steps[: heard.windows], tiled),
        beats=np.tile(heard.beats[: heard.windows], tiled),
        lines=lines,
    )


def top_line(clip: Clip, among: Iterable[int] | None = None) -> list[int]:
    """Find the notes of the highest line, by index: of notes struck together the highest, and none below one that rings on."""
    order = sorted(
        range(len(clip.notes)) if among is None else among, key=lambda i: (clip.notes[i].start, -clip.notes[i].pitch)
    )
    line: list[int] = []
    for i in order:
        note = clip.notes[i]
        if line:
            last = clip.notes[line[-1]]
            together = note.start - last.start < 0.5 / STEPS_PER_BEAT
            under = note.pitch < last.pitch and last.end - note.start > 1 / STEPS_PER_BEAT
            if together and note.pitch > last.pitch:
                line.pop()
            elif together or under:
                continue
        line.append(i)
    return line


def write_drums(heard: Heard, grid: Grid) -> Clip:
    """Turn a drum grid back into the clip it was heard from: untouched hits stay the notes they were."""
    kept: list[Note] = [heard.clip.notes[i] for i in heard.apart]
    new: list[Note] = []
    onsets = DRUMS.onsets[grid.tokens] & heard.open_steps[:, :, None]
    behind, habits, pads = heard.behind, heard.habits, heard.first_pads
    for b, t, v in zip(*(axis.tolist() for axis in np.nonzero(onsets)), strict=True):
        cell = b, t, v
        if cell in behind:
            kept += behind[cell]
        elif v in habits:
            new.append(_new_note(heard, grid, cell, *habits[v]))
        elif v in pads:  # a kit need not have all voices
            new.append(_new_note(heard, grid, cell, pads[v], 1 / STEPS_PER_BEAT))
    return heard.clip.with_notes(sorted(without_overlaps(kept, new), key=note_order))


def write_melody(heard: Heard, grid: Grid) -> Clip:
    """Turn a melody grid back into the clip it was heard from: an untouched note stays the note it was."""
    kept: list[Note] = [heard.clip.notes[i] for i in heard.apart]
    new: list[Note] = []
    behind, before, windows = heard.behind, heard.spans, heard.windows
    after = _spans(grid.tokens, heard.open_steps, heard.lines)
    stays = {(*at, 0) for at, span in after.items() if span == before.get(at) and (*at, 0) in behind}
    taken = {(cell[0] % windows, cell[1], after[cell[:2]][0]) for cell in stays}
    for cell in stays:
        kept += behind[cell]
    for (b, t), (pitch, steps) in after.items():
        cell = (b, t, 0)
        place = (b % windows, t, pitch)
        if cell in stays or place in taken:  # two lines may come to one note: it is written once
            continue
        taken.add(place)
        sources = behind.get(cell)
        old = before.get((b, t))
        if sources and old and old[1] == steps:
            new.append(sources[0].changed(pitch=pitch))
            continue
        note = _new_note(heard, grid, cell, pitch, steps / STEPS_PER_BEAT)
        if sources:  # a note that is struck where one was before keeps its time and its force
            note = sources[0].changed(pitch=pitch, duration=max(note.end - sources[0].start, 1 / 16))
        new.append(note)
    return heard.clip.with_notes(sorted(without_overlaps(kept, new), key=note_order))


def without_overlaps(kept: Sequence[Note], new: Sequence[Note]) -> list[Note]:
    """Shorten notes so that none overlaps a later one of its pitch because of a new note; sequencers drop such overlaps.

    A new note that would begin just when another of its pitch does is that one: half a step late is the next step half early.
    """
    starts: dict[int, list[float]] = {n.pitch: [] for n in new}  # of no other pitch need any be shortened
    for note in kept:
        if note.pitch in starts:
            starts[note.pitch].append(note.start)
    there = {pitch: set(times) for pitch, times in starts.items()}
    new = [n for n in {(n.pitch, n.start): n for n in reversed(new)}.values() if n.start not in there[n.pitch]]
    fresh: dict[int, list[float]] = {n.pitch: [] for n in new}
    for note in new:
        starts[note.pitch].append(note.start)
        fresh[note.pitch].append(note.start)
    for times in (*starts.values(), *fresh.values()):
        times.sort()
    return [_trim(n, fresh[n.pitch]) if n.pitch in fresh else n for n in kept] + [_trim(n, starts[n.pitch]) for n in new]


def _trim(note: Note, times: list[float]) -> Note:
    after = bisect.bisect_right(times, note.start)
    if after == len(times) or times[after] >= note.end:
        return note
    return note.changed(duration=times[after] - note.start)


def segments(clip: Clip) -> list[tuple[float, int]]:
    """Cut a clip into (first beat, steps) pieces of at most a model's bar.

    Bars of 4/4 are whole, shorter ones too, as many together as fit (2/4 as 4/4, 3/8 as 6/8). Longer bars are cut on their
    beats, the longer piece first: 5/4 as 3 + 2, 7/4 as 4 + 3, 12/8 as 6/8 + 6/8.
    """
    pieces: list[tuple[float, int]] = []
    first = 0.0
    for length in itertools.cycle(_cut_bar(*clip.meter)):
        beats = min(length, clip.beats - first)
        if pieces and beats <= 1e-6:
            return pieces
        pieces.append((clip.start + first, max(1, math.ceil(beats * STEPS_PER_BEAT - 1e-6))))
        first += length
    return pieces


def _cut_bar(numerator: int, denominator: int) -> list[float]:
    """List the beats of the pieces that bars are laid in, over and over."""
    beat = 4 / denominator
    if numerator * beat <= BAR_BEATS:
        return [numerator * beat * (BAR_BEATS // (numerator * beat))]
    if denominator >= 8 and numerator % 3 == 0:  # 12/8 is felt in dotted quarters
        numerator, beat = numerator // 3, beat * 3
    pieces = math.ceil(numerator / (BAR_BEATS // beat))
    return [beat * (numerator // pieces + (k < numerator % pieces)) for k in range(pieces)]


def _hear(clip: Clip, kind: GridKind, lines: Sequence[Mapping[int, int]], voice_of: Mapping[int, int] = VOICE_OF) -> Heard:
    pieces = segments(clip)
    windows = (len(pieces) + 1) // 2
    open_steps = np.zeros((windows, WINDOW_STEPS), bool)
    beats = np.zeros((windows, WINDOW_STEPS))
    for p, (first, steps) in enumerate(pieces):
        b, t = p // 2, p % 2 * BAR_STEPS
        open_steps[b, t : t + steps] = True
        beats[b, t : t + BAR_STEPS] = first + np.arange(BAR_STEPS) / STEPS_PER_BEAT
    cells: dict[tuple[int, int, int], tuple[int, ...]] = {}
    grid = Grid.empty(windows * len(lines), kind)
    for number, line in enumerate(lines):
        above = number * windows
        part = grid[above : above + windows]  # a view: what is written there is in the grid
        placed: dict[tuple[int, int, int], list[int]] = defaultdict(list)
        for i, v in line.items():
            step = _step(clip.notes[i].start, clip, pieces)
            if step is not None:
                placed[*step, v].append(i)
        for cell, notes in placed.items():
            notes.sort(key=lambda i: -clip.notes[i].velocity)  # a flam is heard as its loudest stroke
            b, t, v = cell
            note = clip.notes[notes[0]]
            part.velocities[cell] = note.velocity / 127
            part.offsets[cell] = np.clip((note.start - beats[b, t]) * STEPS_PER_BEAT, -0.5, 0.5)
            if kind is DRUMS:
                part.tokens[b, t] |= 1 << v
            else:
                del notes[1:]  # a line has room for one
        if kind is MELODY:
            _fill_melody(part.tokens, {cell[:2]: clip.notes[notes[0]] for cell, notes in placed.items()}, beats, open_steps)
        wrap_around(part, open_steps)
        cells.update({(above + b, t, v): tuple(notes) for (b, t, v), notes in placed.items()})
    apart = tuple(sorted(set(range(len(clip.notes))).difference(*cells.values())))
    every = (len(lines), 1)
    return Heard(clip, kind, grid, cells, apart, np.tile(open_steps, every), np.tile(beats, every), len(lines), voice_of)


def wrap_around(grid: Grid, open_steps: NDArray[np.bool_]) -> Grid:
    """Fill the bar that a clip lacks at its end from its beginning, as the loop would; short bars stay open at their end."""
    if len(grid) == 0 or open_steps[-1, BAR_STEPS:].any():
        return grid
    last = len(grid) - 1
    for values in (grid.tokens, grid.velocities, grid.offsets):
        values[last, BAR_STEPS:] = values[0, :BAR_STEPS]
    if grid.tokens[last, BAR_STEPS] == HOLD and grid.tokens.ndim == 2 and grid.velocities.shape[-1] == 1:
        grid.tokens[last, BAR_STEPS] = REST
    return grid


def straddle(values: NDArray[Any], *, lines: int = 1) -> NDArray[Any]:
    """Turn windows [B, T, ...] round by a bar within each line: a line's last row goes over the seam of the loop.

    So each row is the second bar of a window and the first of the next. Where the last window has the line's first bar already
    (`Heard.is_wrapped`), the last row is no music. A row may begin with HOLD, as any window: see `leading_rests`.
    """
    return _turned(values, lines, -BAR_STEPS)


def unstraddle(values: NDArray[Any], *, lines: int = 1) -> NDArray[Any]:
    """Put the bars of windows over the seams back where they were: the inverse of `straddle`."""
    return _turned(values, lines, BAR_STEPS)


def _turned(values: NDArray[Any], lines: int, steps: int) -> NDArray[Any]:
    return np.roll(values.reshape(lines, -1, *values.shape[2:]), steps, axis=1).reshape(values.shape)


def leading_rests(tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    """Hear a note that is held into a melody window as a rest: [B, T] -> [B, T]."""
    held = np.logical_and.accumulate(tokens == HOLD, axis=-1)
    return np.where(held, REST, tokens)


def _step(start: float, clip: Clip, pieces: Sequence[tuple[float, int]]) -> tuple[int, int] | None:
    """Find the window and step nearest to a beat, or None outside the clip."""
    early = 0.5 / STEPS_PER_BEAT
    if not clip.start - early <= start < clip.end:
        return None
    p = max(0, bisect.bisect_right(pieces, start + early, key=lambda piece: piece[0]) - 1)
    first, steps = pieces[p]
    # A stroke in the last half step of a short bar or of the clip belongs to its last step, late.
    step = min(max(0, math.floor((start - first) * STEPS_PER_BEAT + 0.5)), steps - 1)
    return p // 2, p % 2 * BAR_STEPS + step


def _fill_melody(
    tokens: NDArray[np.int64],
    notes: Mapping[tuple[int, int], Note],
    beats: NDArray[np.float64],
    open_steps: NDArray[np.bool_],
) -> None:
    """Write the onsets and holds of a line, given its notes by window and step."""
    flat = tokens.reshape(-1)
    is_open = open_steps.reshape(-1)
    times = beats.reshape(-1)
    onsets = sorted((b * WINDOW_STEPS + t, note) for (b, t), note in notes.items())
    for k, (at, note) in enumerate(onsets):
        until = len(flat) if k + 1 == len(onsets) else onsets[k + 1][0]
        flat[at] = note.pitch
        for t in range(at + 1, until):
            if is_open[t]:
                if times[t] + 0.5 / STEPS_PER_BEAT > note.end:
                    break
                flat[at + 1 : t + 1] = HOLD  # steps that a short bar lacks are held through, not an end and no beginning


def _spans(tokens: NDArray[np.int64], open_steps: NDArray[np.bool_], lines: int) -> dict[tuple[int, int], tuple[int, int]]:
    """List the notes of a melody grid: (window, step) of each onset -> (pitch, steps it lasts, over short bars too)."""
    cells = np.flatnonzero(open_steps)
    played = tokens.reshape(-1)[cells]
    begins = played != HOLD  # a note or a rest, which lasts until the next begins
    begins[:: len(cells) // lines] = True  # no note goes over from a line to the next
    at = np.flatnonzero(begins)
    steps = np.append(at[1:], len(cells)) - at
    runs = zip(cells[at].tolist(), played[at].tolist(), steps.tolist(), strict=True)
    return {divmod(cell, WINDOW_STEPS): (pitch, steps) for cell, pitch, steps in runs if pitch < HOLD}


def _new_note(heard: Heard, grid: Grid, cell: tuple[int, int, int], pitch: int, duration: float) -> Note:
    b, t, _ = cell
    start = heard.beats.item(b, t) + grid.offsets.item(cell) / STEPS_PER_BEAT
    # No new note may start before the clip does: a loop would never play it. New notes lie on ticks, which files can hold.
    ticks = heard.clip.ticks_per_beat
    start = max(round(min(start, heard.clip.end - 1 / 64) * ticks) / ticks, heard.clip.start)
    duration = round(max(min(duration, heard.clip.end - start), 1 / 64) * ticks) / ticks
    velocity = min(max(round(grid.velocities.item(cell) * 127), 1), 127)
    return Note(pitch, start, duration, float(velocity))
