"""What a caller may ask: the one table that the command line, the OSC addresses, the validation and the docs follow from."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, InstanceOf, model_validator

from models.clip import Clip

Clips = tuple[InstanceOf[Clip], ...]
Unit = Annotated[float, Field(ge=0, le=1)]


class Request(BaseModel):
    """What every request has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(
        default="auto", description="name of a model, or auto: by kind, MIDI channel 10, or the notes themselves"
    )
    kind: Literal["drums", "notes"] | None = Field(default=None, description="what the clips are, where auto should not guess")
    seed: int | None = Field(
        default=None, ge=0, lt=2**31, description="the same seed gives the same clips; a new one where none is given"
    )
    variety: Unit = Field(default=0.5, description="0 plays safe, 1 is adventurous")


class Sample(Request):
    """Make clips from nothing."""

    count: int = Field(default=8, ge=1, le=64, description="how many clips")
    bars: int = Field(default=2, ge=1, le=64, description="length of each clip, in bars of 4/4")


class ClipsRequest(Request):
    """A request about clips."""

    clips: Clips = Field(min_length=1, description="the clips")


class Vary(ClipsRequest):
    """Make variations of a clip."""

    amount: Unit = Field(
        default=0.3, description="how far from the clip: the share of its notes that change; 0 returns it untouched"
    )
    count: int = Field(default=8, ge=1, le=64, description="how many variations of each clip")


class Interpolate(ClipsRequest):
    """Walk from one clip to another."""

    clips: Clips = Field(min_length=2, max_length=2, description="the two clips")
    steps: int = Field(default=7, ge=2, le=64, description="how many clips, both ends included")


class Blend(ClipsRequest):
    """Blend two to four clips: a grid of blends, or the one at a position of the puck."""

    clips: Clips = Field(min_length=2, max_length=4, description="the corners A, B, C and D")
    at: tuple[Unit, Unit] | None = Field(default=None, description="x to the right, y down: A is 0,0, B 1,0, C 0,1, D 1,1")
    grid: int = Field(
        default=7, ge=0, le=16, description="clips a side of a grid over the palette, corners included; 0 only prepares"
    )

    @model_validator(mode="after")
    def _one_is_no_grid(self) -> Self:
        if self.grid == 1:
            raise ValueError("grid 1 is not allowed: a grid has its corners, so at least 2, or 0 to only prepare")
        return self


class Reconstruct(ClipsRequest):
    """Hear what the model hears: encode, decode the mean, nothing carried over."""


VERBS: dict[str, type[Request]] = {
    "sample": Sample,
    "vary": Vary,
    "interpolate": Interpolate,
    "blend": Blend,
    "reconstruct": Reconstruct,
}
