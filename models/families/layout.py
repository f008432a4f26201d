"""Clips laid out on a grid: which note is at which step, and which steps a clip has. All rounding of time to steps is here.

A polyphonic clip is laid out voice by voice: each voice has windows of its own, those of the top voice first.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.families.grid import Grid, GridSpec, Vocabulary
from models.music.clip import Clip, Note
from models.music.distance import VoiceOf
from models.music.paced import paced
from models.pause import pause

Cell = tuple[int, int, int]  # (window, step, lane)
Reason = Literal["outside", "pad", "room"]  # why a note has no place on the grid
Spans = dict[tuple[int, int], tuple[int, int]]  # (window, step) of each onset -> (token, steps it lasts)
Segment = tuple[float, int]  # (first beat, steps) of a stretch of at most half a window


@dataclass(frozen=True)
class GridLayout:
    """A clip as a model sees it, and what is needed to write it back.

    The windows of `voices` voices stand behind one another, as many for each, the top voice's first; B counts all of them.
    `cells` names the notes of the clip behind each onset (the first is the one that the grid shows); `unmapped` are the
    notes the grid has no place for: they are passed through. `open_steps` [B, T] is False where a window has steps that the
    clip has not (short bars, the end of the clip): what a model writes there is dropped.
    """

    clip: Clip
    spec: GridSpec
    vocabulary: Vocabulary
    grid: Grid
    cells: Mapping[Cell, tuple[int, ...]]
    unmapped: tuple[int, ...]
    open_steps: NDArray[np.bool_]
    beats: NDArray[np.float64]  # [B, T]: the beat at which each step lies
    voices: int = 1
    kit: Mapping[int, int] | None = None  # the lane of each pad; None where notes are pitches

    @property
    def lane_of(self) -> VoiceOf | None:
        """The lane of a pad, as `distance` takes it; None where notes are pitches."""
        return None if self.kit is None else self.kit.get

    @cached_property
    def notes_at(self) -> dict[Cell, list[Note]]:
        """The notes of the clip behind each onset, as in `cells`."""
        return {cell: [self.clip.notes[i] for i in indices] for cell, indices in paced(self.cells.items())}

    @cached_property
    def note_count(self) -> NDArray[np.int64]:
        """How many notes are behind each onset, [B, T, V]."""
        count = np.zeros((*self.open_steps.shape, self.vocabulary.lanes), np.int64)
        for cell, notes in paced(self.cells.items()):
            count[cell] = len(notes)
        return count

    @cached_property
    def usual_pads(self) -> dict[int, tuple[int, float]]:
        """The pitch that the clip uses most for each lane, and how long its notes are there, in beats."""
        notes: dict[int, list[Note]] = defaultdict(list)
        for (_, _, lane), behind in paced(self.notes_at.items()):
            notes[lane] += behind
        pitches = {lane: Counter(n.pitch for n in paced(ns)).most_common(1)[0][0] for lane, ns in notes.items()}
        return {lane: (pitches[lane], median(n.duration for n in paced(ns))) for lane, ns in notes.items()}

    @cached_property
    def spans(self) -> Spans:
        """The notes that the grid shows and how long it holds them, of a vocabulary with holds."""
        return find_spans(self.grid, self)

    @cached_property
    def past_end(self) -> NDArray[np.bool_] | None:
        """Steps in which the clip's track has ended in its file, so that no new note may begin, [B, T]; None for most clips."""
        clip, half = self.clip, self.spec.step_beats / 2
        if clip.sounding_end == clip.end:
            return None
        # A step needs half its length to be played in. Where the clip has notes, there is always place for them.
        last = max((n.start for n in paced(clip.notes) if n.start < clip.end), default=clip.start)
        past = self.open_steps & (self.beats > max(clip.sounding_end - half, last + half))
        return past if past.any() else None

    def end_with_track(self, grid: Grid) -> Grid:
        """Undo in a grid what begins or goes on after the track has ended."""
        past = self.past_end
        if past is None:
            return grid
        ended = Grid.where(past, self.grid, grid)
        return replace(ended, tokens=self.vocabulary.without_orphan_holds(ended.tokens))

    @property
    def windows(self) -> int:
        """How many windows each voice has."""
        return len(self.grid) // self.voices

    @property
    def is_wrapped(self) -> bool:
        """Whether the second half of each voice's last window is the clip's beginning again; see `wrap_around`."""
        return not self.open_steps[-1, self.spec.half_steps :].any()

    @property
    def onsets(self) -> NDArray[np.bool_]:
        """The lanes that each step strikes, [B, T, V]."""
        return self.vocabulary.struck(self.grid.tokens)

    def why_unmapped(self) -> dict[Reason, tuple[int, ...]]:
        """Say why notes have no place: outside the clip's length, on an unknown pad, or with no room in the steps or voices."""
        pieces = segments(self.clip, self.spec)
        why: dict[Reason, list[int]] = {"outside": [], "pad": [], "room": []}
        for i in paced(self.unmapped):
            note = self.clip.notes[i]
            is_outside = find_step(note.start, self.clip, pieces, self.spec) is None
            no_pad = self.kit is not None and note.pitch not in self.kit
            why["outside" if is_outside else "pad" if no_pad else "room"].append(i)
        return {reason: tuple(notes) for reason, notes in why.items() if notes}

    def with_voices(self, voices: int) -> GridLayout:
        """Add silent voices below, so that this clip is laid out as one of more voices is."""
        more = voices - self.voices
        if more < 0:
            raise ValueError(f"{self.voices} voices cannot be laid out as {voices}")
        silence = Grid.silent(more * self.windows, self.spec, self.vocabulary)
        tiled = (voices, 1)
        return replace(
            self,
            grid=Grid.stack([self.grid, silence]),
            open_steps=np.tile(self.open_steps[: self.windows], tiled),
            beats=np.tile(self.beats[: self.windows], tiled),
            voices=voices,
        )

    def without_notes(self) -> GridLayout:
        """The same frame, knowing no note of the clip: what is written onto it is all the model's."""
        return replace(self, cells={}, unmapped=())

    def new_note(self, grid: Grid, cell: Cell, pitch: int, duration: float) -> Note:
        """Make the note of an onset of a grid; `duration` is in beats."""
        b, t, _ = cell
        start = self.beats.item(b, t) + grid.offsets.item(cell) / self.spec.steps_per_beat
        # No new note may start before the clip does: a loop would never play it. New notes lie on ticks, which files can hold.
        ticks, end = self.clip.ticks_per_beat, self.clip.sounding_end
        start = max(round(min(start, end - 1 / 64) * ticks) / ticks, self.clip.start)
        duration = round(max(min(duration, end - start), 1 / 64) * ticks) / ticks
        velocity = min(max(round(grid.velocities.item(cell) * 127), 1), 127)
        return Note(pitch, start, duration, float(velocity))


