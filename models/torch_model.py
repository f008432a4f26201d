"""A network as a LatentModel: grids to latents and back, on CPU or GPU. The one place where arrays become tensors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from models.family import Card, Family
from models.grid import Grid, leading_rests
from models.latent import Dice, Latents
from models.network import Feel, Known, Network, Symbols, feel_bins
from models.shape import Shape, whole_steps

COLD = 1e-4  # the temperature below which drawing is choosing the likeliest


class TorchModel:
    """A LatentModel (see models.family) that runs on torch."""

    def __init__(self, card: Card, family: Family, network: Network, device: str = "cpu") -> None:
        """Wrap a network whose weights are loaded."""
        self.card, self.family = card, family
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()
        self.tables = self.network.tables()
        self.least_noise = network.shape.least_noise

    @torch.inference_mode()
    def encode(self, grid: Grid) -> Latents:
        """Place windows on the sphere, [B, Z]."""
        tokens, feel = self._music(grid)
        return _array(self.network.encode(tokens, feel))

    @torch.inference_mode()
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
        """Write the music of latents [B, Z] at noise levels [B]; see LatentModel.decode."""
        net = self.network
        level = self._tensor(levels).clamp(net.shape.least_noise, 1.0)
        told = Known(self._tensor(known[0].tokens), self._tensor(whole_steps(known[1])).float()) if known else None
        forced = Known(self._tensor(known[0].tokens), self._tensor(known[1]).float()) if known else None
        thrown = (self._tensor(dice.tokens), self._tensor(dice.feel)) if dice else None
        warmth = temperature if isinstance(temperature, float) else self._tensor(np.maximum(temperature, COLD))[:, None]
        tokens, feel = net.generate(
            net.contexts(self._tensor(latents), level, told),
            thrown,
            temperature=max(warmth, COLD) if isinstance(warmth, float) else warmth,
            known=forced,
            bias=self._tensor(bias) if bias is not None else None,
            tables=self.tables,
        )
        return Grid(_array(tokens), _array(feel.velocities), _array(feel.offsets) * self.card.timing)

    @torch.inference_mode()
    def score(
        self,
        latents: Latents,
        levels: NDArray[np.float32],
        grid: Grid,
        known: tuple[Grid, NDArray[np.bool_]] | None = None,
    ) -> NDArray[np.float32]:
        """Log-probabilities of all tokens given the music before them, and what is known, in nats, [B, T, K]."""
        tokens, feel = self._music(grid)
        level = self._tensor(levels).clamp(self.network.shape.least_noise, 1.0)
        told = Known(self._tensor(known[0].tokens), self._tensor(whole_steps(known[1])).float()) if known else None
        logits, _ = self.network.teach(self.network.contexts(self._tensor(latents), level, told), tokens, feel, tokens)
        return _array(F.log_softmax(logits, -1))

    @torch.inference_mode()
    def feel_ranks(self, latents: Latents, levels: NDArray[np.float32], grid: Grid) -> NDArray[np.float32]:
        """Find where the velocities and offsets of a grid lie among those the model expects, 0..1, [B, T, V, 2]."""
        tokens, feel = self._music(grid)
        level = self._tensor(levels).clamp(self.network.shape.least_noise, 1.0)
        _, logits = self.network.teach(self.network.contexts(self._tensor(latents), level), tokens, feel, tokens)
        chances = logits.softmax(-1)
        index = feel_bins(feel, chances.shape[-1])[..., None]
        below = (chances.cumsum(-1) - chances / 2).gather(-1, index)
        return _array(below[..., 0])

    def _music(self, grid: Grid) -> tuple[torch.Tensor, Feel]:
        tokens = self._tensor(leading_rests(grid.tokens) if self.family.illegal else grid.tokens)
        return tokens, Feel(self._tensor(grid.velocities), self._tensor(grid.offsets))

    def _tensor(self, values: NDArray[np.generic]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device)


def use_one_thread() -> None:
    """Keep torch to one core: beside a busy one, as in a DAW, two OpenMP threads are twenty times slower than one."""
    torch.set_num_threads(1)


def build_network(family: Family, shape: Shape) -> Network:
    """Make the network of a family, with fresh weights."""
    symbols = Symbols(
        onsets=torch.as_tensor(family.kind.onsets),
        features=torch.as_tensor(family.features),
        facets=torch.as_tensor(family.facets),
        illegal=family.illegal,
    )
    return Network(replace(shape, tokens=family.kind.tokens, voices=family.kind.voices), symbols)


def _array(tensor: torch.Tensor) -> NDArray[Any]:
    values: NDArray[Any] = tensor.cpu().numpy()
    return values
