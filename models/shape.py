"""What every runtime of the network shares: its sizes, its constants, and what it is told. No tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LAGS = (1, 4, 8, 16)  # in steps: how far back the head looks
ECHOES = (4, 8, 16)  # in steps: the distances at which it is told whether the last step repeated an earlier one
CONTEXT = 96  # numbers a step that the trunk hands to the head
DIGEST = 32  # numbers a beat that the whole latent is boiled down to, beside the part that belongs to the beat
CALM = 0.85  # feel is drawn at this much of the temperature: drummers are steadier than what a model is sure of
UNKNOWN = -1  # a step that the decoder is not told


@dataclass(frozen=True)
class Shape:
    """The sizes of a network."""

    tokens: int
    voices: int
    steps: int = 32
    beat: int = 4
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


def whole_steps(facets: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Choose what the trunk is told, of the facets [B, T, M] that are known: steps of which all is.

    Being told of bars ahead helps it. Being told single voices, or a rhythm, does not: forced to them step by step it writes
    the rest a little better than when it has been told as well (`hidden_*` of `evaluate --control`).
    """
    return np.repeat(facets.all(-1, keepdims=True), facets.shape[-1], -1)