# Writes the tokens of one voice's windows, given the notes of each cell, the loudest first.
WriteTokens = Callable[[Grid, Mapping[Cell, list[int]], NDArray[np.float64], NDArray[np.bool_]], None]


def lay_out(
    clip: Clip,
    spec: GridSpec,
    vocabulary: Vocabulary,
    voices: Sequence[Mapping[int, int]],
    write_tokens: WriteTokens,
    *,
    notes_a_cell: int | None = None,
    kit: Mapping[int, int] | None = None,
) -> GridLayout:
    """Lay a clip out: `voices` are, for each voice, the lane of each of its notes, by index.

    Of several notes in a cell the grid shows the loudest; those beyond `notes_a_cell` have no place.
    """
    pieces = segments(clip, spec)
    windows = (len(pieces) + 1) // 2
    half = spec.half_steps
    open_steps = np.zeros((windows, spec.steps), bool)
    beats = np.zeros((windows, spec.steps))
    for p, (first, steps) in paced(enumerate(pieces)):
        b, t = p // 2, p % 2 * half
        open_steps[b, t : t + steps] = True
        beats[b, t : t + half] = first + np.arange(half) / spec.steps_per_beat
    cells: dict[Cell, tuple[int, ...]] = {}
    grid = Grid.silent(windows * len(voices), spec, vocabulary)
    for number, lanes in enumerate(voices):
        above = number * windows
        part = grid[above : above + windows]  # a view: what is written there is in the grid
        placed: dict[Cell, list[int]] = defaultdict(list)
        for i, lane in paced(lanes.items()):
            step = find_step(clip.notes[i].start, clip, pieces, spec)
            if step is not None:
                placed[*step, lane].append(i)
        for cell, notes in paced(placed.items()):
            notes.sort(key=lambda i: -clip.notes[i].velocity)  # the grid shows a flam as its loudest stroke
            b, t, _ = cell
            note = clip.notes[notes[0]]
            part.velocities[cell] = note.velocity / 127
            part.offsets[cell] = min(max((note.start - beats.item(b, t)) * spec.steps_per_beat, -0.5), 0.5)
            if notes_a_cell is not None:
                del notes[notes_a_cell:]
        write_tokens(part, placed, beats, open_steps)
        wrap_around(part, open_steps, vocabulary)
        cells.update({(above + b, t, lane): tuple(notes) for (b, t, lane), notes in paced(placed.items())})
    mapped = {i for notes in paced(cells.values()) for i in notes}
    unmapped = tuple(i for i in paced(range(len(clip.notes))) if i not in mapped)
    every = (len(voices), 1)
    return GridLayout(
        clip, spec, vocabulary, grid, cells, unmapped, np.tile(open_steps, every), np.tile(beats, every), len(voices), kit
    )


def wrap_around(grid: Grid, open_steps: NDArray[np.bool_], vocabulary: Vocabulary) -> Grid:
    """Fill the half that a clip lacks at its end from its beginning, as the loop would; short bars stay open at their end."""
    half = open_steps.shape[1] // 2
    if len(grid) == 0 or open_steps[-1, half:].any():
        return grid
    last = len(grid) - 1
    for values in (grid.tokens, grid.velocities, grid.offsets):
        values[last, half:] = values[0, :half]
    for slot, (rest, hold) in enumerate(vocabulary.holds):
        if grid.tokens[last, half, slot] == hold:
            grid.tokens[last, half, slot] = rest
    return grid


