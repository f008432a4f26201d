"""What every model is measured against: random edits, cross-fades and a Markov chain. Clips in, clips out; no networks.

Where a function takes `voice` (as `distance` does), a clip with one is drums; without one it is notes, and where the clips
given are single lines, so is what comes back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.music.clip import Clip, Note
from models.music.distance import VoiceOf, distance
from models.music.morph import STEP, at_onset, check_share, is_single_line, settle, side_by_side


def random_edits(
    clip: Clip, amount: float, *, rng: np.random.Generator, voice: VoiceOf | None = None, vocabulary: Sequence[int] = ()
) -> Clip:
    """Drop, add and move random notes until the distance to the clip is `amount`, to 1/(2n); an empty clip stays empty.

    New pitches come from the vocabulary, by default the clip's own pitches.
    """
    check_share("amount", amount)
    single = voice is None and is_single_line(clip)
    pitches = sorted(set(vocabulary) or {note.pitch for note in clip.notes})
    editor = _Editor(clip, pitches, voice is not None, rng)
    edited, gap, tries = clip, amount, 0
    for _ in range(100 * len(clip.notes)):
        if gap <= 0.5 / max(len(clip.notes), len(edited.notes)) + 1e-9:
            break
        if not tries:
            # An edit gets many tries: some land on other notes, and were they given up at once the clip would thin out.
            edit, tries = editor.draw(edited.notes), 30
        rest, new = editor.attempt(edit, edited.notes)
        changed = clip.with_notes(settle(rest, new, single))
        off = abs(amount - distance(clip, changed, voice=voice))
        tries -= 1
        is_nearer = off < gap or (not tries and off <= gap + 1e-9)  # the last try may be a detour, lest the search get stuck
        if is_nearer and len(changed.notes) == len(rest) + len(new):
            edited, gap, tries = changed, off, 0
    return edited if edited is clip else edited.in_order()


def crossfade(a: Clip, b: Clip, at: float, *, rng: np.random.Generator, voice: VoiceOf | None = None) -> Clip:
    """Mix a share 1 - at of the notes of a with a share at of those of b, chosen by chance; 0 and 1 are the clips given.

    With the same generator state, notes only leave and only come as `at` grows.
    """
    check_share("at", at)
    if at in (0, 1):
        return b if at else a
    frame, from_a, from_b = side_by_side(a, b)
    leaving, coming = rng.permutation(len(from_a)), rng.permutation(len(from_b))
    stay = [from_a[i] for i in leaving[round(at * len(from_a)) :]]
    come = [from_b[i] for i in coming[: round(at * len(from_b))]]
    single = voice is None and is_single_line(a) and is_single_line(b)
    return frame.with_notes(settle(stay, come, single)).in_order()


@dataclass(frozen=True)
class Markov:
    """A Markov chain over grid tokens that knows where in the bar it is.

    A token is drawn from those that followed the same last `order` tokens at the same step of the bar; where that was never
    seen, from those that followed the last `order` - 1, and so on. A table holds every (step of the bar, context, token) seen,
    each as one number, so that what followed a context is a run of the table.
    """

    tables: tuple[NDArray[np.int64], ...]  # one for each length of context, 0..order, of sorted numbers
    base: int
    bar: int
    steps: int

    @staticmethod
    def fit(tokens: NDArray[np.int64], *, order: int = 2, bar: int = 16) -> Markov:
        """Learn from token windows [N, T]; `bar` is in steps."""
        if tokens.ndim != 2 or not tokens.size or tokens.min() < 0:
            raise ValueError(f"tokens must be windows [N, T] of numbers from 0 up, not an array of shape {tokens.shape}")
        base, steps = int(tokens.max()) + 2, tokens.shape[1]
        if bar * base ** (order + 1) >= 2**63:
            raise ValueError(f"order {order} with {base - 1} tokens does not fit 64 bits; choose a lower order")
        padded = np.pad(tokens.astype(np.int64) + 1, ((0, 0), (order, 0)))  # 0 is the time before the first step
        place = np.broadcast_to(np.arange(steps) % bar, tokens.shape)
        tables = [np.sort(_code(place, padded[:, order - k :], k + 1, base), axis=None) for k in range(order + 1)]
        return Markov(tuple(tables), base, bar, steps)

    def sample(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw token windows [count, T]."""
        order = len(self.tables) - 1
        drawn = np.zeros((count, order + self.steps), np.int64)
        for t in range(self.steps):
            place = np.full((count, 1), t % self.bar)
            chance = rng.random(count)
            for k, table in enumerate(self.tables):  # the longest context that was seen has the last word
                context = _code(place, drawn[:, order - k + t :], k, self.base)[:, 0] * self.base
                low, high = np.searchsorted(table, [context, context + self.base])
                chosen = low + (chance * (high - low)).astype(np.int64)
                follower = table[np.minimum(chosen, len(table) - 1)] % self.base
                drawn[:, order + t] = np.where(high > low, follower, drawn[:, order + t])
        return drawn[:, order:] - 1


@dataclass(frozen=True)
class _Editor:
    """Random edits in the manner of one clip."""

    source: Clip
    pitches: Sequence[int]
    is_drums: bool
    rng: np.random.Generator

    def draw(self, notes: Sequence[Note]) -> str:
        """Choose an edit that can be made to the notes."""
        return str(self.rng.choice(["drop", "add", "move"])) if notes else "add"

    def attempt(self, edit: str, notes: Sequence[Note]) -> tuple[list[Note], list[Note]]:
        """Make an edit somewhere: the notes left alone, and the new one if any."""
        rest = list(notes)
        if edit == "add":
            return rest, [self.another()]
        note = rest.pop(int(self.rng.integers(len(rest))))
        return rest, [self.moved(note)] if edit == "move" else []

    def another(self) -> Note:
        """Make a note on a random sixteenth with the length, force and feel of a random note of the clip."""
        start = self.source.start
        like = self.source.notes[self.rng.integers(len(self.source.notes))]
        late = like.start - start - STEP * math.floor((like.start - start) / STEP + 0.5)
        onset = start + STEP * float(self.rng.integers(math.ceil(self.source.beats / STEP))) + late
        pitch = self.pitches[int(self.rng.integers(len(self.pitches)))]
        return replace(like, pitch=pitch, start=max(start, onset), from_clip=-1, from_note=-1)

    def moved(self, note: Note) -> Note:
        """Put a note up to three sixteenths away, or on another pad, or on another pitch within a fourth, if there is one."""
        if self.rng.random() < 0.5:
            start = note.start + STEP * float(self.rng.choice([-3, -2, -1, 1, 2, 3]))
            return at_onset(note, start) if self.source.start <= start < self.source.end else note
        others = [p for p in self.pitches if p != note.pitch and (self.is_drums or abs(p - note.pitch) <= 5)]
        pitch = others[int(self.rng.integers(len(others)))] if others else note.pitch
        return replace(note, pitch=pitch, from_clip=-1, from_note=-1)


def _code(place: NDArray[np.int64], tokens: NDArray[np.int64], length: int, base: int) -> NDArray[np.int64]:
    """Number each stretch of `length` tokens [N, T + length - 1 or more] together with its place [N, T] in the bar."""
    code = place.astype(np.int64)
    for k in range(length):
        code = code * base + tokens[:, k : k + place.shape[1]]
    return code
