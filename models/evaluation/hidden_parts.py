"""What a network makes of music it is told a part of, before the product adds its own care: needs torch's likelihoods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.evaluation.figures import Named
from models.evaluation.model_evaluation import ModelEvaluation
from models.evaluation.request_evaluation import RequestEvaluation
from models.families.constraints import Known
from models.families.family import Family
from models.families.grid import Grid
from models.network.decoding import DecodeBatch
from models.network.latent import Randomness, noise


def hidden_parts(r: RequestEvaluation) -> Named:
    """Hide part of held-out windows: how likely the model finds it, in nats a note, and how much of it it would write.

    The model is told the rest, ahead too. Forced, a baseline, is the same network cut down at each step to what agrees
    with the rest; untold, another, is left alone with what came before. The latent says nothing.
    """
    from models.network.torch_runtime import TorchModel

    e, model = r.evaluation, r.evaluation.model
    if not isinstance(model, TorchModel):
        return
    vocabulary, rng = e.family.vocabulary, r.rng("hidden")
    truth = e.test.grid[np.sort(r.rng("rows hidden").permutation(len(e.test))[: e.sizes.hidden])]
    z = noise(rng, len(truth), model.card.latent)
    level = np.ones(len(z), np.float32)
    drawn = Randomness.draw(rng, len(z), e.family.spec, vocabulary, correlation=model.card.feel_correlation)
    asked = DecodeBatch(z, level, drawn, np.ones(len(z), np.float32))
    scores, alone = model.score(z, level, truth), model.decode(asked)
    for name, known in _told(e, truth, rng):
        allowed, right = agreeing(truth, known, e.family), agreeing(truth, ~known, e.family)
        # A slot only takes tokens of its own, so the slots of a step share one row of scores.
        may = (allowed & vocabulary.is_of_slot).any(2)
        bias = np.where(may, 0, -np.inf).astype(np.float32)
        told = Known(truth, known)
        ways = {
            "": (model.score(z, level, truth, told), allowed, model.decode(replace(asked, known=told))),
            "baseline.forced.": (scores, allowed, model.decode(replace(asked, logit_bias=bias))),
            "baseline.untold.": (scores, np.ones_like(allowed), alone),
        }
        # Where the facets of a step are its lanes, each is free on its own.
        is_free = ~known if known.shape[2] == vocabulary.lanes else ~known.all(2, keepdims=True)
        there = vocabulary.struck(truth.tokens) & is_free
        for prefix, (found, among, made) in ways.items():
            yield f"{prefix}hidden_{name}_nats", -float(likelihood(found, right, among).sum()) / max(1, int(there.sum()))
            said = vocabulary.struck(made.tokens) & is_free
            hit = (made.tokens == truth.tokens).all(-1)[..., None] & there if name == "pitch" else said & there
            what, both = ("accuracy", there.sum()) if name == "pitch" else ("f1", (said.sum() + there.sum()) / 2)
            yield f"{prefix}hidden_{name}_{what}", float(hit.sum() / max(1, both))


def _told(e: ModelEvaluation, truth: Grid, rng: np.random.Generator) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Choose what the model knows of windows, as facets [B, T, M]: the second bar, or what the family can tell apart."""
    facets = np.ones((*truth.tokens.shape[:2], e.family.vocabulary.facet_count), bool)
    yield "bar", facets & (np.arange(truth.tokens.shape[1]) >= e.family.spec.half_steps)[:, None]
    yield from e.family.hidden_parts(facets, rng)


def agreeing(truth: Grid, facets: NDArray[np.bool_], family: Family) -> NDArray[np.bool_]:
    """Find the tokens of each slot that agree with the true ones in some facets [B, T, M]: [B, T, S, K]."""
    vocabulary = family.vocabulary
    has = vocabulary.features.astype(np.float32)
    weight = facets[..., None, vocabulary.facets].astype(np.float32) * vocabulary.features_of_slot
    told = has[truth.tokens] * weight
    return np.asarray(weight @ has.T + told.sum(-1, keepdims=True) - 2 * told @ has.T < 0.5)


def likelihood(scores: NDArray[np.float32], right: NDArray[np.bool_], among: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Find the log-probability, by scores [..., K], that a token is right, given that it is among some: nats, [...]."""
    from scipy.special import logsumexp

    hit, every = (logsumexp(np.where(which, scores, -np.inf), axis=-1) for which in (right & among, among))
    return np.asarray(hit - every, np.float32)
