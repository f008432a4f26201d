"""What a training step learns from: windows, and all that is drawn for them by chance. Arrays only; no networks.

What is drawn depends only on the generator that is given, and on the order in which it is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.families.context import (
    AFTER,
    AMOUNT,
    BEFORE,
    HABITS,
    SCALE,
    Context,
    around,
    columns,
    context_size,
    join_context,
    tell_amount,
    transpose_context,
    without_kinds,
)
from models.families.family import Family
from models.families.grid import Grid
from models.network.config import NetworkConfig
from models.training.config import TrainConfig
from models.training.dataset import LINE, MUSIC, SPARSE, Windows
from models.training.pairs import NO_PAIRS, pair_levels, pairs_to_learn

HEARD = 0.3  # noise from which on a context is asked for: with less, latents tell it all


@dataclass(frozen=True)
class WrongContext:
    """Windows of a batch, by index [N], that are scored once more, and what they are then told, which is not true of them."""

    rows: NDArray[np.int64]
    context: Context
    share: float = 1.0  # as in `Batch`


@dataclass(frozen=True)
class Batch:
    """Windows to be written, and what is drawn for them."""

    grid: Grid
    source: Grid  # what the latents tell of: the same music, but for pairs
    feel: NDArray[np.bool_]  # [B, 2]: whether velocity and timing count
    level: NDArray[np.float32]  # [B]
    noise: NDArray[np.float32]  # [B, Z]
    known: NDArray[np.bool_] | None  # [B, T, M]: the facets that the decoder is told
    denied: NDArray[np.bool_]  # [B, T]: steps that the head does not see of what it has written
    context: Context | None = None
    wrong: WrongContext | None = None
    share: float = 1.0  # what its mean weighs beside those of the other parts of a batch, 1 where they are equally large

    def part(self, rank: int, size: int) -> Batch:
        """Every `size`th window, from the `rank`th on: what one of several processes scores."""
        rows = np.arange(rank, len(self.level), size)
        wrong = self.wrong
        if wrong is not None:
            mine = np.flatnonzero(wrong.rows % size == rank)
            share = len(mine) * size / len(wrong.rows)
            wrong = WrongContext(wrong.rows[mine] // size, wrong.context[mine], share) if len(mine) else None
        return Batch(
            self.grid[rows],
            self.source[rows],
            self.feel[rows],
            self.level[rows],
            self.noise[rows],
            None if self.known is None else self.known[rows],
            self.denied[rows],
            None if self.context is None else self.context[rows],
            wrong,
            len(rows) * size / len(self.level),
        )


@dataclass(frozen=True)
class _Drawn:
    """The windows of a batch that are written [B], those whose latents tell of them [B], their noise, and amounts."""

    rows: NDArray[np.int64]
    heard: NDArray[np.int64]
    level: NDArray[np.float64]
    amounts: NDArray[np.float64]


class Batches:
    """Windows to draw batches from, as a config asks."""

    def __init__(self, config: TrainConfig, family: Family, windows: Windows, network: NetworkConfig) -> None:
        """Sort the windows by what they are for."""
        self.config, self.family, self.windows, self.network = config, family, windows, network
        self.music, self.sparse, self.lines = (np.flatnonzero(windows.are(kind)) for kind in (MUSIC, SPARSE, LINE))
        self.pairs, self.pair_levels = NO_PAIRS, np.zeros(0)
        if config.pair_share:
            if len(config.pair_levels) < 2:
                raise ValueError("pairs need pair_levels, or a model to start from whose amounts are taken")
            self.pairs = pairs_to_learn(windows, family, config)
            self.pair_levels = pair_levels(self.pairs, config)

    def draw(self, chance: np.random.Generator) -> Batch:
        """Draw a batch."""
        config, windows = self.config, self.windows
        drawn = self._draw_windows(chance)
        rows, level = drawn.rows, drawn.level
        grid = windows.grid[rows]
        is_pair = rows != drawn.heard
        if config.splice_share:
            is_spliced = (level <= config.codec_noise) & (chance.random(len(rows)) < config.splice_share) & ~is_pair
            grid = self.family.spliced(grid, is_spliced, chance)
        source = Grid.where(is_pair[:, None], windows.grid[drawn.heard], grid)
        if config.rest_share:
            hushed = self._draw_hushed(chance, len(rows))
            silent = Grid.silent(len(rows), self.family.spec, self.family.vocabulary)
            grid, source = (without_orphans(Grid.where(hushed, silent, g), self.family) for g in (grid, source))
        semitones: NDArray[np.int64] | None = None
        if self.family.transpose:
            semitones = chance.integers(-self.family.transpose, self.family.transpose + 1, len(rows))
            both = self.family.transposed(np.concatenate([grid.tokens, source.tokens], 1), semitones)
            tokens, source_tokens = np.split(both, 2, 1)
            grid, source = replace(grid, tokens=tokens), replace(source, tokens=source_tokens)
        known = self._draw_known(chance, len(rows))
        forget = config.forget * (1 - level) * chance.random(len(rows)) * ~is_pair  # a latent of other music is no substitute
        denied = chance.random(grid.tokens.shape[:2]) < forget[:, None]
        noise = chance.standard_normal((len(rows), self.network.latent), np.float32)
        shown = level.astype(np.float32)
        shown = np.full_like(shown, self.network.least_noise) if self.network.plain else shown
        context, wrong = None, None
        if config.context_share:
            context = self._draw_context(chance, rows, semitones, self.family.own_context(source))
            if AMOUNT in self.family.context:
                context = tell_amount(context, drawn.amounts, self.family.context)
            if config.wrong_share:
                wrong = self._draw_wrong(chance, context, shown)
        return Batch(grid, source, windows.feel[rows], shown, noise, known, denied, context, wrong)

    def _draw_windows(self, chance: np.random.Generator) -> _Drawn:
        """Draw windows: the same are written and heard but for pairs.

        A batch begins with those, then come lines, then windows that will be hushed.
        """
        config, least = self.config, self.network.least_noise
        rows = self.music[chance.integers(len(self.music), size=config.batch)]
        level = self._draw_levels(chance, rows)
        heard, amounts = rows.copy(), np.full(len(rows), np.nan)
        pairs, lines, rests = (self._share(share) for share in (config.pair_share, config.line_share, config.rest_share))
        if pairs and len(self.pairs):
            drawn = chance.integers(len(self.pairs), size=pairs)
            rows[:pairs], heard[:pairs] = self.pairs.target[drawn], self.pairs.source[drawn]
            level[:pairs] = np.clip(self.pair_levels[drawn] + config.pair_jitter * chance.standard_normal(pairs), least, 1)
            if config.told_share:
                is_told = chance.random(pairs) < config.told_share
                level[:pairs] = np.where(is_told, chance.uniform(least, level[:pairs]), level[:pairs])
                amounts[:pairs] = np.where(is_told, self.pairs.distance[drawn], np.nan)
        if lines and len(self.lines):
            drawn = self.lines[chance.integers(len(self.lines), size=lines)]
            rows[pairs : pairs + lines] = heard[pairs : pairs + lines] = drawn
            again = chance.uniform(least, 1, lines)
            level[pairs : pairs + lines] = np.where(level[pairs : pairs + lines] >= 1, again, level[pairs : pairs + lines])
        if rests:
            if len(self.sparse):
                drawn = self.sparse[chance.integers(len(self.sparse), size=rests // 2)]
                rows[len(rows) - len(drawn) :] = heard[len(rows) - len(drawn) :] = drawn
            level[-rests:] = np.where(
                level[-rests:] > config.rest_noise, chance.uniform(least, config.rest_noise, rests), level[-rests:]
            )
        return _Drawn(rows, heard, level, amounts)

    def _draw_levels(self, chance: np.random.Generator, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        config, windows, least = self.config, self.windows, self.network.least_noise
        kind, level = chance.random(len(rows)), chance.uniform(least, 1, len(rows))
        level = np.where(kind < config.sample_share, 1.0, level)
        level = np.where(kind > 1 - config.exact_share, least, level)
        codec = np.isin(windows.set_of[rows], [i for i, s in enumerate(windows.sets) if s in config.codec_sets])
        return np.where(codec & (level > config.codec_noise), chance.uniform(least, config.codec_noise, len(rows)), level)

    def _draw_hushed(self, chance: np.random.Generator, count: int) -> NDArray[np.bool_]:
        """Choose the steps [B, T] that are made silent: in some windows a run of beats, in others all but few steps."""
        spec, rests = self.family.spec, self._share(self.config.rest_share)
        beat = np.arange(spec.steps)[None] // spec.steps_per_beat
        first = chance.integers(spec.window_beats, size=(count, 1))
        length = chance.integers(2, spec.window_beats + 1, size=(count, 1))
        run = (beat - first) % spec.window_beats < length
        few = chance.random((count, spec.steps)) >= chance.uniform(0, 0.3, (count, 1))
        hushed = np.where(chance.random((count, 1)) < 0.7, run, few)
        is_hushed = (np.arange(count) >= count - rests) & (np.arange(count) < count - rests // 2 * bool(len(self.sparse)))
        return np.asarray(hushed & is_hushed[:, None])

    def _draw_known(self, chance: np.random.Generator, count: int) -> NDArray[np.bool_] | None:
        """Draw what the decoder is told: a run of beats, some facets throughout, single steps, or all of these."""
        if self.config.known_share == 0:
            return None
        steps, beat, facets = self.family.spec.steps, self.network.beat, self.family.vocabulary.facet_count
        beats = steps // beat
        told = np.asarray(chance.random(count) < self.config.known_share)
        which = chance.integers(4, size=count)
        first = chance.integers(beats, size=count)
        length = chance.integers(1, beats, size=count)
        at = np.arange(steps)[None] // beat
        run = ((at - first[:, None]) % beats) < length[:, None]
        lanes = chance.random((count, facets)) < chance.uniform(0.2, 0.9, (count, 1))
        single = chance.random((count, steps)) < chance.random((count, 1))
        known = np.zeros((count, steps, facets), bool)
        known |= (run & np.isin(which, (0, 3))[:, None])[..., None]
        known |= (lanes & np.isin(which, (1, 3))[:, None])[:, None, :]
        known |= (single & (which == 2)[:, None])[..., None]
        known &= told.reshape(-1, 1, 1)
        return known

    def _draw_context(
        self,
        chance: np.random.Generator,
        rows: NDArray[np.int64],
        semitones: NDArray[np.int64] | None,
        own: Context | None,
    ) -> Context:
        """Draw what is told of the context of windows: of what they are varied from, other parts and neighbours, each apart."""
        kinds, told = self.family.context, self.config.context_share
        if self.windows.more is None:
            raise ValueError("a context needs windows whose surroundings are known: pack them with everything")
        context = join_context(self.windows.more.context[rows].astype(np.float32), own, kinds)
        if semitones is not None:
            context = transpose_context(context, semitones, around(kinds))
        dropped = {kind: chance.random(len(rows)) >= told for kind in kinds}
        if SCALE in dropped:
            dropped[SCALE] = dropped[HABITS] & (chance.random(len(rows)) < 0.5)
        beside = chance.random(len(rows)) >= told
        for kind in (BEFORE, AFTER):
            if kind in dropped:
                dropped[kind] = beside | (chance.random(len(rows)) < 0.2)
        return without_kinds(context, dropped, kinds)

    def _draw_wrong(self, chance: np.random.Generator, context: Context, level: NDArray[np.float32]) -> WrongContext | None:
        """Draw windows whose context is that of others, or their own, transposed."""
        kinds = around(self.family.context)
        is_told = np.asarray(context[..., [at.start for at in columns(kinds).values()]].any(1))  # [B, kinds]
        able = np.flatnonzero((level >= HEARD) & is_told.any(1))
        chosen = np.sort(chance.permutation(able)[: self._share(self.config.wrong_share)])
        if not len(chosen):
            return None
        semitones = chance.integers(1, 12, len(chosen))
        wrong, mate = context[chosen], (chosen + len(context) // 2) % len(context)
        # A context of which less is known would not be wrong: music must not be the less likely for it.
        is_moved = (chance.random(len(chosen)) < 0.5) | (is_told[chosen] & ~is_told[mate]).any(1)
        size = context_size(kinds)
        moved, other = transpose_context(wrong, semitones, kinds), context[mate]
        wrong[..., :size] = np.where(is_moved[:, None, None], moved, other)[..., :size]
        return WrongContext(chosen, wrong)

    def _share(self, share: float) -> int:
        return round(share * self.config.batch)


def without_orphans(grid: Grid, family: Family) -> Grid:
    """Read what is held into a window, or after a rest, as a rest."""
    vocabulary = family.vocabulary
    return replace(grid, tokens=vocabulary.without_leading_holds(vocabulary.without_orphan_holds(grid.tokens)))
