"""What a network has learned so far, on windows that it does not learn from. No optimizer, no files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np
import torch
from torch.nn import functional as F

from models.families.context import Context, around, join_context, tell_amount
from models.families.family import Family
from models.families.grid import Grid
from models.network.vae import Network, add_noise
from models.training.batches import without_orphans
from models.training.config import TrainConfig
from models.training.dataset import Windows
from models.training.losses import as_music, as_tensor, feel_loss, nats
from models.training.pairs import pair_levels, pairs_to_learn

MOST = 512  # windows, or pairs, that are looked at
SILENT = 8  # windows of silence among those with rests
LITTLE_NOISE = 0.3  # at which what is varied is known


def overall(figures: Mapping[str, float]) -> float | None:
    """Sum up how likely held-out music is, at all levels of noise and as variations: the mean of the nats; less is better."""
    nats_of = [value for name, value in figures.items() if name.startswith("nll_")]
    return fmean(nats_of) if nats_of else None


@dataclass(frozen=True)
class Validation:
    """Held-out windows, and what to measure on them."""

    config: TrainConfig
    family: Family
    windows: Windows
    device: torch.device

    @torch.no_grad()
    def measure(self, network: Network) -> dict[str, float]:
        """Measure a network on held-out windows of the sets that are sampled from."""
        valid = self.windows.take(self.windows.are_own(self.config.codec_sets))
        chance = np.random.default_rng(0)
        rows = np.sort(chance.permutation(len(valid))[:MOST])
        if not len(rows):
            return {}
        valid, device, sizes = valid.take(rows), self.device, network.config
        tokens, feel = as_music(valid.grid, device)
        mu = network.encode(tokens, feel)
        figures: dict[str, float] = {}
        for s in (sizes.least_noise, 0.4, 0.7, 1.0):
            level = torch.full((len(rows),), s, device=device)
            noise = as_tensor(chance.standard_normal(mu.shape).astype(np.float32), device)
            z = mu if sizes.plain else add_noise(mu, level, noise)
            logits, felt = network.teacher_forced(network.contexts(z, level), tokens, feel, tokens)
            nll = F.cross_entropy(logits.flatten(0, 2), tokens.flatten()) * sizes.steps * sizes.slots
            figures[f"nll_{s:g}"] = float(nll)
            counts = as_tensor(valid.feel, device)
            figures[f"feel_{s:g}"] = float(feel_loss(felt, feel, network.lanes_of(tokens), counts))
        least = torch.full((len(rows),), sizes.least_noise, device=device)
        written, _ = network.generate(network.contexts(mu, least), None)
        figures["step_accuracy"] = float((written == tokens).float().mean())
        return {
            **figures,
            **self._measure_rests(network, valid),
            **self._measure_pairs(network),
            **self._measure_context(network, valid),
        }

    def _measure_rests(self, network: Network, valid: Windows) -> dict[str, float]:
        """Count the notes of windows with silent beats that the decoder writes again: the share of right ones, as F1."""
        chance = np.random.default_rng(0)
        family, spec, vocabulary = self.family, self.family.spec, self.family.vocabulary
        first = chance.integers(spec.window_beats, size=(len(valid), 1))
        silent = (np.arange(spec.steps) // spec.steps_per_beat - first) % spec.window_beats < spec.window_beats // 2
        hushed = Grid.where(silent, Grid.silent(len(valid), spec, vocabulary), valid.grid)
        grid = Grid.stack([without_orphans(hushed, family), Grid.silent(SILENT, spec, vocabulary)])
        mu = network.encode(*as_music(grid, self.device))
        least = torch.full((len(mu),), network.config.least_noise, device=self.device)
        written, _ = network.generate(network.contexts(mu, least), None)
        made = replace(grid, tokens=written.cpu().numpy())
        mine, its = (set(zip(*map(np.ndarray.tolist, family.onset_lanes(g)), strict=True)) for g in (made, grid))
        return {"rest_f1": 2 * len(mine & its) / max(1, len(mine) + len(its))}

    def _measure_pairs(self, network: Network) -> dict[str, float]:
        """Score the second windows of held-out pairs, given the first at the noise of their distance: nats a window."""
        config, family, device = self.config, self.family, self.device
        if not config.pair_share:
            return {}
        pairs = pairs_to_learn(self.windows, family, config)
        if not len(pairs):
            return {}
        chance = np.random.default_rng(0)
        drawn = np.sort(chance.permutation(len(pairs))[:MOST])
        source, target = (self.windows.grid[rows[drawn]] for rows in (pairs.source, pairs.target))
        mu = network.encode(*as_music(source, device))
        level = as_tensor(pair_levels(pairs, config)[drawn].astype(np.float32), device)
        z = add_noise(mu, level, as_tensor(chance.standard_normal(mu.shape).astype(np.float32), device))
        tokens, feel = as_music(target, device)
        figures: dict[str, float] = {}
        own = family.own_context(source) if config.context_share else None
        described: list[tuple[str, Context | None]] = [("nll_pairs", None), ("nll_pairs_told", own)]
        if own is not None and config.told_share:
            described.append(("nll_pairs_amount", tell_amount(own, pairs.distance[drawn], family.context)))
        for name, context in described:
            if name == "nll_pairs_amount":
                level = torch.full_like(level, LITTLE_NOISE)
                z = add_noise(mu, level, as_tensor(chance.standard_normal(mu.shape).astype(np.float32), device))
            heard = None if context is None else as_tensor(context, device)
            logits, _ = network.teacher_forced(network.contexts(z, level, None, heard), tokens, feel, tokens, heard)
            figures[name] = float(nats(logits, tokens).mean())
        return figures if own is not None else {"nll_pairs": figures["nll_pairs"]}

    def _measure_context(self, network: Network, valid: Windows) -> dict[str, float]:
        """Score held-out windows at full noise with no context, with theirs, and with others': nats a note."""
        if not self.config.context_share or valid.more is None or not around(self.family.context):
            return {}
        chance, device = np.random.default_rng(0), self.device
        music, feel = as_music(valid.grid, device)
        notes = network.lanes_of(music).sum()
        z = as_tensor(chance.standard_normal((len(valid), network.config.latent), np.float32), device)
        level = torch.ones(len(valid), device=device)
        own = join_context(valid.more.context.astype(np.float32), None, self.family.context)
        figures: dict[str, float] = {}
        for name, context in (("none", None), ("own", own), ("wrong", np.roll(own, len(own) // 2, 0))):
            heard = None if context is None else as_tensor(context, device)
            logits, _ = network.teacher_forced(network.contexts(z, level, None, heard), music, feel, music, heard)
            figures[f"context_{name}"] = float(nats(logits, music).sum() / notes)
        return figures
