"""The figures of a model on held-out music, with floors, baselines and controls (design §4). Windows in, numbers out."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.baselines import Markov, crossfade, morph, random_edits
from models.clip import Clip, Note
from models.copies import count_copies
from models.data import Source, Windows, find_sources, pack
from models.distance import distances
from models.family import LatentModel, temperature
from models.features import Sight, histograms, lengths
from models.grid import BAR_STEPS, DRUMS, MELODY, STEPS_PER_BEAT, VOICE_OF, VOICES, WINDOW_STEPS, Grid, GridKind
from models.judge import FOLDS, Exhibit, judge, judge_halves
from models.latent import Dice, Latents, blur, distrust, loosen, noise, slerp
from models.residual import carry_over, without_orphans
from models.store import ModelError, find_model, load_hashes, load_torch_model
from models.torch_model import TorchModel

Figures = dict[str, float | int | str | None]
Progress = Callable[[float], None]

AMOUNTS = {"03": 0.3, "06": 0.6}
LIMIT = 700  # windows of a class
PER_PIECE = 8  # windows of a piece in a class: more say little new, and a piece with many would speak for all
POOL = 4  # candidates decoded for each variation; what the engine itself gives is measured by bridge.control
FITTED = 4096  # training windows that a Gaussian is fitted to
STEP_MS = 125.0  # a sixteenth at 120 beats per minute
VELOCITY_BINS = np.arange(0, 129, 4) - 0.5  # of MIDI velocity
OFFSET_BINS = np.linspace(-0.5, 0.5, 33)  # steps late: 3.9 ms each at 120 beats per minute


@dataclass(frozen=True)
class Exam:
    """What a model is examined on: held-out windows, training windows where known, and hashes of what it learned from."""

    test: Windows
    train: Windows | None
    hashes: NDArray[np.uint64]
    split: str = "test"


def evaluate_folder(name: str, data: Path, *, split: str, seed: int, progress: Progress) -> Figures:
    """Examine a model on a data folder; a model called NAME-plain is taken for the textbook VAE to compare with."""
    model = load_torch_model(name)
    exam = read_exam(model, name, data, split)
    try:
        find_model(f"{name}-plain")
    except ModelError:
        plain = None
    else:
        plain = load_torch_model(f"{name}-plain")  # one that is there but broken is an error, not a figure less
    return evaluate(model, exam, plain=plain, seed=seed, progress=progress)


def read_exam(model: LatentModel, name: str, data: Path, split: str) -> Exam:
    """Read the windows of a split of a data folder on which to examine a model, and those it may have learned from."""
    test = read_held_out(model, data, split)[1]
    has_splits = any((place / "splits.csv").exists() for place in (data, data.parent))
    is_train = has_splits and split != "train"
    train = pack(find_sources(data, "train", _names(model, "sets")), model.family.kind) if is_train else None
    return Exam(test, train, load_hashes(find_model(name)), split)


def read_held_out(model: LatentModel, data: Path, split: str) -> tuple[list[Source], Windows]:
    """Read the files of a split, those of the sets a model learned from unless they hold nothing, and their windows."""
    kind = model.family.kind
    for sets in (_names(model, "sets"), ()):
        sources = list(find_sources(data, split, sets))
        windows = pack(iter(sources), kind)
        if len(windows):
            return sources, windows
    raise ValueError(f"{data} has no {kind.name} to measure on in split {split!r}: nothing fits two bars of 4/4")


def evaluate(
    model: LatentModel,
    exam: Exam,
    *,
    plain: LatentModel | None = None,
    seed: int = 0,
    progress: Progress = lambda fraction: None,
) -> Figures:
    """Measure a model: the flat keys of design §4, None where a figure does not apply.

    An AUC is how well the better of two judges (models.judge) tells real held-out windows from something else, with its
    95 % interval in `_low` and `_high`. `void` says why the AUCs must not be trusted; it is empty where they may.
    Sets that the model only reconstructs (`codec_sets` of its config) are left out.
    """
    sitting = Sitting(model, composed(exam.test, model), exam, plain, seed)
    parts = [
        sitting.reconstruction,
        sitting.samples,
        sitting.variations,
        sitting.middles,
        sitting.training,
        sitting.plain_vae,
        sitting.controls,
    ]
    figures = gather(parts, progress)
    for key in ("sample_auc", "middle_auc"):
        figures[f"{key}_excess"] = _minus(figures[key], figures[f"floor.train.{key}"])
    figures["control.markov"] = figures["baseline.markov.sample_auc"]
    figures["void"] = _void(figures)
    return figures


def gather(parts: Sequence[Callable[[], Named]], progress: Progress) -> Figures:
    """Measure part after part."""
    figures: Figures = {}
    for done, part in enumerate(parts):
        figures |= dict(part())
        progress((done + 1) / len(parts))
    return figures


def shown_feel(test: Windows, model: LatentModel) -> tuple[bool, bool]:
    """Decide whether the judges see velocity and timing: only what all held-out windows have, and timing if the model has it.

    Else flat velocities of sets without any would give samples away, or the samples' would.
    """
    velocity, timing = (bool(test.feel[:, k].all()) for k in (0, 1))
    return velocity, timing and model.card.timing


Named = Iterator[tuple[str, float | int | str | None]]


@dataclass(frozen=True)
class Sitting:
    """One examination; each method yields the figures of one part. Every part has dice of its own."""

    model: LatentModel
    test: Windows
    exam: Exam
    plain: LatentModel | None
    seed: int

    def reconstruction(self) -> Named:
        """Measure what free-running decoding of posterior means gives back, and what trivial answers would."""
        model, kind, truth = self.model, self.kind, self.test.grid
        yield "model", model.card.name
        yield "data", ", ".join(s for i, s in enumerate(self.test.sets) if (self.test.set_of == i).any())
        yield "split", self.exam.split
        yield "clips", len(self.test)
        mu = _encode(model, truth)
        least = np.full(len(mu), model.least_noise, np.float32)
        heard = _decode(model, mu, least)
        yield from _agreement(truth, heard, kind, "")
        yield "step_accuracy_tf", _teacher_forced(model, mu, truth)
        yield "velocity_mae", _feel_error(truth.velocities * 127, heard.velocities * 127, self.matched(heard, 0))
        timing = _feel_error(truth.offsets * STEP_MS, heard.offsets * STEP_MS, self.matched(heard, 1))
        yield "timing_mae_ms", timing if model.card.timing else None
        yield "rate_nats", -model.card.latent * math.log(model.least_noise)
        other = self.elsewhere(np.arange(len(truth)), "copy")
        before = np.roll(truth.tokens, 1, axis=1)
        before[:, 0] = kind.silence
        floors = {"copy": truth.tokens[other], "rest": np.full_like(before, kind.silence), "repeat": before}
        for name, tokens in floors.items():
            # Only tokens are compared.
            yield from _agreement(truth, Grid(tokens, truth.velocities, truth.offsets), kind, f"floor.{name}.")

    def samples(self) -> Named:
        """Measure samples of the prior, and those of a Markov chain."""
        rng = self.rng("sample")
        grid = self.draw(self.model, noise(rng, LIMIT, self.model.card.latent), np.ones(LIMIT, np.float32), rng)
        yield from self.auc("sample_auc", self.apart(grid))
        transpose = self.model.family.transpose
        some = self.rng("copies").permutation(len(self.test))[:LIMIT]
        for prefix, tokens in (("", grid.tokens), ("floor.test.", self.test.grid.tokens[some])):
            copies = count_copies(tokens, self.exam.hashes, kind=self.kind, transpose=transpose)
            yield f"{prefix}sample_copies", copies / len(tokens)
        held, onsets = self.test.grid, self.kind.onsets
        struck, said = onsets[held.tokens], onsets[grid.tokens]
        loud, late = (struck & self.test.feel[:, k, None, None] for k in (0, 1))
        yield "velocity_kl", _divergence(held.velocities[loud] * 127, grid.velocities[said] * 127, VELOCITY_BINS)
        timing = _divergence(held.offsets[late], grid.offsets[said], OFFSET_BINS)
        yield "timing_kl", timing if self.model.card.timing else None
        yield from self.overlaps("", grid)

    def variations(self) -> Named:
        """Measure variations of held-out windows, and random edits that go just as far."""
        if not self.is_judged:
            yield from _unjudged(*(f"{by}vary_auc_{name}" for name in AMOUNTS for by in ("", "baseline.random_edits.")))
            return
        sources = self.sources.grid
        clips = self.clips(sources)
        voice = VOICE_OF.get if self.kind is DRUMS else None
        for name, amount in AMOUNTS.items():
            rng = self.rng(f"vary{name}")
            varied, reached = self.vary(sources, min(amount, self.model.card.reach), rng)
            yield from self.auc(f"vary_auc_{name}", Exhibit(varied, self.sources.piece))
            yield f"vary_distance_{name}", float(np.median(reached))
            edited = [random_edits(c, min(float(d), 1.0), rng=rng, voice=voice) for c, d in zip(clips, reached, strict=True)]
            yield from self.auc_written(f"baseline.random_edits.vary_auc_{name}", edited)

    def middles(self) -> Named:
        """Measure what lies midway between held-out windows of different pieces, and what simpler ways put there."""
        if not self.is_judged:
            yield from _unjudged("middle_auc", "baseline.crossfade.middle_auc", "baseline.morph.middle_auc")
            return
        rng = self.rng("middle")
        a = self.sources.grid
        b = a[self.mates]
        mus = [_encode(self.model, g) for g in (a, b)]
        z = slerp(mus[0], mus[1], 0.5)
        z, levels = loosen(z, distrust(z, mus, least=self.model.least_noise), noise(rng, *z.shape), most=self.model.card.loose)
        decoded = self.draw(self.model, z, levels, rng)
        back = _decode(self.model, mus[0], np.full(len(z), self.model.least_noise, np.float32))
        yield from self.auc("middle_auc", Exhibit(carry_over(a, back, decoded, self.kind), self.sources.piece))
        voice = VOICE_OF.get if self.kind is DRUMS else None
        pairs = list(zip(self.clips(a), self.clips(b), strict=True))
        faded = [crossfade(x, y, 0.5, rng=rng, voice=voice) for x, y in pairs]
        yield from self.auc_written("baseline.crossfade.middle_auc", faded)
        morphed = [morph(x, y, 0.5, voice=voice) for x, y in pairs]
        yield from self.auc_written("baseline.morph.middle_auc", morphed)

    def training(self) -> Named:
        """Measure real training windows as if they were samples, and a Markov chain that learned from them."""
        train = self.train
        if train is None:
            yield from _unjudged("floor.train.sample_auc", "floor.train.middle_auc", "baseline.markov.sample_auc")
            yield from self.overlaps("floor.train.", None)
            return
        rng = self.rng("train")
        few = train.take(_few(train.piece, rng))
        # Numbered on from the held-out pieces: no piece is in both splits.
        pieces = few.piece + int(self.test.piece.max()) + 1
        floor = dict(self.auc("floor.train.sample_auc", Exhibit(few.grid, pieces)))
        yield from floor.items()
        yield from ((key.replace("sample", "middle"), value) for key, value in floor.items())
        yield from self.overlaps("floor.train.", few.grid)
        tokens = Markov.fit(train.grid.tokens).sample(LIMIT, rng)
        if self.kind is MELODY:
            tokens = without_orphans(tokens)
        yield from self.auc("baseline.markov.sample_auc", self.apart(_with_feel(tokens, train.grid, self.kind, rng)))

    def plain_vae(self) -> Named:
        """Measure a textbook VAE: samples of its prior, of a Gaussian fitted to its posterior means, and its middles."""
        plain, rng = self.plain, self.rng("plain")
        if plain is None or not self.is_judged:
            yield from _unjudged(
                *(f"baseline.{key}" for key in ("gaussian.sample_auc", "slerp.sample_auc", "slerp.middle_auc"))
            )
            return
        least = np.full(LIMIT, plain.least_noise, np.float32)
        drawn = self.draw(plain, noise(rng, LIMIT, plain.card.latent), least, rng)
        yield from self.auc("baseline.slerp.sample_auc", self.apart(drawn))
        a = self.sources.grid
        z = slerp(_encode(plain, a), _encode(plain, a[self.mates]), 0.5)
        middles = self.draw(plain, z, np.full(len(z), plain.least_noise, np.float32), rng)
        yield from self.auc("baseline.slerp.middle_auc", Exhibit(middles, self.sources.piece))
        if self.train is None:
            yield from _unjudged("baseline.gaussian.sample_auc")
            return
        mu = _encode(plain, self.train.grid[np.sort(rng.permutation(len(self.train))[:FITTED])])
        z = rng.multivariate_normal(mu.mean(0), np.cov(mu.T), LIMIT, method="eigh").astype(np.float32)
        yield from self.auc("baseline.gaussian.sample_auc", self.apart(self.draw(plain, z, least, rng)))

    def controls(self) -> Named:
        """Check the yardstick: held-out pieces must not be told from other held-out pieces."""
        some = self.test.take(_few(self.test.piece, self.rng("control")))
        enough = len(np.unique(some.piece)) >= 2 * FOLDS
        held_out = judge_halves(Exhibit(some.grid, some.piece), sight=self.sight, seed=self.seed) if enough else None
        yield "control.held_out", held_out

    # --- what the parts share ---------------------------------------------------------------------------------------

    @property
    def kind(self) -> GridKind:
        """Say what the music is."""
        return self.model.family.kind

    @cached_property
    def sight(self) -> Sight:
        """Decide what the judges are shown."""
        velocity, timing = shown_feel(self.test, self.model)
        return Sight(self.kind, velocity, timing)

    @cached_property
    def train(self) -> Windows | None:
        """Keep the training windows of the sets that are sampled from, where there are any."""
        train = composed(self.exam.train, self.model) if self.exam.train is not None else None
        return train if train is not None and len(train) else None

    @cached_property
    def halves(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """A few windows of each piece for the real class, and a few others to make variations and middles of."""
        return _two_lots(self.test.piece, self.rng("halves"))

    @cached_property
    def real(self) -> Windows:
        """Take the windows of the real class."""
        return self.test.take(self.halves[0])

    @cached_property
    def sources(self) -> Windows:
        """Take the windows that variations and middles are made of."""
        return self.test.take(self.halves[1])

    @cached_property
    def mates(self) -> NDArray[np.int64]:
        """For each source the row of one of another piece, to meet in the middle."""
        return self.elsewhere(self.halves[1], "mates")

    def elsewhere(self, rows: NDArray[np.int64], name: str) -> NDArray[np.int64]:
        """Pair each of some windows with one of another piece among them: shuffled, and again where it met its own."""
        rng, piece = self.rng(name), self.test.piece[rows]
        mates = rng.permutation(len(rows))
        for _ in range(100):
            own = np.flatnonzero(piece[mates] == piece)
            if not len(own):
                break
            mates[own] = rng.integers(len(rows), size=len(own))
        return mates

    def rng(self, name: str) -> np.random.Generator:
        """Give each part dice of its own."""
        return np.random.default_rng((self.seed, zlib.crc32(name.encode())))

    @cached_property
    def is_judged(self) -> bool:
        """Whether there are pieces enough to judge by."""
        return min(len(np.unique(lot.piece)) for lot in (self.real, self.sources)) >= FOLDS

    def auc_written(self, key: str, clips: list[Clip]) -> Named:
        """Judge clips against the real windows, written and heard again as they were, or the judges would see that."""
        yield from self.auc(key, Exhibit(self.grid(clips), self.sources.piece), self.grid(self.clips(self.real.grid)))

    def auc(self, key: str, other: Exhibit, real: Grid | None = None) -> Named:
        """Judge windows against the real ones: the AUC and its interval."""
        if not self.is_judged or len(np.unique(other.piece)) < FOLDS:
            yield from _unjudged(key)
            return
        held_out = Exhibit(self.real.grid if real is None else real, self.real.piece)
        verdict = judge(held_out, other, sight=self.sight, seed=self.seed)
        yield key, verdict.auc
        yield f"{key}_low", verdict.low
        yield f"{key}_high", verdict.high

    def apart(self, grid: Grid) -> Exhibit:
        """Let each window be a piece of its own."""
        return Exhibit(grid, np.arange(len(grid)) - len(grid))

    def matched(self, heard: Grid, feel: int) -> NDArray[np.bool_]:
        """Find the onsets that are in both, in windows whose velocity (0) or timing (1) counts."""
        onsets = self.kind.onsets
        return onsets[self.test.grid.tokens] & onsets[heard.tokens] & self.test.feel[:, feel, None, None]

    def draw(self, model: LatentModel, z: Latents, levels: NDArray[np.float32], rng: np.random.Generator) -> Grid:
        """Decode by dice, as the engine does."""
        dice = Dice.roll(rng, len(z), steps=WINDOW_STEPS, voices=self.kind.voices, together=model.card.together)
        return _decode(model, z, levels, dice)

    def vary(self, own: Grid, amount: float, rng: np.random.Generator) -> tuple[Grid, NDArray[np.float64]]:
        """Vary windows as the engine does: of a few candidates the nearest to an amount; and how far each went."""
        model = self.model
        mu = _encode(model, own)
        back = _decode(model, mu, np.full(len(mu), model.least_noise, np.float32))
        sources = self.clips(own)
        voice = VOICE_OF.get if self.kind is DRUMS else None
        candidates: list[Grid] = []
        apart: list[list[float]] = []
        for factor in np.linspace(0.75, 1.25, POOL):
            level = float(np.clip(model.card.level_for(amount) * factor, model.least_noise, 1))
            levels = np.full(len(mu), level, np.float32)
            decoded = self.draw(model, blur(mu, levels, noise(rng, *mu.shape)), levels, rng)
            candidates.append(carry_over(own, back, decoded, self.kind))
            made = self.clips(candidates[-1])
            apart.append([distances(a, [b], voice=voice)[0] for a, b in zip(sources, made, strict=True)])
        reached = np.array(apart)
        chosen = np.abs(reached - amount).argmin(0)
        every = Grid.stack(candidates)
        rows = np.arange(len(own))
        return every[chosen * len(own) + rows], reached[chosen, rows]

    def clips(self, grid: Grid) -> list[Clip]:
        """Write windows as clips whose notes lie just where the grid says, before the first beat too."""
        offsets = grid.offsets if self.sight.timing else np.zeros_like(grid.offsets)
        onsets = self.kind.onsets[grid.tokens]
        starts = (np.arange(WINDOW_STEPS)[:, None] + np.clip(offsets, -0.49, 0.49)) / STEPS_PER_BEAT
        long = np.ones_like(grid.tokens) if self.kind is DRUMS else lengths(grid.tokens)
        made: list[list[Note]] = [[] for _ in range(len(grid))]
        for b, t, v in zip(*(i.tolist() for i in np.nonzero(onsets)), strict=True):
            pitch = VOICES[v].pitches[0] if self.kind is DRUMS else int(grid.tokens[b, t])
            velocity = min(float(grid.velocities[b, t, v]) * 127, 127.0)
            made[b].append(Note(pitch, float(starts[b, t, v]), int(long[b, t]) / STEPS_PER_BEAT, velocity))
        beats = WINDOW_STEPS / STEPS_PER_BEAT
        return [Clip(tuple(notes), beats, channel=10 if self.kind is DRUMS else 1) for notes in made]

    def grid(self, clips: list[Clip]) -> Grid:
        """Hear clips of two bars."""
        return Grid.stack([self.model.family.hear(clip).grid for clip in clips])

    def overlaps(self, prefix: str, grid: Grid | None) -> Named:
        """Measure how far histograms of held-out windows and of others overlap, 0 to 1 (the area of Yang and Lerch 2020)."""
        held, others = histograms(self.test.grid, self.kind), histograms(grid, self.kind) if grid is not None else {}
        for name in ("density", "pitch_class", "interval", "duration"):
            shared: float | None = None
            if name in held and name in others:
                a, b = (np.histogram(v[name][0], held[name][1])[0] / max(1, len(v[name][0])) for v in (held, others))
                shared = float(np.minimum(a, b).sum())
            yield f"{prefix}overlap_{name}", shared


def _unjudged(*keys: str) -> Named:
    """Answer that AUCs do not apply."""
    for key in keys:
        yield from ((k, None) for k in (key, f"{key}_low", f"{key}_high"))


def _minus(a: float | int | str | None, b: float | int | str | None) -> float | None:
    return a - b if isinstance(a, float) and isinstance(b, float) else None


def _void(figures: Figures) -> str:
    """Say why the AUCs must not be trusted, if so: the judges must tell a Markov chain, and must not tell real from real."""
    held_out, markov = figures["control.held_out"], figures["control.markov"]
    if not isinstance(held_out, float):
        return f"fewer than {2 * FOLDS} held-out pieces: too few to judge by"
    if abs(held_out - 0.5) > 0.05:
        return f"held-out pieces are told from other held-out pieces: AUC {held_out:.2f}, not 0.50 ± 0.05"
    if not isinstance(markov, float):
        return "no training pieces beside the held-out ones: no Markov chain to check the judges by"
    return f"a Markov chain is not told from music: AUC {markov:.2f}, not 0.90" if markov < 0.9 else ""


def composed(windows: Windows, model: LatentModel) -> Windows:
    """Leave out the sets that a model only reconstructs."""
    codec = _names(model, "codec_sets")
    return windows.take(np.isin(windows.set_of, [i for i, s in enumerate(windows.sets) if s not in codec]))


def _names(model: LatentModel, key: str) -> tuple[str, ...]:
    listed = model.card.config.get(key) or ()
    return tuple(str(s) for s in listed) if isinstance(listed, list | tuple) else ()


def _few(piece: NDArray[np.int64], rng: np.random.Generator, per_piece: int = PER_PIECE) -> NDArray[np.int64]:
    """Draw rows, a few of each piece: [N]."""
    order = rng.permutation(len(piece))
    by_piece = order[np.argsort(piece[order], kind="stable")]
    _, first = np.unique(piece[by_piece], return_index=True)
    rank = np.arange(len(piece)) - np.repeat(first, np.diff(np.append(first, len(piece))))
    rows = by_piece[rank < per_piece]
    return np.sort(rng.permutation(rows)[:LIMIT])


def _two_lots(piece: NDArray[np.int64], rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw two lots of rows with the same pieces in both, evenly: no row is in both."""
    order = rng.permutation(len(piece))
    by_piece = order[np.argsort(piece[order], kind="stable")]
    values, first, count = np.unique(piece[by_piece], return_index=True, return_counts=True)
    rank = np.arange(len(piece)) - np.repeat(first, count) + np.repeat(rng.integers(2, size=len(values)), count)
    fits = rank < 2 * PER_PIECE
    lots = [rng.permutation(by_piece[fits & (rank % 2 == side)])[:LIMIT] for side in (0, 1)]
    return np.sort(lots[0]), np.sort(lots[1])