def segments(clip: Clip, spec: GridSpec) -> list[Segment]:
    """Cut a clip into (first beat, steps) pieces of at most half a window.

    With halves of four beats: bars of 4/4 are whole, shorter ones too, as many together as fit (2/4 as 4/4, 3/8 as 6/8).
    Longer bars are cut on their beats, the longer piece first: 5/4 as 3 + 2, 7/4 as 4 + 3, 12/8 as 6/8 + 6/8.
    """
    pieces: list[Segment] = []
    first = 0.0
    for length in paced(itertools.cycle(_cut_bar(*clip.meter, spec.half_beats))):
        beats = min(length, clip.beats - first)
        if pieces and beats <= 1e-6:
            return pieces
        pieces.append((clip.start + first, max(1, math.ceil(beats * spec.steps_per_beat - 1e-6))))
        first += length
    return pieces


def window_period(meter: tuple[int, int], spec: GridSpec) -> tuple[float, int]:
    """Find the beats after which bars and windows begin together again, and how many windows these are."""
    pieces = _cut_bar(*meter, spec.half_beats)
    times = 1 if len(pieces) % 2 == 0 else 2
    return times * sum(pieces), times * len(pieces) // 2


def _cut_bar(numerator: int, denominator: int, half_beats: float) -> list[float]:
    """List the beats of the pieces that bars are laid in, over and over."""
    beat = 4 / denominator
    if numerator * beat <= half_beats:
        return [numerator * beat * (half_beats // (numerator * beat))]
    if denominator >= 8 and numerator % 3 == 0 and beat * 3 <= half_beats:  # 12/8 is felt in dotted quarters
        numerator, beat = numerator // 3, beat * 3
    while beat > half_beats:  # a beat longer than half a window, as of 2/1
        numerator, beat = numerator * 2, beat / 2
    pieces = math.ceil(numerator / (half_beats // beat))
    return [beat * (numerator // pieces + (k < numerator % pieces)) for k in range(pieces)]


def find_step(start: float, clip: Clip, pieces: Sequence[Segment], spec: GridSpec) -> tuple[int, int] | None:
    """Find the window and step nearest to a beat, or None outside the clip."""
    early = 0.5 / spec.steps_per_beat
    if not clip.start - early <= start < clip.end:
        return None
    p = max(0, bisect.bisect_right(pieces, start + early, key=lambda piece: piece[0]) - 1)
    first, steps = pieces[p]
    # A stroke in the last half step of a short bar or of the clip belongs to its last step, late.
    step = min(max(0, math.floor((start - first) * spec.steps_per_beat + 0.5)), steps - 1)
    return p // 2, p % 2 * spec.half_steps + step


def find_spans(grid: Grid, layout: GridLayout) -> Spans:
    """List the notes of a grid of one slot with a hold, over the ends of windows and over short bars too."""
    vocabulary = layout.vocabulary
    ((_, hold),) = vocabulary.holds
    strikes: list[bool] = np.asarray(vocabulary.onsets.any(1)).tolist()
    cells = np.flatnonzero(layout.open_steps)
    played = grid.tokens.reshape(-1)[cells]
    begins = played != hold  # a note or a rest, which lasts until the next begins
    begins[:: len(cells) // layout.voices] = True  # no note goes over from a voice to the next
    at = np.flatnonzero(begins)
    steps = np.append(at[1:], len(cells)) - at
    runs = zip(cells[at].tolist(), played[at].tolist(), steps.tolist(), strict=True)
    return {divmod(cell, layout.spec.steps): (token, steps) for cell, token, steps in paced(runs) if strikes[token]}


def without_overlaps(kept: Sequence[Note], new: Sequence[Note]) -> list[Note]:
    """Shorten notes so that none overlaps a later one of its pitch because of a new note; sequencers drop such overlaps.

    A new note that would begin just when another of its pitch does is that one: half a step late is the next step half early.
    """
    starts: dict[int, list[float]] = {n.pitch: [] for n in paced(new)}  # of no other pitch need any be shortened
    for note in paced(kept):
        if note.pitch in starts:
            starts[note.pitch].append(note.start)
    there = {pitch: set(times) for pitch, times in starts.items()}
    new = [n for n in {(n.pitch, n.start): n for n in paced(reversed(new))}.values() if n.start not in there[n.pitch]]
    fresh: dict[int, list[float]] = {n.pitch: [] for n in new}
    for note in paced(new):
        starts[note.pitch].append(note.start)
        fresh[note.pitch].append(note.start)
    for times in (*starts.values(), *fresh.values()):
        times.sort()
        pause()
    trimmed = [_trim(n, fresh[n.pitch]) if n.pitch in fresh else n for n in paced(kept)]
    return trimmed + [_trim(n, starts[n.pitch]) for n in paced(new)]


def _trim(note: Note, times: list[float]) -> Note:
    after = bisect.bisect_right(times, note.start)
    if after == len(times) or times[after] >= note.end:
        return note
    return note.changed(duration=times[after] - note.start)
