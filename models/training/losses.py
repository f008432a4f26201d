"""How likely a decoder finds music, in nats: what training makes smaller. No data sets, no optimizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from models.families.grid import Grid
from models.network.config import UNKNOWN
from models.network.vae import Feel, KnownSteps, Network, add_noise, feel_bins
from models.training.batches import Batch, WrongContext
from models.training.config import TrainConfig


@dataclass(frozen=True)
class _Scored:
    """A batch as the decoder has scored it."""

    z: Tensor
    level: Tensor
    music: Tensor
    feel: Feel
    seen: Tensor
    known: KnownSteps | None
    logits: Tensor


def as_tensor(values: NDArray[Any], device: torch.device) -> Tensor:
    """Bring an array to a device."""
    return torch.as_tensor(np.ascontiguousarray(values)).to(device)


def as_music(grid: Grid, device: torch.device) -> tuple[Tensor, Feel]:
    """Bring windows to a device: their tokens, and their feel."""
    return as_tensor(grid.tokens, device), Feel(as_tensor(grid.velocities, device), as_tensor(grid.offsets, device))


def batch_loss(network: Network, batch: Batch, config: TrainConfig, device: torch.device) -> Tensor:
    """Add noise to the latents of a batch, and score its music under the decoder: nats a step."""
    sizes = network.config
    music, feel = as_music(batch.grid, device)
    given = as_music(batch.source, device)
    level, noise = as_tensor(batch.level, device), as_tensor(batch.noise, device)
    divergence = torch.zeros((), device=device)
    if sizes.plain:
        mu, spread = (v.float() for v in network.posterior(*given))
        divergence = 0.5 * (mu**2 + spread.exp() - 1 - spread).sum(-1).mean()
        z = mu + (spread / 2).exp() * noise
    else:
        z = add_noise(network.encode(*given).float(), level, noise)
    known = None if batch.known is None else KnownSteps(music, as_tensor(batch.known, device).float())
    told = None if batch.context is None else as_tensor(batch.context, device)
    contexts = network.contexts(z, level, known, told)
    seen = torch.where(as_tensor(batch.denied, device)[..., None], UNKNOWN, music)
    logits, feel_logits = network.teacher_forced(contexts, music, feel, seen, told)
    token_loss = F.cross_entropy(logits.float().flatten(0, 2), music.flatten()) * sizes.slots
    felt = feel_loss(feel_logits.float(), feel, network.lanes_of(music), as_tensor(batch.feel, device))
    held = config.kl_weight * (divergence - config.free_nats).clamp_min(0)
    loss = batch.share * (token_loss + (config.feel_weight * felt + held) / sizes.steps)
    if batch.wrong is None:
        return loss
    wrong = _wrong_context_loss(network, _Scored(z, level, music, feel, seen, known, logits), batch.wrong, config, device)
    return loss + batch.wrong.share * config.wrong_weight * wrong / sizes.steps


def _wrong_context_loss(
    network: Network, right: _Scored, wrong: WrongContext, config: TrainConfig, device: torch.device
) -> Tensor:
    """Score windows in a context that is not theirs: how far they are from being less likely enough. Nats a window.

    Else what a window has written so far explains so much that the context would go unheard.
    """
    at = as_tensor(wrong.rows, device)
    music, heard = right.music[at], as_tensor(wrong.context, device)
    feel = Feel(right.feel.velocities[at], right.feel.offsets[at])
    known = None if right.known is None else KnownSteps(right.known.tokens[at], right.known.facets[at])
    contexts = network.contexts(right.z[at], right.level[at], known, heard)
    logits, _ = network.teacher_forced(contexts, music, feel, right.seen[at], heard)
    notes = network.lanes_of(music).sum((1, 2)).clamp_min(1)
    margin = config.wrong_margin * right.level[at]
    worse = (nats(logits, music) - nats(right.logits[at], music)) / notes
    return ((margin - worse).clamp_min(0) * notes).mean()


def nats(logits: Tensor, music: Tensor) -> Tensor:
    """Add up the nats of windows [B]."""
    return F.cross_entropy(logits.float().flatten(0, 2), music.flatten(), reduction="none").view(len(music), -1).sum(1)


def feel_loss(logits: Tensor, feel: Feel, struck: Tensor, counts: Tensor) -> Tensor:
    """Score velocity and offset bins [B, T, V, 2, N] where a voice is struck: nats a window."""
    target = feel_bins(feel, logits.shape[-1])
    losses = F.cross_entropy(logits.flatten(0, -2), target.flatten(), reduction="none").view(target.shape)
    return (losses * struck[..., None] * counts[:, None, None]).sum() / logits.shape[0]
