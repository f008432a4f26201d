"""Training the model of feel: takes of drummers in, weights out, step by step and resumable. No command line."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from safetensors.torch import load_file, save
from torch import Tensor
from torch.nn import functional as F

from models.families.drums import GM_KIT
from models.feel.hits import (
    BIN,
    HALF_BINS,
    TICKS,
    Hits,
    Ints,
    bins_of,
    describe,
    find_places,
    gaps,
    group,
    in_order,
    look_back,
)
from models.feel.kinds import kinds_of
from models.feel.sizes import FEEL
from models.feel.store import CARD, WEIGHTS, FeelCard, load_player
from models.music.clip import Note
from models.music.midi import from_bytes
from models.training.dataset import find_sources
from models.training.feel_network import FeelNetwork, dynamics, scaled
from models.training.publishing import name_commit
from models.whole_file import write_whole

RUN, METRICS = "run.safetensors", "metrics.jsonl"
LEAST = 4  # hits of a take that is learned from
Report = Callable[[int, dict[str, float]], None]


class FeelConfig(BaseModel):
    """What makes a model of feel; `configs/train/feel.yaml` is one of these."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: str = Field(default="", description="one line for the card")
    start: str = Field(default="", description="folder of the model whose weights it begins with; empty: fresh ones")
    licence: str = Field(default="Apache-2.0", description="licence of the weights; follows from the data")
    sets: tuple[str, ...] = Field(default=("groove",), description="sets of the data folder; people must have played them")
    seed: int = Field(default=1, ge=0, description="fixes the initial weights, the batches and the noise")
    steps: int = Field(gt=0, description="optimizer steps")
    batch: int = Field(default=24, gt=0, description="stretches a step")
    length: int = Field(default=192, gt=0, description="hits of a stretch, at most")
    learning_rate: float = Field(default=2e-3, gt=0, description="at its height, after the warm-up; falls as a cosine")
    warmup: int = Field(default=100, ge=0)
    weight_decay: float = Field(default=0.05, ge=0)
    dropout: float = Field(default=0.15, ge=0, lt=1)
    triplet_share: float = Field(default=0.4, ge=0, le=1, description="share of stretches whose beats may be of triplets")
    fewer_share: float = Field(default=0.15, ge=0, le=1, description="share of stretches that lack a class of their hits")
    other_share: float = Field(
        default=0.3, ge=0, le=1, description="share of stretches whose feel is heard in another of the take"
    )
    average: float = Field(default=0.998, ge=0, lt=1, description="decay of the average of the weights that ships")
    report_every: int = Field(default=100, gt=0)


@dataclass(frozen=True)
class Take:
    """What a drummer played in one go: its hits on sixteenths, and on triplets where these fit better."""

    piece: str
    name: str
    even: Hits
    uneven: Hits


def read_takes(data: Path, split: str, sets: Sequence[str]) -> list[Take]:
    """Read the takes of a split."""
    found: list[Take] = []
    for source in find_sources(data, split, tuple(sets)):
        song = from_bytes(source.content, name=source.name)
        for part in song.parts:
            tempo = song.tempos[0][1] if song.tempos else part.clip.tempo
            pads = np.array([n.pitch for n in part.clip.notes], np.int64)
            some = [
                (n, k) for n, k in zip(part.clip.notes, kinds_of(pads, GM_KIT).tolist(), strict=True) if k >= 0 and n.velocity
            ]
            if len(some) >= LEAST:
                notes, kind = [n for n, _ in some], np.array([k for _, k in some], np.int64)
                first, bar = part.clip.start, round(part.clip.bar * TICKS)
                both = [_lay(notes, kind, first, bar, tempo, triplets=triplets) for triplets in (False, True)]
                found.append(Take(source.piece, source.name, *both))
    return found


def _lay(notes: Sequence[Note], kind: Ints, first: float, bar: int, tempo: float, *, triplets: bool) -> Hits:
    """Put notes on sixteenths, or on triplets too."""
    start = np.array([n.start - first for n in notes])
    velocity = np.array([round(n.velocity) for n in notes], np.int64)
    pitch = np.array([n.pitch for n in notes], np.int64)
    place = find_places(start, pitch, triplets=triplets)
    order = in_order(start, place, kind)
    offset = np.clip(start - place / TICKS, -HALF_BINS * BIN, HALF_BINS * BIN).astype(np.float32)
    return Hits(place[order], kind[order], offset[order], velocity[order], bar, tempo)


@dataclass(frozen=True)
class Batch:
    """Stretches side by side, [B, N] and what is said of each hit; `there` is 0 behind the end of a stretch."""

    static: Tensor
    earlier: Tensor
    groups: Tensor
    gap: Tensor
    offset: Tensor
    velocity: Tensor
    there: Tensor


