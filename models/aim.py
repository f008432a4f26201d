"""What a decode must keep and what it should aim at, in the terms of a model's grid. Clips and grids; no networks, no requests.

Locks become facets that the decoder is told, and scores of -inf; so what is free is composed around what is kept. A key
forbids tokens; density and octave only lean on the scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.clip import Clip, Note, note_order
from models.family import Family
from models.grid import DRUMS, HOLD, REST, STEPS_PER_BEAT, Grid, Heard, leading_rests
from models.key import Key
from models.residual import without_orphans

NEVER = np.float32(-np.inf)
NOTE_A_BAR = 0.22  # nats on the score of an onset, or of each stroke, that give about one note a bar more
OCTAVE = 1.6  # nats a semitone, divided by twelve, for each octave that is asked for
FAR = 18  # semitones from the middle beyond which an octave leans no harder
RHYTHM, PITCH, VELOCITY = "rhythm", "pitch", "velocity"


@dataclass(frozen=True)
class Wish:
    """What a request wants kept, and where it aims."""

    key: Key | None = None
    lock: frozenset[str] = frozenset()
    voices: frozenset[int] = frozenset()
    beats: tuple[tuple[float, float], ...] = ()
    notes: frozenset[int] = frozenset()
    density: int = 0
    octave: float = 0.0

    @property
    def locks(self) -> bool:
        """Whether anything is locked."""
        return bool(self.lock or self.voices or self.beats or self.notes)


@dataclass(frozen=True)
class Aim:
    """A wish in the terms of a clip's grid: what is known of it, scores to add, and the notes that must stay as they are."""

    known: NDArray[np.bool_] | None = None  # [B, T, M]
    bias: NDArray[np.float32] | None = None  # [B, T, K]
    locked: frozenset[int] = frozenset()

    def told(self, own: Grid) -> tuple[Grid, NDArray[np.bool_]] | None:
        """What the decoder is told of a clip's own grid."""
        return None if self.known is None else (replace(own, tokens=leading_rests(own.tokens)), self.known)


def take_aim(heard: Heard, family: Family, wish: Wish, *, also: Sequence[Grid] = ()) -> Aim:
    """Put a wish in the terms of a clip; pitches that it, or a grid in `also`, has at a step stay allowed in any key."""
    locked = frozenset(i for i in range(len(heard.clip.notes)) if _is_locked(heard, i, wish))
    known = _known(heard, family, wish, locked)
    bias = _bias(heard, wish, also)
    if known is not None and heard.kind is not DRUMS:
        bias = _keep_free_of_onsets(heard, wish, bias)
    return Aim(known if known is not None and known.any() else None, bias, locked)


def rhythm_of(heard: Heard, family: Family, notes: Heard, wish: Wish) -> Aim:
    """Aim at the rhythm of one clip with the pitches, or the drum voices, of another."""
    bias = _bias(heard, replace(wish, lock=frozenset({RHYTHM})))
    bias = np.zeros((*heard.grid.tokens.shape, heard.kind.tokens), np.float32) if bias is None else bias
    if heard.kind is DRUMS:
        used = np.bitwise_or.reduce(notes.grid.tokens, axis=None)
        bias[..., (np.arange(heard.kind.tokens) & ~used) > 0] = NEVER
        return Aim(None, bias)
    pitches = np.unique(notes.grid.tokens[notes.grid.tokens < HOLD])
    if len(pitches):
        bias[..., np.setdiff1d(np.arange(HOLD), pitches)] = NEVER
    known = np.zeros((*heard.grid.tokens.shape, int(family.facets.max()) + 1), bool)
    known[..., 0] = heard.open_steps
    return Aim(known, bias)


def keep_locked(heard: Heard, made: Clip, aim: Aim, wish: Wish) -> Clip:
    """Make sure of what a grid is too coarse for: locked notes stay whole, and with velocity locked, new notes take theirs."""
    if not wish.locks:
        return made
    clip, notes = heard.clip, list(made.notes)
    if aim.locked:
        kept = [clip.notes[i] for i in sorted(aim.locked)]
        marks = {(n.from_clip, n.from_note) for n in kept}
        others = [n for n in notes if (n.from_clip, n.from_note) not in marks]
        notes = kept + [n for n in (_beside(n, kept) for n in others) if n is not None]
    if wish.beats:
        notes = [n for n in (_outside(n, clip, wish) for n in notes) if n is not None]
    if RHYTHM in wish.lock and heard.kind is not DRUMS:
        notes = _keep_rhythm(clip, notes)
    if VELOCITY in wish.lock and clip.notes:
        notes = [n if n.from_note >= 0 else replace(n, velocity=_nearest(clip, n).velocity) for n in notes]
    return made.with_notes(notes).in_order()


