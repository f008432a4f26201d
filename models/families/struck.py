"""What families of struck lanes share: a step strikes some lanes, nothing is held. Drums are one; their facts are in `drums`.

A lane is a voice of a kit; each is a facet that can be known and locked on its own.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

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
    steps_inside,
)
from models.families.family import Family, Kit, NoteEdit, PartFacts, cells_of, masks_of
from models.families.grid import Grid
from models.families.layout import Cell, GridLayout, lay_out, without_overlaps
from models.music.clip import Clip, Note, note_order
from models.music.paced import paced, sorted_in_runs

# Nats on lanes that a clip does not strike, for each window that it has beside the first, up to so many: two bars of a beat do
# not yet say what the kit is, many do.
NEW_LANE, SAYING = -0.2, 8


class StruckFamily(Family):
    """A family whose notes are strokes on lanes."""

    channel: ClassVar[int] = 10
    # Strokes that are made anew together are alike from bar to bar: a whole bar of them over a seam made the bars beside it
    # more alike than all others.
    seam_beats: ClassVar[float] = 1.0
    nats_per_note: ClassVar[tuple[float, float]] = (0.18, 0.08)

    @abstractmethod
    def default_kit(self) -> Kit:
        """The lane of each pad where nothing else is known."""

    @abstractmethod
    def tokens_of(self, lanes: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Find the tokens of steps that strike some lanes: [..., V] -> [..., S]."""

    # --- clips and grids ---------------------------------------------------------------------------------------------

    def kit(self, drum_map: str, pads: Sequence[tuple[int, str]], together: Iterable[Clip] = ()) -> Kit | None:
        """Find the lane of each pad; pads that clips `together` use come first, so that what one lacks is written there."""
        kit = self.named_kit(drum_map, pads)
        used = Counter(n.pitch for clip in together for n in paced(clip.notes) if n.pitch in kit)
        return {pitch: kit[pitch] for pitch, _ in used.most_common()} | dict(kit)

    def named_kit(self, drum_map: str, pads: Sequence[tuple[int, str]]) -> Kit:
        """Find the lane of each pad by a published map and what is said of single pads."""
        return self.default_kit()

    def clip_to_grid(self, clip: Clip, kit: Kit | None = None, *, voices: int = 1) -> GridLayout:
        """Lay a clip out, given the lane of each pad; unknown pads, pickups and tails are kept apart."""
        kit = self.default_kit() if kit is None else kit
        lanes = {i: kit[n.pitch] for i, n in paced(enumerate(clip.notes)) if n.pitch in kit}
        return lay_out(clip, self.spec, self.vocabulary, [lanes], self._write_tokens, kit=kit)

    def _write_tokens(
        self, part: Grid, placed: Mapping[Cell, list[int]], beats: NDArray[np.float64], open_steps: NDArray[np.bool_]
    ) -> None:
        lanes = np.zeros(part.velocities.shape, bool)
        for cell in paced(placed):
            lanes[cell] = True
        part.tokens[:] = self.tokens_of(lanes)

    def grid_to_clip(self, layout: GridLayout, grid: Grid) -> Clip:
        """Write a grid as the clip it was laid out from: untouched hits stay the notes they were."""
        kept: list[Note] = [layout.clip.notes[i] for i in paced(layout.unmapped)]
        new: list[Note] = []
        onsets = self.vocabulary.struck(layout.end_with_track(grid).tokens) & layout.open_steps[:, :, None]
        behind, usual = layout.notes_at, layout.usual_pads
        first_pads = {lane: pitch for pitch, lane in reversed(list((layout.kit or {}).items()))}
        for b, t, lane in paced(zip(*(axis.tolist() for axis in np.nonzero(onsets)), strict=True)):
            cell = b, t, lane
            if cell in behind:
                kept += behind[cell]
            elif lane in usual:
                new.append(layout.new_note(grid, cell, *usual[lane]))
            elif lane in first_pads:  # a kit need not have all lanes
                new.append(layout.new_note(grid, cell, first_pads[lane], self.spec.step_beats))
        return layout.clip.with_notes(sorted_in_runs(without_overlaps(kept, new), key=note_order))

    # --- editing -----------------------------------------------------------------------------------------------------

    def apply_residual(self, own: Grid, reconstruction: Grid, decoded: Grid) -> Grid:
        """Change lanes of `own` where `decoded` differs from both `own` and `reconstruction`; see Family."""
        mine, back, made = (self.vocabulary.struck(grid.tokens) for grid in (own, reconstruction, decoded))
        return self.with_own_feel(own, decoded, self.tokens_of(mine ^ ((made ^ back) & (made ^ mine))))

    def note_edits(self, own: Grid, changed: Grid, *, voices: int = 1) -> list[NoteEdit]:
        """List the changes between two grids in order of time.

        A stroke that comes and one that goes within a beat on the same lane, or at the same step, are one that moved.
        """
        before, after = (self.vocabulary.struck(grid.tokens) for grid in (own, changed))
        # Cells are numbered in order of time, those of a step by lane, so that the same lane a step on is `lanes` further.
        free = set(np.flatnonzero(after & ~before).tolist())
        lanes = self.vocabulary.lanes
        shifts = [sign * steps * lanes for steps in range(1, self.spec.steps_per_beat + 1) for sign in (-1, 1)]
        edits: list[list[int]] = []
        for cell in paced(np.flatnonzero(before & ~after).tolist()):
            step = cell - cell % lanes
            near = [
                *[cell + shift for shift in shifts],
                *range(step, step + lanes),
            ]  # the likeliest to be the same stroke first
            mates = [] if free.isdisjoint(near) else [next(c for c in near if c in free)]
            free.difference_update(mates)
            edits.append([cell, *mates])
        edits += [[cell] for cell in paced(free)]
        width = self.spec.steps * lanes
        return [[(c // width, c % width // lanes, c % lanes) for c in edit] for edit in paced(sorted_in_runs(edits))]

    def apply_edits(self, own: Grid, changed: Grid, edits: Iterable[NoteEdit]) -> Grid:
        """Change `own` only where these edits say."""
        cells = cells_of(edits)
        if not len(cells):
            return own
        b, t, lane = cells.T
        struck = self.vocabulary.struck(own.tokens).copy()
        struck[b, t, lane] ^= True
        velocities, offsets = own.velocities.copy(), own.offsets.copy()
        velocities[b, t, lane], offsets[b, t, lane] = changed.velocities[b, t, lane], changed.offsets[b, t, lane]
        return Grid(self.tokens_of(struck), velocities, offsets)

    def apply_each(self, own: Grid, changed: Grid, sets: Sequence[Sequence[NoteEdit]]) -> Grid:
        """Change a window only where the edits of each set say."""
        mask = masks_of(sets, self.spec.steps, self.vocabulary.lanes)
        return Grid(
            self.tokens_of(self.vocabulary.struck(own.tokens) ^ mask),
            np.where(mask, changed.velocities, own.velocities),
            np.where(mask, changed.offsets, own.offsets),
        )

    def onset_lanes(self, grid: Grid) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """List the strokes of a grid."""
        b, t, lane = np.nonzero(self.vocabulary.struck(grid.tokens))
        return b, t, -1 - lane

    # --- constraints -------------------------------------------------------------------------------------------------

    def compile(self, layout: GridLayout, constraints: Constraints, *, also: Sequence[Grid] = ()) -> GridConstraints:
        """Put constraints in the terms of a clip; a key has no meaning here."""
        locked = find_locked_notes(layout, constraints, self.locked_lanes(constraints))
        known = self._known(layout, constraints, locked)
        bias = self._logit_bias(layout, constraints, also)
        return GridConstraints(known if known is not None and known.any() else None, bias, locked)

    def _known(self, layout: GridLayout, constraints: Constraints, locked: frozenset[int]) -> NDArray[np.bool_] | None:
        if not (constraints.locks or constraints.rests):
            return None
        known = np.zeros((*layout.open_steps.shape, self.vocabulary.facet_count), bool)
        for cell, notes in paced(layout.cells.items()):
            if locked and not locked.isdisjoint(notes):
                known[cell] = True
        known[steps_inside(layout, constraints)] = True
        known[..., sorted(self.locked_lanes(constraints))] = True
        kit, clip = layout.kit or {}, layout.clip
        # With the rhythm locked, each step must be struck, however early or late.
        feel = 0.5 / self.spec.steps_per_beat if RHYTHM in constraints.lock else 0.0
        cells = np.flatnonzero(layout.open_steps)  # in order of time: struck families have one voice
        beats = layout.beats.reshape(-1)[cells]
        late, early = beats + feel, beats - feel
        changes = np.zeros((len(cells) + 1, self.vocabulary.lanes), np.int64)
        for note in (clip.notes[i] for i in paced(locked)):
            if note.pitch in kit:  # what is struck while it rings would cut it
                first = int(np.searchsorted(late, note.start, "right"))
                after = int(np.searchsorted(early, note.end, "left"))
                if first < after:
                    changes[first, kit[note.pitch]] += 1
                    changes[after, kit[note.pitch]] -= 1
        flat = known.reshape(-1, known.shape[-1])
        flat[cells, : self.vocabulary.lanes] |= changes.cumsum(0)[:-1] > 0
        return known & layout.open_steps[..., None]

    def _logit_bias(self, layout: GridLayout, constraints: Constraints, also: Sequence[Grid] = ()) -> LogitBias | None:
        new_lanes = self._keep_lanes((layout.grid, *also), layout.windows, self.lanes_named(constraints.only))
        if not (constraints.density or constraints.syncopation or {RHYTHM, PITCH} & constraints.lock or new_lanes.any()):
            return None
        onsets, vocabulary = layout.onsets, self.vocabulary
        every_struck, lanes_struck = np.asarray(onsets.any(-1)), onsets.any((0, 1))
        off_beat = lean_off_beat(layout, constraints.syncopation) if constraints.syncopation else None
        leading = (vocabulary.onsets * self.leading).sum(1).astype(np.float32)

        def make(rows: NDArray[np.int64]) -> NDArray[np.float32]:
            struck = every_struck[rows]
            bias = np.zeros((*struck.shape, vocabulary.tokens), np.float32)
            bias += self.nats_per_note[not layout.clip.notes] * constraints.density * vocabulary.onsets.sum(1) + new_lanes
            if off_beat is not None:
                bias += off_beat[rows][..., None] * leading
            if RHYTHM in constraints.lock:
                if len(vocabulary.slots) == 1:  # of several slots none alone must strike: `enforce_locks` sees to it
                    bias[struck, vocabulary.silence[0]] = NEVER
                bias[~struck[..., None] & vocabulary.onsets.any(1)] = NEVER
            if PITCH in constraints.lock:
                bias[..., (vocabulary.onsets & ~lanes_struck).any(1)] = NEVER
            return bias

        return LogitBias(len(layout.grid), make)

    def _keep_lanes(self, grids: Sequence[Grid], windows: int, wanted: Collection[int]) -> NDArray[np.float32]:
        """Lean off lanes that some music does not strike, which is so many windows long, nor anybody wants: nats on tokens."""
        vocabulary = self.vocabulary
        used = np.asarray(vocabulary.onsets[vocabulary.used(grids)].any(0))
        used[list(wanted)] = True
        if not used.any():
            return np.zeros(vocabulary.tokens, np.float32)
        return np.asarray(NEW_LANE * min(windows - 1, SAYING) * (vocabulary.onsets & ~used).sum(1), np.float32)

    def enforce_locks(self, layout: GridLayout, changed: Grid, compiled: GridConstraints, constraints: Constraints) -> Grid:
        """Undo changes of a locked rhythm: a step is struck where it was, and new strokes are played when its own were."""
        if RHYTHM in constraints.lock:
            broken = layout.onsets.any(-1) != self.vocabulary.struck(changed.tokens).any(-1)
            changed = self._in_time(layout, Grid.where(broken, layout.grid, changed))
        return keep_off_locked_beats(layout, changed, constraints)

    def _in_time(self, layout: GridLayout, changed: Grid) -> Grid:
        """Play the strokes that are new when the strongest of the clip's own in that step was played."""
        had = layout.onsets
        strongest = np.where(had, layout.grid.velocities, -1).argmax(-1)[..., None]
        # Not so early or late that, on whole ticks, it would be another step's.
        feel = np.clip(np.take_along_axis(layout.grid.offsets, strongest, -1), -0.4, 0.4)
        is_new = self.vocabulary.struck(changed.tokens) & ~had
        return replace(changed, offsets=np.where(is_new, feel, changed.offsets))

    def restore_locked(self, layout: GridLayout, made: Clip, compiled: GridConstraints, constraints: Constraints) -> Clip:
        """Put locked notes back whole, and with velocity locked, give new notes the clip's velocities."""
        if not constraints.locks:
            return made
        own, new = restore_locked_notes(layout.clip, made, compiled.locked)
        if VELOCITY in constraints.lock:
            new = restore_velocities(layout, new)
        return made.with_notes(in_order([*own, *new]))

    def ignored(self, constraints: Constraints) -> list[str]:
        """Say that strokes have neither key nor register."""
        said = super().ignored(constraints)
        if constraints.key:
            said.append(f"{self.name} have no key: it is left out")
        if constraints.octave:
            said.append(f"{self.name} have no register: octave is left out")
        return said

    def rhythm_constraints(self, layout: GridLayout, notes: Clip, constraints: Constraints) -> GridConstraints:
        """Ask for the rhythm of a clip with the lanes of another; all are allowed where that has none."""
        asked = replace(constraints, key=None, lock=frozenset({RHYTHM}))
        bias = self._logit_bias(layout, asked)
        kit = layout.kit or {}
        used = np.zeros(self.vocabulary.lanes, bool)
        used[sorted({kit[n.pitch] for n in paced(notes.notes) if n.pitch in kit})] = True
        if bias is not None and used.any():
            unused = (self.vocabulary.onsets & ~used).any(1)

            def without_unused(scores: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
                scores[..., unused] = NEVER
                return scores

            bias = bias.changed(without_unused)
        return GridConstraints(None, bias)

    def write_cross(
        self, layout: GridLayout, grid: Grid, compiled: GridConstraints, notes: Clip, constraints: Constraints
    ) -> Clip:
        """Write a decode in the layout's rhythm."""
        held = self.enforce_locks(layout, grid, compiled, Constraints(lock=frozenset({RHYTHM})))
        return self.grid_to_clip(layout, held)

    # --- learning ----------------------------------------------------------------------------------------------------

    def learns_from(self, clip: Clip, facts: PartFacts) -> bool:
        """Learn from what lies on the drum channel."""
        return facts.channel == self.channel

    def is_worth_learning(self, window: Grid, unmapped: int) -> bool:
        """Take windows with four strokes, and some in either half."""
        onsets = self.vocabulary.struck(window.tokens)
        half = self.spec.half_steps
        return bool(onsets.sum() >= 4 and onsets[0, :half].any() and onsets[0, half:].any())

    def spliced(self, grid: Grid, where: NDArray[np.bool_], rng: np.random.Generator) -> Grid:
        """Take about half of the lanes of some windows [B] from the window before."""
        taken = (rng.random((len(grid), self.vocabulary.lanes)) < 0.5) & where[:, None]
        other = grid.map(lambda values: np.roll(values, 1, axis=0))
        mine, theirs = (self.vocabulary.struck(g.tokens) for g in (grid, other))
        return Grid(
            self.tokens_of(np.where(taken[:, None], theirs, mine)),
            np.where(taken[:, None], other.velocities, grid.velocities),
            np.where(taken[:, None], other.offsets, grid.offsets),
        )

    def hidden_parts(self, facets: NDArray[np.bool_], rng: np.random.Generator) -> Iterator[tuple[str, NDArray[np.bool_]]]:
        """Know about half of the lanes."""
        yield "voices", facets & (rng.random((len(facets), 1, self.vocabulary.lanes)) < 0.5)
