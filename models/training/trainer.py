"""Training: a config and windows -> a model folder. Resumable to the step; no command line, no progress bars of its own."""

from __future__ import annotations

import json
import math
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from models.card import Card, FeelCorrelation
from models.evaluation.memorization import window_hashes
from models.families.context import (
    AFTER,
    AMOUNT,
    BEFORE,
    HABITS,
    SCALE,
    Context,
    around,
    columns,
    context_size,
    join_context,
    tell_amount,
    transpose_context,
    without_kinds,
)
from models.families.grid import Grid
from models.families.registry import find_family
from models.network.config import SIZES, UNKNOWN, NetworkConfig
from models.network.latent import noise
from models.network.torch_runtime import TorchModel, build_network, use_one_thread
from models.network.vae import Feel, KnownSteps, Network, add_noise, feel_bins
from models.store import find_model, load_torch_model, read_card, save_model
from models.training.calibration import calibrate, measure_feel_correlation
from models.training.config import TrainConfig
from models.training.dataset import LINE, MUSIC, SPARSE, Windows, find_sources, has_splits, pack
from models.training.pairs import NO_PAIRS, Pairs, find_pairs

RUN = "run.safetensors"  # everything that a resumed run needs; not part of the model
LEARNED, VALIDATED = (
    "learned.npz",
    "validated.npz",
)  # the windows of a run, as they were cut from its data; not part of it either


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
    config = _as_begun(config, TrainConfig.read(record)) if resume else _with_start(config)
    if resume and TrainConfig.read(record) != config:
        raise ValueError(f"{record} is not the config that was given; a run resumes with the one it began with")
    if not resume and (out / RUN).exists():
        raise ValueError(f"{out} holds a run already; continue it with --resume or train into another folder")
    kept = [out / LEARNED, out / VALIDATED]
    if all(path.exists() for path in kept):
        train, valid = (Windows.load(path) for path in kept)
    else:
        train, valid = learn_from(data, config)
        for windows, path in zip((train, valid), kept, strict=True):
            windows.save(path)
    trainer = Trainer(config, train, valid, device)
    if resume:
        trainer.resume(out)
    else:
        if config.start:
            trainer.start_from(config.start)
        record.write_text(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
    trainer.run(out, report)
    return trainer.publish(out)


def _with_start(config: TrainConfig) -> TrainConfig:
    """Write down what a training takes from the model it starts from, which may be another one day."""
    if not config.start:
        return config
    card = read_card(find_model(config.start))
    return config.model_copy(
        update={"start_sha256": card.weights_sha256, "pair_levels": config.pair_levels or tuple(card.amounts)}
    )


def _as_begun(config: TrainConfig, begun: TrainConfig) -> TrainConfig:
    """Fill in what the run that is resumed has written down of its start."""
    return config.model_copy(
        update={"start_sha256": begun.start_sha256, "pair_levels": config.pair_levels or begun.pair_levels}
    )


def learn_from(data: Path, config: TrainConfig) -> tuple[Windows, Windows]:
    """Read what to learn from and what to validate on; where no splits.csv says, every tenth piece validates."""
    family = find_family(config.family)
    everything = bool(config.pair_share or config.rest_share or config.line_share or config.context_share)
    if has_splits(data):
        train, valid = (
            pack(find_sources(data, split, config.sets), family, everything=everything) for split in ("train", "valid")
        )
    else:
        found = pack(find_sources(data, sets=config.sets), family, everything=everything)
        tenth = found.piece % 10 == 9
        train, valid = found.take(~tenth), found.take(tenth if tenth.any() else ~tenth)
    if not len(train) or not _of_kind(train, MUSIC).any():
        raise ValueError(f"{data} holds no two bars of {config.family} in 4/4 to learn from")
    return train, valid


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
        self.music, self.sparse, self.lines = (np.flatnonzero(_of_kind(train, kind)) for kind in (MUSIC, SPARSE, LINE))
        self.pairs, self.pair_levels = NO_PAIRS, np.zeros(0)
        if config.pair_share:
            if len(config.pair_levels) < 2:
                raise ValueError("pairs need pair_levels, or a model to start from whose amounts are taken")
            self.pairs = self._find_pairs(train)
            self.pair_levels = self._pair_levels(self.pairs)

    def start_from(self, name: str) -> None:
        """Begin with the weights of a model."""
        begun = load_torch_model(name)
        if begun.family is not self.family or begun.network.config != self.network.config:
            raise ValueError(f"{name} is a model of {begun.family.name} or of other sizes: this training cannot start from it")
        self.network.load_state_dict(begun.network.state_dict())
        self.average = {k: v.detach().clone() for k, v in self.network.named_parameters()}

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
        rows, heard, level, amounts = self._draw(chance)
        grid = train.grid[rows]
        is_pair = rows != heard
        if config.splice_share:
            is_spliced = (level <= config.codec_noise) & (chance.random(len(rows)) < config.splice_share) & ~is_pair
            grid = self.family.spliced(grid, is_spliced, chance)
        source = Grid.where(is_pair[:, None], train.grid[heard], grid)
        if config.rest_share:
            hushed = self._hushed(chance, len(rows))
            silent = Grid.silent(len(rows), self.family.spec, self.family.vocabulary)
            grid, source = (self._without_orphans(Grid.where(hushed, silent, g)) for g in (grid, source))
        tokens, source_tokens = grid.tokens, source.tokens
        semitones: np.ndarray | int = 0
        if self.family.transpose:
            semitones = chance.integers(-self.family.transpose, self.family.transpose + 1, len(tokens))
            both = self.family.transposed(np.concatenate([tokens, source_tokens], 1), semitones)
            tokens, source_tokens = np.split(both, 2, 1)
        known = _draw_known(tokens, self.network, config.known_share, chance)
        forget = config.forget * (1 - level) * chance.random(len(rows)) * ~is_pair  # a latent of other music is no substitute
        denied = chance.random(tokens.shape[:2]) < forget[:, None]
        noise = chance.standard_normal((len(rows), self.network.config.latent), np.float32)

        music = self._tensor(tokens)
        feel = Feel(self._tensor(grid.velocities), self._tensor(grid.offsets))
        given = self._tensor(source_tokens), Feel(self._tensor(source.velocities), self._tensor(source.offsets))
        s = self._tensor(level.astype(np.float32))
        divergence = torch.zeros((), device=self.device)
        if self.network.config.plain:
            mu, spread = (v.float() for v in self.network.posterior(*given))
            divergence = 0.5 * (mu**2 + spread.exp() - 1 - spread).sum(-1).mean()
            s = torch.full_like(s, self.network.config.least_noise)
            z = mu + (spread / 2).exp() * self._tensor(noise)
        else:
            mu = self.network.encode(*given)
            z = add_noise(mu.float(), s, self._tensor(noise))
        if known is not None:
            known = KnownSteps(known.tokens.to(self.device), known.facets.to(self.device))
        context = None
        if config.context_share:
            own = self.family.own_context(replace(source, tokens=source_tokens))
            context = self._draw_context(rows, semitones, own, chance)
            if AMOUNT in self.family.context:
                context = tell_amount(context, amounts, self.family.context)
        told = None if context is None else self._tensor(context)
        contexts = self.network.contexts(z, s, known, told)
        seen = torch.where(self._tensor(denied)[..., None], UNKNOWN, music)
        logits, feel_logits = self.network.teacher_forced(contexts, music, feel, seen, told)
        token_loss = F.cross_entropy(logits.float().flatten(0, 2), music.flatten()) * self.network.config.slots
        felt = feel_loss(feel_logits.float(), feel, self.network.lanes_of(music), self._tensor(train.feel[rows]))
        held = config.kl_weight * (divergence - config.free_nats).clamp_min(0)
        if context is not None and config.wrong_share:
            held = held + config.wrong_weight * self._wrong_context(
                _Scored(z, s, music, feel, seen, known, logits), context, chance
            )
        return token_loss + (config.feel_weight * felt + held) / self.network.config.steps

    def _draw_context(
        self, rows: np.ndarray, semitones: np.ndarray | int, own: Context | None, chance: np.random.Generator
    ) -> Context:
        """Draw what is told of the context of windows: of what they are varied from, other parts and neighbours, each apart."""
        kinds, told = self.family.context, self.config.context_share
        if self.train.more is None:
            raise ValueError("a context needs windows whose surroundings are known: pack them with everything")
        context = join_context(self.train.more.context[rows].astype(np.float32), own, kinds)
        if not isinstance(semitones, int):
            context = transpose_context(context, semitones, around(kinds))
        dropped = {kind: chance.random(len(rows)) >= told for kind in kinds}
        if SCALE in dropped:
            dropped[SCALE] = dropped[HABITS] & (chance.random(len(rows)) < 0.5)
        beside = chance.random(len(rows)) >= told
        for kind in (BEFORE, AFTER):
            if kind in dropped:
                dropped[kind] = beside | (chance.random(len(rows)) < 0.2)
        return without_kinds(context, dropped, kinds)

    def _wrong_context(self, right: _Scored, context: Context, chance: np.random.Generator) -> Tensor:
        """Score windows in the context of others, or in their own, transposed: how far they are from being less likely enough.

        Else what a window has written so far explains so much that the context would go unheard. Nats a window.
        """
        config, kinds = self.config, around(self.family.context)
        level = right.level.cpu().numpy()
        is_told = np.asarray(context[..., [at.start for at in columns(kinds).values()]].any(1))  # [B, kinds]
        able = np.flatnonzero((level >= 0.3) & is_told.any(1))
        chosen = np.sort(chance.permutation(able)[: self._share(config.wrong_share)])
        if not len(chosen):
            return torch.zeros((), device=self.device)
        semitones = chance.integers(1, 12, len(chosen))
        wrong, mate = context[chosen], (chosen + len(context) // 2) % len(context)
        # A context of which less is known would not be wrong: music must not be the less likely for it.
        is_moved = (chance.random(len(chosen)) < 0.5) | (is_told[chosen] & ~is_told[mate]).any(1)
        size = context_size(kinds)
        moved, other = transpose_context(wrong, semitones, kinds), context[mate]
        wrong[..., :size] = np.where(is_moved[:, None, None], moved, other)[..., :size]
        at = self._tensor(chosen)
        music, heard = right.music[at], self._tensor(wrong)
        feel = Feel(right.feel.velocities[at], right.feel.offsets[at])
        known = None if right.known is None else KnownSteps(right.known.tokens[at], right.known.facets[at])
        contexts = self.network.contexts(right.z[at], right.level[at], known, heard)
        logits, _ = self.network.teacher_forced(contexts, music, feel, right.seen[at], heard)
        notes = self.network.lanes_of(music).sum((1, 2)).clamp_min(1)
        margin = config.wrong_margin * right.level[at]
        worse = (_nats(logits, music) - _nats(right.logits[at], music)) / notes
        return ((margin - worse).clamp_min(0) * notes).mean()

    def _draw(self, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Draw the windows of a batch that are written [B], those whose latents tell of them [B], their noise, and amounts.

        Both are the same window but for pairs. A batch begins with those, then come lines, then windows that will be hushed.
        """
        config, least = self.config, self.network.config.least_noise
        rows = self.music[chance.integers(len(self.music), size=config.batch)]
        level = self._levels(chance, rows)
        heard, amounts = rows.copy(), np.full(len(rows), np.nan)
        pairs, lines, rests = (self._share(share) for share in (config.pair_share, config.line_share, config.rest_share))
        if pairs and len(self.pairs):
            drawn = chance.integers(len(self.pairs), size=pairs)
            rows[:pairs], heard[:pairs] = self.pairs.target[drawn], self.pairs.source[drawn]
            level[:pairs] = np.clip(self.pair_levels[drawn] + config.pair_jitter * chance.standard_normal(pairs), least, 1)
            if config.told_share:
                is_told = chance.random(pairs) < config.told_share
                level[:pairs] = np.where(is_told, chance.uniform(least, level[:pairs]), level[:pairs])
                amounts[:pairs] = np.where(is_told, self.pairs.distance[drawn], np.nan)
        if lines and len(self.lines):
            drawn = self.lines[chance.integers(len(self.lines), size=lines)]
            rows[pairs : pairs + lines] = heard[pairs : pairs + lines] = drawn
            again = chance.uniform(least, 1, lines)
            level[pairs : pairs + lines] = np.where(level[pairs : pairs + lines] >= 1, again, level[pairs : pairs + lines])
        if rests:
            if len(self.sparse):
                drawn = self.sparse[chance.integers(len(self.sparse), size=rests // 2)]
                rows[len(rows) - len(drawn) :] = heard[len(rows) - len(drawn) :] = drawn
            level[-rests:] = np.where(
                level[-rests:] > config.rest_noise, chance.uniform(least, config.rest_noise, rests), level[-rests:]
            )
        return rows, heard, level, amounts

    def _find_pairs(self, windows: Windows) -> Pairs:
        return find_pairs(
            windows, self.family, allowed=self._is_own(windows), most=self.config.pairs_a_piece, seed=self.config.seed
        )

    def _pair_levels(self, pairs: Pairs) -> np.ndarray:
        levels, distances = zip(*self.config.pair_levels, strict=True)
        return np.asarray(np.interp(pairs.distance, distances, levels))

    def _share(self, share: float) -> int:
        return round(share * self.config.batch)

    def _hushed(self, chance: np.random.Generator, count: int) -> np.ndarray:
        """Choose the steps [B, T] that are made silent: in some windows a run of beats, in others all but few steps."""
        spec, rests = self.family.spec, self._share(self.config.rest_share)
        beat = np.arange(spec.steps)[None] // spec.steps_per_beat
        first = chance.integers(spec.window_beats, size=(count, 1))
        length = chance.integers(2, spec.window_beats + 1, size=(count, 1))
        run = (beat - first) % spec.window_beats < length
        few = chance.random((count, spec.steps)) >= chance.uniform(0, 0.3, (count, 1))
        hushed = np.where(chance.random((count, 1)) < 0.7, run, few)
        is_hushed = (np.arange(count) >= count - rests) & (np.arange(count) < count - rests // 2 * bool(len(self.sparse)))
        return hushed & is_hushed[:, None]

    def _without_orphans(self, grid: Grid) -> Grid:
        vocabulary = self.family.vocabulary
        return replace(grid, tokens=vocabulary.without_leading_holds(vocabulary.without_orphan_holds(grid.tokens)))

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
        return {
            **figures,
            **self._validate_rests(network, valid),
            **self._validate_pairs(network),
            **self._validate_context(network, valid),
        }

    def _validate_context(self, network: Network, valid: Windows) -> dict[str, float]:
        """Score held-out windows at full noise with no context, with theirs, and with others': nats a note."""
        if not self.config.context_share or valid.more is None:
            return {}
        chance = np.random.default_rng(0)
        music = self._tensor(valid.grid.tokens)
        feel = Feel(self._tensor(valid.grid.velocities), self._tensor(valid.grid.offsets))
        notes = network.lanes_of(music).sum()
        z = self._tensor(chance.standard_normal((len(valid), network.config.latent), np.float32))
        level = torch.ones(len(valid), device=self.device)
        if not around(self.family.context):
            return {}
        own = join_context(valid.more.context.astype(np.float32), None, self.family.context)
        figures: dict[str, float] = {}
        for name, context in (("none", None), ("own", own), ("wrong", np.roll(own, len(own) // 2, 0))):
            heard = None if context is None else self._tensor(context)
            logits, _ = network.teacher_forced(network.contexts(z, level, None, heard), music, feel, music, heard)
            figures[f"context_{name}"] = float(_nats(logits, music).sum() / notes)
        return figures

    def _validate_rests(self, network: Network, valid: Windows) -> dict[str, float]:
        """Count the notes of windows with silent beats that the decoder writes again: the share of right ones, as F1."""
        chance = np.random.default_rng(0)
        spec, vocabulary = self.family.spec, self.family.vocabulary
        first = chance.integers(spec.window_beats, size=(len(valid), 1))
        silent = (np.arange(spec.steps) // spec.steps_per_beat - first) % spec.window_beats < spec.window_beats // 2
        hushed = Grid.where(silent, Grid.silent(len(valid), spec, vocabulary), valid.grid)
        grid = Grid.stack([self._without_orphans(hushed), Grid.silent(8, spec, vocabulary)])
        feel = Feel(self._tensor(grid.velocities), self._tensor(grid.offsets))
        mu = network.encode(self._tensor(grid.tokens), feel)
        least = torch.full((len(mu),), network.config.least_noise, device=self.device)
        written, _ = network.generate(network.contexts(mu, least), None)
        mine, its = (
            set(zip(*map(np.ndarray.tolist, self.family.onset_lanes(g)), strict=True))
            for g in (
                replace(grid, tokens=written.cpu().numpy()),
                grid,
            )
        )
        return {"rest_f1": 2 * len(mine & its) / max(1, len(mine) + len(its))}

    def _validate_pairs(self, network: Network, limit: int = 512) -> dict[str, float]:
        """Score the second windows of held-out pairs, given the first at the noise of their distance: nats a window."""
        if not self.config.pair_share:
            return {}
        pairs = self._find_pairs(self.valid)
        if not len(pairs):
            return {}
        chance = np.random.default_rng(0)
        drawn = np.sort(chance.permutation(len(pairs))[:limit])
        source, target = (self.valid.grid[rows[drawn]] for rows in (pairs.source, pairs.target))
        music = [(self._tensor(g.tokens), Feel(self._tensor(g.velocities), self._tensor(g.offsets))) for g in (source, target)]
        mu = network.encode(*music[0])
        level = self._tensor(self._pair_levels(pairs)[drawn].astype(np.float32))
        z = add_noise(mu, level, self._tensor(chance.standard_normal(mu.shape).astype(np.float32)))
        tokens, feel = music[1]
        figures: dict[str, float] = {}
        own = self.family.own_context(source) if self.config.context_share else None
        described: list[tuple[str, Context | None]] = [("nll_pairs", None), ("nll_pairs_told", own)]
        if own is not None and self.config.told_share:
            described.append(("nll_pairs_amount", tell_amount(own, pairs.distance[drawn], self.family.context)))
        for name, context in described:
            if name == "nll_pairs_amount":  # with little noise: what is varied is known
                level = torch.full_like(level, 0.3)
                z = add_noise(mu, level, self._tensor(chance.standard_normal(mu.shape).astype(np.float32)))
            heard = None if context is None else self._tensor(context)
            logits, _ = network.teacher_forced(network.contexts(z, level, None, heard), tokens, feel, tokens, heard)
            figures[name] = float(_nats(logits, tokens).mean())
        return figures if own is not None else {"nll_pairs": figures["nll_pairs"]}

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
                "windows": {
                    s: int(((self.train.set_of == i) & _of_kind(self.train, MUSIC)).sum())
                    for i, s in enumerate(self.train.sets)
                },
                **({"pairs": len(self.pairs)} if len(self.pairs) else {}),
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
        composed = self.train.grid[_of_kind(self.train, MUSIC)]
        tokens = self.family.vocabulary.without_leading_holds(composed.tokens)
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
        """Leave out the sets that are only reconstructed, and what is no whole music."""
        return windows.take(self._is_own(windows))

    def _is_own(self, windows: Windows) -> np.ndarray:
        own = [i for i, s in enumerate(windows.sets) if s not in self.config.codec_sets]
        return np.asarray(np.isin(windows.set_of, own) & _of_kind(windows, MUSIC))

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


def _of_kind(windows: Windows, kind: int) -> np.ndarray:
    """Tell which windows are of a kind; where nothing is said of it, all are music."""
    return np.full(len(windows), kind == MUSIC) if windows.more is None else windows.more.kind == kind


def _nats(logits: Tensor, music: Tensor) -> Tensor:
    """Add up the nats of windows [B]."""
    return F.cross_entropy(logits.float().flatten(0, 2), music.flatten(), reduction="none").view(len(music), -1).sum(1)


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
