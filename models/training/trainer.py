"""Training: a config and windows -> a model folder. Resumable to the step; no command line, no progress bars of its own."""

from __future__ import annotations

import json
import math
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from models.card import Card, FeelCorrelation
from models.evaluation.memorization import window_hashes
from models.families.registry import find_family
from models.network.config import SIZES, UNKNOWN, NetworkConfig
from models.network.latent import noise
from models.network.torch_runtime import TorchModel, build_network, use_one_thread
from models.network.vae import Feel, KnownSteps, Network, add_noise, feel_bins
from models.store import save_model
from models.training.calibration import calibrate, measure_feel_correlation
from models.training.config import TrainConfig
from models.training.dataset import Windows, find_sources, has_splits, pack

RUN = "run.safetensors"  # everything that a resumed run needs; not part of the model


Report = Callable[[int, dict[str, float]], None]


def train_model(
    config: TrainConfig,
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    device: str = "cpu",
    report: Report = lambda step, figures: None,
) -> Path:
    """Train a model on a folder of MIDI and write its folder, which loads at once: `--model OUT`."""
    use_one_thread()
    out.mkdir(parents=True, exist_ok=True)
    record = out / "config.yaml"
    if resume and not (out / RUN).exists():
        raise ValueError(f"nothing to resume: {out} holds no {RUN}")
    if resume and TrainConfig.read(record) != config:
        raise ValueError(f"{record} is not the config that was given; a run resumes with the one it began with")
    if not resume and (out / RUN).exists():
        raise ValueError(f"{out} holds a run already; continue it with --resume or train into another folder")
    train, valid = learn_from(data, config)
    trainer = Trainer(config, train, valid, device)
    if resume:
        trainer.resume(out)
    else:
        record.write_text(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
    trainer.run(out, report)
    return trainer.publish(out)


def learn_from(data: Path, config: TrainConfig) -> tuple[Windows, Windows]:
    """Read what to learn from and what to validate on; where no splits.csv says, every tenth piece validates."""
    family = find_family(config.family)
    if has_splits(data):
        train, valid = (pack(find_sources(data, split, config.sets), family) for split in ("train", "valid"))
    else:
        everything = pack(find_sources(data, sets=config.sets), family)
        tenth = everything.piece % 10 == 9
        train, valid = everything.take(~tenth), everything.take(tenth if tenth.any() else ~tenth)
    if len(train) == 0:
        raise ValueError(f"{data} holds no two bars of {config.family} in 4/4 to learn from")
    return train, valid


class Trainer:
    """One training run: network, optimizer, averaged weights and the step they are at."""

    def __init__(self, config: TrainConfig, train: Windows, valid: Windows, device: str = "cpu") -> None:
        """Make a fresh run; `resume` continues an earlier one."""
        self.config, self.train, self.valid, self.device = config, train, valid, torch.device(device)
        self.family = find_family(config.family)
        torch.manual_seed(config.seed)
        self.network = build_network(self.family, NetworkConfig.of(self.family, _sizes(config))).to(self.device)
        self.average = {k: v.detach().clone() for k, v in self.network.named_parameters()}
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, betas=(0.9, 0.98)
        )
        self.step = 0

    def run(self, folder: Path, report: Report, *, until: int | None = None, save_every_s: float = 120) -> None:
        """Train to the config's last step (or `until`), validating and saving on the way: a stop costs two minutes."""
        last = min(until or self.config.steps, self.config.steps)
        saved = time.monotonic()
        while self.step < last:
            loss = self.take_step()
            if self.step % self.config.report_every == 0 or self.step == last:
                figures = {"loss": loss, **self.validate()}
                report(self.step, figures)
                with (folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"step": self.step, **{k: round(v, 5) for k, v in figures.items()}}) + "\n")
            else:
                report(self.step, {})
            if time.monotonic() - saved > save_every_s or self.step == last:
                self.save(folder)
                saved = time.monotonic()

    def take_step(self) -> float:
        """Take one optimizer step; what it draws depends only on seed and step, so a resumed run is the same run."""
        config = self.config
        chance = np.random.default_rng((config.seed, self.step))
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(self.step)
        self.network.train()
        torch.manual_seed(int(chance.integers(2**62)))  # dropout
        with torch.autocast(self.device.type, torch.bfloat16):
            loss = self.loss(chance)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        decay = min(config.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, value in self.network.named_parameters():
                self.average[name].lerp_(value, 1 - decay)
        return float(loss.detach())

    def rate(self, step: int) -> float:
        """Find the learning rate of a step."""
        config = self.config
        if step < config.warmup:
            return config.learning_rate * (step + 1) / config.warmup
        done = (step - config.warmup) / max(1, config.steps - config.warmup)
        return config.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))

    def loss(self, chance: np.random.Generator) -> Tensor:
        """Draw a batch, add noise to its latents, and score the music under the decoder: nats a step."""
        config, train = self.config, self.train
        rows = chance.integers(len(train), size=config.batch)
        level = self._levels(chance, rows)
        grid = train.grid[rows]
        if config.splice_share:
            is_spliced = (level <= config.codec_noise) & (chance.random(len(rows)) < config.splice_share)
            grid = self.family.spliced(grid, is_spliced, chance)
        tokens = grid.tokens
        if self.family.transpose:
            semitones = chance.integers(-self.family.transpose, self.family.transpose + 1, len(tokens))
            tokens = self.family.transposed(tokens, semitones)
        known = _draw_known(tokens, self.network, config.known_share, chance)
        forget = config.forget * (1 - level) * chance.random(len(rows))
        denied = chance.random(tokens.shape[:2]) < forget[:, None]
        noise = chance.standard_normal((len(rows), self.network.config.latent), np.float32)

        music = self._tensor(tokens)
        feel = Feel(self._tensor(grid.velocities), self._tensor(grid.offsets))
        s = self._tensor(level.astype(np.float32))
        divergence = torch.zeros((), device=self.device)
        if self.network.config.plain:
            mu, spread = (v.float() for v in self.network.posterior(music, feel))
            divergence = 0.5 * (mu**2 + spread.exp() - 1 - spread).sum(-1).mean()
            s = torch.full_like(s, self.network.config.least_noise)
            z = mu + (spread / 2).exp() * self._tensor(noise)
        else:
            mu = self.network.encode(music, feel)
            z = add_noise(mu.float(), s, self._tensor(noise))
        if known is not None:
            known = KnownSteps(known.tokens.to(self.device), known.facets.to(self.device))
        contexts = self.network.contexts(z, s, known)
        seen = torch.where(self._tensor(denied)[..., None], UNKNOWN, music)
        logits, feel_logits = self.network.teacher_forced(contexts, music, feel, seen)
        token_loss = F.cross_entropy(logits.float().flatten(0, 2), music.flatten()) * self.network.config.slots
        felt = feel_loss(feel_logits.float(), feel, self.network.lanes_of(music), self._tensor(train.feel[rows]))
        held = config.kl_weight * (divergence - config.free_nats).clamp_min(0)
        return token_loss + (config.feel_weight * felt + held) / self.network.config.steps

    def _levels(self, chance: np.random.Generator, rows: np.ndarray) -> np.ndarray:
        config, least = self.config, self.network.config.least_noise
        kind, level = chance.random(len(rows)), chance.uniform(least, 1, len(rows))
        level = np.where(kind < config.sample_share, 1.0, level)
        level = np.where(kind > 1 - config.exact_share, least, level)
        codec = np.isin(self.train.set_of[rows], [i for i, s in enumerate(self.train.sets) if s in config.codec_sets])
        return np.where(codec & (level > config.codec_noise), chance.uniform(least, config.codec_noise, len(rows)), level)

    @torch.no_grad()
    def validate(self, limit: int = 512) -> dict[str, float]:
        """Measure the averaged weights on held-out windows of the sets that are sampled from."""
        network = self.averaged()
        valid = self._own(self.valid)
        chance = np.random.default_rng(0)
        rows = np.sort(chance.permutation(len(valid))[:limit])
        if not len(rows):
            return {}
        valid = valid.take(rows)
        tokens = self._tensor(valid.grid.tokens)
        feel = Feel(self._tensor(valid.grid.velocities), self._tensor(valid.grid.offsets))
        mu = network.encode(tokens, feel)
        figures: dict[str, float] = {}
        for s in (network.config.least_noise, 0.4, 0.7, 1.0):
            level = torch.full((len(rows),), s, device=self.device)
            noise = self._tensor(chance.standard_normal(mu.shape).astype(np.float32))
            z = mu if network.config.plain else add_noise(mu, level, noise)
            logits, felt = network.teacher_forced(network.contexts(z, level), tokens, feel, tokens)
            nll = F.cross_entropy(logits.flatten(0, 2), tokens.flatten()) * network.config.steps * network.config.slots
            figures[f"nll_{s:g}"] = float(nll)
            figures[f"feel_{s:g}"] = float(feel_loss(felt, feel, network.lanes_of(tokens), self._tensor(valid.feel)))
        least = torch.full((len(rows),), network.config.least_noise, device=self.device)
        written, _ = network.generate(network.contexts(mu, least), None)
        figures["step_accuracy"] = float((written == tokens).float().mean())
        return figures

    def publish(self, folder: Path) -> Path:
        """Write the model folder: half-precision weights, golden values, hashes of the windows learned from, model.yaml."""
        config, own = self.config, self._own(self.valid)
        network = self.averaged()
        network.load_state_dict({k: v.half().float() for k, v in self.average.items()})
        card = Card(
            name=folder.name,
            family=config.family,
            about=config.about or self.family.about,
            licence=config.licence,
            network=config.network,
            latent=self.network.config.latent,
            steps_per_beat=self.family.spec.steps_per_beat,
            bars=max(1, self.family.spec.window_beats // 4),
            timing=bool(self.train.feel[:, 1].mean() > 0.5),
            reach=1.0,
            amounts=((0.0, 0.0), (1.0, 1.0)),
            midpoint_noise=config.midpoint_noise,
            data={
                "windows": {s: int((self.train.set_of == i).sum()) for i, s in enumerate(self.train.sets)},
                "pieces": len(np.unique(self.train.piece)),
                "sha256": self.train.sha256(),
            },
            config=config.model_dump(mode="json"),
            commit=_commit(),
            metrics={k: round(v, 4) for k, v in self.validate().items()},
            weights_sha256="",
        )
        judged = own if len(own) else self._own(self.train)
        model = TorchModel(card, self.family, network, str(self.device))
        amounts, reach = calibrate(model, judged.grid)
        card = card.model_copy(
            update={
                "amounts": tuple(amounts),
                "reach": round(reach, 3),
                "feel_correlation": self._feel_correlation(model, judged),
            }
        )
        tokens = self.family.vocabulary.without_leading_holds(self.train.grid.tokens)
        save_model(folder, card, network, window_hashes(tokens, self.family))
        return folder

    def _feel_correlation(self, model: TorchModel, judged: Windows) -> FeelCorrelation:
        played = judged.take(np.flatnonzero(judged.feel.all(1))).grid[:512]
        if len(played) == 0 or self.network.config.plain:
            return ()
        e = noise(np.random.default_rng(0), len(played), model.card.latent)
        ranks = model.feel_ranks(e, np.ones(len(played), np.float32), played)
        return measure_feel_correlation(ranks, self.family.vocabulary.struck(played.tokens))

    def _own(self, windows: Windows) -> Windows:
        """Leave out the sets that are only reconstructed."""
        own = [i for i, s in enumerate(windows.sets) if s not in self.config.codec_sets]
        return windows.take(np.isin(windows.set_of, own))

    def averaged(self) -> Network:
        """Copy the network with the averaged weights, ready to use."""
        network = build_network(self.family, self.network.config).to(self.device)
        network.load_state_dict(self.average)
        return network.eval()

    def save(self, folder: Path) -> None:
        """Write everything a resumed run needs."""
        state: dict[str, Tensor] = {"step": torch.tensor(self.step)}
        names = [name for name, _ in self.network.named_parameters()]
        for name, value in self.network.named_parameters():
            state[f"weights/{name}"] = value.detach()
            state[f"average/{name}"] = self.average[name]
        for index, moments in self.optimizer.state_dict()["state"].items():
            for key, value in moments.items():
                state[f"optimizer/{names[index]}/{key}"] = value
        part = folder / f"{RUN}.part"
        save_file({k: v.contiguous().cpu() for k, v in state.items()}, part)
        part.replace(folder / RUN)

    def resume(self, folder: Path) -> None:
        """Continue from what `save` wrote."""
        state = load_file(folder / RUN, device=str(self.device))
        names = [name for name, _ in self.network.named_parameters()]
        self.network.load_state_dict({n: state[f"weights/{n}"] for n in names})
        self.average = {n: state[f"average/{n}"] for n in names}
        fresh = self.optimizer.state_dict()
        # A weight that no config of this run ever used has no moments yet.
        fresh["state"] = {
            i: {k: state[f"optimizer/{n}/{k}"] for k in ("step", "exp_avg", "exp_avg_sq")}
            for i, n in enumerate(names)
            if f"optimizer/{n}/step" in state
        }
        self.optimizer.load_state_dict(fresh)
        self.step = int(state["step"])

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.as_tensor(np.ascontiguousarray(values)).to(self.device)


def feel_loss(logits: Tensor, feel: Feel, struck: Tensor, counts: Tensor) -> Tensor:
    """Score velocity and offset bins [B, T, V, 2, N] where a voice is struck: nats a window."""
    target = feel_bins(feel, logits.shape[-1])
    losses = F.cross_entropy(logits.flatten(0, -2), target.flatten(), reduction="none").view(target.shape)
    return (losses * struck[..., None] * counts[:, None, None]).sum() / logits.shape[0]


def _draw_known(tokens: np.ndarray, network: Network, share: float, chance: np.random.Generator) -> KnownSteps | None:
    """Draw what the decoder is told: a run of beats, some facets throughout, single steps, or all of these."""
    if share == 0:
        return None
    batch, steps = tokens.shape[:2]
    facets = int(network.facets.max()) + 1
    beats = steps // network.config.beat
    told = np.asarray(chance.random(batch) < share)
    which = chance.integers(4, size=batch)
    first = chance.integers(beats, size=batch)
    length = chance.integers(1, beats, size=batch)
    at = np.arange(steps)[None] // network.config.beat
    run = ((at - first[:, None]) % beats) < length[:, None]
    lanes = chance.random((batch, facets)) < chance.uniform(0.2, 0.9, (batch, 1))
    single = chance.random((batch, steps)) < chance.random((batch, 1))
    known = np.zeros((batch, steps, facets), bool)
    known |= (run & np.isin(which, (0, 3))[:, None])[..., None]
    known |= (lanes & np.isin(which, (1, 3))[:, None])[:, None, :]
    known |= (single & (which == 2)[:, None])[..., None]
    known &= told.reshape(-1, 1, 1)
    return KnownSteps(torch.as_tensor(tokens), torch.as_tensor(known).float())


def _sizes(config: TrainConfig) -> dict[str, bool | float | int]:
    unknown = set(config.network) - set(SIZES)
    if unknown:
        raise ValueError(f"network has no size {sorted(unknown)}; it has: {', '.join(SIZES)}")
    return config.network


def _commit() -> str:
    """Name the commit of this code, where it runs from a checkout."""
    try:
        git = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short=12", "HEAD"]
        return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
