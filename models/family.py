"""What a family of models is, and the table of them. No networks, no files, no requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from models.clip import Clip
from models.grid import VOICE_OF, Grid, GridKind, Heard
from models.latent import Dice, Latents, Together


@dataclass(frozen=True)
class Family:
    """How one kind of music becomes steps and back, and what the steps are made of."""

    name: str
    about: str
    kind: GridKind
    features: NDArray[np.bool_]  # [tokens, F]
    facets: NDArray[np.int64]  # [F]: the facet of each feature
    hear: Callable[[Clip], Heard]
    write: Callable[[Heard, Grid], Clip]
    illegal: tuple[int, int] | None = None  # (after, token): never in this order
    transpose: int = 0  # semitones either way by which training shifts a window


class Card(BaseModel):
    """`model.yaml`: everything but the weights that a model folder says of its model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    family: str
    about: str
    licence: str = Field(description="licence of the weights")
    network: dict[str, bool | float | int] = Field(description="sizes that differ from models.network.Shape")
    latent: int = Field(description="size of the latent")
    steps_per_beat: int = 4
    bars: int = Field(default=2, description="bars of a window")
    timing: bool = Field(description="whether micro-timing was learned; if not, new notes lie on the grid")
    reach: float = Field(description="median distance of unrelated clips; amounts above it are mapped to it")
    amounts: tuple[tuple[float, float], ...] = Field(description="(noise level, median distance it gives), rising")
    together: Together = Field(default=(), description="how alike the feel of strokes is; see models.latent.Together")
    loose: float = Field(default=0.0, description="noise added midway between clips; see models.latent.loosen")
    data: dict[str, object] = Field(description="sets, windows and the hash of what was learned from")
    config: dict[str, object] = Field(description="the config of the training, whole")
    commit: str = Field(default="", description="the commit of the code that trained it")
    metrics: dict[str, float] = Field(default={}, description="the last validation of the training")
    weights_sha256: str
    golden_sha256: str = ""

    def level_for(self, amount: float) -> float:
        """Find the noise level that changes a clip by an amount, by the table measured on held-out clips."""
        levels, distances = zip(*self.amounts, strict=True)
        return float(np.interp(amount, distances, levels))

    def even(self, fraction: float) -> float:
        """Find how far along a great circle between clips to go, 0..1, so that music changes evenly, by the same table.

        Near a clip its latent is so clear that nothing changes; all the change is in the middle of the way.
        """
        if fraction > 0.5:
            return 1 - self.even(1 - fraction)
        levels, distances = zip(*self.amounts, strict=True)
        middle = float(np.interp(np.sqrt(0.5), levels, distances))
        level = min(self.level_for(2 * fraction * middle), float(np.sqrt(0.5))) if fraction else 0.0
        return float(np.arcsin(level) / (np.pi / 2))


class LatentModel(Protocol):
    """What the engine needs of a model, whatever it runs on (torch today; room for a second CPU runtime)."""

    card: Card
    family: Family
    least_noise: float

    def encode(self, grid: Grid) -> Latents:
        """Find the posterior means of windows, [B, Z], each of norm sqrt(Z)."""
        ...

    def decode(
        self,
        latents: Latents,
        levels: NDArray[np.float32],
        *,
        dice: Dice | None = None,
        temperature: float | NDArray[np.float32] = 1.0,
        known: tuple[Grid, NDArray[np.bool_]] | None = None,
        bias: NDArray[np.float32] | None = None,
    ) -> Grid:
        """Write the music of latents [B, Z] at noise levels [B]: the likeliest, or by dice at a temperature, one or [B].

        `known` is a grid and the facets [B, T, M] of it that the music must have. `bias` [B, T, K] is added to the scores
        of tokens, in nats; -inf forbids one.
        """
        ...


def temperature(variety: float) -> float:
    """Turn variety, 0..1, into a sampling temperature; 0.95 at variety 0.5; on validation pieces 0.9 to 1 differ little."""
    return 0.45 + variety


FAMILIES = {"drums": "models.drums", "melody": "models.melody"}


def find_family(name: str) -> Family:
    """Look a family up by name."""
    if name not in FAMILIES:
        raise ValueError(f"there is no family {name!r}; there are: {', '.join(FAMILIES)}")
    family: Family = import_module(FAMILIES[name]).FAMILY
    return family


# Pads that drum clips are built on, by General MIDI: with these alone a clip is drums even where nothing sounds together.
CORE_PADS = {35, 36, 37, 38, 39, 40, 42, 44, 46, 49, 51}
PADS = CORE_PADS | set(VOICE_OF) | {54, 56, 69, 70, 75, 82}
KINDS = {"drums": "drums", "notes": "melody"}


def route(clip: Clip, kind: str | None = None) -> str:
    """Choose the family for a clip: `kind` where given, else MIDI channel 10, else the notes themselves.

    The notes are drums if nine in ten lie on General MIDI drum pads, a kick (35 or 36) is among them, and either one
    stroke in ten has another pad struck with it or all notes are on the core pads. All else, and no notes, is `melody`.
    """
    if kind is not None:
        if kind not in KINDS:
            raise ValueError(f"kind {kind!r} is not one of: {', '.join(KINDS)}")
        return KINDS[kind]
    return "drums" if clip.channel == 10 or _are_drums(clip) else "melody"


def _are_drums(clip: Clip) -> bool:
    pitches = [n.pitch for n in clip.notes]
    if not {35, 36} & set(pitches) or sum(p in PADS for p in pitches) < 0.9 * len(pitches):
        return False
    strokes = Counter(round(n.start * 8) for n in clip.notes)
    together = sum(count > 1 for count in strokes.values())
    return together >= 0.1 * len(strokes) or set(pitches) <= CORE_PADS