def batch_of(stretches: Sequence[Hits]) -> Batch:
    """Put stretches side by side."""
    n = max(map(len, stretches))

    def joined(rows: Sequence[NDArray[Any]], fill: float = 0) -> Tensor:
        first = rows[0]
        whole = np.full((len(rows), n, *first.shape[1:]), fill, first.dtype)
        for k, values in enumerate(rows):
            whole[k, : len(values)] = values
        return torch.from_numpy(whole)

    earlier = [look_back(hits) for hits in stretches]
    return Batch(
        joined([describe(hits) for hits in stretches]),
        joined(earlier, -1),
        joined([group(hits) for hits in stretches], -1),
        joined([gaps(hits, e) for hits, e in zip(stretches, earlier, strict=True)]),
        joined([hits.offset for hits in stretches]),
        joined([hits.velocity.astype(np.float32) for hits in stretches]),
        joined([np.ones(len(hits), np.float32) for hits in stretches]),
    )


def draw(takes: Sequence[Take], config: FeelConfig, rng: np.random.Generator) -> tuple[list[Hits], list[Hits]]:
    """Draw stretches to learn from, and those whose feel is heard: the same ones, or others of the same takes."""
    weights = np.sqrt([min(len(take.even), 4 * config.length) for take in takes])
    learned, heard = [], []
    for i in rng.choice(len(takes), config.batch, p=weights / weights.sum()):
        take = takes[i]
        hits = take.uneven if rng.random() < config.triplet_share else take.even
        if rng.random() < config.fewer_share:
            used = np.unique(hits.kind)
            fewer = hits.take(hits.kind != rng.choice(used))
            hits = fewer if len(fewer) >= LEAST else hits
        learned.append(crop(hits, config.length, rng))
        is_other = len(hits) > config.length and rng.random() < config.other_share
        heard.append(crop(hits, config.length, rng) if is_other else learned[-1])
    return learned, heard


