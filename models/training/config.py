"""What makes a model: the settings of a training, as `configs/train/<name>.yaml` holds them. No tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field

from models.families.registry import find_family
from models.yaml_text import YamlError, load_yaml

PATIENCE, REPORTS = 6, 20  # with music of one's own: validations without a better one, and validations in all


def _a_family(name: str) -> str:
    return find_family(name).name


class TrainConfig(BaseModel):
    """What makes a model; `configs/train/<name>.yaml` is one of these, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    family: Annotated[str, AfterValidator(_a_family)] = Field(description="what the music is")
    about: str = Field(default="", description="one line for `models list` and for the device")
    licence: str = Field(default="Apache-2.0", description="licence of the weights; follows from the data")
    own_music: bool = Field(default=False, description="the music is of none of the known sets; the training fills it in")
    sets: tuple[str, ...] = Field(default=(), description="sets of the data folder to learn from; empty takes all")
    codec_sets: tuple[str, ...] = Field(default=(), description="sets to reconstruct only: never seen above `codec_noise`")
    codec_noise: float = Field(default=0.5, gt=0, le=1, description="the most noise on latents of codec_sets")
    network: dict[str, bool | float | int] = Field(
        default={}, description="sizes that differ from models.network.config.NetworkConfig"
    )
    seed: int = Field(default=1, ge=0, description="fixes the initial weights, the batches and the noise")
    steps: int = Field(gt=0, description="optimizer steps")
    batch: int = Field(default=128, gt=0, description="windows a step")
    learning_rate: float = Field(default=1e-3, gt=0, description="at its height, after the warm-up; falls as a cosine")
    warmup: int = Field(default=500, ge=0, description="steps over which the learning rate rises")
    weight_decay: float = Field(default=0.02, ge=0)
    feel_weight: float = Field(default=0.5, ge=0, description="weight of velocity and timing beside the tokens")
    sample_share: float = Field(default=0.2, ge=0, le=1, description="share of windows seen with no latent at all (noise 1)")
    exact_share: float = Field(default=0.15, ge=0, le=1, description="share of windows seen with the least noise")
    known_share: float = Field(default=0.3, ge=0, le=1, description="share of windows of which the decoder is told a part")
    splice_share: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of windows with little noise (up to codec_noise) in which some lanes are another window's: "
        "to read any beat, not only those of the data",
    )
    start: str = Field(default="", description="the model whose weights the training begins with; empty begins with fresh ones")
    start_sha256: str = Field(default="", description="of the weights of `start`; the training fills it in")
    pair_share: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of windows that are written as *another* window of the same performance: what musicians vary",
    )
    pairs_a_piece: int = Field(default=60, gt=0, description="at most so many pairs of a piece; each is there both ways")
    pair_levels: tuple[tuple[float, float], ...] = Field(
        default=(),
        description="(noise level, distance), rising: the noise that pairs of a distance are shown with; "
        "empty takes the amounts of the model that the training starts from",
    )
    pair_jitter: float = Field(default=0.03, ge=0, description="deviation of the noise level of a pair from that table")
    told_share: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of pairs that are told their distance, and then are shown with any noise up to that of the table",
    )
    told_noise: float = Field(
        default=0.0, ge=0, lt=1, description="noise of variations that are told their amount; 0 tells none; for the card"
    )
    rest_share: float = Field(default=0.0, ge=0, le=1, description="share of windows with few notes or none, or silent beats")
    rest_noise: float = Field(default=0.75, gt=0, le=1, description="the most noise on latents of these")
    line_share: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of windows that are lines of other parts of the sets, never without a latent",
    )
    context_share: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of windows that are told what they are varied from; and, each drawn apart, what other parts sound "
        "with them, and what lies around them",
    )
    wrong_share: float = Field(
        default=0.0, ge=0, le=1, description="share of windows that are scored once more with a context that is not theirs"
    )
    wrong_margin: float = Field(
        default=0.2, ge=0, description="nats a note, at noise 1, by which a window should be less likely in a wrong context"
    )
    wrong_weight: float = Field(default=1.0, ge=0, description="weight of what is missing to that margin")
    forget: float = Field(default=0.5, ge=0, le=1, description="most of its own past that the head is denied, at noise 0")
    kl_weight: float = Field(default=0.2, ge=0, description="weight of the KL divergence of a plain VAE")
    free_nats: float = Field(default=33.3, ge=0, description="KL that a plain VAE has for free (48 bits, as in GrooVAE)")
    midpoint_noise: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        validation_alias=AliasChoices("midpoint_noise", "loose"),  # its name in configs of version 0.1
        description="noise added midway between clips: more natural, less like either; for the card",
    )
    average: float = Field(default=0.9995, ge=0, lt=1, description="decay of the average of the weights that ships")
    report_every: int = Field(default=500, gt=0, description="steps between validations")
    patience: int | None = Field(
        default=None,
        ge=0,
        description="validations without a better one after which the training ends, with the best weights; 0 never ends it; "
        "left out, it is 0 for sets with a splits.csv, and 6 for a folder of one's own",
    )

    def for_own_music(self) -> TrainConfig:
        """Fit the config to music that is not of the sets it names: all of it is learned from, and training ends early."""
        return self.model_copy(
            update={
                "own_music": True,
                "sets": (),
                "codec_sets": (),
                "patience": PATIENCE if self.patience is None else self.patience,
                "report_every": min(self.report_every, max(10, self.steps // REPORTS)),
            }
        )

    @staticmethod
    def read(path: Path) -> TrainConfig:
        """Read a config file; raises ValueError where it is none."""
        try:
            return TrainConfig.model_validate(load_yaml(path.read_text(encoding="utf-8")))
        except (YamlError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is no config: {error}") from error
