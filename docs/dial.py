"""Draw samples of a personal model at five positions of its dial, general to mine: `python docs/dial.py MODEL [FILE]`."""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

from bridge.engine import Engine
from bridge.requests import Sample
from docs.pictures import NEW, draw_drums, draw_notes, span
from models.store import find_model, read_card

ROOT = Path(__file__).parents[1]
POSITIONS = (0.0, 0.25, 0.5, 0.75, 1.0)
SAMPLES = 3


def main() -> None:
    """Sample with the same seed at each position, and draw a row of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a personal model")
    parser.add_argument("file", nargs="?", type=Path, default=ROOT / "docs" / "personal.png")
    options = parser.parse_args()
    mpl.use("agg")
    card, engine = read_card(find_model(options.model)), Engine()
    figure, axes = plt.subplots(len(POSITIONS), SAMPLES, figsize=(12, 9), dpi=110, layout="constrained")
    draw = draw_drums if card.family == "drums" else draw_notes
    made = [engine.run(Sample(model=options.model, count=SAMPLES, seed=1, mine=position)).clips for position in POSITIONS]
    low, high = span(tuple(clip for clips in made for clip in clips))
    for row, position, clips in zip(axes, POSITIONS, made, strict=True):
        for ax, clip in zip(row, clips, strict=True):
            draw(ax, clip, (low, high), lambda note, whole: NEW)
        row[0].set_title(f"--mine {position:g}", fontsize=9, loc="left")
    figure.suptitle(f"Samples with one seed, from {card.base} to {card.name}", fontsize=12)
    figure.savefig(options.file)


if __name__ == "__main__":
    main()
