"""What a model folder says of its model: `model.yaml`. No weights, no files."""

from __future__ import annotations

import numpy as np
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

# How alike the feel of strokes is, beyond what a model expects, for velocity and for timing: of strokes of one step, of one
# lane, and of one lane at one place in the bar.
FeelCorrelation = tuple[tuple[float, float], ...]


class Card(BaseModel):
    """`model.yaml`: everything but the weights that a model folder says of its model."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: str
    family: str
    about: str
    licence: str = Field(description="licence of the weights")
    network: dict[str, bool | float | int] = Field(description="sizes that differ from models.network.config.NetworkConfig")
    latent: int = Field(description="size of the latent")
    steps_per_beat: int = 4
    bars: int = Field(default=2, description="bars of a window")
    timing: bool = Field(description="whether micro-timing was learned; if not, new notes lie on the grid")
    reach: float = Field(description="median distance of unrelated clips; amounts above it are mapped to it")
    amounts: tuple[tuple[float, float], ...] = Field(description="(noise level, median distance it gives), rising")
    feel_correlation: FeelCorrelation = Field(
        default=(),
        validation_alias=AliasChoices("feel_correlation", "together"),  # its name in folders of version 0.1
        description="how alike the feel of strokes is beyond what the model expects",
    )
    midpoint_noise: float = Field(
        default=0.0,
        validation_alias=AliasChoices("midpoint_noise", "loose"),
        description="noise added midway between clips: more natural, less like either",
    )
    data: dict[str, object] = Field(description="sets, windows and the hash of what was learned from")
    config: dict[str, object] = Field(description="the config of the training, whole")
    commit: str = Field(default="", description="the commit of the code that trained it")
    metrics: dict[str, float] = Field(default={}, description="the last validation of the training")
    weights_sha256: str
    golden_sha256: str = ""

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