def _encode(model: LatentModel, grid: Grid) -> Latents:
    return np.concatenate([model.encode(grid[i : i + 256]) for i in range(0, len(grid), 256)])


def _decode(model: LatentModel, z: Latents, levels: NDArray[np.float32], dice: Dice | None = None) -> Grid:
    parts = [slice(i, i + 256) for i in range(0, len(z), 256)]
    return Grid.stack(
        [model.decode(z[p], levels[p], dice=dice[p] if dice else None, temperature=temperature(0.5)) for p in parts]
    )


def _teacher_forced(model: LatentModel, mu: Latents, truth: Grid) -> float | None:
    """Measure the share of steps whose likeliest token, given the true ones before it, is right."""
    if not isinstance(model, TorchModel):
        return None
    right = 0
    for i in range(0, len(mu), 256):
        part = slice(i, i + 256)
        level = np.full(len(mu[part]), model.least_noise, np.float32)
        right += int((model.score(mu[part], level, truth[part]).argmax(-1) == truth.tokens[part]).sum())
    return right / truth.tokens.size


def _agreement(truth: Grid, heard: Grid, kind: GridKind, prefix: str) -> Named:
    """Compare step by step: tokens that are just right, onsets of each voice, and the pitch of a melody's matched onsets."""
    a, b = kind.onsets[truth.tokens], kind.onsets[heard.tokens]
    hit, said, there = (a & b).sum(), b.sum(), a.sum()
    yield f"{prefix}step_accuracy", float((truth.tokens == heard.tokens).mean())
    yield f"{prefix}onset_precision", float(hit / said) if said else None
    yield f"{prefix}onset_recall", float(hit / there) if there else None
    yield f"{prefix}onset_f1", float(2 * hit / (said + there)) if said + there else None
    both = (a & b).any(2)
    same = (truth.tokens == heard.tokens) & both
    yield f"{prefix}pitch_accuracy", float(same.sum() / both.sum()) if kind is not DRUMS and both.any() else None


