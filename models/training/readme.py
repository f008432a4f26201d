"""The card of a model that was just trained, `README.md`: what it makes, of what, how well, and what not. No training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.card import Card
from models.families.grid import Vocabulary
from models.training.dataset import MUSIC, Windows
from models.training.trainer import Trainer
from models.whole_file import write_whole

README = "README.md"

FIGURES = {
    "nll_1": "composed from nothing (noise 1), nats a window",
    "nll_0.7": "at noise 0.7, nats a window",
    "nll_0.4": "at noise 0.4, nats a window",
    "nll_0.05": "reconstructed (noise 0.05), nats a window",
    "nll_pairs_amount": "a variation, told what it varies and how far, nats a window",
    "step_accuracy": "steps that come back right",
}


def write_readme(folder: Path, card: Card, course: Sequence[dict[str, float]], trainer: Trainer, page: str) -> None:
    """Write the card of a model folder in words."""
    write_whole(folder / README, _text(card, course, trainer, page).encode())


def frequency_floor(train: Windows, valid: Windows, vocabulary: Vocabulary) -> float:
    """Score held-out windows by how often each token stands at each step of those learned from: nats a window."""
    learned, held = (w.take(w.are(MUSIC)).grid.tokens for w in (train, valid))
    nats = 0.0
    for slot, its in enumerate(vocabulary.ranges):
        for step in range(learned.shape[1]):
            counts = np.bincount(learned[:, step, slot], minlength=vocabulary.tokens)[its.start : its.stop] + 0.1
            nats -= float(np.log(counts / counts.sum())[held[:, step, slot] - its.start].mean())
    return nats


def _text(card: Card, course: Sequence[dict[str, float]], trainer: Trainer, page: str) -> str:
    config, train, valid, state = trainer.config, trainer.train, trainer.valid, trainer.state
    windows, pieces = card.data["windows"], card.data["pieces"]
    sets = ", ".join(f"{name} ({count:,})" for name, count in windows.items()) if isinstance(windows, dict) else ""
    shipped_at = state.best.step if state.best else state.step
    begun = course[0] if config.start and course and course[0]["step"] == 0 else {}
    floor = frequency_floor(train, valid, trainer.family.vocabulary)
    held = len(np.unique(valid.piece))
    is_apart = not config.own_music or not set(np.unique(valid.piece)) & set(np.unique(train.piece))
    about = "that were held out" if is_apart else "that were learned from too"
    lines = [
        f"# {card.name}: {card.about}",
        "",
        f"- **Makes** {card.family}, in windows of {card.bars} bars of 4/4, {card.steps_per_beat} steps a beat.",
        f"- **Weights**: {card.licence}. `weights.safetensors`, half precision; `golden.safetensors` holds a few latents and "
        "the grids they must give; `windows.safetensors` holds hashes of the windows learned from, by which copies are found.",
        f"- **Learned from** {sets}: unique windows of two bars, of {pieces} pieces.",
        f"- **Trained** for {state.step:,} steps of {config.batch} windows, "
        + (f"from the weights of `{config.start}`" if config.start else "from fresh weights")
        + (f"; those of step {shipped_at:,} did best on what was held out, and ship." if state.best else ".")
        + f" `model.yaml` holds the whole config and the hash of the data, `metrics.jsonl` the course, `{page}` shows it.",
        "",
        "## Figures",
        "",
        f"On {len(valid):,} windows of {held} pieces {about}: "
        "fewer nats are better. The floor knows only how often each token stands at each step.",
        "",
        f"| | this model | {f'`{config.start}`, which it began with' if begun else 'before'} | floor |",
        "|---|---|---|---|",
    ]
    for key, about in FIGURES.items():
        if key in card.metrics:
            before = f"{begun[key]:.4g}" if key in begun else "–"
            lines.append(f"| {about} | **{card.metrics[key]:.4g}** | {before} | {f'{floor:.4g}' if key == 'nll_1' else '–'} |")
    if state.best and state.best.step == 0:
        lines += ["", f"Nothing that was learned did better on what was held out: this is `{config.start}` as it was."]
    lines += [
        "",
        "## Limits",
        "",
        "Bars of other meters than 4/4 were not learned from. What few pieces hold few pieces teach: with less than some "
        "hundred windows it is soon learned by heart. `latent-bridge evaluate` measures more.",
        "",
    ]
    return "\n".join(lines)
