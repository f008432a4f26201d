"""Variations under the magnifying glass: what changed, in its context, and bars around the borders of the model's windows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.evaluation.data import ClipSet
from models.evaluation.figures import Named
from models.evaluation.interpolations import FLAM, clashes
from models.evaluation.judge import LabelledWindows
from models.evaluation.model_evaluation import ModelEvaluation
from models.evaluation.request_evaluation import BARS, LONG, RequestEvaluation
from models.evaluation.variations import AMOUNTS, EDITS, JUDGED, changed_onsets, edit
from models.families.family import Family
from models.families.grid import Grid
from models.music.distance import distance
from models.training.calibration import on_grid

CLOSE = 0.15  # how far from an amount two windows of a piece may differ to be compared with variations at that amount
KIN = 12  # windows of a piece to look for such a one among


def changes_in_context(r: RequestEvaluation) -> Named:
    """Measure how well variations of whole clips, and single changed notes, are told from held-out music; and random edits.

    `_clip`: of four bars the two in the middle are judged, around the border of the model's windows. `_note`: changed notes,
    each with half a bar on either side of its beat; the real ones are notes by which a held-out window differs from another of
    its piece that is about as far from it as the variation goes.
    """
    e = r.evaluation
    whole = r.cuts[BARS]
    real = r.around_bar_lines(whole.take(np.arange(0, len(whole.clips), 2)), 2)
    rest = whole.take(np.arange(1, len(whole.clips), 2))
    for name in JUDGED:
        rng = r.rng(f"judged {name}")
        human = _human_changes(e, AMOUNTS[name], rng)
        for bars, clips in ((2, e.sources), (BARS, rest)):
            sources = r.some(clips, f"judged {bars}", e.sizes.magnified)
            varied = e.vary_one(sources.clips, AMOUNTS[name], rng)
            far = [distance(a, b, voice=e.voice_of) for a, b in zip(sources.clips, varied, strict=True)]
            edited = [edit(a, d, rng, e.voice_of) for a, d in zip(sources.clips, far, strict=True)]
            for by, made in (("", varied), (EDITS, edited)):
                if bars == BARS:
                    shown = r.around_bar_lines(ClipSet(made, sources.piece), 2)
                    yield from e.auc(f"{by}vary_auc_{name}_clip", shown, real)
                    continue
                onsets = [changed_onsets(a, b, e.voice_of) for a, b in zip(sources.clips, made, strict=True)]
                shown = _contexts(e, e.lay_out(made), onsets, sources.piece, rng)
                yield from e.auc(f"{by}vary_auc_{name}_note", shown, human)


def seams(r: RequestEvaluation) -> Named:
    """Look for the borders of the model's windows in long variations: two bars around them against two bars around others.

    The floor is the same of the clips as they were. Held: the share of the borders that a melody's notes are held over,
    and elsewhere the same of the other bar lines. Doubled: clashes of a hundred notes, beyond those of the clips.
    """
    e = r.evaluation
    sources = r.some(r.cuts[LONG], "seams", e.sizes.magnified // 2)
    varied = ClipSet(e.vary_one(sources.clips, 0.6, r.rng("seams")), sources.piece)
    for prefix, clips in (("", varied), ("floor.copy.", sources)):
        borders, others = r.around_bar_lines(clips, 2), r.around_bar_lines(clips, 1)
        yield from e.auc(f"{prefix}seam_auc", borders, others)
        for key, shown in (("seam_held", borders), ("seam_held_elsewhere", others)):
            line, holds = shown.grid.tokens[:, e.family.spec.half_steps], e.family.vocabulary.holds
            held = line == np.array([hold for _, hold in holds]) if holds and len(shown) else None
            yield f"{prefix}{key}", float(held.mean()) if held is not None else None
    more = sum(clashes(b, e.voice_of) - clashes(a, e.voice_of) for a, b in zip(sources.clips, varied.clips, strict=True))
    notes = sum(len(c.notes) for c in varied.clips)
    yield "seam_doubled", 100 * more / notes if notes else None


def _human_changes(e: ModelEvaluation, amount: float, rng: np.random.Generator) -> LabelledWindows:
    """Show notes by which a real window differs from one of its piece that lies about as far from it as an amount."""
    test, candidates = e.test, e.lots[0]
    plain = e.clips(on_grid(test.grid))  # the same stroke a little later is not another note
    found: list[int] = []
    onsets: list[list[float]] = []
    for index in rng.permutation(candidates):
        kin = np.flatnonzero(test.piece == test.piece[index])
        kin = rng.permutation(kin[kin != index])[:KIN]
        off = [abs(d - amount) for d in e.distances(plain[index], [plain[k] for k in kin])]
        if off and min(off) <= CLOSE:
            found.append(int(index))
            onsets.append(changed_onsets(plain[kin[int(np.argmin(off))]], plain[index], e.voice_of))
    some = np.array(found[: e.sizes.magnified], np.int64)
    return _contexts(e, e.test_grid[some], onsets[: e.sizes.magnified], test.piece[some], rng)


def _contexts(
    e: ModelEvaluation, grid: Grid, onsets: Sequence[Sequence[float]], piece: NDArray[np.int64], rng: np.random.Generator
) -> LabelledWindows:
    """Show one changed note of each window in its context, where there is one."""
    index = [i for i, found in enumerate(onsets) if found]
    parts = [in_context(grid[i : i + 1], float(rng.choice(onsets[i])), e.family) for i in index]
    return LabelledWindows(Grid.stack([e.no_windows, *parts]), piece[np.array(index, np.int64)])


def in_context(window: Grid, onset: float, family: Family) -> Grid:
    """Turn a window [1, T], a loop, until the beat with an onset is in its middle, and silence what is half a bar from it."""
    spec, vocabulary = family.spec, family.vocabulary
    half, width = spec.half_steps, spec.steps_per_beat
    beat = min(max(math.floor(onset + FLAM), 0), spec.window_beats - 1)
    turned = window.map(lambda values: np.roll(values, half - beat * width, axis=1))
    steps = np.arange(spec.steps)
    near = (steps >= half // 2) & (steps < half // 2 + half + width)
    return Grid(
        vocabulary.without_orphan_holds(np.where(near[:, None], turned.tokens, np.array(vocabulary.silence))),
        np.where(near[:, None], turned.velocities, 0),
        np.where(near[:, None], turned.offsets, 0),
    )
