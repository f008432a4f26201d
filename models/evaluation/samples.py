"""Samples and what they are compared with: real training music, a Markov chain, a textbook VAE; controls of the judges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.evaluation.baselines import Markov
from models.evaluation.figures import Figures, Named, unjudged
from models.evaluation.judge import FOLDS, LabelledWindows, judge_halves
from models.evaluation.memorization import count_copies
from models.evaluation.model_evaluation import ModelEvaluation
from models.evaluation.reconstruction import encode
from models.families.grid import Grid
from models.music.clip import Clip
from models.network.decoding import DecodeBatch, LatentModel, temperature_for
from models.network.latent import Latents, Randomness, noise, slerp

AT_ONCE = 64  # samples in one request
FITTED = 4096  # training windows that a Gaussian is fitted to
MARKOV_LEAST = 0.9  # AUC by which judges that work tell a Markov chain from music
CONTROL_MOST = 0.05  # how far from 0.5 they may be for held-out pieces against others
VELOCITY_BINS = np.arange(0, 129, 4) - 0.5  # of MIDI velocity
OFFSET_BINS = np.linspace(-0.5, 0.5, 33)  # steps late: 3.9 ms each at 120 beats per minute


def samples(e: ModelEvaluation) -> Named:
    """Measure samples: whether they are told from real music, how many are copies, how they are spread."""
    clips: list[Clip] = []
    for k in range(-(-e.sizes.windows // AT_ONCE)):
        clips += e.product.sample(min(AT_ONCE, e.sizes.windows), bars=max(1, e.family.spec.window_beats // 4), seed=e.seed + k)
    clips = clips[: e.sizes.windows]
    made, held_out, struck = e.lay_out(clips), e.test_grid, e.family.vocabulary.struck
    yield from e.auc_of_clips("sample_auc", clips)
    some = e.rng("copies").permutation(len(e.test))[: e.sizes.windows]
    for prefix, tokens in (("", made.tokens), ("floor.test.", held_out.tokens[some])):
        yield f"{prefix}sample_copies", count_copies(tokens, e.data.hashes, e.family) / len(tokens)
    there, said = struck(held_out.tokens), struck(made.tokens)
    loud, late = (there & e.test.feel[:, k, None, None] for k in (0, 1))
    yield "velocity_kl", divergence(held_out.velocities[loud] * 127, made.velocities[said] * 127, VELOCITY_BINS)
    timing = divergence(held_out.offsets[late], made.offsets[said], OFFSET_BINS)
    yield "timing_kl", timing if e.model.card.timing else None
    yield from _overlaps(e, "", made)


def training_music(e: ModelEvaluation) -> Named:
    """Measure real training windows as if they were samples, and a Markov chain that learned from them."""
    if e.train is None:
        yield from unjudged("floor.train.sample_auc", "floor.train.middle_auc", "baseline.markov.sample_auc")
        yield from _overlaps(e, "floor.train.", None)
        return
    few = e.few(e.train, "train")
    # Numbered on from the held-out pieces: no piece is in both splits.
    pieces = few.piece + int(e.test.piece.max()) + 1
    clips = e.clips(few.grid)
    floor = dict(e.auc_of_clips("floor.train.sample_auc", clips, pieces))
    yield from floor.items()
    yield from ((key.replace("sample", "middle"), value) for key, value in floor.items())
    yield from _overlaps(e, "floor.train.", e.lay_out(clips))
    rng = e.rng("markov")
    learned = e.train.grid.tokens
    slots = learned.shape[2]  # the slots of a step one after the other
    chain = Markov.fit(learned.reshape(len(learned), -1), bar=e.family.spec.half_steps * slots)
    drawn = chain.sample(e.sizes.windows, rng).reshape(-1, *learned.shape[1:])
    tokens = e.family.vocabulary.without_orphan_holds(drawn)
    yield from e.auc_of_clips("baseline.markov.sample_auc", e.clips(_with_feel(tokens, e.train.grid, e, rng)))


def plain_vae(e: ModelEvaluation) -> Named:
    """Measure a textbook VAE: samples of its prior, of a Gaussian fitted to its posterior means, and its middles.

    The product has no such model, so this is the one figure that a network makes without it, written as clips all the same.
    """
    plain, rng = e.plain, e.rng("plain")
    if plain is None or not e.is_judged:
        yield from unjudged(*(f"baseline.{key}" for key in ("gaussian.sample_auc", "slerp.sample_auc", "slerp.middle_auc")))
        return
    drawn = _draw(plain, noise(rng, e.sizes.windows, plain.card.latent), rng)
    yield from e.auc_of_clips("baseline.slerp.sample_auc", e.clips(drawn))
    a = e.lay_out(e.sources.clips)
    middles = _draw(plain, slerp(encode(plain, a), encode(plain, a[e.mates]), 0.5), rng)
    yield from e.auc_of_clips("baseline.slerp.middle_auc", e.clips(middles), e.sources.piece)
    if e.train is None:
        yield from unjudged("baseline.gaussian.sample_auc")
        return
    mu = encode(plain, e.train.grid[np.sort(rng.permutation(len(e.train))[:FITTED])])
    z = rng.multivariate_normal(mu.mean(0), np.cov(mu.T), e.sizes.windows, method="eigh").astype(np.float32)
    yield from e.auc_of_clips("baseline.gaussian.sample_auc", e.clips(_draw(plain, z, rng)))


def judge_controls(e: ModelEvaluation) -> Named:
    """Check the yardstick: held-out pieces must not be told from other held-out pieces."""
    some = e.few(e.test, "control")
    enough = len(np.unique(some.piece)) >= 2 * FOLDS
    shown = LabelledWindows(e.lay_out(e.clips(some.grid)), some.piece)
    yield "control.held_out", judge_halves(shown, view=e.view, seed=e.seed, halvings=e.sizes.halvings) if enough else None


def why_void(figures: Figures) -> str:
    """Say why the AUCs must not be trusted, if so: the judges must tell a Markov chain, and must not tell real from real."""
    held_out, markov = figures["control.held_out"], figures["control.markov"]
    if not isinstance(held_out, float):
        return f"fewer than {2 * FOLDS} held-out pieces: too few to judge by"
    if abs(held_out - 0.5) > CONTROL_MOST:
        return f"held-out pieces are distinguishable from other held-out pieces: AUC {held_out:.2f}, not 0.50 ± 0.05"
    if not isinstance(markov, float):
        return "no training pieces beside the held-out ones: no Markov chain to check the judges by"
    if markov < MARKOV_LEAST:
        return f"the judges miss a Markov chain: AUC {markov:.2f}, not at least 0.90"
    return ""


def divergence(real: NDArray[np.float32], made: NDArray[np.float32], edges: NDArray[np.floating]) -> float | None:
    """Compute the Kullback-Leibler divergence of a histogram of made values from one of real ones, in nats.

    Half a value is added to each bin: a bin that was never met would else count for infinity.
    """
    if not len(real) or not len(made):
        return None
    p, q = ((h := np.histogram(v, edges)[0] + 0.5) / h.sum() for v in (real, made))
    return float((p * np.log(p / q)).sum())


def _overlaps(e: ModelEvaluation, prefix: str, grid: Grid | None) -> Named:
    """Measure how far histograms of held-out windows and of others overlap, 0 to 1 (the area of Yang and Lerch 2020)."""
    real = e.family.histograms(e.test_grid)
    made = e.family.histograms(grid) if grid is not None else {}
    for name in ("density", "pitch_class", "interval", "duration"):
        shared: float | None = None
        if name in real and name in made:
            a, b = (np.histogram(v[name][0], real[name][1])[0] / max(1, len(v[name][0])) for v in (real, made))
            shared = float(np.minimum(a, b).sum())
        yield f"{prefix}overlap_{name}", shared


def _draw(model: LatentModel, z: Latents, rng: np.random.Generator) -> Grid:
    """Decode latents [B, Z] of a plain VAE by chance, at the temperature that requests have by default."""
    family = model.family
    drawn = Randomness.draw(rng, len(z), family.spec, family.vocabulary, correlation=model.card.feel_correlation)
    levels, temperature = (np.full(len(z), value, np.float32) for value in (model.least_noise, temperature_for(0.5)))
    batch = DecodeBatch(z, levels, drawn, temperature)
    return Grid.stack([model.decode(batch[i : i + 256]) for i in range(0, len(z), 256)])


def _with_feel(tokens: NDArray[np.int64], train: Grid, e: ModelEvaluation, rng: np.random.Generator) -> Grid:
    """Give each onset the velocity and offset of some training onset of its lane at its place in the bar."""
    lanes, half = e.family.vocabulary.lanes, e.family.spec.half_steps
    grid = Grid(tokens, *(np.zeros((*tokens.shape[:2], lanes), np.float32) for _ in range(2)))
    struck, known = e.family.vocabulary.struck(tokens), e.family.vocabulary.struck(train.tokens)
    place = np.arange(tokens.shape[1]) % half
    for v in range(lanes):
        for k in range(half):
            at = np.flatnonzero(place == k)
            wanted = struck[:, at, v]
            pool = np.nonzero(known[:, at, v])
            if len(pool[0]) == 0:
                continue
            chosen = rng.integers(len(pool[0]), size=int(wanted.sum()))
            windows, columns = np.nonzero(wanted)
            for values, source in ((grid.velocities, train.velocities), (grid.offsets, train.offsets)):
                values[windows, at[columns], v] = source[pool[0][chosen], at[pool[1][chosen]], v]
    return grid
