"""The page of a training: curves of what is measured, and piano rolls of samples as it goes. One HTML file that needs no net.

The samples of one run are all drawn with the same random numbers, so that what changes is what was learned.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from models.families.family import Family
from models.families.grid import Grid
from models.music.clip import Clip
from models.network.latent import Randomness, noise
from models.training.calibration import as_clip
from models.training.trainer import METRICS, Trainer
from models.whole_file import write_whole

PAGE, ROLLS = "training.html", "samples.json"
SAMPLES, MOST_ROWS = 4, 6  # rolls of a step, and steps that are shown: the page does not grow with the training
WIDTH, HEIGHT, ROLL_HEIGHT = 320, 110, 72

CURVES = {
    "loss": "loss of the batches, nats a step",
    "nll_0.05": "nats a window, reconstructed",
    "nll_0.4": "nats a window, at noise 0.4",
    "nll_0.7": "nats a window, at noise 0.7",
    "nll_1": "nats a window, composed from nothing",
    "nll_pairs": "nats a window, varied",
    "step_accuracy": "share of steps that come back right",
}
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #222 }
figure { display: inline-block; margin: 0 1.5rem 1.5rem 0; vertical-align: top }
figcaption { color: #555; font-size: 13px }
svg { display: block; background: #f6f6f4 }
"""


class Page:
    """The page of one run, drawn anew whenever there is something new to show."""

    def __init__(self, trainer: Trainer, folder: Path) -> None:
        """Take up the samples of a run that is resumed."""
        self._trainer, self._folder = trainer, folder
        self._rows: list[tuple[int, list[str]]] = []
        if (folder / ROLLS).exists():
            told = json.loads((folder / ROLLS).read_text(encoding="utf-8"))
            self._rows = [(step, rolls) for step, rolls in told if step < trainer.state.step]

    def draw(self) -> None:
        """Draw samples of the weights as they are, and write the page."""
        step = self._trainer.state.step
        rolls = [draw_roll(clip, self._trainer.family) for clip in draw_samples(self._trainer)]
        self._rows = thinned([*(row for row in self._rows if row[0] != step), (step, rolls)])
        write_whole(self._folder / ROLLS, json.dumps(self._rows).encode())
        metrics = self._folder / METRICS
        lines = metrics.read_text(encoding="utf-8").splitlines() if metrics.exists() else []
        best = self._trainer.state.best
        text = write_page(self._folder.name, [json.loads(line) for line in lines], self._rows, best.step if best else None)
        write_whole(self._folder / PAGE, text.encode())


def thinned(rows: Sequence[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    """Keep the first row, the last, and others about evenly between them."""
    kept = list(rows)
    while len(kept) > MOST_ROWS:
        gaps = [kept[i + 1][0] - kept[i - 1][0] for i in range(1, len(kept) - 1)]
        del kept[1 + int(np.argmin(gaps))]
    return kept


@torch.no_grad()
def draw_samples(trainer: Trainer) -> list[Clip]:
    """Compose a few windows from nothing with the averaged weights."""
    network, family, device = trainer.averaged(), trainer.family, trainer.device
    rng = np.random.default_rng(0)
    z = torch.as_tensor(noise(rng, SAMPLES, network.config.latent), device=device)
    drawn = Randomness.draw(rng, SAMPLES, family.spec, family.vocabulary)
    numbers = torch.as_tensor(drawn.tokens, device=device), torch.as_tensor(drawn.feel, device=device)
    tokens, feel = network.generate(network.contexts(z, torch.ones(SAMPLES, device=device)), numbers)
    grid = Grid(tokens.cpu().numpy(), feel.velocities.cpu().numpy(), feel.offsets.cpu().numpy())
    return [as_clip(family, grid[i : i + 1]) for i in range(SAMPLES)]


def draw_roll(clip: Clip, family: Family) -> str:
    """Draw a clip as a piano roll; of drums a row is a pad."""
    pitches = sorted({note.pitch for note in clip.notes})
    rows = range(min(pitches, default=60), max(pitches, default=60) + 1) if family.is_pitched else pitches
    row_of, count = {pitch: i for i, pitch in enumerate(rows)}, max(len(rows), 6)
    high, wide = ROLL_HEIGHT / count, WIDTH / clip.beats
    lines = [
        f'<path d="M{beat * wide:.1f} 0V{ROLL_HEIGHT}" stroke="#{"bbb" if beat % 4 == 0 else "e4e4e0"}"/>'
        for beat in range(1, round(clip.beats))
    ]
    notes = [
        f'<rect x="{(n.start - clip.start) * wide:.1f}" y="{ROLL_HEIGHT - (row_of[n.pitch] + 1) * high:.1f}" '
        f'width="{max(2.0, min(n.duration, 4) * wide - 0.5):.1f}" height="{max(1.5, high - 0.5):.1f}" '
        f'fill="#2563a8" fill-opacity="{0.3 + 0.7 * min(1.0, n.velocity / 127):.2f}"/>'
        for n in clip.notes
    ]
    return f'<svg width="{WIDTH}" height="{ROLL_HEIGHT}" role="img">{"".join(lines + notes)}</svg>'


def write_page(name: str, course: Sequence[dict[str, float]], rows: Sequence[tuple[int, list[str]]], best: int | None) -> str:
    """Write the page as HTML."""
    figures = []
    for key, about in CURVES.items():
        points = [(line["step"], line[key]) for line in course if key in line]
        if points:
            caption = f"{about}: {points[0][1]:.4g} → {points[-1][1]:.4g}"
            figures.append(f"<figure>{_curve(points, best)}<figcaption>{html.escape(caption)}</figcaption></figure>")
    samples = [
        f"<h3>step {step}</h3>" + "".join(f"<figure>{roll}</figure>" for roll in rolls) for step, rolls in reversed(rows)
    ]
    kept = (
        "" if best is None else f" The green line is the step that did best on the pieces held out, {best}: its weights ship."
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(name)}: training</title>'
        f"<style>{STYLE}</style><h1>{html.escape(name)}</h1><p>What is measured on the way, but for the loss on music that is "
        f"not learned from; fewer nats are better.{kept}</p>{''.join(figures)}<h2>Samples</h2><p>Composed from nothing, with "
        f"the same random numbers at each step.</p>{''.join(samples)}</html>\n"
    )


def _curve(points: Sequence[tuple[float, float]], best: int | None) -> str:
    steps, values = [step for step, _ in points], [value for _, value in points]
    low, high, end = min(values), max(values), max(*steps, 1)
    span = (high - low) or 1.0

    def x(step: float) -> float:
        return 4.0 + (WIDTH - 8) * step / end

    def y(value: float) -> float:
        return 4.0 + (HEIGHT - 8) * (high - value) / span

    line = " ".join(f"{x(step):.1f},{y(value):.1f}" for step, value in points)
    mark = "" if best is None else f'<path d="M{x(best):.1f} 0V{HEIGHT}" stroke="#2f855a" stroke-dasharray="3 3"/>'
    dots = "".join(f'<circle cx="{x(step):.1f}" cy="{y(value):.1f}" r="2" fill="#2563a8"/>' for step, value in points)
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" role="img">{mark}'
        f'<polyline points="{line}" fill="none" stroke="#2563a8" stroke-width="1.5"/>{dots}</svg>'
    )
