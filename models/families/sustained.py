"""What families of sustained notes share: a step begins a pitch, holds it or rests. Melodies are one (`melody`).

Tokens 0 to 127 begin that pitch, 128 holds, 129 rests. Each voice of a clip has windows of its own; the facets that can be
known of a step are its rhythm and its pitch.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from models.families.changes import describe_pitches
from models.families.constraints import (
    NEVER,
    PITCH,
    RHYTHM,
    VELOCITY,
    Constraints,
    GridConstraints,
    LogitBias,
    find_locked_notes,
    in_order,
    keep_off_locked_beats,
    lean_off_beat,
    restore_locked_notes,
    restore_velocities,
    split_untouched,
    steps_inside,
)
from models.families.context import AMOUNT, AROUND, CLASSES, HABITS, SCALE, Context, columns, own_kinds
from models.families.family import Family, Kit, NoteEdit, cells_of, masks_of
from models.families.grid import Grid, Vocabulary
from models.families.layout import Cell, GridLayout, find_spans, find_step, lay_out, segments, without_overlaps
from models.families.statistics import Floats, longest, repeated
from models.music.clip import Clip, Note, note_order
from models.music.morph import is_single_line
from models.music.paced import paced, sorted_in_runs
from models.music.voices import separate_voices, top_voice

HOLD, REST = 128, 129  # tokens; 0..127 begin that pitch
RHYTHM_FACET, PITCH_FACET = 0, 1
# Nats a semitone for each octave that is asked for, around a clip and from nothing: new notes lie about so much higher.
NATS_PER_SEMITONE = 0.4, 0.15
CLASH = np.float32(-4)  # nats on pitches a semitone from what sounds beside a line
MASKED = np.float32(0.25)  # nats on all pitches where some are barred or leant away from, so that as many notes are struck
# Nats a semitone beyond the lowest and the highest note of a clip, for each window that it has beside the first, up to so many:
# two bars of a tune do not yet say how far it goes, many do.
# Nats around a single clip, so that it keeps as many notes and gets no holes: on pitches where it strikes one, since networks
# take a note that is struck again for one that is held; on pitches elsewhere; and on rests where it sounds.
STRUCK, NOT_STRUCK, HOLE = np.float32(0.25), np.float32(-0.25), np.float32(-0.4)
BEYOND, SAYING = np.float32(-0.25), 8
# A line whose highest note lies below this is a bass: models learned few, and would lift them to where tunes are.
BASS, BASS_SAYS = 52, 2  # it holds to its range as if it were so many windows longer
FARTHEST = 18  # semitones from the middle beyond which an octave leans no harder
REGISTER = slice(3, 6)  # of the habits: the middle, the lowest and the highest pitch, in two octaves
LEGATO = 1 / 16  # beats: the least that a note lasts that is struck where one was before


def _features() -> NDArray[np.bool_]:
    """Describe tokens by what they are, their pitch class and their octave: [130, 3 + 12 + 11]."""
    features = np.zeros((130, 3 + 12 + 11), bool)
    features[HOLD, 1] = features[REST, 2] = True
    for pitch in range(HOLD):
        features[pitch, [0, 3 + pitch % 12, 15 + pitch // 12]] = True
    return features


LINE = Vocabulary(
    slots=(130,),
    onsets=(np.arange(130) < HOLD)[:, None],
    features=_features(),
    facets=np.array([RHYTHM_FACET] * 3 + [PITCH_FACET] * 23),
    silence=(REST,),
    holds=((REST, HOLD),),
    classes=np.where(np.arange(130) < HOLD, np.arange(130) % 12, -1),
)


class SustainedFamily(Family):
    """A family whose notes last: one token a step for each voice."""

    vocabulary = LINE
    is_pitched = True
    transpose = 6
    context: ClassVar[Mapping[str, int]] = {**AROUND, SCALE: CLASSES, HABITS: 15, AMOUNT: 1}
    seam_beats = 2.0
    varies_stretches = True
    nats_per_note = (1.0, 0.25)
    leading = (2.5,)

    # --- clips and grids ---------------------------------------------------------------------------------------------

    def clip_to_grid(self, clip: Clip, kit: Kit | None = None, *, voices: int = 1) -> GridLayout:
        """Lay out up to `voices` voices of a clip, its top voice where one is asked for or all there is; the rest is apart."""
        pieces = segments(clip, self.spec)
        inside = [i for i, n in paced(enumerate(clip.notes)) if find_step(n.start, clip, pieces, self.spec)]
        found = [top_voice(clip, step=self.spec.step_beats)]
        if voices > 1 and len(found[0]) < len(clip.notes):
            parts = separate_voices([clip.notes[i] for i in inside], most=voices)
            found = [top_voice(clip, [inside[k] for k in part], step=self.spec.step_beats) for part in parts] or found

        def write_tokens(
            part: Grid, placed: Mapping[Cell, list[int]], beats: NDArray[np.float64], open_steps: NDArray[np.bool_]
        ) -> None:
            notes = {cell: clip.notes[indices[0]] for cell, indices in paced(placed.items())}
            _write_line(part, notes, beats, open_steps, self.spec.steps_per_beat)

        lanes = [dict.fromkeys(voice, 0) for voice in found]
        return lay_out(clip, self.spec, self.vocabulary, lanes, write_tokens, notes_a_cell=1)

    def grid_to_clip(self, layout: GridLayout, grid: Grid) -> Clip:
        """Write a grid as the clip it was laid out from: an untouched note stays the note it was."""
        kept: list[Note] = [layout.clip.notes[i] for i in paced(layout.unmapped)]
        new: list[Note] = []
        behind, before, windows = layout.notes_at, layout.spans, layout.windows
        grid = layout.end_with_track(grid)
        after = find_spans(grid, layout)
        stays = {(*at, 0) for at, span in paced(after.items()) if span == before.get(at) and (*at, 0) in behind}
        taken = {(cell[0] % windows, cell[1], after[cell[:2]][0]) for cell in paced(stays)}
        for cell in paced(stays):
            kept += behind[cell]
        for (b, t), (pitch, steps) in paced(after.items()):
            cell = (b, t, 0)
            place = (b % windows, t, pitch)
            sources = behind.get(cell)
            old = before.get((b, t))
            if cell in stays:
                continue
            if place in taken:  # two voices may come to one note: it is written once, and of the second voice its own stays
                if sources and old and (was := (b % windows, t, old[0])) not in taken:
                    kept += sources
                    taken.add(was)
                continue
            taken.add(place)
            if sources and old and old[1] == steps:
                new.append(sources[0].changed(pitch=pitch))
                continue
            note = layout.new_note(grid, cell, pitch, steps / self.spec.steps_per_beat)
            if sources:  # a note that is struck where one was before keeps its time and its force
                longest = max(layout.clip.sounding_end, sources[0].end) - sources[0].start
                duration = min(max(note.end - sources[0].start, LEGATO), longest)
                note = sources[0].changed(pitch=pitch, duration=duration)
            new.append(note)
        return layout.clip.with_notes(sorted_in_runs(without_overlaps(kept, new), key=note_order))

    # --- editing -----------------------------------------------------------------------------------------------------

    def note_edits(self, own: Grid, changed: Grid, *, voices: int = 1) -> list[NoteEdit]:
        """List runs of steps of a voice that differ, over the ends of windows too, cut where notes begin in both."""
        edits: list[NoteEdit] = []
        last, steps, windows = -1, self.spec.steps, len(own) // voices
        mine, theirs = own.tokens[..., 0], changed.tokens[..., 0]
        begun = ((mine != HOLD) & (theirs != HOLD)).reshape(-1)
        for at in paced(np.nonzero((mine != theirs).reshape(-1))[0].tolist()):
            b, t = divmod(at, steps)
            begins = begun.item(at)
            if not edits or begins or at != last + 1 or at % (windows * steps) == 0:
                edits.append([])
            edits[-1].append((b, t, 0))
            last = at
        return edits

    def apply_edits(self, own: Grid, changed: Grid, edits: Iterable[NoteEdit]) -> Grid:
        """Change `own` only where these edits say."""
        cells = cells_of(edits)
        if not len(cells):
            return own
        b, t, _ = cells.T
        chosen = np.zeros(own.tokens.shape[:2], bool)
        chosen[b, t] = True
        mixed = Grid.where(chosen, changed, own)
        return replace(mixed, tokens=self.vocabulary.without_orphan_holds(mixed.tokens))

    def apply_each(self, own: Grid, changed: Grid, sets: Sequence[Sequence[NoteEdit]]) -> Grid:
        """Change a window only where the edits of each set say."""
        mixed = Grid.where(masks_of(sets, self.spec.steps, 1)[..., 0], changed, own)
        return replace(mixed, tokens=self.vocabulary.without_orphan_holds(mixed.tokens))

    def onset_lanes(self, grid: Grid) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """List the notes of a grid by their pitch."""
        tokens = grid.tokens[..., 0]
        b, t = np.nonzero(tokens < HOLD)
        return b, t, tokens[b, t]

    def own_context(self, grid: Grid) -> Context:
        """Tell the pitch classes of a line, its density, rests, register and leaps, and how far rhythm and pitches repeat."""
        tokens = grid.tokens[..., 0]
        struck, pitch = tokens < HOLD, sounding(tokens)
        sounds, steps = pitch >= 0, tokens.shape[1]
        scale = np.stack([(sounds & (pitch % CLASSES == k)).sum(1) for k in range(CLASSES)], 1) / self.spec.steps_per_beat
        count = np.maximum(sounds.sum(1), 1)
        middle = np.where(sounds.any(1), np.where(sounds, pitch, 0).sum(1) / count, 64)
        low = np.where(sounds, pitch, 127).min(1)
        high = np.where(sounds, pitch, 0).max(1)
        leap = np.abs(np.diff(pitch, axis=1)) * (sounds[:, 1:] & sounds[:, :-1] & struck[:, 1:])
        lags = self.spec.steps_per_beat, 2 * self.spec.steps_per_beat, self.spec.half_steps
        again = [((pitch[:, lag:] == pitch[:, :-lag]) & sounds[:, lag:]).mean(1) for lag in lags]
        habits = [
            struck.sum(1) / (steps / 2),
            1 - sounds.mean(1),
            (tokens == HOLD).mean(1),
            (middle - 64) / 24,
            np.where(sounds.any(1), (low - 64) / 24, 0),
            np.where(sounds.any(1), (high - 64) / 24, 0),
            leap.sum(1) / np.maximum(struck.sum(1), 1) / 4,
            *(repeated(struck[..., None], lag) for lag in lags),
            *again,
            (scale > 0).sum(1) / CLASSES,
            longest(~struck) / self.spec.half_steps,
        ]
        told = {SCALE: np.minimum(scale, 1), HABITS: np.stack(habits, 1)}
        return own_kinds(told, self.spec.window_beats, self.context)

    def own_transposed(self, context: Context, semitones: NDArray[np.int64], *, octaves: float = 0.0) -> Context:
        """Turn the pitch classes that are told, and move the register."""
        moved, at = context.copy(), columns(self.context)
        turn = np.repeat((np.arange(CLASSES) - semitones[:, None])[:, None] % CLASSES, context.shape[1], 1)
        classes = slice(at[SCALE].start + 1, at[SCALE].stop)
        moved[..., classes] = np.take_along_axis(context[..., classes], turn, -1)
        first = at[HABITS].start + 1
        moved[..., first + REGISTER.start : first + REGISTER.stop] += ((semitones + CLASSES * octaves) / 24)[:, None, None]
        return moved

    def own_onsets(self, context: Context) -> Floats:
        """Read the density, the first of the habits."""
        return np.asarray(context[:, 0, columns(self.context)[HABITS].start + 1] * (self.spec.steps / 2), np.float64)

    def changes(self, own: Grid, made: Grid, of: NDArray[np.int64]) -> dict[str, Floats]:
        """Describe changes, those of pitches too."""
        before, after = (np.where(grid.tokens[..., 0] < HOLD, grid.tokens[..., 0], -1) for grid in (own, made))
        return super().changes(own, made, of) | describe_pitches(before[of], after)

    # --- constraints -------------------------------------------------------------------------------------------------

    def compile(self, layout: GridLayout, constraints: Constraints, *, also: Sequence[Grid] = ()) -> GridConstraints:
        """Put constraints in the terms of a clip; a scale allows the pitches that it, or a grid in `also`, has at a step."""
        locked = find_locked_notes(layout, constraints, frozenset())
        known = self._known(layout, constraints, locked)
        bias = self._logit_bias(layout, constraints, also)
        if known is not None:
            bias = self._keep_free_of_onsets(layout, constraints, bias)
        return GridConstraints(known if known is not None and known.any() else None, bias, locked)

    def _known(self, layout: GridLayout, constraints: Constraints, locked: frozenset[int]) -> NDArray[np.bool_] | None:
        if not (constraints.locks or constraints.rests):
            return None
        known = np.zeros((*layout.open_steps.shape, self.vocabulary.facet_count), bool)
        sounds_from = [(b, t) for (b, t, _), notes in paced(layout.cells.items()) if not locked.isdisjoint(notes)]
        if sounds_from:
            for step in paced(_sounding_steps(layout, sounds_from)):
                known[step] = True
        inside = steps_inside(layout, constraints)
        known |= (inside & (layout.grid.tokens[..., 0] == REST))[..., None]
        if RHYTHM in constraints.lock:
            known[..., RHYTHM_FACET] = True
        return known & layout.open_steps[..., None]

    def _logit_bias(self, layout: GridLayout, constraints: Constraints, also: Sequence[Grid] = ()) -> LogitBias | None:
        asked = constraints.density or constraints.octave or constraints.syncopation
        asked = asked or constraints.has_scale or PITCH in constraints.lock
        if not (asked or constraints.beside or layout.clip.notes):
            return None
        clashes = _find_clashes(layout, constraints.beside)
        others = _sounding_beside(layout)
        clip, is_empty = layout.clip, not layout.clip.notes
        grids = layout.grid, *also
        pitches = np.arange(HOLD)
        every = self.nats_per_note[is_empty] * constraints.density * self.vocabulary.onsets.sum(1)
        leaning: NDArray[np.floating] = np.zeros(HOLD)
        if constraints.octave:
            middle = 64 if is_empty else np.median([n.pitch for n in paced(clip.notes)])
            leaning = constraints.octave * NATS_PER_SEMITONE[is_empty] * np.clip(pitches - middle, -FARTHEST, FARTHEST)
        elif not is_empty:
            leaning = _keep_range(grids, layout.windows)

        off_beat = lean_off_beat(layout, constraints.syncopation) * self.leading[0] if constraints.syncopation else None

        def make(rows: NDArray[np.int64]) -> NDArray[np.float32]:
            tokens = layout.grid.tokens[rows, :, 0]
            bias = np.zeros((*tokens.shape, self.vocabulary.tokens), np.float32)
            bias += every
            if off_beat is not None:
                bias[..., :HOLD] += off_beat[rows][..., None]
            if not is_empty and (clashes is not None or constraints.has_scale):
                bias[..., :HOLD] += MASKED
            if not is_empty and not also and not constraints.density:
                bias[..., :HOLD] += np.where(tokens < HOLD, STRUCK, NOT_STRUCK)[..., None]
                bias[tokens != REST, REST] += HOLE
            bias[..., :HOLD] += leaning
            if PITCH in constraints.lock:
                bias[..., :HOLD][~_pitches_near(tokens, self.spec.steps_per_beat)] = NEVER
            if clashes is not None:
                clashing = np.where(clashes[rows], CLASH, np.float32(0))[..., pitches % CLASSES]
                at = np.nonzero(tokens < HOLD)
                clashing[(*at, tokens[at])] = 0
                bias[..., :HOLD] += clashing
            for pitch in (of[rows] for of in others):
                at = np.nonzero((pitch >= 0) & (pitch != tokens))
                bias[(*at, pitch[at])] += CLASH
            if constraints.has_scale:
                barred = ~constraints.allowed_classes(layout.beats[rows] - clip.start)[..., pitches % CLASSES]
                for grid in grids:
                    its = grid.tokens[rows, :, 0]
                    at = np.nonzero(its < HOLD)
                    barred[(*at, its[at])] = False
                bias[..., :HOLD][barred] = NEVER
            return bias

        return LogitBias(len(layout.grid), make)

    def _keep_free_of_onsets(self, layout: GridLayout, constraints: Constraints, bias: LogitBias | None) -> LogitBias | None:
        """Let no note begin where, in a locked stretch, one rings that began before: that it rings on is not what is locked."""
        rings = steps_inside(layout, constraints) & (layout.grid.tokens[..., 0] == HOLD)
        if not rings.any():
            return bias

        def without_onsets(scores: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
            scores[rings[rows], :HOLD] = NEVER
            return scores

        return (self._no_bias(layout) if bias is None else bias).changed(without_onsets)

    def _no_bias(self, layout: GridLayout) -> LogitBias:
        shape = layout.spec.steps, self.vocabulary.tokens
        return LogitBias(len(layout.grid), lambda rows: np.zeros((len(rows), *shape), np.float32))

    def enforce_locks(self, layout: GridLayout, changed: Grid, compiled: GridConstraints, constraints: Constraints) -> Grid:
        """Undo changes of a locked row of pitches, and let no new note begin in a locked stretch."""
        if PITCH in constraints.lock:
            changed = self._keep_pitches(layout, changed, compiled)
        return keep_off_locked_beats(layout, changed, constraints)

    def _keep_pitches(self, layout: GridLayout, changed: Grid, compiled: GridConstraints) -> Grid:
        """Give each voice its own pitches in their own order, in the rhythm that was decoded, with as many notes as it has.

        A locked note is where it was, so the notes on either side of it are as many as before.
        """
        flat = layout.voices, -1
        is_known = np.asarray(np.zeros(layout.open_steps.shape, bool) if compiled.known is None else compiled.known.all(-1))
        before, steps = layout.grid.tokens.reshape(flat), layout.open_steps.reshape(flat)
        after, back = changed.tokens.reshape(flat).copy(), np.zeros(steps.shape, bool)
        for voice, known in enumerate(is_known.reshape(flat)):
            starts = np.nonzero((before[voice] < HOLD) & known)[0].tolist()
            for low, high in paced(pairwise([0, *starts, before.shape[1]]), 32):
                part = voice, slice(low, high)
                _keep_pitches_of(before[part], after[part], steps[part], back[part])
        whole = Grid.where(back.reshape(layout.open_steps.shape), layout.grid, changed)
        return replace(whole, tokens=self.vocabulary.without_orphan_holds(after.reshape(changed.tokens.shape)))

    def restore_locked(self, layout: GridLayout, made: Clip, compiled: GridConstraints, constraints: Constraints) -> Clip:
        """Put locked notes back whole; with rhythm locked, give changed notes their old times, with velocity, the clip's."""
        if not constraints.locks:
            return made
        clip = layout.clip
        own, new = restore_locked_notes(clip, made, compiled.locked)
        if RHYTHM in constraints.lock:
            own, new = _keep_rhythm(clip, own, new)
        if VELOCITY in constraints.lock:
            new = restore_velocities(layout, new)
        notes = in_order([*own, *new])
        # A note that the grid has no place for stays where it is, and others of a voice may have gone past it.
        is_line = layout.voices == 1 or is_single_line(clip)
        is_broken = (
            is_line and PITCH in constraints.lock and [n.pitch for n in notes] != [n.pitch for n in clip.in_order().notes]
        )
        return clip.in_order() if is_broken else made.with_notes(notes)

    def is_fixed(self, layout: GridLayout, compiled: GridConstraints, constraints: Constraints) -> bool:
        """Tell whether locks leave nothing free: rhythm and pitches together do not."""
        return {RHYTHM, PITCH} <= constraints.lock or super().is_fixed(layout, compiled, constraints)

    def rhythm_constraints(self, layout: GridLayout, notes: Clip, constraints: Constraints) -> GridConstraints:
        """Ask for the rhythm of a clip with the pitches of another; all are allowed where that has none."""
        shape = layout.open_steps.shape
        bias = self._logit_bias(layout, replace(constraints, key=None, lock=frozenset({RHYTHM})))
        bias = self._no_bias(layout) if bias is None else bias
        barred = np.setdiff1d(np.arange(HOLD), pitches_of(notes, constraints))

        def without_barred(scores: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
            scores[..., barred] = NEVER
            return scores

        known = np.zeros((*shape, self.vocabulary.facet_count), bool)
        known[..., RHYTHM_FACET] = layout.open_steps
        return GridConstraints(known, bias.changed(without_barred))

    def write_cross(
        self, layout: GridLayout, grid: Grid, compiled: GridConstraints, notes: Clip, constraints: Constraints
    ) -> Clip:
        """Give each note of the layout's clip the pitch that was decoded where it lies; all else of it stays."""
        return with_pitches(layout, grid, pitches_of(notes, constraints))

    # --- learning ----------------------------------------------------------------------------------------------------

    def is_worth_learning(self, window: Grid, unmapped: int) -> bool:
        """Take windows with four notes of two pitches, and few notes beside the voice."""
        struck = window.tokens[window.tokens < HOLD]
        return bool(len(struck) >= 4 and len(set(struck.tolist())) >= 2 and unmapped <= len(struck) * 0.1)

    def hidden_parts(self, facets: NDArray[np.bool_], rng: np.random.Generator) -> Iterator[tuple[str, NDArray[np.bool_]]]:
        """Know the rhythm and not the pitches."""
        yield "pitch", facets & (np.arange(facets.shape[2]) != PITCH_FACET)

    def transposed(self, tokens: NDArray[np.int64], semitones: NDArray[np.int64]) -> NDArray[np.int64]:
        """Transpose windows [B, T, S], each by its semitones [B] as far as its pitches allow."""
        pitched = tokens < HOLD
        low = np.where(pitched, tokens, 127).min((1, 2))
        high = np.where(pitched, tokens, 0).max((1, 2))
        shift = np.clip(semitones, -low, 127 - high)
        return np.where(pitched, tokens + shift[:, None, None], tokens)


def pitches_of(clip: Clip, constraints: Constraints) -> list[int]:
    """List the pitches that a clip lends to another's rhythm: its own, of them those in the key; any where there are none."""
    own = sorted({n.pitch for n in paced(clip.notes)}) or list(range(HOLD))
    return [p for p in own if constraints.key is None or constraints.key.has(p)] or own


def with_pitches(layout: GridLayout, grid: Grid, pitches: Collection[int]) -> Clip:
    """Give each note of a clip the pitch that a grid has where it lies; all else of it stays.

    A note the grid has no place for takes the nearest of `pitches`. Where that pitch still sounds, the next nearest is taken;
    where all do, the note is left out.
    """
    at = {i: grid.tokens.item(b, t, 0) for (b, t, _), notes in paced(layout.cells.items()) for i in notes}
    until: dict[int, float] = {}  # pitch -> when it ends
    led: list[Note] = []
    for i, note in paced(sorted_in_runs(enumerate(layout.clip.notes), key=lambda entry: note_order(entry[1])), 32):
        wanted = at.get(i, note.pitch)
        free = [p for p in pitches if until.get(p, -np.inf) <= note.start + 1e-6]
        if free:
            pitch = min(free, key=lambda p: (abs(p - wanted), p))
            until[pitch] = note.end
            led.append(note if pitch == note.pitch else note.changed(pitch=pitch))
    return layout.clip.with_notes(led).in_order()


def _write_line(
    part: Grid, notes: Mapping[Cell, Note], beats: NDArray[np.float64], open_steps: NDArray[np.bool_], steps_per_beat: int
) -> None:
    """Write the onsets and holds of a voice, given its notes by cell."""
    flat = part.tokens.reshape(-1)
    is_open = open_steps.reshape(-1).tolist()
    times = beats.reshape(-1).tolist()
    onsets = [(b * open_steps.shape[1] + t, note) for (b, t, _), note in paced(notes.items())]
    onsets = sorted_in_runs(onsets, key=lambda onset: onset[:1])
    half_step = 0.5 / steps_per_beat
    for k, (at, note) in paced(enumerate(onsets), 64):
        until = len(flat) if k + 1 == len(onsets) else onsets[k + 1][0]
        flat[at] = note.pitch
        last, end = at, note.end
        for t in paced(range(at + 1, until)):
            if is_open[t]:
                if times[t] + half_step > end:
                    break
                last = t
        flat[at + 1 : last + 1] = HOLD  # steps that a short bar lacks are held through, not an end and no beginning


def _keep_pitches_of(
    before: NDArray[np.int64], after: NDArray[np.int64], steps: NDArray[np.bool_], back: NDArray[np.bool_]
) -> None:
    """Give a stretch of a voice `after` as many onsets as it had before and their pitches; `back` says which came back."""
    had = np.nonzero((before < HOLD) & steps)[0]
    has = np.nonzero((after < HOLD) & steps)[0]
    was, comes = set(had.tolist()), set(has.tolist())
    # Too many: those that are least like an onset of the clip's own go; too few: its own come back.
    for extra in sorted(has.tolist(), key=lambda t: t in was)[: max(0, len(has) - len(had))]:
        after[extra] = HOLD if extra and after[extra - 1] != REST else REST
    for missing in [t for t in paced(had.tolist()) if t not in comes][: max(0, len(had) - len(has))]:
        after[missing], back[missing] = before[missing], True
    after[np.nonzero((after < HOLD) & steps)[0]] = before[had]


def _keep_range(grids: Sequence[Grid], windows: int) -> NDArray[np.float32]:
    """Lean off pitches beyond the range of some music, which is so many windows long: nats [HOLD]."""
    used, pitches = np.flatnonzero(LINE.used(grids)[:HOLD]), np.arange(HOLD)
    if not len(used):
        return np.zeros(HOLD, np.float32)
    beyond = np.maximum(used[0] - pitches, pitches - used[-1]).clip(0)
    said = windows - 1 + (BASS_SAYS if used[-1] < BASS else 0)
    return np.asarray(BEYOND * min(said, SAYING) * beyond, np.float32)


def _find_clashes(layout: GridLayout, beside: Sequence[Note]) -> NDArray[np.bool_] | None:
    """Find the pitch classes a semitone from what sounds at each step, beside a voice or in other voices: [B, T, 12].

    What sounds there itself does not clash. None where nothing does.
    """
    voices, steps = layout.voices, layout.spec.steps
    if not beside and voices == 1:
        return None
    cells = np.flatnonzero(layout.open_steps[: layout.windows])  # of one voice, in order of time
    beats = layout.beats.reshape(-1)[cells] + 0.5 / layout.spec.steps_per_beat
    changes = np.zeros((len(cells) + 1, CLASSES), np.int64)
    for note in paced(beside):
        first, after = np.searchsorted(beats, (note.start, note.end)).tolist()
        changes[first, note.pitch % CLASSES] += 1
        changes[after, note.pitch % CLASSES] -= 1
    heard = np.zeros((voices, layout.windows * steps, CLASSES), bool)
    heard[:, cells] = changes.cumsum(0)[:-1] > 0
    pitch = sounding(layout.grid.tokens[..., 0]).reshape(voices, -1)
    for voice, other in itertools.permutations(range(voices), 2):
        at = np.nonzero(pitch[other] >= 0)[0]
        heard[voice, at, pitch[other, at] % CLASSES] = True
    near = (np.roll(heard, 1, -1) | np.roll(heard, -1, -1)) & ~heard
    return near.reshape(voices * layout.windows, steps, CLASSES)


def _sounding_beside(layout: GridLayout) -> list[NDArray[np.int64]]:
    """List what sounds in other voices at each step: of each window the pitches of the next voice, of the one after it, …"""
    if layout.voices == 1:
        return []
    pitch = sounding(layout.grid.tokens[..., 0])
    return [np.roll(pitch, -k * layout.windows, 0) for k in range(1, layout.voices)]


def sounding(tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find the pitch that sounds at each step of melody tokens, [B, T], -1 for silence."""
    steps = np.arange(tokens.shape[1])
    last = np.maximum.accumulate(np.where(tokens != HOLD, steps, 0), axis=1)
    source = np.take_along_axis(tokens, last, 1)
    return np.where(source < HOLD, source, -1)


def _sounding_steps(layout: GridLayout, beginnings: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """List the steps (window, step) in which notes of a voice sound, over the ends of windows and over short bars too."""
    tokens, is_open = layout.grid.tokens.reshape(-1).tolist(), layout.open_steps.reshape(-1).tolist()
    steps = layout.spec.steps
    for b, t in beginnings:
        yield b, t
        for at in range(b * steps + t + 1, (b // layout.windows + 1) * layout.windows * steps):
            if is_open[at]:
                if tokens[at] != HOLD:
                    break
                yield divmod(at, steps)


def _pitches_near(tokens: NDArray[np.int64], steps_per_beat: int) -> NDArray[np.bool_]:
    """Find, for each step of windows [B, T], the pitches that a voice has there [B, T, 128]: before, and soon after.

    These are that of the note before, and that of the next one if it comes within a beat, or if there is none before.
    """
    steps = tokens.shape[1]
    at = np.arange(steps)
    struck = tokens < HOLD
    before = np.maximum.accumulate(np.where(struck, at, -1), axis=1)
    first = np.minimum.accumulate(np.where(struck, at, steps)[:, ::-1], axis=1)[:, ::-1]
    after = np.concatenate([first[:, 1:], np.full((len(tokens), 1), steps)], 1)
    is_near = (after < steps) & ((after - at <= steps_per_beat) | (before < 0))
    near = np.zeros((*tokens.shape, HOLD), bool)
    for where, which in ((before >= 0, before), (is_near, after)):
        b, t = np.nonzero(where)
        near[b, t, tokens[b, which[b, t]]] = True
    return near


def _keep_rhythm(clip: Clip, own: list[Note], new: list[Note]) -> tuple[list[Note], list[Note]]:
    """Give notes that changed in pitch the time of those they were; one that would then cut another of its pitch goes back."""
    were = in_order(split_untouched(own, clip.notes)[1])
    new = in_order(new)
    if [n.start for n in were] != [n.start for n in new]:
        return list(clip.notes), []
    stay, led = list(own), list[Note]()
    there = _Sounding([*own, *were])
    for note in paced(own):
        there.add(note.pitch, note.start, note.end)
    for old, n in paced(zip(were, new, strict=True)):
        now = replace(old, pitch=n.pitch, velocity=n.velocity, from_clip=-1, from_note=-1)
        if n.pitch == old.pitch or there.sounds(now):
            now = old
            stay.append(old)
        else:
            led.append(now)
        there.add(now.pitch, now.start, now.end)
    return stay, led


class _Sounding:
    """Whether any of some notes of a pitch sounds while another does: for each pitch a tree of the latest ends."""

    def __init__(self, notes: Sequence[Note]) -> None:
        """`notes` are all whose beginnings may come, at whatever pitch."""
        self._starts = sorted({n.start for n in paced(notes)})
        self._latest: dict[int, dict[int, float]] = {}

    def add(self, pitch: int, start: float, end: float) -> None:
        """Add a note."""
        latest = self._latest.setdefault(pitch, {})
        at = bisect_left(self._starts, start) + 1
        while at <= len(self._starts):
            latest[at] = max(latest.get(at, end), end)
            at += at & -at

    def sounds(self, note: Note) -> bool:
        """Whether one of the note's pitch begins before its end and ends after its beginning."""
        latest = self._latest.get(note.pitch, {})
        at = bisect_left(self._starts, note.end)  # those that begin before
        while at:
            if at in latest and note.start < latest[at]:
                return True
            at -= at & -at
        return False
