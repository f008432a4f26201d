"""What a decode must keep and what it should aim at, in the terms of a model's grid. Clips and grids; no networks, no requests.

Locks become facets that the decoder is told, and scores of -inf; so what is free is composed around what is kept. A key
forbids tokens; density and octave only lean on the scores.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.baselines import is_single_line
from models.clip import Clip, Note, note_order
from models.family import Family
from models.grid import DRUMS, HOLD, REST, STEPS_PER_BEAT, WINDOW_STEPS, Grid, GridKind, Heard, leading_rests
from models.key import Key
from models.residual import without_orphans

NEVER = np.float32(-np.inf)
# Nats on the score of an onset, or of each stroke, that give about one note a bar more: around a clip, which holds on to what
# it is, and from nothing. See `density_2` of `evaluate --control`.
NOTE_A_BAR = {"drums": (0.18, 0.08), "melody": (0.7, 0.25)}
OCTAVE = 0.27, 0.15  # nats a semitone for each octave that is asked for: new notes lie about so much higher
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

    def told(self, heard: Heard) -> tuple[Grid, NDArray[np.bool_]] | None:
        """What the decoder is told of a clip's own grid."""
        return None if self.known is None else (as_told(heard.grid, heard.kind), self.known)


def as_told(grid: Grid, kind: GridKind) -> Grid:
    """Put a grid as a decoder can be told it: what is held into a melody window is a rest there."""
    return grid if kind is DRUMS else replace(grid, tokens=leading_rests(grid.tokens))


def take_aim(heard: Heard, family: Family, wish: Wish, *, also: Sequence[Grid] = ()) -> Aim:
    """Put a wish in the terms of a clip; pitches that it, or a grid in `also`, has at a step stay allowed in any key."""
    locked = frozenset(i for i in range(len(heard.clip.notes)) if _is_locked(heard, i, wish))
    known = _known(heard, family, wish, locked)
    bias = _bias(heard, wish, also)
    if known is not None and heard.kind is not DRUMS:
        bias = _keep_free_of_onsets(heard, wish, bias)
    return Aim(known if known is not None and known.any() else None, bias, locked)


def rhythm_of(heard: Heard, family: Family, notes: Clip, wish: Wish) -> Aim:
    """Aim at the rhythm of a clip with the pitches, or the drum voices, of another; all are allowed where that has none."""
    bias = _bias(heard, replace(wish, key=None, lock=frozenset({RHYTHM})))
    bias = np.zeros((*heard.grid.tokens.shape, heard.kind.tokens), np.float32) if bias is None else bias
    if heard.kind is DRUMS:
        used = sum(1 << v for v in {heard.voice_of[n.pitch] for n in notes.notes if n.pitch in heard.voice_of})
        if used:
            bias[..., (np.arange(heard.kind.tokens) & ~used) > 0] = NEVER
        return Aim(None, bias)
    bias[..., np.setdiff1d(np.arange(HOLD), pitches_of(notes, wish))] = NEVER
    known = np.zeros((*heard.grid.tokens.shape, int(family.facets.max()) + 1), bool)
    known[..., 0] = heard.open_steps
    return Aim(known, bias)


def pitches_of(clip: Clip, wish: Wish) -> list[int]:
    """List the pitches that a clip lends to another's rhythm: its own, of them those in the key; any where there are none."""
    own = sorted({n.pitch for n in clip.notes}) or list(range(HOLD))
    return [p for p in own if wish.key is None or wish.key.has(p)] or own


def lend_pitches(heard: Heard, grid: Grid, pitches: Collection[int]) -> Clip:
    """Give each note of a clip the pitch that a melody grid has where it is heard; all else of it stays.

    A note the grid has no place for takes the nearest of `pitches`. Where that pitch still sounds, the next nearest is taken;
    where all do, the note is left out.
    """
    at = {i: int(grid.tokens[b, t]) for (b, t, _), notes in heard.cells.items() for i in notes}
    sounding: dict[int, float] = {}  # pitch -> when it ends
    led: list[Note] = []
    for i, note in sorted(enumerate(heard.clip.notes), key=lambda entry: note_order(entry[1])):
        wanted = at.get(i, note.pitch)
        free = [p for p in pitches if sounding.get(p, -np.inf) <= note.start + 1e-6]
        if free:
            pitch = min(free, key=lambda p: (abs(p - wanted), p))
            sounding[pitch] = note.end
            led.append(note if pitch == note.pitch else note.changed(pitch=pitch))
    return heard.clip.with_notes(led).in_order()


