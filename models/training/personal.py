"""A personal model: what little is added to a shipped one so that it plays like a few files. Learned in seconds; no files here.

A matrix of low rank is added to each matrix of the decoder, and small tensors are changed whole; the encoder stays, so that
latents mean what they did. Half of the windows are written from latents and habits of *other* pieces of the artist, nearly lost
in noise: from what a sample knows, then, not from what is to be written. So files that the model has learned by heart, or will,
teach it what they have in common. Related: Hu et al., "LoRA" (arXiv 2106.09685).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from models.families.grid import Grid
from models.network.adapter import DOWN, UP, WHOLE
from models.network.torch_runtime import TorchModel
from models.network.vae import Network, add_noise
from models.pause import pause
from models.training.dataset import MUSIC, Windows
from models.training.losses import as_music, as_tensor, feel_loss, nats

LEAST_WINDOWS = 8  # to learn anything of
FROZEN = ("encoder.", "read", "to_latent", "token.", "token_features.", "known.", "place", "hear.", "hear_steps.", "lean.")
FEEL_WEIGHT = 0.4  # beside the tokens, where the card of the base says nothing
DRAWS = 64  # latents of a likelihood
AT_ONCE = 256  # windows that are scored together
MOST_SCORED = 64  # windows of the check on pieces held out


@dataclass(frozen=True)
class Recipe:
    """How an adapter is learned: tried on artists of the `valid` split, see docs/personal.md."""

    rank: int = 4
    steps: int = 60
    batch: int = 32
    learning_rate: float = 1e-3
    from_others: float = 0.5  # share of windows that are written from the latents of other pieces
    from_nothing: float = (
        0.4  # share that is written from noise alone; the rest from their own latents, so that those still tell
    )
    told: float = 0.7  # share that is told habits
    least_noise: float = 0.8  # on the latents of other pieces
    most_noise: float = 0.6  # on the windows' own
    average: float = 0.9  # of the weights


Adapter = dict[str, NDArray[np.float16]]  # what was learned, as `models.network.adapter` reads it


def fit(
    model: TorchModel, windows: Windows, recipe: Recipe, *, seed: int = 0, tick: Callable[[float], None] = lambda fraction: None
) -> Adapter:
    """Learn an adapter from windows; `tick` is told how far it is. The model itself is left as it was."""
    windows = windows.take(windows.are(MUSIC))
    if len(windows) < LEAST_WINDOWS:
        raise ValueError(f"{len(windows)} windows of two bars are too few to learn from: at least {LEAST_WINDOWS} are needed")
    network, family, device = model.network, model.family, model.device
    of_base = model.card.config.get("feel_weight")
    weight_of_feel = float(of_base) if isinstance(of_base, int | float) else FEEL_WEIGHT
    rng = np.random.default_rng(seed)
    described = family.own_context(windows.grid)
    with torch.no_grad():
        latents = torch.cat([network.encode(*as_music(windows.grid[i : i + 256], device)) for i in range(0, len(windows), 256)])
    draw = _Drawing(windows.piece, rng)
    with _learning(network, recipe.rank) as learned, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # dropout
        optimizer = torch.optim.AdamW(learned.values(), lr=recipe.learning_rate, weight_decay=0.0, betas=(0.9, 0.98))
        average = {name: value.detach().clone() for name, value in learned.items()}
        for step in range(recipe.steps):
            pause()
            tick(step / recipe.steps)
            rate = min(1.0, (step + 1) / 10) * (0.1 + 0.45 * (1 + math.cos(math.pi * step / recipe.steps)))
            optimizer.param_groups[0]["lr"] = recipe.learning_rate * rate
            rows, others = draw.some(recipe.batch)
            kind = rng.random(recipe.batch)
            is_other, is_noise = kind < recipe.from_others, kind >= 1 - recipe.from_nothing
            source = np.where(is_other, others, rows)
            own_level = np.where(is_noise, 1.0, rng.uniform(model.least_noise, recipe.most_noise, recipe.batch))
            level = as_tensor(np.where(is_other, rng.uniform(recipe.least_noise, 1, recipe.batch), own_level), device).float()
            noise = as_tensor(rng.standard_normal((recipe.batch, latents.shape[1]), np.float32), device)
            around = None
            if described is not None:
                told = rng.random((recipe.batch, 1, 1)) < recipe.told
                around = as_tensor(np.asarray(described[source] * told, np.float32), device)
            tokens, feel = as_music(windows.grid[rows], device)
            with parametrize.cached():
                contexts = network.contexts(add_noise(latents[source], level, noise), level, None, around)
                logits, felt = network.teacher_forced(contexts, tokens, feel, tokens, around)
            loss = F.cross_entropy(logits.flatten(0, 2), tokens.flatten()) * network.config.slots
            counted = as_tensor(windows.feel[rows], device)
            loss = loss + weight_of_feel * feel_loss(felt, feel, network.lanes_of(tokens), counted) / network.config.steps
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(learned.values(), 1.0)
            optimizer.step()
            with torch.no_grad():
                for name, value in learned.items():
                    average[name].lerp_(value, 1 - min(recipe.average, (step + 1) / (step + 5)))
        tick(1.0)
        return {name: value.half().cpu().numpy() for name, value in average.items()}


@torch.no_grad()
def likelihood(model: TorchModel, grid: Grid, *, draws: int = DRAWS, seed: int = 0) -> NDArray[np.float64]:
    """Score windows composed from nothing, teacher-forced: the log of the mean over so many latents, nats of each [B]."""
    network, device = model.network, model.device
    rng = np.random.default_rng(seed)
    rows = np.tile(np.arange(len(grid)), draws)
    scores = np.zeros(len(rows))
    for first in range(0, len(rows), AT_ONCE):
        pause()
        some = rows[first : first + AT_ONCE]
        tokens, feel = as_music(grid[some], device)
        z = as_tensor(rng.standard_normal((len(some), network.config.latent), np.float32), device)
        logits, _ = network.teacher_forced(network.contexts(z, torch.ones(len(some), device=device)), tokens, feel, tokens)
        scores[first : first + AT_ONCE] = -nats(logits, tokens).cpu().numpy()
    return np.asarray(np.logaddexp.reduce(scores.reshape(draws, -1), 0) - math.log(draws))


def as_config(recipe: Recipe) -> dict[str, object]:
    """Write a recipe as a card has it."""
    return asdict(recipe)


class _Drawing:
    """Draws windows, those of long pieces less often, and for each a window of another piece."""

    def __init__(self, piece: NDArray[np.int64], rng: np.random.Generator) -> None:
        self._rng = rng
        _, self._piece, sizes = np.unique(piece, return_inverse=True, return_counts=True)
        weights = 1 / np.sqrt(sizes[self._piece])
        self._chances = weights / weights.sum()
        self._rows = [np.flatnonzero(self._piece == k) for k in range(len(sizes))]

    def some(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Draw so many of both [count]."""
        rng, pieces = self._rng, len(self._rows)
        rows = rng.choice(len(self._piece), size=count, p=self._chances)
        turned = (self._piece[rows] + rng.integers(1, max(pieces, 2), count)) % pieces
        return rows, np.array([rng.choice(self._rows[k]) for k in turned])


