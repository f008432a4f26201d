"""How well `drumify` follows a rhythm, and whether it is told from a drummer: `python bench/drumify.py DATA --split valid`.

Beats of held-out pieces are tapped on one pad, every stroke with its time and force, and drummed anew at several settings of
`follow`. Beside them: of the beats that the model learned from the one whose onsets are most like (which is real, so that the
judges say what the floor is), and any of them. Onset F1 is of sixteenths that are struck, with the taps; accents, how loudness
on these correlates with how loud the taps are; off, how far strokes lie from the tap they follow, in milliseconds at 120 beats
a minute; the AUC is that of `evaluate`, real beats of the split against what is made.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from bridge.engine import Engine
from bridge.requests import Drumify
from models.evaluation.data import draw_few, read_evaluation_data
from models.evaluation.features import FeatureView
from models.evaluation.judge import LabelledWindows, judge
from models.families.grid import Grid
from models.music.clip import Clip, Note
from models.store import load_model
from models.training.calibration import as_clip

FOLLOWS = (0.0, 0.5, 0.75, 1.0)
PAD = 60
MS_A_STEP = 125.0  # at 120 beats a minute


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="drums")
    parser.add_argument("--split", default="valid")
    parser.add_argument("--beats", type=int, default=300, help="of two bars")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    model = load_model(options.model)
    data = read_evaluation_data(model, options.model, options.data, options.split)
    if data.train is None:
        raise SystemExit(f"{options.data} says nothing of what was learned from")
    rng = np.random.default_rng(options.seed)
    rows = draw_few(data.test.piece, rng, options.beats)
    real, piece = data.test.grid[rows], data.test.piece[rows]
    family = model.family
    struck = onsets(real, family.vocabulary.onsets)
    learned = onsets(data.train.grid, family.vocabulary.onsets)
    agree = 2 * (struck.astype(np.float32) @ learned.T) / (struck.sum(1)[:, None] + learned.sum(1)[None])
    made = {
        "any learned beat": data.train.grid[rng.integers(len(learned), size=len(real))],
        "the learned beat that is most like": data.train.grid[agree.argmax(1)],
    }
    engine = Engine()
    taps = [tap(as_clip(family, real[k : k + 1])) for k in range(len(real))]
    for follow in FOLLOWS:
        made[f"`--follow {follow:g}`"] = drums(engine, options.model, taps, follow, options.seed)
    view = FeatureView(family, velocity=True, timing=model.card.timing)
    print(f"{len(real)} beats of {len(np.unique(piece))} pieces, {options.split}\n")
    print("| | onset F1 | accents | off, ms | AUC |\n|---|---|---|---|---|")
    for name, grid in made.items():
        verdict = judge(LabelledWindows(real, piece), LabelledWindows(grid, piece), view=view, seed=options.seed)
        f1 = fmean(f1s(struck, onsets(grid, family.vocabulary.onsets)).tolist())
        accents, off = follows(real, grid)
        auc = f"{verdict.auc:.2f} ({verdict.low:.2f}–{verdict.high:.2f})"
        print(f"| {name} | {f1:.3f} | {accents:.2f} | {off:.1f} | {auc} |", flush=True)


def tap(clip: Clip) -> Clip:
    """Play a beat on one pad."""
    return Clip(tuple(Note(PAD, n.start, 0.25, n.velocity) for n in clip.notes), clip.beats)


def drums(engine: Engine, model: str, taps: Sequence[Clip], follow: float, seed: int) -> Grid:
    """Drum rhythms, one way each."""
    answer = engine.run(Drumify(clips=tuple(taps), model=model, follow=follow, count=1, seed=seed, fill=True))
    family = engine.model(model).family
    return Grid.stack(family.clip_to_grid(clip).grid for clip in answer.clips)


def onsets(grid: Grid, table: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Find the steps that are struck, [B, T]."""
    return np.asarray(table[grid.tokens[..., 0]].any(-1))


def f1s(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Compare rhythms, [B]."""
    return np.asarray(2 * (a & b).sum(1) / np.maximum(a.sum(1) + b.sum(1), 1))


def follows(real: Grid, made: Grid) -> tuple[float, float]:
    """Correlate how loud steps are where both are struck, and find how far apart the loudest strokes there lie."""
    loud, its = real.velocities.max(-1), made.velocities.max(-1)
    both = (loud > 0) & (its > 0)
    found = [
        np.corrcoef(loud[k][both[k]], its[k][both[k]])[0, 1]
        for k in range(len(loud))
        if both[k].sum() > 2 and min(loud[k][both[k]].std(), its[k][both[k]].std()) > 1e-4
    ]
    late = [np.take_along_axis(g.offsets, g.velocities.argmax(-1)[..., None], -1)[..., 0] for g in (real, made)]
    return float(np.mean(found)), float(np.abs(late[0] - late[1])[both].mean() * MS_A_STEP)


if __name__ == "__main__":
    main()
