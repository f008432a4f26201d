"""One evaluation of a model: its held-out music as clips, what the judges are shown, and the draws all parts share."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.editing.others import Other
from models.evaluation.data import STANDARD, ClipSet, EvaluationData, Sizes, composed, draw_few, draw_two_lots
from models.evaluation.features import FeatureView
from models.evaluation.figures import Named, unjudged
from models.evaluation.judge import FOLDS, LabelledWindows, judge
from models.evaluation.product import Product, VarySettings
from models.families.family import Family
from models.families.grid import Grid
from models.music.clip import Clip
from models.music.distance import VoiceOf, distances
from models.network.decoding import LatentModel
from models.training.calibration import as_clip, on_grid
from models.training.dataset import Windows

TOGETHER = 32  # clips in one request: enough for full batches, few enough for the memory of a laptop


@dataclass(frozen=True)
class ModelEvaluation:
    """One evaluation of what a product makes with a model.

    Every window is shown to the judges as the family lays a *clip* on the grid: held-out ones are written as clips and laid
    out again, so that nothing but the music differs. `plain` is a textbook VAE to compare with.
    """

    model: LatentModel
    product: Product
    data: EvaluationData
    plain: LatentModel | None = None
    seed: int = 0
    sizes: Sizes = STANDARD

    @property
    def family(self) -> Family:
        """The family of the model."""
        return self.model.family

    @property
    def voice_of(self) -> VoiceOf | None:
        """The drum voice of each pitch, None for notes: what distances need."""
        return self.family.lane_of

    # --- the music ------------------------------------------------------------------------------------------------------

    @cached_property
    def test(self) -> Windows:
        """Held-out windows, of the sets that the model composes."""
        return composed(self.data.test, self.model)

    @cached_property
    def train(self) -> Windows | None:
        """Windows of the same sets that the model may have learned from, where there are any."""
        train = composed(self.data.train, self.model) if self.data.train is not None else None
        return train if train is not None and len(train) else None

    @cached_property
    def test_clips(self) -> list[Clip]:
        """All held-out windows as clips."""
        return self.clips(self.test.grid)

    @cached_property
    def test_grid(self) -> Grid:
        """All held-out windows, written as clips and laid on the grid again."""
        return self.lay_out(self.test_clips)

    @cached_property
    def lots(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Indices of a few windows of each piece for the real class, and of a few others to make variations and middles of."""
        return draw_two_lots(self.test.piece, self.rng("halves"), self.sizes.windows)

    @cached_property
    def real(self) -> LabelledWindows:
        """The real class of the judges."""
        return LabelledWindows(self.test_grid[self.lots[0]], self.test.piece[self.lots[0]])

    @cached_property
    def sources(self) -> ClipSet:
        """Clips that variations and middles are made of."""
        return ClipSet([self.test_clips[i] for i in self.lots[1]], self.test.piece[self.lots[1]])

    @cached_property
    def mates(self) -> NDArray[np.int64]:
        """For each source the index of one of another piece, to meet in the middle."""
        return self.elsewhere(self.sources.piece, "mates")

    # --- clips and windows ----------------------------------------------------------------------------------------------

    def clips(self, grid: Grid) -> list[Clip]:
        """Write windows as clips of their own, on the grid where the judges are shown no timing."""
        shown = grid if self.view.timing else on_grid(grid)
        return [as_clip(self.family, shown[i : i + 1]) for i in range(len(shown))]

    def lay_out(self, clips: Sequence[Clip]) -> Grid:
        """Lay clips on the grid, all their windows behind one another."""
        return Grid.stack([self.no_windows, *(self.family.clip_to_grid(clip).grid for clip in clips)])

    @property
    def no_windows(self) -> Grid:
        """A grid of no windows, to be stacked on."""
        return Grid.silent(0, self.family.spec, self.family.vocabulary)

    def distances(self, clip: Clip, others: Sequence[Clip]) -> list[float]:
        """Measure the distances of clips from one."""
        return distances(clip, others, voice=self.voice_of)

    def vary_each(
        self, clips: Sequence[Clip], settings: VarySettings, others: Sequence[Sequence[Other]] = ()
    ) -> Iterator[tuple[Clip, ...]]:
        """Ask for variations of many clips, in requests of some at a time; `others` are what sounds with each."""
        for first in range(0, len(clips), TOGETHER):
            some = slice(first, first + TOGETHER)
            yield from self.product.vary(clips[some], settings, seed=self.seed, others=others[some]).of

    def vary_one(self, clips: Sequence[Clip], amount: float, rng: np.random.Generator) -> list[Clip]:
        """Ask for as many variations of each clip as a user gets, and take one of them by chance."""
        answers = self.vary_each(clips, VarySettings(min(amount, self.model.card.reach)))
        return [made[int(rng.integers(len(made)))] if made else clip for clip, made in zip(clips, answers, strict=True)]

    # --- judging --------------------------------------------------------------------------------------------------------

    @cached_property
    def view(self) -> FeatureView:
        """Decide what the judges are shown: velocity only if all held-out windows have it, timing if the model has it too.

        Else flat velocities of sets without any would give samples away, or the samples' would.
        """
        velocity, timing = (bool(self.test.feel[:, k].all()) for k in (0, 1))
        return FeatureView(self.family, velocity, timing and self.model.card.timing)

    @cached_property
    def is_judged(self) -> bool:
        """Whether there are pieces enough to judge by."""
        return min(len(np.unique(piece)) for piece in (self.real.piece, self.sources.piece)) >= FOLDS

    def auc(self, key: str, other: LabelledWindows, real: LabelledWindows | None = None) -> Named:
        """Judge windows against real ones: the AUC and its interval, None where there are too few pieces."""
        against = self.real if real is None else real
        if min(len(np.unique(lot.piece)) for lot in (against, other)) < FOLDS:
            yield from unjudged(key)
            return
        verdict = judge(against, other, view=self.view, seed=self.seed)
        yield key, verdict.auc
        yield f"{key}_low", verdict.low
        yield f"{key}_high", verdict.high

    def auc_of_clips(self, key: str, clips: Sequence[Clip], piece: NDArray[np.int64] | None = None) -> Named:
        """Judge clips of one window each; without pieces each is a piece of its own."""
        own = np.arange(len(clips)) - len(clips) if piece is None else piece
        yield from self.auc(key, LabelledWindows(self.lay_out(clips), own))

    # --- draws ----------------------------------------------------------------------------------------------------------

    def rng(self, name: str) -> np.random.Generator:
        """Give each part random numbers of its own, so that one more or less changes no other."""
        return np.random.default_rng((self.seed, zlib.crc32(name.encode())))

    def few(self, windows: Windows, name: str) -> Windows:
        """Draw a few windows of each piece."""
        return windows.take(draw_few(windows.piece, self.rng(name), self.sizes.windows))

    def elsewhere(self, piece: NDArray[np.int64], name: str) -> NDArray[np.int64]:
        """Pair each of some windows with one of another piece: shuffled, and again where it met its own. Indices [N]."""
        rng = self.rng(name)
        mates = rng.permutation(len(piece))
        for _ in range(100):
            own = np.flatnonzero(piece[mates] == piece)
            if not len(own):
                break
            mates[own] = rng.integers(len(piece), size=len(own))
        return mates