class _LowRank(nn.Module):
    """A matrix with another of low rank added."""

    def __init__(self, shape: tuple[int, ...], rank: int) -> None:
        super().__init__()
        self.up = nn.Parameter(torch.zeros(shape[0], rank))
        self.down = nn.Parameter(torch.randn(rank, shape[1]) / math.sqrt(shape[1]))

    def forward(self, weight: Tensor) -> Tensor:
        """Add."""
        return weight + self.up @ self.down


class _Change(nn.Module):
    """A small tensor with another of its size added."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.change = nn.Parameter(torch.zeros(shape))

    def forward(self, weight: Tensor) -> Tensor:
        """Add."""
        return weight + self.change


@contextmanager
def _learning(network: Network, rank: int) -> Iterator[dict[str, nn.Parameter]]:
    """Let what is added to a network be learned in this block, by the names an adapter has; after it, all is as before."""
    wanted = {name: parameter.requires_grad for name, parameter in network.named_parameters()}
    changed: list[tuple[nn.Module, str]] = []
    learned: dict[str, nn.Parameter] = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for name, parameter in list(network.named_parameters()):
            parameter.requires_grad_(False)
            if name.startswith(FROZEN):
                continue
            owner, _, leaf = name.rpartition(".")
            module = network.get_submodule(owner)
            is_matrix = parameter.ndim == 2 and min(parameter.shape) > rank
            added = _LowRank(tuple(parameter.shape), rank) if is_matrix else _Change(tuple(parameter.shape))
            parametrize.register_parametrization(module, leaf, added.to(parameter.device))
            changed.append((module, leaf))
            if isinstance(added, _LowRank):
                learned |= {f"{name}/{UP}": added.up, f"{name}/{DOWN}": added.down}
            else:
                learned[f"{name}/{WHOLE}"] = added.change
    network.train()
    try:
        yield learned
    finally:
        for module, leaf in changed:
            parametrize.remove_parametrizations(module, leaf, leave_parametrized=False)
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(wanted[name])
        network.eval()
