"""What evaluation asks of the product. Whoever evaluates hands in something that answers as users are answered.

`bridge.evaluation` answers with `Engine.run`; tests answer with what they can work out by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from models.editing.others import Other
from models.music.clip import Clip
from models.music.key import AUTO

Path = Literal["even", "slerp", "morph"]  # of an interpolation, as requests name them


@dataclass(frozen=True)
class VarySettings:
    """What a request for variations asks for, field by field as `latent-bridge vary` takes it."""

    amount: float
    count: int = 8
    lock: tuple[str, ...] = ()
    lock_voices: tuple[str, ...] = ()
    lock_beats: tuple[tuple[float, float], ...] = ()
    lock_notes: tuple[int, ...] = ()
    key: str = AUTO
    density: int = 0
    octave: float = 0.0


@dataclass(frozen=True)
class Variations:
    """What a request gave: the clips made from each source, and how many new notes come from a decode, of how many."""

    of: tuple[tuple[Clip, ...], ...]
    decoded: tuple[int, int] = (0, 0)


class Product(Protocol):
    """Answers requests as the product does. Every request names its seed, so that an evaluation can be repeated."""

    def sample(self, count: int, *, bars: int, seed: int, others: Sequence[Other] = ()) -> Sequence[Clip]:
        """Make clips from nothing, to sound with others."""
        ...

    def vary(
        self, clips: Sequence[Clip], settings: VarySettings, *, seed: int, others: Sequence[Sequence[Other]] = ()
    ) -> Variations:
        """Make variations of each clip, given what sounds with it."""
        ...

    def interpolate(self, a: Clip, b: Clip, *, steps: int, path: Path = "even", seed: int) -> Sequence[Clip]:
        """Make `steps` clips from a to b, both included."""
        ...

    def blend(self, corners: Sequence[Clip], *, grid: int, seed: int) -> Sequence[Clip]:
        """Make a grid of blends, row by row."""
        ...

    def reconstruct(self, clips: Sequence[Clip], *, seed: int) -> Sequence[Clip]:
        """Encode and decode each clip, nothing carried over."""
        ...