def keep_locked(heard: Heard, made: Clip, aim: Aim, wish: Wish) -> Clip:
    """Make sure of what a grid is too coarse for: locked notes stay whole, and with velocity locked, new notes take theirs."""
    if not wish.locks:
        return made
    clip = heard.clip
    own, new = sort_out(clip.notes, made.notes)
    if aim.locked:
        kept = [clip.notes[i] for i in sorted(aim.locked)]
        own = [*kept, *sort_out(kept, own)[1]]
        new = [n for n in (_beside(n, kept) for n in new) if n is not None]
    if RHYTHM in wish.lock and heard.kind is not DRUMS:
        own, new = _keep_rhythm(clip, own, new)
    if VELOCITY in wish.lock and clip.notes:
        new = [replace(n, velocity=_nearest(heard, n).velocity) for n in new]
    notes = sorted([*own, *new], key=note_order)
    # A note that the grid has no place for stays where it is, and others of a line may have gone past it.
    is_line = heard.kind is not DRUMS and (heard.lines == 1 or is_single_line(clip))
    is_broken = is_line and PITCH in wish.lock and [n.pitch for n in notes] != [n.pitch for n in clip.in_order().notes]
    return clip.in_order() if is_broken else made.with_notes(notes)


def sort_out(own: Sequence[Note], notes: Sequence[Note]) -> tuple[list[Note], list[Note]]:
    """Part notes into those that are among `own`, each as often as it is there, and all others."""
    left = Counter(own)
    among: list[Note] = []
    others: list[Note] = []
    for note in notes:
        (among if left[note] > 0 else others).append(note)
        left[note] -= 1
    return among, others


def hold(heard: Heard, changed: Grid, aim: Aim, wish: Wish) -> Grid:
    """Take back what would break a locked rhythm, pitch line or stretch, where scores alone cannot see to it."""
    if heard.kind is DRUMS and RHYTHM in wish.lock:
        broken = (heard.grid.tokens == 0) != (changed.tokens == 0)
        changed = _in_time(heard.grid, _chosen(broken, heard.grid, changed))
    if heard.kind is not DRUMS and PITCH in wish.lock:
        changed = _hold_pitches(heard, changed, aim)
    return _after_stretches(heard, changed, wish) if wish.beats else changed


def _in_time(own: Grid, changed: Grid) -> Grid:
    """Play the strokes that are new when the strongest of the clip's own in that step was played."""
    had = DRUMS.onsets[own.tokens]
    strongest = np.where(had, own.velocities, -1).argmax(-1)[..., None]
    # Not so early or late that, on whole ticks, it would be another step's.
    feel = np.clip(np.take_along_axis(own.offsets, strongest, -1), -0.4, 0.4)
    return replace(changed, offsets=np.where(DRUMS.onsets[changed.tokens] & ~had, feel, changed.offsets))


def _after_stretches(heard: Heard, changed: Grid, wish: Wish) -> Grid:
    """Let no new note be played so early that it begins in a locked stretch that it is to follow."""
    least = np.full(changed.tokens.shape, -0.5, np.float32)
    ticks, onsets = heard.clip.ticks_per_beat, heard.kind.onsets
    for _, high in wish.beats:
        end = math.ceil((heard.clip.start + high) * ticks - 1e-6) / ticks
        follows = (heard.beats >= heard.clip.start + high - 1e-9) & (heard.beats < end + 0.5 / STEPS_PER_BEAT)
        least[follows] = np.maximum(least, (end - heard.beats) * STEPS_PER_BEAT)[follows]
    is_new = onsets[changed.tokens] & ~onsets[heard.grid.tokens]
    return replace(changed, offsets=np.where(is_new, np.maximum(changed.offsets, least[..., None]), changed.offsets))


def _chosen(which: NDArray[np.bool_], these: Grid, those: Grid) -> Grid:
    return Grid(
        np.where(which, these.tokens, those.tokens),
        np.where(which[..., None], these.velocities, those.velocities),
        np.where(which[..., None], these.offsets, those.offsets),
    )


def _hold_pitches(heard: Heard, changed: Grid, aim: Aim) -> Grid:
    """Give each line its own pitches in their own order, in the rhythm that was decoded, with as many notes as it has.

    A locked note is where it was, so the notes on either side of it are as many as before.
    """
    flat = heard.lines, -1
    is_known = np.asarray(np.zeros(heard.open_steps.shape, bool) if aim.known is None else aim.known.all(-1))
    before, steps = heard.grid.tokens.reshape(flat), heard.open_steps.reshape(flat)
    after, back = changed.tokens.reshape(flat).copy(), np.zeros(steps.shape, bool)
    for line, known in enumerate(is_known.reshape(flat)):
        starts = np.nonzero((before[line] < HOLD) & known)[0].tolist()
        for low, high in pairwise([0, *starts, before.shape[1]]):
            part = line, slice(low, high)
            _hold_part(before[part], after[part], steps[part], back[part])
    shape = changed.tokens.shape
    whole = _chosen(back.reshape(shape), heard.grid, changed)
    return replace(whole, tokens=without_orphans(after.reshape(shape)))


