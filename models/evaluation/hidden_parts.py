"""What a network makes of music it is told a part of, before the product adds its own care: needs torch's likelihoods."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from models.evaluation.figures import Named
from models.evaluation.model_evaluation import ModelEvaluation
from models.evaluation.request_evaluation import RequestEvaluation
from models.family import Family
from models.grid import BAR_STEPS, Grid
from models.latent import Dice, noise


def hidden_parts(r: RequestEvaluation) -> Named:
    """Hide part of held-out windows: how likely the model finds it, in nats a note, and how much of it it would write.

    The model is told the rest, ahead too. Forced, a baseline, is the same network cut down at each step to what agrees
    with the rest; untold, another, is left alone with what came before. The latent says nothing.
    """
    from models.torch_model import TorchModel

    e, model = r.evaluation, r.evaluation.model
    if not isinstance(model, TorchModel):
        return
    kind, rng = e.family.kind, r.rng("hidden")
    truth = e.test.grid[np.sort(r.rng("rows hidden").permutation(len(e.test))[: e.sizes.hidden])]
    z = noise(rng, len(truth), model.card.latent)
    level = np.ones(len(z), np.float32)
    dice = Dice.roll(rng, len(z), steps=truth.tokens.shape[1], voices=kind.voices, together=model.card.together)
    scores, alone = model.score(z, level, truth), model.decode(z, level, dice=dice)
    for name, known in _told(e, truth, rng):
        allowed, right = agreeing(truth, known, e.family), agreeing(truth, ~known, e.family)
        bias = np.where(allowed, 0, -np.inf).astype(np.float32)
        told = truth, known
        ways = {
            "": (model.score(z, level, truth, told), allowed, model.decode(z, level, dice=dice, known=told)),
            "baseline.forced.": (scores, allowed, model.decode(z, level, dice=dice, bias=bias)),
            "baseline.untold.": (scores, np.ones_like(allowed), alone),
        }
        # Where the facets of a step are its lanes, each is free on its own.
        is_free = ~known if known.shape[2] == kind.voices else ~known.all(2, keepdims=True)
        there = kind.onsets[truth.tokens] & is_free
        for prefix, (found, among, made) in ways.items():
            yield f"{prefix}hidden_{name}_nats", -float(likelihood(found, right, among).sum()) / max(1, int(there.sum()))
            said = kind.onsets[made.tokens] & is_free
            hit = (made.tokens == truth.tokens)[..., None] & there if name == "pitch" else said & there
            what, both = ("accuracy", there.sum()) if name == "pitch" else ("f1", (said.sum() + there.sum()) / 2)
            yield f"{prefix}hidden_{name}_{what}", float(hit.sum() / max(1, both))


def _told(e: ModelEvaluation, truth: Grid, rng: np.random.Generator) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Choose what the model knows of windows, as facets [B, T, M]: the second bar, or what the family can tell apart."""
    facets = np.ones((*truth.tokens.shape, int(e.family.facets.max()) + 1), bool)
    yield "bar", facets & (np.arange(truth.tokens.shape[1]) >= BAR_STEPS)[:, None]
    yield from e.statistics.hidden_parts(facets, e.family, rng)


def agreeing(truth: Grid, facets: NDArray[np.bool_], family: Family) -> NDArray[np.bool_]:
    """Find the tokens that agree with the true ones in some facets [B, T, M]: [B, T, K]."""
    has = family.features.astype(np.float32)
    weight = facets[..., family.facets].astype(np.float32)
    told = has[truth.tokens] * weight
    return np.asarray(weight @ has.T + told.sum(-1, keepdims=True) - 2 * told @ has.T < 0.5)


def likelihood(scores: NDArray[np.float32], right: NDArray[np.bool_], among: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Find the log-probability, by scores [B, T, K], that a token is right, given that it is among some: nats, [B, T]."""
    from scipy.special import logsumexp

    hit, every = (logsumexp(np.where(which, scores, -np.inf), axis=2) for which in (right & among, among))
    return np.asarray(hit - every, np.float32)