def _feel_error(truth: NDArray[np.float32], heard: NDArray[np.float32], where: NDArray[np.bool_]) -> float | None:
    return float(np.abs(truth - heard)[where].mean()) if where.any() else None


def _divergence(real: NDArray[np.float32], made: NDArray[np.float32], edges: NDArray[np.floating]) -> float | None:
    """Compute the Kullback-Leibler divergence of a histogram of made values from one of real ones, in nats.

    Half a value is added to each bin: a bin that was never met would else count for infinity.
    """
    if not len(real) or not len(made):
        return None
    p, q = ((h := np.histogram(v, edges)[0] + 0.5) / h.sum() for v in (real, made))
    return float((p * np.log(p / q)).sum())


def _with_feel(tokens: NDArray[np.int64], train: Grid, kind: GridKind, rng: np.random.Generator) -> Grid:
    """Give each onset the velocity and offset of some training onset of its voice at its place in the bar."""
    grid = Grid.empty(len(tokens), kind)
    struck, known = kind.onsets[tokens], kind.onsets[train.tokens]
    place = np.arange(WINDOW_STEPS) % BAR_STEPS
    for v in range(kind.voices):
        for k in range(BAR_STEPS):
            at = np.flatnonzero(place == k)
            wanted = struck[:, at, v]
            pool = np.nonzero(known[:, at, v])
            if len(pool[0]) == 0:
                continue
            chosen = rng.integers(len(pool[0]), size=int(wanted.sum()))
            rows, columns = np.nonzero(wanted)
            for values, source in ((grid.velocities, train.velocities), (grid.offsets, train.offsets)):
                values[rows, at[columns], v] = source[pool[0][chosen], at[pool[1][chosen]], v]
    return Grid(tokens, grid.velocities, grid.offsets)
