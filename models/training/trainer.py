"""The loop of a training: step by step, measured and saved on the way. Resumable to the step; no data sets are read here."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from models.families.registry import find_family
from models.network.config import SIZES, NetworkConfig
from models.network.torch_runtime import build_network
from models.network.vae import Network
from models.store import load_torch_model
from models.training.batches import Batch, Batches
from models.training.checkpoints import Best, State, load_state, save_state
from models.training.config import TrainConfig
from models.training.dataset import Windows
from models.training.losses import batch_loss
from models.training.together import ALONE, Group
from models.training.validation import Validation, overall

Report = Callable[[int, dict[str, float]], None]
METRICS = "metrics.jsonl"


class _Scoring(nn.Module):
    """The loss of a batch as a module, so that gradients are averaged over processes."""

    def __init__(self, network: Network, config: TrainConfig, device: torch.device) -> None:
        super().__init__()
        self.network, self._config, self._device = network, config, device

    def forward(self, batch: Batch) -> torch.Tensor:
        """Score."""
        return batch_loss(self.network, batch, self._config, self._device)


class Trainer:
    """One training run: network, optimizer, averaged weights and the step they are at."""

    def __init__(self, config: TrainConfig, train: Windows, valid: Windows, group: Group = ALONE) -> None:
        """Make a fresh run; `resume` continues an earlier one. Each process of a group scores a part of every batch."""
        self.config, self.train, self.valid, self.group = config, train, valid, group
        self.device = torch.device(group.device)
        if config.batch < group.size:
            raise ValueError(f"a batch of {config.batch} windows is too small for {group.size} processes")
        self.family = find_family(config.family)
        torch.manual_seed(config.seed)
        network = build_network(self.family, NetworkConfig.of(self.family, _sizes(config))).to(self.device)
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, betas=(0.9, 0.98)
        )
        self.state = State(network, optimizer, _weights(network))
        self._score: nn.Module = _Scoring(network, config, self.device)
        if group.size > 1:
            self._score = DistributedDataParallel(self._score, find_unused_parameters=True)
        self.batches = Batches(config, self.family, train, network.config)
        self.validation = Validation(config, self.family, valid, self.device)

    @property
    def network(self) -> Network:
        """The network that learns."""
        return self.state.network

    @property
    def average(self) -> dict[str, torch.Tensor]:
        """The averaged weights, by name."""
        return self.state.average

    def start_from(self, name: str) -> None:
        """Begin with the weights of a model."""
        begun = load_torch_model(name)
        if begun.family is not self.family or begun.network.config != self.network.config:
            raise ValueError(f"{name} is a model of {begun.family.name} or of other sizes: this training cannot start from it")
        self.network.load_state_dict(begun.network.state_dict())
        self.state.average = _weights(self.network)

    def run(self, folder: Path, report: Report, *, until: int | None = None, save_every_s: float = 120) -> None:
        """Train to the config's last step (or `until`), validating and saving on the way: a stop costs two minutes.

        With `patience` it ends earlier, and the weights that did best on what is held out are those that ship.
        """
        last = min(until or self.config.steps, self.config.steps)
        saved = time.monotonic()
        if self.config.patience and self.config.start and self.state.step == 0:
            self._validate_at(folder, report, {})  # what it starts from may be the best there is
        while self.state.step < last and not self.is_over:
            loss = self.take_step()
            step = self.state.step
            if step % self.config.report_every == 0 or step == last:
                self._validate_at(folder, report, {"loss": loss})
            else:
                report(step, {})
            if time.monotonic() - saved > save_every_s or step == last or self.is_over:
                self.save(folder)
                saved = time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether nothing has become better for as long as the config is patient."""
        return bool(self.config.patience and self.state.stale >= self.config.patience)

    @property
    def shipping(self) -> dict[str, torch.Tensor]:
        """The weights that ship: those that did best on what is held out, where that is asked for, else the last average."""
        return self.state.best.weights if self.state.best else self.state.average

    def _validate_at(self, folder: Path, report: Report, figures: dict[str, float]) -> None:
        if self.group.is_first:
            self._measure_at(folder, report, figures)
        self.state.stale = self.group.of_first(self.state.stale)

    def _measure_at(self, folder: Path, report: Report, figures: dict[str, float]) -> None:
        run, figures = self.state, {**figures, **self.validate()}
        judged = overall(figures) if self.config.patience else None
        if judged is not None:
            run.stale += 1
            if run.best is None or judged < run.best.figure:
                run.best, run.stale = Best(run.step, judged, {k: v.clone() for k, v in run.average.items()}), 0
        with (folder / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": run.step, **{k: round(v, 5) for k, v in figures.items()}}) + "\n")
        report(run.step, figures)

    def take_step(self) -> float:
        """Take one optimizer step; what it draws depends only on seed and step, so a resumed run is the same run."""
        config, run = self.config, self.state
        chance = np.random.default_rng((config.seed, run.step))
        for group in run.optimizer.param_groups:
            group["lr"] = self.rate(run.step)
        run.network.train()
        torch.manual_seed(int(chance.integers(2**62)) + self.group.rank)  # dropout
        batch = self.batches.draw(chance)
        with torch.autocast(self.device.type, torch.bfloat16):
            loss = self._score(batch.part(self.group.rank, self.group.size) if self.group.size > 1 else batch)
        run.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(run.network.parameters(), 1.0)
        run.optimizer.step()
        run.step += 1
        decay = min(config.average, (1 + run.step) / (10 + run.step))
        with torch.no_grad():
            for name, value in run.network.named_parameters():
                run.average[name].lerp_(value, 1 - decay)
        return self.group.mean(loss)

    def rate(self, step: int) -> float:
        """Find the learning rate of a step."""
        config = self.config
        if step < config.warmup:
            return config.learning_rate * (step + 1) / config.warmup
        done = (step - config.warmup) / max(1, config.steps - config.warmup)
        return config.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))

    def validate(self) -> dict[str, float]:
        """Measure the averaged weights on what is held out."""
        return self.validation.measure(self.averaged())

    def averaged(self) -> Network:
        """Copy the network with the averaged weights, ready to use."""
        return self._with(self.state.average)

    def chosen(self) -> Network:
        """Copy the network with the weights that ship."""
        return self._with(self.shipping)

    def _with(self, weights: dict[str, torch.Tensor]) -> Network:
        network = build_network(self.family, self.network.config).to(self.device)
        network.load_state_dict(weights)
        return network.eval()

    def save(self, folder: Path) -> None:
        """Write everything a resumed run needs."""
        if self.group.is_first:
            save_state(self.state, folder)

    def resume(self, folder: Path) -> None:
        """Continue from what `save` wrote."""
        load_state(self.state, folder, self.device)


def _weights(network: Network) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in network.named_parameters()}


def _sizes(config: TrainConfig) -> dict[str, bool | float | int]:
    unknown = set(config.network) - set(SIZES)
    if unknown:
        raise ValueError(f"network has no size {sorted(unknown)}; it has: {', '.join(SIZES)}")
    return config.network
