"""The sizes of a network, its constants, and what of known music its trunk is told. No tensors; every runtime reads this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.families.family import Family

CONTEXT = 96  # numbers a step that the trunk hands to the head
DIGEST = 32  # numbers a beat that the whole latent is boiled down to, beside the part that belongs to the beat
FEEL_TEMPERATURE = 0.85  # of the temperature, for velocity and timing: drummers are steadier than what a model is sure of
UNKNOWN = -1  # a step that the decoder is not told


@dataclass(frozen=True)
class NetworkConfig:
    """The sizes of a network. `tokens`, `lanes`, `slots`, `steps` and `beat` follow from the family."""

    tokens: int
    lanes: int
    slots: int = 1
    steps: int = 32
    beat: int = 4  # steps
    latent: int = 128
    width: int = 192
    heads: int = 6
    encoder_layers: int = 3
    trunk_layers: int = 3
    embedding: int = 48
    hidden: int = 256
    bins: int = 32
    dropout: float = 0.1
    least_noise: float = 0.05
    plain: bool = False  # a VAE as in the textbook, N(mu, sigma) against N(0, I): the baseline that `evaluate` prints
    context: tuple[tuple[str, int], ...] = ()  # kinds of what sounds around a window, and numbers a beat of each

    @staticmethod
    def of(family: Family, sizes: Mapping[str, bool | float | int]) -> NetworkConfig:
        """Find the sizes of a family's network, but for those that are given."""
        spec, vocabulary = family.spec, family.vocabulary
        return NetworkConfig(
            tokens=vocabulary.tokens,
            lanes=vocabulary.lanes,
            slots=len(vocabulary.slots),
            steps=spec.steps,
            beat=spec.steps_per_beat,
            context=tuple(family.context.items()),
            **{**family.network, **sizes},  # type: ignore[arg-type]
        )

    @property
    def lags(self) -> tuple[int, ...]:
        """How many steps back the head looks: one step, one beat, two beats and half a window, as Magenta's Lookback RNN."""
        return tuple(sorted({1, *self.echoes}))

    @property
    def echoes(self) -> tuple[int, ...]:
        """The distances in steps at which the head is told whether the last step repeated an earlier one."""
        return tuple(sorted({self.beat, 2 * self.beat, self.steps // 2}))

    @property
    def beats(self) -> int:
        """Beats of a window."""
        return self.steps // self.beat


SIZES = tuple(NetworkConfig.__dataclass_fields__)[5:-1]  # what a training config may set


def whole_steps(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Choose what the trunk is told, of the facets [B, T, M] that are known: steps of which all is.

    Being told of bars ahead helps it. Being told single lanes, or a rhythm, does not: forced to them step by step it writes
    the rest a little better than when it has been told as well (`hidden_*` of `evaluate --control`).
    """
    return np.repeat(mask.all(-1, keepdims=True), mask.shape[-1], -1)
