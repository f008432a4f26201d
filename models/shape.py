"""The sizes of a network and the constants that every runtime of it shares. No tensors, no arrays."""

from __future__ import annotations

from dataclasses import dataclass

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
