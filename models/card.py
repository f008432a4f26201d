"""What a model folder says of its model: `model.yaml`. No weights, no files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Annotated, Self

import numpy as np
from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, model_validator

LARGEST = 2**63  # of any whole number

# How alike the feel of strokes is, beyond what a model expects, for velocity and for timing: of strokes of one step, of one
# lane, and of one lane at one place in the bar.
FeelCorrelation = tuple[tuple[float, float], ...]


def _as_line(text: str) -> str:
    """Refuse what a terminal would obey rather than show."""
    if any(ord(c) < 32 or 127 <= ord(c) < 160 for c in text if c not in "\n\t"):
        raise ValueError("it holds control characters")
    return text


def _rising(amounts: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    for (level, distance), (next_level, next_distance) in pairwise(amounts):
        if next_level <= level or next_distance < distance:
            raise ValueError(f"it does not rise from {level:g}, {distance:g} to {next_level:g}, {next_distance:g}")
    return amounts


def _shares(correlation: FeelCorrelation) -> FeelCorrelation:
    if len(correlation) not in (0, 3) or any(sum(shares) > 1 for shares in zip(*correlation, strict=True)):
        raise ValueError("it must be nothing, or three pairs of shares that add up to at most 1")
    return correlation


def _plain(values: dict[str, object]) -> dict[str, object]:
    """Refuse what is no plain value, or cannot be shown."""
    waiting: list[object] = [values]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
            waiting += value
        elif not (
            isinstance(value, (str, bool, date, type(None)))
            or (isinstance(value, int) and abs(value) < LARGEST)
            or (isinstance(value, float) and math.isfinite(value))
        ):
            raise ValueError("it holds other than finite numbers, texts and lists")
    return values


Line = Annotated[str, Field(max_length=2000), AfterValidator(_as_line)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Apart = Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)]  # a distance: at most all dropped and as many added
Sha256 = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
PlainName = Annotated[str, Field(pattern=r"^([^/\\\\\x00-\x1f.][^/\\\\\x00-\x1f]{0,99})?$")]  # of a model, never a path
Facts = Annotated[dict[str, object], AfterValidator(_plain)]


class Card(BaseModel):
    """`model.yaml`: everything but the weights that a model folder says of its model."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: Line
    family: Line
    about: Line
    licence: Line = Field(description="licence of the weights")
    network: dict[str, bool | float | int] = Field(description="sizes that differ from models.network.config.NetworkConfig")
    latent: int = Field(ge=1, le=1024, description="size of the latent")
    steps_per_beat: int = Field(default=4, ge=1, le=96)
    bars: int = Field(default=2, ge=1, le=64, description="bars of a window")
    timing: bool = Field(description="whether micro-timing was learned; if not, new notes lie on the grid")
    reach: Apart = Field(description="median distance of unrelated clips; amounts above it are mapped to it")
    amounts: Annotated[tuple[tuple[Share, Apart], ...], AfterValidator(_rising)] = Field(
        min_length=2, max_length=1000, description="(noise level, median distance it gives), rising"
    )
    told_noise: Share = Field(default=0.0, description="noise of variations that are told their amount; 0 where none are")
    told_amounts: Annotated[tuple[tuple[Share, Apart], ...], AfterValidator(_rising)] = Field(
        default=(), max_length=1000, description="(amount that is told, median distance it gives at told_noise), rising"
    )
    told_lean: float = Field(
        default=0.0, ge=0, le=8, allow_inf_nan=False, description="nats on onsets, at amount 1, that keep the number of notes"
    )
    feel_correlation: Annotated[tuple[tuple[Share, Share], ...], AfterValidator(_shares)] = Field(
        default=(),
        validation_alias=AliasChoices("feel_correlation", "together"),  # its name in folders of version 0.1
        description="how alike the feel of strokes is beyond what the model expects",
    )
    midpoint_noise: Share = Field(
        default=0.0,
        validation_alias=AliasChoices("midpoint_noise", "loose"),
        description="noise added midway between clips: more natural, less like either",
    )
    data: Facts = Field(description="sets, windows and the hash of what was learned from")
    config: Facts = Field(description="the config of the training, whole")
    commit: Line = Field(default="", description="the commit of the code that trained it")
    metrics: dict[str, float] = Field(default={}, description="the last validation of the training")
    base: PlainName = Field(default="", description="the model that a personal one adds to; empty where it stands alone")
    base_sha256: Sha256 = Field(default="", description="of the weights of that model")
    weights_sha256: Sha256
    golden_sha256: Sha256 = ""
    habits_sha256: Sha256 = Field(default="", description="of the habits that samples are told; empty where there are none")

    critic_sha256: Sha256 = Field(default="", description="of the critic that chooses among decodes; empty where there is none")

    @model_validator(mode="after")
    def _is_told_whole(self) -> Self:
        if bool(self.told_noise) != (len(self.told_amounts) > 1):
            raise ValueError("told_noise and told_amounts go together: both, the second of two rows at least, or neither")
        return self

    @model_validator(mode="after")
    def _names_its_base_whole(self) -> Self:
        if bool(self.base) != bool(self.base_sha256):
            raise ValueError("base and base_sha256 go together: both, or neither")
        return self

    def amount_to_tell(self, amount: float) -> float | None:
        """Find what to tell a decoder so that it changes a clip by an amount; None where telling gives nothing like it."""
        if not self.told_noise:
            return None
        distances = [distance for _, distance in self.told_amounts]
        return self.nearest_told(amount) if distances[0] / 2 <= amount <= distances[-1] else None

    def nearest_told(self, amount: float) -> float:
        """Find what to tell a decoder so that it comes as near an amount as telling goes."""
        told, distances = zip(*self.told_amounts, strict=True)
        return float(np.interp(amount, distances, told))

    def noise_level_for(self, amount: float) -> float:
        """Find the noise level that changes a clip by an amount, by the table measured on held-out clips."""
        levels, distances = zip(*self.amounts, strict=True)
        return float(np.interp(amount, distances, levels))

    def even_position(self, fraction: float) -> float:
        """Find how far along a great circle between clips to go, 0..1, so that music changes evenly, by the same table.

        Near a clip its latent is so clear that nothing changes; all the change is in the middle of the way.
        """
        if fraction > 0.5:
            return 1 - self.even_position(1 - fraction)
        levels, distances = zip(*self.amounts, strict=True)
        middle = float(np.interp(np.sqrt(0.5), levels, distances))
        level = min(self.noise_level_for(2 * fraction * middle), float(np.sqrt(0.5))) if fraction else 0.0
        return float(np.arcsin(level) / (np.pi / 2))
