"""Clip <-> step grid: sixteenths, two bars a window. All rounding of time to steps is here; nothing here knows a network."""

from __future__ import annotations

import bisect
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.clip import Clip, Note

STEPS_PER_BEAT = 4
BAR_STEPS = 16
WINDOW_STEPS = 2 * BAR_STEPS


@dataclass(frozen=True)
class Voice:
    """One of the nine drum voices; new hits are written at the first pitch."""

    name: str
    pitches: tuple[int, ...]


# The nine voices of GrooVAE and the pitches of the Roland kit that the Groove MIDI Dataset was played on
# (magenta/models/music_vae/data.py, ROLAND_DRUM_PITCH_CLASSES). 35 and 41 are not pads of that kit but the other
# kick and low tom of General MIDI, which files from elsewhere use.
VOICES = (
    Voice("kick", (36, 35)),
    Voice("snare", (38, 37, 40)),
    Voice("closed_hat", (42, 22, 44)),
    Voice("open_hat", (46, 26)),
    Voice("low_tom", (43, 58, 41)),
    Voice("mid_tom", (47, 45)),
    Voice("high_tom", (50, 48)),
    Voice("crash", (49, 52, 55, 57)),
    Voice("ride", (51, 53, 59)),
)
VOICE_OF = {pitch: index for index, voice in enumerate(VOICES) for pitch in voice.pitches}

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

    @cached_property
    def habits(self) -> dict[int, tuple[int, float]]:
        """The pitch that the clip uses most for each voice, and how long its notes are."""
        notes: dict[int, list[Note]] = defaultdict(list)
        for (_, _, v), indices in self.cells.items():
            notes[v].extend(self.clip.notes[i] for i in indices)
        pitches = {v: Counter(n.pitch for n in ns).most_common(1)[0][0] for v, ns in notes.items()}
        return {v: (pitches[v], median(n.duration for n in ns)) for v, ns in notes.items()}


def hear_drums(clip: Clip) -> Heard:
    """Lay a drum clip on the grid; unknown pads, pickups and tails are kept apart."""
    return _hear(clip, DRUMS, {i: VOICE_OF[n.pitch] for i, n in enumerate(clip.notes) if n.pitch in VOICE_OF})


def hear_melody(clip: Clip) -> Heard:
    """Lay the top line of a clip on the grid; lower voices, pickups and tails are kept apart."""
    return _hear(clip, MELODY, dict.fromkeys(top_line(clip), 0))


def top_line(clip: Clip) -> list[int]:
    """Find the notes of the highest line, by index: of notes struck together the highest, and none below one that rings on."""
    order = sorted(range(len(clip.notes)), key=lambda i: (clip.notes[i].start, -clip.notes[i].pitch))
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
    for b, t, v in zip(*np.nonzero(onsets), strict=True):
        cell = (int(b), int(t), int(v))
        if cell in heard.cells:
            kept.extend(heard.clip.notes[i] for i in heard.cells[cell])
        else:
            pitch, length = heard.habits.get(cell[2], (VOICES[cell[2]].pitches[0], 1 / STEPS_PER_BEAT))
            new.append(_new_note(heard, grid, cell, pitch, length))
    return heard.clip.with_notes(without_overlaps(kept, new)).in_order()


def write_melody(heard: Heard, grid: Grid) -> Clip:
    """Turn a melody grid back into the clip it was heard from: an untouched note stays the note it was."""
    kept: list[Note] = [heard.clip.notes[i] for i in heard.apart]
    new: list[Note] = []
    before = _spans(heard.grid.tokens, heard.open_steps)
    for cell, (pitch, steps) in _spans(grid.tokens, heard.open_steps).items():
        sources = heard.cells.get((*cell, 0))
        old = before.get(cell)
        if sources and old == (pitch, steps):
            kept.extend(heard.clip.notes[i] for i in sources)
            continue
        note = _new_note(heard, grid, (*cell, 0), pitch, steps / STEPS_PER_BEAT)
        if sources:
            source = heard.clip.notes[sources[0]]
            # A note that is struck where one was before keeps its time and its force.
            length = source.duration if old and old[1] == steps else max(note.end - source.start, 1 / 16)
            note = replace(source, pitch=pitch, duration=length, from_clip=-1, from_note=-1)
        new.append(note)
    return heard.clip.with_notes(without_overlaps(kept, new)).in_order()


def without_overlaps(kept: Sequence[Note], new: Sequence[Note]) -> list[Note]:
    """Shorten notes so that none overlaps a later one of its pitch because of a new note; sequencers drop such overlaps."""
    if not new:
        return list(kept)
    starts: dict[int, list[float]] = defaultdict(list)
    fresh: dict[int, list[float]] = defaultdict(list)
    for note in (*kept, *new):
        starts[note.pitch].append(note.start)
    for note in new:
        fresh[note.pitch].append(note.start)
    for times in (*starts.values(), *fresh.values()):
        times.sort()
    return [_trim(n, fresh.get(n.pitch, [])) for n in kept] + [_trim(n, starts[n.pitch]) for n in new]


def _trim(note: Note, times: list[float]) -> Note:
    after = bisect.bisect_right(times, note.start)
    if after == len(times) or times[after] >= note.end:
        return note
    return replace(note, duration=times[after] - note.start, from_clip=-1, from_note=-1)