def hold(heard: Heard, changed: Grid, wish: Wish) -> Grid:
    """Take back what would break a locked rhythm or pitch line, where scores alone cannot see to it."""
    own = heard.grid
    if heard.kind is DRUMS and RHYTHM in wish.lock:
        broken = (own.tokens == 0) != (changed.tokens == 0)
        return _chosen(broken, own, changed)
    if heard.kind is not DRUMS and PITCH in wish.lock:
        return _chosen(np.ones(own.tokens.shape, bool), _hold_pitches(heard, changed), changed)
    return changed


def _chosen(which: NDArray[np.bool_], these: Grid, those: Grid) -> Grid:
    return Grid(
        np.where(which, these.tokens, those.tokens),
        np.where(which[..., None], these.velocities, those.velocities),
        np.where(which[..., None], these.offsets, those.offsets),
    )


def _hold_pitches(heard: Heard, changed: Grid) -> Grid:
    """Give each line its own pitches in their own order, in the rhythm that was decoded, with as many notes as it has."""
    own = heard.grid.tokens.reshape(heard.lines, -1)
    tokens = changed.tokens.reshape(heard.lines, -1).copy()
    is_open = heard.open_steps.reshape(heard.lines, -1)
    back = np.zeros(tokens.shape, bool)
    for line, before, after, steps in zip(range(heard.lines), own, tokens, is_open, strict=True):
        had = np.nonzero((before < HOLD) & steps)[0]
        has = np.nonzero((after < HOLD) & steps)[0]
        # Too many: those that are least like an onset of the clip's own go; too few: its own come back.
        for extra in sorted(has.tolist(), key=lambda t: t in had)[: max(0, len(has) - len(had))]:
            after[extra] = HOLD if extra and after[extra - 1] != REST else REST
        for missing in [t for t in had if t not in has][: max(0, len(had) - len(has))]:
            after[missing], back[line, missing] = before[missing], True
        after[np.nonzero((after < HOLD) & steps)[0]] = before[had]
    shape = changed.tokens.shape
    whole = _chosen(back.reshape(shape), heard.grid, changed)
    return replace(whole, tokens=without_orphans(tokens.reshape(shape)))


def is_fixed(heard: Heard, aim: Aim, wish: Wish) -> bool:
    """Tell whether locks leave nothing free."""
    if {RHYTHM, PITCH} <= wish.lock and heard.kind is not DRUMS:
        return True
    return aim.known is not None and bool(aim.known[heard.open_steps].all())


def _is_locked(heard: Heard, index: int, wish: Wish) -> bool:
    note = heard.clip.notes[index]
    if index in wish.notes:
        return True
    if any(low - 1e-9 <= note.start - heard.clip.start < high - 1e-9 for low, high in wish.beats):
        return True
    return heard.kind is DRUMS and heard.voice_of.get(note.pitch) in wish.voices


def _known(heard: Heard, family: Family, wish: Wish, locked: frozenset[int]) -> NDArray[np.bool_] | None:
    """Find the facets [B, T, M] that are told."""
    if not wish.locks:
        return None
    known = np.zeros((*heard.grid.tokens.shape, int(family.facets.max()) + 1), bool)
    is_drums = heard.kind is DRUMS
    for cell, notes in heard.cells.items():
        if locked.intersection(notes):
            b, t, v = cell
            if is_drums:
                known[b, t, v] = True
            else:
                known[b, t : t + _length(heard.grid, b, t)] = True
    inside = _inside(heard, wish)
    if is_drums:
        known[inside] = True
        known[..., sorted(wish.voices)] = True
    else:
        known |= (inside & (heard.grid.tokens == REST))[..., None]
        if RHYTHM in wish.lock:
            known[..., 0] = True
    return known & heard.open_steps[..., None]


def _bias(heard: Heard, wish: Wish, also: Sequence[Grid] = ()) -> NDArray[np.float32] | None:
    """Find scores [B, T, K] to add."""
    is_drums = heard.kind is DRUMS
    leans = wish.density or (wish.octave and not is_drums)
    bars = (wish.key and not is_drums) or (RHYTHM in wish.lock and is_drums) or PITCH in wish.lock
    if not (leans or bars):
        return None
    tokens = heard.grid.tokens
    bias = np.zeros((*tokens.shape, heard.kind.tokens), np.float32)
    bias += NOTE_A_BAR * wish.density * heard.kind.onsets.sum(1)
    pitches = np.arange(HOLD)
    if wish.octave and not is_drums:
        middle = np.median([n.pitch for n in heard.clip.notes]) if heard.clip.notes else 64
        bias[..., :HOLD] += wish.octave * OCTAVE / 12 * np.clip(pitches - middle, -FAR, FAR) * 2
    if is_drums and RHYTHM in wish.lock:
        struck = tokens > 0
        bias[struck, 0] = NEVER
        bias[~struck, 1:] = NEVER
    if is_drums and PITCH in wish.lock:
        used = np.bitwise_or.reduce(tokens, axis=None)
        bias[..., (np.arange(heard.kind.tokens) & ~used) > 0] = NEVER
    if not is_drums and PITCH in wish.lock:
        for b, row in enumerate(tokens):
            for step, allowed in enumerate(_pitches_about(row)):
                bias[b, step, [p for p in pitches if p not in allowed]] = NEVER
    if wish.key and not is_drums:
        outside = np.array([not wish.key.has(int(p)) for p in pitches])
        barred = np.broadcast_to(outside, (*tokens.shape, HOLD)).copy()
        for grid in (heard.grid, *also):
            at = np.nonzero(grid.tokens < HOLD)
            barred[(*at, grid.tokens[at])] = False
        bias[..., :HOLD][barred] = NEVER
    return bias


