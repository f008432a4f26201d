"""What evaluation must know of a family, and the one place where it is chosen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.clip import Clip
from models.distance import VoiceOf
from models.evaluation import drum_statistics, melody_statistics
from models.evaluation.statistics import Floats
from models.family import Family
from models.grid import Grid
from models.midi import Part


class FamilyStatistics(Protocol):
    """What the quality of a family's music is judged by. A module with these names is one."""

    lanes: tuple[str, ...]  # names of what has a loudness of its own; empty where there is one lane
    voice_of: VoiceOf | None  # the drum voice of a pitch, as `models.distance` takes it; None for notes
    is_pitched: bool  # whether an onset has a pitch that can be right or wrong, and notes a register

    def named_features(self, grid: Grid) -> dict[str, Floats]:
        """Describe each window by named numbers, [B] each; NaN where a number makes no sense."""
        ...

    def histograms(self, grid: Grid) -> dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """List what overlaps compare (density, pitch_class, interval, duration, or fewer): values and the edges of bins."""
        ...

    def judge_view(self, grid: Grid) -> list[NDArray[np.generic]]:
        """Show windows to a convolutional net, velocity and timing left out: arrays [B, T, C]."""
        ...

    def playable(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """Mend tokens [B, T] drawn one after the other where the family allows no such row."""
        ...

    def begin_anew(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """Let windows [B, T] cut from longer music begin as windows do."""
        ...

    def held(self, tokens: NDArray[np.int64]) -> NDArray[np.bool_] | None:
        """Tell which tokens hold on what was struck before; None where nothing is held."""
        ...

    def transpositions(self, tokens: NDArray[np.int64], most: int) -> NDArray[np.int64]:
        """List a window [T] as it is in every transposition of up to `most` semitones that is in range: [S, T]."""
        ...

    def covers(self, part: Part) -> bool:
        """Whether a part of a held-out file is of this kind."""
        ...

    def random_locks(self, clip: Clip, rng: np.random.Generator) -> dict[str, dict[str, object]]:
        """Draw locks that only this family has: fields of `VarySettings`, by a name."""
        ...

    def half_locked(self, clip: Clip) -> dict[str, object]:
        """Lock about half of the notes of a clip: fields of `VarySettings`."""
        ...

    def hidden_parts(
        self, facets: NDArray[np.bool_], family: Family, rng: np.random.Generator
    ) -> Iterator[tuple[str, NDArray[np.bool_]]]:
        """Choose which facets [B, T, M] of windows a model is told, apart from whole bars; `facets` is all of them."""
        ...


def statistics_of(family: Family) -> FamilyStatistics:
    """Find what a family is judged by."""
    known: dict[str, FamilyStatistics] = {"drums": drum_statistics, "melody": melody_statistics}
    if family.name not in known:
        raise ValueError(f"there are no statistics for the family {family.name!r}; there are for: {', '.join(known)}")
    return known[family.name]
