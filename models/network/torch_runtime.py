"""A network as a LatentModel on torch, on CPU or GPU; it can also score music. The one place where arrays become tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from models.card import Card
from models.families.constraints import Known
from models.families.context import Context
from models.families.critic import Critic
from models.families.family import Family
from models.families.grid import Grid
from models.families.habits import NO_HABITS, Habits
from models.network.config import NetworkConfig, whole_steps
from models.network.decoding import DecodeBatch, Dial
from models.network.latent import Latents
from models.network.tensors import may_be_missing
from models.network.vae import Feel, KnownSteps, Network, feel_bins

COLDEST = 1e-4  # the temperature below which drawing is choosing the likeliest


class TorchModel:
    """A LatentModel (see models.network.decoding) that runs on torch."""

    rows_apart = False

    def __init__(
        self,
        card: Card,
        family: Family,
        network: Network,
        device: str = "cpu",
        habits: Habits = NO_HABITS,
        critic: Critic | None = None,
    ) -> None:
        """Wrap a network whose weights are loaded."""
        self.card, self.family, self.habits, self.critic = card, family, habits, critic
        self.dial: Dial | None = None
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()
        self.tables = self.network.tables()
        self.least_noise = network.config.least_noise
        self.hears = any(bool(values.any()) for name, values in network.named_parameters() if may_be_missing(name))

    @torch.inference_mode()
    def encode(self, grid: Grid) -> Latents:
        """Place windows on the sphere, [B, Z]."""
        tokens, feel = self._music(grid)
        return _array(self.network.encode(tokens, feel))

    @torch.inference_mode()
    def decode(self, batch: DecodeBatch) -> Grid:
        """Write the music of a batch, a row of it a window."""
        drawn, temperature, leanings = batch.randomness, batch.temperature, batch.leanings
        known = batch.known
        around = None if batch.context is None else self._tensor(batch.context)
        tokens, feel = self.network.generate(
            self.network.contexts(self._tensor(batch.latents), self._level(batch.noise_levels), self._told(known), around),
            (self._tensor(drawn.tokens), self._tensor(drawn.feel)) if drawn else None,
            temperature=1.0 if temperature is None else self._tensor(np.maximum(temperature, COLDEST))[:, None],
            known=KnownSteps(self._tensor(known.grid.tokens), self._tensor(known.mask).float()) if known else None,
            bias=None if leanings is None else self._tensor(leanings),
            around=around,
            tables=self.tables,
        )
        return Grid(_array(tokens), _array(feel.velocities), _array(feel.offsets) * self.card.timing)

    @torch.inference_mode()
    def score(
        self,
        latents: Latents,
        levels: NDArray[np.float32],
        grid: Grid,
        known: Known | None = None,
        context: Context | None = None,
    ) -> NDArray[np.float32]:
        """Log-probabilities of all tokens given the music before them, and what is known, in nats, [B, T, S, K]."""
        tokens, feel = self._music(grid)
        around = None if context is None else self._tensor(context)
        contexts = self.network.contexts(self._tensor(latents), self._level(levels), self._told(known), around)
        logits, _ = self.network.teacher_forced(contexts, tokens, feel, tokens, around)
        return _array(F.log_softmax(logits, -1))

    @torch.inference_mode()
    def feel_ranks(self, latents: Latents, levels: NDArray[np.float32], grid: Grid) -> NDArray[np.float32]:
        """Find where the velocities and offsets of a grid lie among those the model expects, 0..1, [B, T, V, 2]."""
        tokens, feel = self._music(grid)
        contexts = self.network.contexts(self._tensor(latents), self._level(levels))
        _, logits = self.network.teacher_forced(contexts, tokens, feel, tokens)
        chances = logits.softmax(-1)
        index = feel_bins(feel, chances.shape[-1])[..., None]
        below = (chances.cumsum(-1) - chances / 2).gather(-1, index)
        return _array(below[..., 0])

    def _music(self, grid: Grid) -> tuple[torch.Tensor, Feel]:
        tokens = self._tensor(self.family.vocabulary.without_leading_holds(grid.tokens))
        return tokens, Feel(self._tensor(grid.velocities), self._tensor(grid.offsets))

    def _told(self, known: Known | None) -> KnownSteps | None:
        """Say what the trunk is told of what is known."""
        if known is None:
            return None
        return KnownSteps(self._tensor(known.grid.tokens), self._tensor(whole_steps(known.mask)).float())

    def _level(self, levels: NDArray[np.float32]) -> torch.Tensor:
        return self._tensor(levels).clamp(self.least_noise, 1.0)

    def _tensor(self, values: NDArray[np.generic]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device)


def use_one_thread() -> None:
    """Keep torch to one core: beside a busy one, as in a DAW, two OpenMP threads are twenty times slower than one."""
    torch.set_num_threads(1)


def build_network(family: Family, config: NetworkConfig) -> Network:
    """Make the network of a family, with fresh weights."""
    return Network(config, family.vocabulary)


def _array(tensor: torch.Tensor) -> NDArray[Any]:
    values: NDArray[Any] = tensor.cpu().numpy()
    return values