def segments(clip: Clip) -> list[tuple[float, int]]:
    """Cut a clip into (first beat, steps) pieces of at most a model's bar: bars of 4/4 whole, 3/4 short, 5/4 as 4 + 1."""
    pieces: list[tuple[float, int]] = []
    bars = max(1, math.ceil(clip.beats / clip.bar - 1e-9))
    for bar in range(bars):
        first = bar * clip.bar
        left = min(clip.bar, clip.beats - first)
        while left > 1e-9:
            beats = min(left, BAR_STEPS / STEPS_PER_BEAT)
            pieces.append((clip.start + first, math.ceil(beats * STEPS_PER_BEAT - 1e-6)))
            first += beats
            left -= beats
    return pieces


def _hear(clip: Clip, kind: GridKind, voice_of: Mapping[int, int]) -> Heard:
    pieces = segments(clip)
    windows = (len(pieces) + 1) // 2
    grid = Grid.empty(windows, kind)
    open_steps = np.zeros((windows, WINDOW_STEPS), bool)
    beats = np.zeros((windows, WINDOW_STEPS))
    for p, (first, steps) in enumerate(pieces):
        b, t = p // 2, p % 2 * BAR_STEPS
        open_steps[b, t : t + steps] = True
        beats[b, t : t + BAR_STEPS] = first + np.arange(BAR_STEPS) / STEPS_PER_BEAT
    placed: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    apart = [i for i in range(len(clip.notes)) if i not in voice_of]
    for i, v in voice_of.items():
        step = _step(clip.notes[i].start, clip, pieces)
        if step is None:
            apart.append(i)
        else:
            placed[*step, v].append(i)
    for cell, notes in placed.items():
        notes.sort(key=lambda i: -clip.notes[i].velocity)  # a flam is heard as its loudest stroke
        b, t, v = cell
        note = clip.notes[notes[0]]
        grid.velocities[cell] = note.velocity / 127
        grid.offsets[cell] = np.clip((note.start - beats[b, t]) * STEPS_PER_BEAT, -0.5, 0.5)
        if kind is DRUMS:
            grid.tokens[b, t] |= 1 << v
    if kind is MELODY:
        apart.extend(_fill_melody(clip, grid, placed, beats, open_steps))
    cells = {cell: tuple(notes) for cell, notes in placed.items()}
    grid = wrap_around(grid, open_steps)
    return Heard(clip, kind, grid, cells, tuple(sorted(apart)), open_steps, beats)


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


def leading_rests(tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    """Hear a note that is held into a melody window as a rest: [B, T] -> [B, T]."""
    held = np.logical_and.accumulate(tokens == HOLD, axis=-1)
    return np.where(held, REST, tokens)


def _step(start: float, clip: Clip, pieces: Sequence[tuple[float, int]]) -> tuple[int, int] | None:
    """Find the window and step nearest to a beat, or None outside the clip."""
    early = 0.5 / STEPS_PER_BEAT
    if not clip.start - early <= start < clip.end:
        return None
    p = max(0, bisect.bisect_right([first for first, _ in pieces], start + early) - 1)
    first, steps = pieces[p]
    # A stroke in the last half step of a short bar or of the clip belongs to its last step, late.
    step = min(max(0, math.floor((start - first) * STEPS_PER_BEAT + 0.5)), steps - 1)
    return p // 2, p % 2 * BAR_STEPS + step


def _fill_melody(
    clip: Clip,
    grid: Grid,
    placed: dict[tuple[int, int, int], list[int]],
    beats: NDArray[np.float64],
    open_steps: NDArray[np.bool_],
) -> list[int]:
    """Write onsets and holds; return the notes of a cell that a single line has no room for."""
    spare: list[int] = []
    cells = sorted(placed)
    flat = grid.tokens.reshape(-1)
    is_open = open_steps.reshape(-1)
    times = beats.reshape(-1)
    for k, cell in enumerate(cells):
        notes = placed[cell]
        spare.extend(notes[1:])
        del notes[1:]
        note = clip.notes[notes[0]]
        at = cell[0] * WINDOW_STEPS + cell[1]
        until = len(flat) if k + 1 == len(cells) else cells[k + 1][0] * WINDOW_STEPS + cells[k + 1][1]
        flat[at] = note.pitch
        for t in range(at + 1, until):
            if not is_open[t]:
                continue
            if times[t] + 0.5 / STEPS_PER_BEAT > note.end:
                break
            flat[t] = HOLD
    return spare


def _spans(tokens: NDArray[np.int64], open_steps: NDArray[np.bool_]) -> dict[tuple[int, int], tuple[int, int]]:
    """List the notes of a melody grid: (window, step) of each onset -> (pitch, steps it lasts, over short bars too)."""
    spans: dict[tuple[int, int], tuple[int, int]] = {}
    sounding: tuple[int, int] | None = None
    for b, t in zip(*np.nonzero(open_steps), strict=True):
        token = int(tokens[b, t])
        if token < HOLD:
            sounding = (int(b), int(t))
            spans[sounding] = (token, 1)
        elif token == HOLD and sounding:
            pitch, steps = spans[sounding]
            spans[sounding] = (pitch, steps + 1)
        else:
            sounding = None
    return spans


def _new_note(heard: Heard, grid: Grid, cell: tuple[int, int, int], pitch: int, duration: float) -> Note:
    b, t, _ = cell
    start = float(heard.beats[b, t]) + float(grid.offsets[cell]) / STEPS_PER_BEAT
    # No new note may start before the clip does: a loop would never play it. New notes lie on ticks, which files can hold.
    ticks = heard.clip.ticks_per_beat
    start = round(min(max(start, heard.clip.start), heard.clip.end - 1 / 64) * ticks) / ticks
    duration = round(max(min(duration, heard.clip.end - start), 1 / 64) * ticks) / ticks
    velocity = min(max(round(float(grid.velocities[cell]) * 127), 1), 127)
    return Note(pitch, start, duration, float(velocity))
