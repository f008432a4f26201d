"""Measure all that is published, and write it: `python docs/figures.py [DATA_DIR]`, which takes about half an hour.

Each shipped model that makes music is evaluated on the test split, with `--control`, into its folder's evaluation.json. Then
the cards, the README and docs/variation.md are written from these files, as `python docs/cards.py` does in a second.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from bridge.evaluation import evaluate_model
from docs.cards import ROOT
from docs.cards import main as write
from models.store import shipped


def main() -> None:
    """Measure the models that are named, by default all that have figures, and write the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--model", action="append", help="only this one; more than once for several")
    options = parser.parse_args()
    published = sorted(path.parent.name for path in shipped().glob("*/evaluation.json"))
    for name in options.model or published:
        began = last = time.monotonic()

        def tell(fraction: float, part: str, name: str = name) -> None:
            nonlocal last
            now = time.monotonic()
            sys.stdout.write(f"{name} {fraction:4.0%} {part}: {now - last:.0f} s\n")
            sys.stdout.flush()
            last = now

        figures = evaluate_model(name, options.data, control=True, progress=tell)
        file = shipped() / name / "evaluation.json"
        file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
        sys.stdout.write(f"{name}: {time.monotonic() - began:.0f} s in all\n")
    write()


if __name__ == "__main__":
    main()
