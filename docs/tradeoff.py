"""Draw what the aims cost each other: `python docs/tradeoff.py NAME DATA_DIR` writes models/pretrained/NAME/tradeoff.png.

Noise of some level is added to the latents of held-out clips, which are then decoded. Across: how many of the clip's own
onsets come back. Up: how well the judges of `evaluate` distinguish the result from real music. Beside it the plain VAE,
whose rate is fixed by its training.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

from bridge.engine import Engine
from bridge.evaluation import EngineProduct
from models.evaluation.data import read_evaluation_data
from models.evaluation.model_evaluation import ModelEvaluation
from models.network.decoding import DecodeBatch, LatentModel, temperature_for
from models.network.latent import Randomness, add_noise, noise
from models.store import find_model, load_torch_model

LEVELS = (0.05, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def main() -> None:
    """Measure and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("data", type=Path)
    options = parser.parse_args()
    mpl.use("agg")
    model, plain = load_torch_model(options.name), load_torch_model(f"{options.name}-plain")
    data = read_evaluation_data(model, options.name, options.data, "test")
    evaluation = ModelEvaluation(model, EngineProduct(Engine(), options.name), data)
    curve = [measure(evaluation, model, level) for level in LEVELS]
    untold = [measure(evaluation, model, level, told=model.least_noise) for level in LEVELS[1:]]
    textbook = [measure(evaluation, plain, plain.least_noise, spread=s) for s in (0.0, 1.0)]

    figure, ax = plt.subplots(figsize=(7, 4.2), dpi=110, layout="constrained")
    ax.plot(*zip(*curve, strict=True), "o-", color="#e4572e", label=f"{options.name}: the decoder is told the noise")
    ax.plot(*zip(*untold, strict=True), "o--", color="#f2b8a5", label="the same, not told")
    ax.plot(*zip(*textbook, strict=True), "s:", color="#4a6fa5", label="plain VAE: posterior means, prior samples")
    for (x, y), level in zip(curve, LEVELS, strict=True):
        ax.annotate(f"{level:g}", (x, y), textcoords="offset points", xytext=(4, 5), fontsize=7)
    figures = find_model(options.name) / "evaluation.json"
    if figures.exists():
        floor = json.loads(figures.read_text(encoding="utf-8"))["floor.train.sample_auc"]
        ax.axhline(floor, color="#888888", linewidth=0.8)
        ax.annotate("real training clips", (0.02, floor), fontsize=7, va="bottom", xycoords=("axes fraction", "data"))
    ax.set_xlabel("share of the clip's onsets that come back")
    ax.set_ylabel("distinguishable from held-out music (AUC)")
    ax.set_ylim(0.48, 1.01)
    ax.invert_xaxis()
    ax.legend(fontsize=8, frameon=False)
    figure.savefig(find_model(options.name) / "tradeoff.png")


def measure(
    evaluation: ModelEvaluation, model: LatentModel, level: float, *, told: float | None = None, spread: float | None = None
) -> tuple[float, float]:
    """Add noise to held-out clips and decode them: (share of onsets that come back, AUC); a plain VAE from mean or prior."""
    own = evaluation.lay_out(evaluation.sources.clips)
    rng = np.random.default_rng(0)
    mu = model.encode(own)
    levels = np.full(len(mu), level, np.float32)
    e = noise(rng, *mu.shape)
    z = add_noise(mu, levels, e) if spread is None else (e if spread else mu)
    family = model.family
    drawn = Randomness.draw(rng, len(mu), family.spec, family.vocabulary, correlation=model.card.feel_correlation)
    noise_levels, temperature = (np.full(len(mu), value, np.float32) for value in (told or level, temperature_for(0.5)))
    decoded = model.decode(DecodeBatch(z, noise_levels, drawn, temperature))
    struck, said = (family.vocabulary.struck(g.tokens) for g in (own, decoded))
    auc = dict(evaluation.auc_of_clips("auc", evaluation.clips(decoded), evaluation.sources.piece))["auc"]
    assert isinstance(auc, float)
    return float((struck & said).sum() / struck.sum()), auc


if __name__ == "__main__":
    main()
