"""The grid that models read and write: windows of steps, and what their tokens mean. Arrays only; no clips, no networks.

Shapes: B windows, T steps of a window, S slots of a step (one token each), K tokens, V lanes, M facets, F features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.pause import pause


@dataclass(frozen=True)
class GridSpec:
    """How time is cut: windows of `window_beats` beats, each of two halves, in `steps_per_beat` steps a beat."""

    window_beats: int = 8
    steps_per_beat: int = 4

    def __post_init__(self) -> None:
        """Refuse windows that do not have two halves of whole beats."""
        if self.window_beats < 2 or self.window_beats % 2 or self.steps_per_beat < 1:
            raise ValueError(
                f"a window of {self.window_beats} beats and {self.steps_per_beat} steps a beat is not allowed: "
                "an even number of beats, and at least 1 step a beat"
            )

    @property
    def steps(self) -> int:
        """Steps of a window."""
        return self.window_beats * self.steps_per_beat

    @property
    def half_steps(self) -> int:
        """Steps of half a window: the stretch that sampling goes on by, and by which windows over seams are shifted."""
        return self.steps // 2

    @property
    def half_beats(self) -> float:
        """Beats of half a window."""
        return self.window_beats / 2

    @property
    def step_beats(self) -> float:
        """Beats of a step."""
        return 1 / self.steps_per_beat


@dataclass(frozen=True)
class Vocabulary:
    """What the tokens of a step mean. A step has S slots; each takes one token of its own range of ids.

    `lanes` are what an onset belongs to: a drum voice, or the one line that sounds. `facets` are what can be known of a
    step on its own (one drum voice; the rhythm; the pitch). `holds` is, for each slot that has them, the pair of tokens
    (rest, hold): a hold goes on with what the slot did before, and never follows a rest.
    """

    slots: tuple[int, ...]  # how many tokens each slot has; the ids of a slot follow those of the slot before
    onsets: NDArray[np.bool_]  # [K, V]: the lanes that a token strikes
    features: NDArray[np.bool_]  # [K, F]: what tokens have in common
    facets: NDArray[np.int64]  # [F]: the facet that each feature belongs to
    silence: tuple[int, ...]  # the token of each slot that is silence
    holds: tuple[tuple[int, int], ...] = ()  # (rest, hold) of each slot, or none at all
    classes: NDArray[np.int64] | None = None  # [K]: the pitch class that a token begins, -1 for others; None without pitches

    def __post_init__(self) -> None:
        """Refuse tables that do not fit each other."""
        if len(self.onsets) != self.tokens or len(self.features) != self.tokens or len(self.silence) != len(self.slots):
            raise ValueError(f"the tables of a vocabulary must have a row for each of its {self.tokens} tokens")
        if self.holds and len(self.holds) != len(self.slots):
            raise ValueError(f"holds are given for all {len(self.slots)} slots or for none")

    @property
    def tokens(self) -> int:
        """K: how many tokens all slots have together."""
        return sum(self.slots)

    @property
    def lanes(self) -> int:
        """V: how many lanes there are."""
        return int(self.onsets.shape[1])

    @cached_property
    def facet_count(self) -> int:
        """M: how many facets there are."""
        return int(self.facets.max()) + 1

    @cached_property
    def ranges(self) -> tuple[slice, ...]:
        """The token ids of each slot."""
        ends = np.cumsum(self.slots).tolist()
        return tuple(slice(end - size, end) for end, size in zip(ends, self.slots, strict=True))

    @cached_property
    def is_of_slot(self) -> NDArray[np.bool_]:
        """Which tokens each slot may take, [S, K]."""
        allowed = np.zeros((len(self.slots), self.tokens), bool)
        for slot, ids in enumerate(self.ranges):
            allowed[slot, ids] = True
        return allowed

    @cached_property
    def features_of_slot(self) -> NDArray[np.bool_]:
        """Which features the tokens of each slot differ in, [S, F]; with one slot all of them."""
        if len(self.slots) == 1:
            return np.ones((1, self.features.shape[1]), bool)
        return np.stack([self.features[ids].any(0) for ids in self.ranges])

    def struck(self, tokens: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Find the lanes that steps strike: [..., S] -> [..., V]."""
        if tokens.shape[-1] == 1:
            return self.onsets[tokens[..., 0]]
        return np.asarray(self.onsets[tokens].any(-2))

    def used(self, grids: Iterable[Grid]) -> NDArray[np.bool_]:
        """Find the tokens that any of some grids has, [K]."""
        is_used = np.zeros(self.tokens, bool)
        for grid in grids:
            is_used[grid.tokens] = True
        return is_used

    def without_leading_holds(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """Read what is held into a window as a rest: [B, T, S] -> [B, T, S]."""
        if not self.holds:
            return tokens
        rest, hold = np.array(self.holds).T
        held = np.logical_and.accumulate(tokens == hold, axis=1)
        return np.where(held, rest, tokens)

    def without_orphan_holds(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """Turn holds that follow a rest into rests, [B, T, S]; what is held into the window stays held."""
        if not self.holds:
            return tokens
        rest, hold = np.array(self.holds).T
        steps = np.arange(tokens.shape[1])[:, None]
        last = np.maximum.accumulate(np.where(tokens != hold, steps, 0), axis=1)
        is_orphan = (tokens == hold) & (np.take_along_axis(tokens, last, 1) == rest)
        return np.where(is_orphan, rest, tokens)


@dataclass(frozen=True)
class Grid:
    """Windows of steps: what a model reads and writes.

    `tokens` [B, T, S] are the tokens of each step, one for each slot. `velocities` [B, T, V] are 0..1 and `offsets`
    [B, T, V] are steps late, -0.5..0.5; both are 0 where there is no onset.
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
        tokens, velocities = change(self.tokens), change(self.velocities)
        pause()
        return Grid(tokens, velocities, change(self.offsets))

    def copied(self) -> Grid:
        """The same in arrays of its own: a part that is kept must not keep the whole."""
        return self.map(lambda values: values.copy())

    @staticmethod
    def stack(grids: Iterable[Grid]) -> Grid:
        """Put the windows of several grids behind one another."""
        many = list(grids)
        tokens, velocities = np.concatenate([g.tokens for g in many]), np.concatenate([g.velocities for g in many])
        pause()
        return Grid(tokens, velocities, np.concatenate([g.offsets for g in many]))

    @staticmethod
    def where(chosen: NDArray[np.bool_], these: Grid, those: Grid) -> Grid:
        """Take some steps [B, T] of one grid and the others of another."""
        which = chosen[..., None]
        tokens = np.where(which, these.tokens, those.tokens)
        velocities = np.where(which, these.velocities, those.velocities)
        pause()
        return Grid(tokens, velocities, np.where(which, these.offsets, those.offsets))

    @staticmethod
    def silent(windows: int, spec: GridSpec, vocabulary: Vocabulary) -> Grid:
        """Make windows of silence."""
        shape = (windows, spec.steps)
        return Grid(
            np.tile(np.array(vocabulary.silence, np.int64), (*shape, 1)),
            np.zeros((*shape, vocabulary.lanes), np.float32),
            np.zeros((*shape, vocabulary.lanes), np.float32),
        )


def shift_by_half(values: NDArray[Any], *, voices: int = 1) -> NDArray[Any]:
    """Turn windows [B, T, ...] round by half a window within each voice: a voice's last row goes over the seam of the loop.

    So each row is the second half of a window and the first of the next. Where the last window has the voice's first half
    already (`GridLayout.is_wrapped`), the last row is no music. A row may begin with a hold, as any window.
    """
    return _turned(values, voices, -(values.shape[1] // 2))


def shift_back(values: NDArray[Any], *, voices: int = 1) -> NDArray[Any]:
    """Put the halves of windows over the seams back where they were: the inverse of `shift_by_half`."""
    return _turned(values, voices, values.shape[1] // 2)


def _turned(values: NDArray[Any], voices: int, steps: int) -> NDArray[Any]:
    return np.roll(values.reshape(voices, -1, *values.shape[2:]), steps, axis=1).reshape(values.shape)
