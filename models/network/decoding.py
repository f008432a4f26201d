"""What a decoder is asked, as one batch of rows, and what every runtime of the network offers. No tensors."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.card import Card
from models.families.constraints import Known, LogitBias
from models.families.context import Context
from models.families.critic import Critic
from models.families.family import Family
from models.families.grid import Grid
from models.families.habits import Habits
from models.network.latent import Latents, Randomness, pad_rows


@dataclass(frozen=True)
class DecodeBatch:
    """Latents [B, Z] at noise levels [B] whose music is wanted.

    Without `randomness` the likeliest music; with it, drawn at a `temperature` [B]. `known` is music the result must have.
    `logit_bias` [B, T, K] is added to the scores of tokens, in nats; -inf forbids one. `context` [B, beats, C] is what sounds
    around the windows (`models.families.context`); zeros, or none at all, say that nothing is known of it.
    """

    latents: Latents
    noise_levels: NDArray[np.float32]
    randomness: Randomness | None = None
    temperature: NDArray[np.float32] | None = None
    known: Known | None = None
    logit_bias: NDArray[np.float32] | LogitBias | None = None  # the rows of a batch that is computed have an array
    context: Context | None = None

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.latents)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> DecodeBatch:
        """Some of the rows."""
        return DecodeBatch(
            self.latents[rows],
            self.noise_levels[rows],
            None if self.randomness is None else self.randomness[rows],
            None if self.temperature is None else self.temperature[rows],
            None if self.known is None else Known(self.known.grid[rows], self.known.mask[rows]),
            None if self.logit_bias is None else self.logit_bias[rows],
            None if self.context is None else self.context[rows],
        )

    @property
    def leanings(self) -> NDArray[np.float32] | None:
        """What is added to scores, [B, T, K]: nothing where a step is known whole, even if it is barred."""
        if self.logit_bias is None or self.known is None:
            return None if self.logit_bias is None else self.logit_bias[:]
        return np.where(np.asarray(self.known.mask.all(-1, keepdims=True)), np.float32(0), self.logit_bias[:])

    @property
    def is_drawn(self) -> bool:
        """Whether the music is drawn, not the likeliest."""
        return self.randomness is not None

    def padded(self, spare: int) -> DecodeBatch:
        """Repeat the last row so often: rows that no one asks for."""
        if not spare:
            return self
        known = self.known
        return DecodeBatch(
            pad_rows(self.latents, spare),
            pad_rows(self.noise_levels, spare),
            None if self.randomness is None else self.randomness.padded(spare),
            None if self.temperature is None else pad_rows(self.temperature, spare),
            None if known is None else Known(known.grid.map(lambda v: pad_rows(v, spare)), pad_rows(known.mask, spare)),
            None if self.logit_bias is None else pad_rows(self.logit_bias[:], spare),
            None if self.context is None else pad_rows(self.context, spare),
        )

    @staticmethod
    def stack(batches: Sequence[DecodeBatch], family: Family) -> DecodeBatch:
        """Put the rows of several batches of one family behind one another; all of them are drawn, or none."""
        first = batches[0]
        is_drawn = first.randomness is not None
        return DecodeBatch(
            np.concatenate([b.latents for b in batches]),
            np.concatenate([b.noise_levels for b in batches]),
            Randomness.stack([b.randomness for b in batches if b.randomness is not None]) if is_drawn else None,
            np.concatenate([_or(b.temperature, (len(b),), 1) for b in batches]) if is_drawn else None,
            _stack_known(batches, family),
            _stack_optional([b.logit_bias for b in batches], batches),
            _stack_optional([b.context for b in batches], batches),
        )


@dataclass(frozen=True)
class DecodePieces:
    """Batches of one family, all of them drawn or none, to be decoded one behind the other: stacked where they are needed."""

    pieces: Sequence[DecodeBatch]
    family: Family

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(map(len, self.pieces)))

    def __len__(self) -> int:
        """How many rows there are."""
        return self._ends[-1] if self.pieces else 0

    def __getitem__(self, rows: slice) -> DecodeBatch:
        """Some of the rows."""
        first, last, _ = rows.indices(len(self))
        found: list[DecodeBatch] = []
        for k in range(bisect_right(self._ends, first), len(self.pieces)):
            begin = self._ends[k] - len(self.pieces[k])
            if begin >= last:
                break
            found.append(self.pieces[k][max(first - begin, 0) : last - begin])
        return found[0] if len(found) == 1 else DecodeBatch.stack(found, self.family)

    @property
    def is_drawn(self) -> bool:
        """Whether the music is drawn, not the likeliest."""
        return self.pieces[0].is_drawn


Dial = Callable[[float], "LatentModel"]


class LatentModel(Protocol):
    """A model that encodes and decodes, whatever it runs on."""

    card: Card
    family: Family
    least_noise: float
    rows_apart: bool  # whether a row comes out the same, to the bit, whatever is in a batch beside it
    hears: bool  # whether it was trained with context: else what it is told of that changes nothing
    critic: Critic | None  # that tells players' changes; None where none was learned
    habits: Habits  # of some of its training music, for samples to be told; of no rows where none are kept
    dial: Dial | None  # makes of a personal model one that is personal to a share, 0 to 1; None of all others

    def encode(self, grid: Grid) -> Latents:
        """Find the posterior means of windows, [B, Z], each of norm sqrt(Z)."""
        ...

    def decode(self, batch: DecodeBatch) -> Grid:
        """Write the music of a batch, a row of it a window."""
        ...


def temperature_for(variety: float) -> float:
    """Turn variety, 0..1, into a sampling temperature; 0.95 at 0.5. On validation pieces 0.9 to 1 differ little."""
    return 0.45 + variety


def _or(values: NDArray[Any] | None, shape: tuple[int, ...], fill: float) -> NDArray[Any]:
    return np.full(shape, fill, np.float32) if values is None else values


def _stack_known(batches: Sequence[DecodeBatch], family: Family) -> Known | None:
    """Stack what is known; of some rows that is nothing."""
    facets = next((b.known.mask.shape[1:] for b in batches if b.known), None)
    if facets is None:
        return None
    silent = [Grid.silent(0 if b.known else len(b), family.spec, family.vocabulary) for b in batches]
    return Known(
        Grid.stack(b.known.grid if b.known else empty for b, empty in zip(batches, silent, strict=True)),
        np.concatenate([b.known.mask if b.known else np.zeros((len(b), *facets), bool) for b in batches]),
    )


def _stack_optional(
    values: Sequence[NDArray[np.float32] | LogitBias | None], batches: Sequence[DecodeBatch]
) -> NDArray[np.float32] | None:
    """Stack what some batches have, with zeros for those that do not."""
    arrays = [v[:] if isinstance(v, LogitBias) else v for v in values]
    shape = next((v.shape[1:] for v in arrays if v is not None), None)
    if shape is None:
        return None
    return np.concatenate([_or(v, (len(b), *shape), 0) for v, b in zip(arrays, batches, strict=True)])
