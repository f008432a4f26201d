"""One evaluation of how well requests are met: whole clips of several bars, and draws of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.evaluation.data import ClipSet, join_windows
from models.evaluation.judge import LabelledWindows
from models.evaluation.model_evaluation import ModelEvaluation
from models.families.grid import Grid
from models.music.clip import Clip
from models.training.calibration import as_clip, on_grid

ENOUGH = 12  # free notes: with fewer, a whole note is too coarse a step to speak of an amount
BARS, LONG = 4, 8  # of whole clips: those that are varied and judged, and those looked at for steps and seams
PER_PIECE = 6  # whole clips


@dataclass(frozen=True)
class RequestEvaluation:
    """What requests are made about, beyond the windows of a `ModelEvaluation`."""

    evaluation: ModelEvaluation

    @cached_property
    def cuts(self) -> dict[int, ClipSet]:
        """Clips by their bars: the windows that are varied, and whole ones of BARS and LONG, a few of each piece."""
        return {2: self.evaluation.sources, **{bars: self._whole(bars) for bars in (BARS, LONG)}}

    def _whole(self, bars: int) -> ClipSet:
        e = self.evaluation
        grid, piece = join_windows(e.test, bars, e.family)
        grid = grid if e.view.timing else on_grid(grid)
        taken: Counter[int] = Counter()
        index: list[int] = []
        for i in self.rng(f"whole {bars}").permutation(len(piece)).tolist():
            taken[int(piece[i])] += 1
            if taken[int(piece[i])] <= PER_PIECE:
                index.append(i)
        windows = grid.map(lambda v: v.reshape(len(v), bars // 2, e.family.spec.steps, *v.shape[2:]))
        clips = [as_clip(e.family, windows.map(lambda v, i=i: v[i])) for i in index]  # type: ignore[misc]
        return ClipSet(clips, piece[np.array(index, np.int64)])

    def rng(self, name: str) -> np.random.Generator:
        """Give each part random numbers of its own."""
        return self.evaluation.rng(f"control {name}")

    def some(self, clips: ClipSet, name: str, most: int) -> ClipSet:
        """Draw some clips."""
        return clips.take(np.sort(self.rng(f"rows {name}").permutation(len(clips.clips))[:most]))

    def full_enough(self, clips: ClipSet, name: str, most: int) -> ClipSet:
        """Draw some clips that have notes enough."""
        return self.some(clips.take(np.flatnonzero([len(c.notes) >= ENOUGH for c in clips.clips])), name, most)

    def pairs(self, clips: ClipSet, name: str, most: int) -> list[tuple[Clip, Clip]]:
        """Draw pairs of clips of different pieces."""
        order = self.rng(f"pairs {name}").permutation(len(clips.clips))
        both = zip(order.tolist(), np.roll(order, 1).tolist(), strict=True)
        return [(clips.clips[i], clips.clips[j]) for i, j in both if clips.piece[i] != clips.piece[j]][:most]

    def around_bar_lines(self, clips: ClipSet, first: int) -> LabelledWindows:
        """Show the two bars around the bar line after `first` bars, and around every second one from there."""
        e = self.evaluation
        if not clips.clips:
            return LabelledWindows(e.no_windows, np.zeros(0, np.int64))
        grid = e.lay_out(clips.clips).map(lambda v: v.reshape(len(clips.clips), -1, *v.shape[2:]))
        half = e.family.spec.half_steps
        lines = range(first, grid.tokens.shape[1] // half, 2)
        parts: list[Grid] = [grid.map(lambda v, k=k: v[:, (k - 1) * half : (k + 1) * half]) for k in lines]  # type: ignore[misc]
        pieces: NDArray[np.int64] = np.tile(clips.piece, len(parts))
        return LabelledWindows(Grid.stack(parts), pieces)