def _hold_part(before: NDArray[np.int64], after: NDArray[np.int64], steps: NDArray[np.bool_], back: NDArray[np.bool_]) -> None:
    """Give a stretch of a line `after` as many onsets as it had before and their pitches; `back` says which came back."""
    had = np.nonzero((before < HOLD) & steps)[0]
    has = np.nonzero((after < HOLD) & steps)[0]
    # Too many: those that are least like an onset of the clip's own go; too few: its own come back.
    for extra in sorted(has.tolist(), key=lambda t: t in had)[: max(0, len(has) - len(had))]:
        after[extra] = HOLD if extra and after[extra - 1] != REST else REST
    for missing in [t for t in had if t not in has][: max(0, len(had) - len(has))]:
        after[missing], back[missing] = before[missing], True
    after[np.nonzero((after < HOLD) & steps)[0]] = before[had]


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
                for step in _rings(heard, b, t):
                    known[step] = True
    inside = _inside(heard, wish)
    if is_drums:
        known[inside] = True
        known[..., sorted(wish.voices)] = True
        feel = 0.5 / STEPS_PER_BEAT if RHYTHM in wish.lock else 0.0  # each step must be struck, however early or late
        for note in (heard.clip.notes[i] for i in locked):
            if note.pitch in heard.voice_of:  # what is struck while it rings would cut it
                rings = (heard.beats + feel > note.start) & (heard.beats - feel < note.end)
                known[rings, heard.voice_of[note.pitch]] = True
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
    is_empty = not heard.clip.notes
    bias += NOTE_A_BAR[heard.kind.name][is_empty] * wish.density * heard.kind.onsets.sum(1)
    pitches = np.arange(HOLD)
    if wish.octave and not is_drums:
        middle = 64 if is_empty else np.median([n.pitch for n in heard.clip.notes])
        bias[..., :HOLD] += wish.octave * OCTAVE[is_empty] * np.clip(pitches - middle, -FAR, FAR)
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


def _rings(heard: Heard, b: int, t: int) -> Iterator[tuple[int, int]]:
    """List the steps (window, step) in which a note of a line sounds, over the ends of windows and over short bars too."""
    tokens, is_open = heard.grid.tokens.reshape(-1), heard.open_steps.reshape(-1)
    yield b, t
    for at in range(b * WINDOW_STEPS + t + 1, (b // heard.windows + 1) * heard.windows * WINDOW_STEPS):
        if is_open[at]:
            if tokens[at] != HOLD:
                return
            yield divmod(at, WINDOW_STEPS)


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
        if other.pitch == note.pitch:
            if note.start == other.start or other.start < note.start < other.end:
                return None
            if note.start < other.start < note.end:
                note = replace(note, duration=other.start - note.start)
    return note


def _keep_rhythm(clip: Clip, own: list[Note], new: list[Note]) -> tuple[list[Note], list[Note]]:
    """Give notes that changed in pitch the time of those they were; one that would then cut another of its pitch goes back."""
    were = sorted(sort_out(own, clip.notes)[1], key=note_order)
    new = sorted(new, key=note_order)
    if [n.start for n in were] != [n.start for n in new]:
        return list(clip.notes), []
    stay, led = list(own), list[Note]()
    for old, n in zip(were, new, strict=True):
        now = replace(old, pitch=n.pitch, velocity=n.velocity, from_clip=-1, from_note=-1)
        cuts = any(o.pitch == n.pitch and o.start < now.end and now.start < o.end for o in (*stay, *led))
        if cuts or n.pitch == old.pitch:
            stay.append(old)
        else:
            led.append(now)
    return stay, led


def _nearest(heard: Heard, note: Note) -> Note:
    """Find the note of a clip that one is most like: of its pitch if there is one, else of its drum voice, then in time."""
    voice = heard.voice_of.get(note.pitch) if heard.kind is DRUMS else None

    def how_far(other: Note) -> tuple[bool, bool, float]:
        is_like = voice is not None and heard.voice_of.get(other.pitch) == voice
        return other.pitch != note.pitch, not is_like, abs(other.start - note.start)

    return min(heard.clip.notes, key=how_far)
