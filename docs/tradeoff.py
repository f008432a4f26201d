"""Draw what the aims cost each other: `python docs/tradeoff.py NAME DATA_DIR` writes models/pretrained/NAME/tradeoff.png.

Held-out clips are blurred to a level of noise and decoded. Across: how many of the clip's own onsets come back. Up: how well
the judges of `evaluate` tell the result from held-out music. Beside it the plain VAE, whose rate is fixed by its training.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

from models.data import find_sources, pack
from models.evaluate import Exam, Sitting
from models.family import LatentModel, temperature
from models.judge import Exhibit, judge
from models.latent import Dice, blur, noise
from models.store import find_model, load_hashes, load_torch_model

LEVELS = (0.05, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def main() -> None:
    """Measure and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("data", type=Path)
    options = parser.parse_args()
    mpl.use("agg")
    model, plain = load_torch_model(options.name), load_torch_model(f"{options.name}-plain")
    sets, codec = model.card.config["sets"], model.card.config["codec_sets"]
    assert isinstance(sets, list)
    assert isinstance(codec, list)
    test = pack(find_sources(options.data, "test", [s for s in sets if s not in codec]), model.family.kind)
    sitting = Sitting(model, test, Exam(test, None, load_hashes(find_model(options.name))), None, 0)
    curve = [measure(sitting, model, level) for level in LEVELS]
    untold = [measure(sitting, model, level, told=model.least_noise) for level in LEVELS[1:]]
    textbook = [measure(sitting, plain, plain.least_noise, spread=s) for s in (0.0, 1.0)]

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
    ax.set_ylabel("told from held-out music (AUC)")
    ax.set_ylim(0.48, 1.01)
    ax.invert_xaxis()
    ax.legend(fontsize=8, frameon=False)
    figure.savefig(find_model(options.name) / "tradeoff.png")


def measure(
    sitting: Sitting, model: LatentModel, level: float, *, told: float | None = None, spread: float | None = None
) -> tuple[float, float]:
    """Blur held-out clips and decode them: (share of onsets that come back, AUC); a plain VAE from its mean or its prior."""
    own = sitting.sources.grid
    rng = np.random.default_rng(0)
    mu = model.encode(own)
    levels = np.full(len(mu), level, np.float32)
    e = noise(rng, *mu.shape)
    z = blur(mu, levels, e) if spread is None else (e if spread else mu)
    dice = Dice.roll(rng, len(mu), steps=32, voices=own.velocities.shape[2], together=model.card.together)
    decoded = model.decode(z, np.full(len(mu), told or level, np.float32), dice=dice, temperature=temperature(0.5))
    struck, said = (model.family.kind.onsets[g.tokens] for g in (own, decoded))
    verdict = judge(
        Exhibit(sitting.real.grid, sitting.real.piece), Exhibit(decoded, sitting.sources.piece), sight=sitting.sight, seed=0
    )
    return float((struck & said).sum() / struck.sum()), verdict.auc


if __name__ == "__main__":
    main()