def _keep_free_of_onsets(heard: Heard, wish: Wish, bias: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    """Let no note begin where, in a locked stretch, one rings that began before: whether it rings on is not what is locked."""
    rings = _inside(heard, wish) & (heard.grid.tokens == HOLD)
    if not rings.any():
        return bias
    bias = np.zeros((*rings.shape, heard.kind.tokens), np.float32) if bias is None else bias
    bias[rings, :HOLD] = NEVER
    return bias


def _inside(heard: Heard, wish: Wish) -> NDArray[np.bool_]:
    """Find the steps of locked stretches, [B, T]."""
    inside = np.zeros(heard.grid.tokens.shape, bool)
    beats = heard.beats - heard.clip.start + 0.5 / STEPS_PER_BEAT
    for low, high in wish.beats:
        inside |= (beats >= low) & (beats < high + 0.5 / STEPS_PER_BEAT)
    return inside & heard.open_steps


def _length(grid: Grid, b: int, t: int) -> int:
    """Count the steps of a note of a line, within its window."""
    after = grid.tokens[b, t + 1 :] != HOLD
    return 1 + (int(after.argmax()) if after.any() else len(after))


def _pitches_about(row: NDArray[np.int64]) -> list[set[int]]:
    """List, for each step, the pitches that a line has there: that of the note before, and of the one within a beat after."""
    onsets = np.nonzero(row < HOLD)[0]
    found: list[set[int]] = []
    for t in range(len(row)):
        before = onsets[onsets <= t][-1:]
        after = onsets[onsets > t][:1]
        near = [*before, *(k for k in after if k - t <= STEPS_PER_BEAT or len(before) == 0)]
        found.append({int(row[k]) for k in near})
    return found


def _beside(note: Note, kept: Sequence[Note]) -> Note | None:
    """Shorten a note so that it leaves locked notes of its pitch alone, or None where there is no room for it."""
    for other in kept:
        if other.pitch == note.pitch and note.from_note < 0:
            if other.start <= note.start < other.end:
                return None
            if note.start < other.start < note.end:
                note = replace(note, duration=other.start - note.start)
    return note


def _keep_rhythm(clip: Clip, notes: Sequence[Note]) -> list[Note]:
    """Give notes that changed in pitch the time of those they were; one that would then cut another of its pitch goes back."""
    kept = {n.from_note for n in notes if n.from_note >= 0}
    were = sorted((n for i, n in enumerate(clip.notes) if i not in kept), key=note_order)
    new = sorted((n for n in notes if n.from_note < 0), key=note_order)
    if [n.start for n in were] != [n.start for n in new]:
        return list(clip.notes)
    sounding: dict[int, list[Note]] = {}
    for n in (clip.notes[i] for i in kept):
        sounding.setdefault(n.pitch, []).append(n)
    for old, n in zip(were, new, strict=True):
        led = replace(old, pitch=n.pitch, velocity=n.velocity, from_clip=-1, from_note=-1)
        if n.pitch == old.pitch or any(o.start < led.end and led.start < o.end for o in sounding.get(led.pitch, ())):
            led = old
        sounding.setdefault(led.pitch, []).append(led)
    return [n for same in sounding.values() for n in same]


def _outside(note: Note, clip: Clip, wish: Wish) -> Note | None:
    """Move a new note, played early, out of a locked stretch that it is to follow; None where it has no business there."""
    for low, high in wish.beats:
        late = clip.start + high - note.start
        if note.from_note < 0 and low <= note.start - clip.start < high:
            if late > 0.5 / STEPS_PER_BEAT + 1e-9 or note.start + late >= clip.end:
                return None
            note = replace(note, start=note.start + late, duration=max(note.duration - late, 1 / 64))
    return note


def _nearest(clip: Clip, note: Note) -> Note:
    return min(clip.notes, key=lambda n: (n.pitch != note.pitch, abs(n.start - note.start)))
