"""How many new notes lie outside the scale of the whole tune: `python bench/outside.py DATA_DIR`, by `key free` and `key auto`.

Held-out tunes (split `valid`) are varied once whole and once as two bars alone, which know nothing of the rest. The scale is
the major one that holds most of the whole tune; tunes have notes of their own outside it. `off` is how far variations are from
the amount, beyond what whole notes allow.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from bridge.engine import Engine
from bridge.requests import Vary
from models.evaluation.data import read_evaluation_data
from models.evaluation.scales import Classes, best_scale
from models.music.clip import Clip
from models.music.distance import distance
from models.store import load_model

AMOUNTS = (0.1, 0.3, 0.6)
KEYS = ("free", "auto")
FEWEST = 4  # notes of two bars that are taken
TOGETHER = 8  # clips a request
SEED = 1


@dataclass(frozen=True)
class Piece:
    """A clip, and the scale of the tune that it is or is of."""

    clip: Clip
    scale: Classes


def main() -> None:
    """Read the tunes, vary them, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder of sets, as evaluate takes it")
    parser.add_argument("--model", default="melody")
    parser.add_argument("--split", default="valid")
    parser.add_argument("--windows", type=int, default=400, help="two bars of so many tunes")
    parser.add_argument("--songs", type=int, default=60, help="whole tunes")
    options = parser.parse_args()
    songs = list(read_evaluation_data(load_model(options.model), options.model, options.data, options.split).songs)
    rng = random.Random(SEED)
    rng.shuffle(songs)
    pieces = [Piece(song, best_scale(song.notes)) for song in songs if len(song.notes) >= 2 * FEWEST]
    cut = [two_bars(piece, rng) for piece in pieces]
    lots = {
        "two bars alone": [piece for piece in cut if piece is not None][: options.windows],
        "whole tunes": pieces[: options.songs],
    }
    engine = Engine()
    print(f"{'':30} {'own':>5} " + " ".join(f"{f'at {a:g}':>6} {'off':>5}" for a in AMOUNTS))
    for name, lot in lots.items():
        for key in KEYS:
            row = " ".join(
                f"{100 * out:6.1f} {off:5.3f}" for out, off in (measure(engine, lot, key, options.model, a) for a in AMOUNTS)
            )
            print(f"{f'{name} ({len(lot)}), key {key}':30} {100 * own_share(lot):5.1f} {row}", flush=True)


def two_bars(piece: Piece, rng: random.Random) -> Piece | None:
    """Cut two bars out of a tune by chance; None where no two bars hold enough notes."""
    clip, length = piece.clip, 2 * piece.clip.bar
    places = list(range(int(clip.beats // length)))
    rng.shuffle(places)
    for place in places:
        first = clip.start + place * length
        notes = tuple(replace(n, start=n.start - first) for n in clip.notes if first <= n.start < first + length)
        if len(notes) >= FEWEST:
            return Piece(replace(clip, notes=notes, beats=length, start=0.0), piece.scale)
    return None


def measure(engine: Engine, pieces: Sequence[Piece], key: str, model: str, amount: float) -> tuple[float, float]:
    """Vary pieces: the share of new notes outside, and how far the variations are off the amount."""
    outside: list[bool] = []
    off: list[float] = []
    for first in range(0, len(pieces), TOGETHER):
        some = pieces[first : first + TOGETHER]
        clips = tuple(piece.clip for piece in some)
        answer = engine.run(Vary(clips=clips, model=model, amount=amount, count=1, seed=SEED, key=key))
        for made, index in zip(answer.clips, answer.sources, strict=True):
            clip, scale = some[index].clip, some[index].scale
            had = {(n.pitch, n.start) for n in clip.notes}
            outside += [n.pitch % 12 not in scale for n in made.notes if (n.pitch, n.start) not in had]
            off.append(max(0.0, abs(distance(clip, made) - amount) - 0.5 / len(clip.notes)))
    return fmean(outside or [0]), fmean(off)


def own_share(pieces: Sequence[Piece]) -> float:
    """Find the share of the notes of pieces outside their scales."""
    return fmean(n.pitch % 12 not in piece.scale for piece in pieces for n in piece.clip.notes)


if __name__ == "__main__":
    main()