def crop(hits: Hits, length: int, rng: np.random.Generator) -> Hits:
    """Take some hits in a row, beginning with a place; its bar lines stay where they were."""
    if len(hits) <= length:
        return hits
    first = int(rng.integers(len(hits) - length + 1))
    some = hits.take(slice(first, first + length))
    some = some.take(some.place > some.place[0]) if first and hits.place[first - 1] == some.place[0] else some
    return replace(some, place=some.place - int(some.place[0]) // hits.bar * hits.bar)


def scores(network: FeelNetwork, batch: Batch, heard: Batch | None, noise: Tensor | None) -> dict[str, Tensor]:
    """Score a batch: nats a hit of offsets and of velocities, and nats a stretch of the feel; without noise by the prior."""
    around = network.around(batch.static)
    mean, deviation = network.prior(around, batch.there)
    if heard is None:
        feel, nats = mean, torch.zeros(())
    else:
        around_heard = around if heard is batch else network.around(heard.static)
        own, spread = network.posterior(around_heard, heard.offset, heard.velocity, heard.there)
        feel = own if noise is None else own + noise * spread.exp()
        nats = (
            (deviation - spread + ((2 * spread).exp() + (own - mean) ** 2) / (2 * (2 * deviation).exp()) - 0.5).sum(-1).mean()
        )
    dynamic = dynamics(scaled(batch.offset, batch.velocity), batch.earlier, batch.groups, batch.gap)
    bins = torch.from_numpy(bins_of(batch.offset.numpy()))
    late, loud = network(around, dynamic, feel, bins)
    there = batch.there.bool()
    return {
        "late": F.cross_entropy(late.float()[there], bins[there]),
        "loud": F.cross_entropy(loud.float()[there], batch.velocity.long()[there] - 1),
        "feel": nats,
    }


class FeelTrainer:
    """One training run."""

    def __init__(self, config: FeelConfig, takes: Sequence[Take], valid: Sequence[Take]) -> None:
        """Make a fresh run; `resume` continues an earlier one."""
        self.config, self.takes, self.step = config, takes, 0
        torch.manual_seed(config.seed)
        self.network = FeelNetwork(config.dropout)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, betas=(0.9, 0.98)
        )
        if config.start:
            self.network.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in load_player(config.start).weights.items()})
        self.average = {name: value.detach().clone() for name, value in self.network.named_parameters()}
        rng = np.random.default_rng((config.seed, 10**9))
        self.held = [
            batch_of([crop(take.even, config.length, rng) for take in valid[i : i + config.batch]])
            for i in range(0, len(valid), config.batch)
        ]

    def take_step(self) -> dict[str, float]:
        """Take one step; what it draws depends only on seed and step."""
        config = self.config
        rng = np.random.default_rng((config.seed, self.step))
        learned, heard = draw(self.takes, config, rng)
        torch.manual_seed(int(rng.integers(2**62)))
        done = min(1.0, max(0, self.step - config.warmup) / max(1, config.steps - config.warmup))
        rate = min(1.0, (self.step + 1) / max(1, config.warmup)) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
        for one in self.optimizer.param_groups:
            one["lr"] = config.learning_rate * rate
        self.network.train()
        batch = batch_of(learned)
        with torch.autocast("cpu", torch.bfloat16):
            found = scores(self.network, batch, batch_of(heard), torch.randn(len(learned), FEEL))
            loss = found["late"] + found["loud"] + found["feel"] * len(learned) / float(batch.there.sum())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        decay = min(config.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, value in self.network.named_parameters():
                self.average[name].lerp_(value, 1 - decay)
        return {name: float(value.detach()) for name, value in found.items()}

    def averaged(self) -> FeelNetwork:
        """Copy the network with the averaged weights."""
        network = FeelNetwork()
        network.load_state_dict(self.average)
        return network.eval()

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Score what is held out, by the feel that is heard in it and by the one that its hits let expect."""
        network = self.averaged()
        found: dict[str, float] = {}
        weights = np.array([float(batch.there.sum()) for batch in self.held])
        for name, is_heard in (("heard", True), ("guessed", False)):
            each = [scores(network, batch, batch if is_heard else None, None) for batch in self.held]
            for key in ("late", "loud", "feel") if is_heard else ("late", "loud"):
                found[f"{name}_{key}"] = float(np.average([float(one[key]) for one in each], weights=weights))
        return found

    def run(self, folder: Path, report: Report) -> None:
        """Train to the last step, measured and saved on the way."""
        saved = time.monotonic()
        recent: list[dict[str, float]] = []
        while self.step < self.config.steps:
            recent.append(self.take_step())
            if self.step % self.config.report_every == 0 or self.step == self.config.steps:
                mean = {f"train_{k}": float(np.mean([one[k] for one in recent])) for k in recent[0]}
                figures = {**mean, **self.validate()}
                with (folder / METRICS).open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"step": self.step, **{k: round(v, 4) for k, v in figures.items()}}) + "\n")
                report(self.step, figures)
                recent = []
            if time.monotonic() - saved > 120 or self.step == self.config.steps:
                self.save(folder)
                saved = time.monotonic()

    def save(self, folder: Path) -> None:
        """Write everything that a resumed run needs."""
        names = [name for name, _ in self.network.named_parameters()]
        state = {"step": torch.tensor(self.step)}
        for i, (name, value) in enumerate(self.network.named_parameters()):
            state |= {f"weights/{name}": value.detach(), f"average/{name}": self.average[name]}
            state |= {f"optimizer/{names[i]}/{k}": v for k, v in self.optimizer.state_dict()["state"].get(i, {}).items()}
        write_whole(folder / RUN, save({k: v.contiguous() for k, v in state.items()}))

    def resume(self, folder: Path) -> None:
        """Continue from what `save` wrote."""
        state = load_file(folder / RUN)
        names = [name for name, _ in self.network.named_parameters()]
        self.network.load_state_dict({n: state[f"weights/{n}"] for n in names})
        self.average = {n: state[f"average/{n}"] for n in names}
        fresh = self.optimizer.state_dict()
        fresh["state"] = {
            i: {k: state[f"optimizer/{n}/{k}"] for k in ("step", "exp_avg", "exp_avg_sq")} for i, n in enumerate(names)
        }
        self.optimizer.load_state_dict(fresh)
        self.step = int(state["step"])


def publish(trainer: FeelTrainer, folder: Path, name: str) -> None:
    """Write the weights that ship, in half precision, and `feel.yaml`."""
    weights = save({k: v.half().contiguous() for k, v in trainer.average.items()})
    card = FeelCard(
        name=name,
        about=trainer.config.about,
        licence=trainer.config.licence,
        data=described(trainer.takes),
        config=trainer.config.model_dump(mode="json"),
        commit=name_commit(),
        metrics={k: round(v, 4) for k, v in trainer.validate().items()},
        weights_sha256=hashlib.sha256(weights).hexdigest(),
    )
    write_whole(folder / WEIGHTS, weights)
    write_whole(folder / CARD, yaml.safe_dump(card.model_dump(mode="json"), sort_keys=False).encode())


def described(takes: Sequence[Take]) -> dict[str, int | str]:
    """Say what was learned from."""
    digest = hashlib.sha256()
    for take in takes:
        for hits in (take.even, take.uneven):
            for values in (hits.place, hits.kind, hits.offset, hits.velocity):
                digest.update(np.ascontiguousarray(values).tobytes())
    return {
        "takes": len(takes),
        "pieces": len({take.piece for take in takes}),
        "hits": sum(len(take.even) for take in takes),
        "sha256": digest.hexdigest(),
    }
