"""Interpolations as users get them: what lies midway between two clips, and how even the steps are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from models.editing.evenness import FULL_STEP, best_split, unevenness
from models.evaluation.baselines import crossfade
from models.evaluation.features import features
from models.evaluation.figures import Named, mean_or_none
from models.evaluation.model_evaluation import ModelEvaluation
from models.evaluation.product import Path
from models.evaluation.request_evaluation import LONG, RequestEvaluation
from models.music.clip import Clip
from models.music.distance import VoiceOf, compare, distance, lane_of

STEPS = 7  # of an interpolation, both ends included, as the program's default
FLAM = 1 / 8  # beats, half a sixteenth: notes of one voice that are closer clash
# What is in front of the figures of each way from clip to clip. The product's own slerp runs through its own model;
# `baseline.slerp.middle_auc` is the textbook VAE's, see `samples.plain_vae`.
WAYS = {"even": "", "slerp": "baseline.slerp.", "morph": "baseline.morph.", "crossfade": "baseline.crossfade."}


def middles(e: ModelEvaluation) -> Named:
    """Measure what lies midway between windows of different pieces: whether it is told from music, its key, its clashes.

    In key: the share of a melody's time in the major scale that holds most of it. Clashes: of a hundred notes.
    """
    some = e.rng("middles").permutation(len(e.sources.clips))[: e.sizes.middles]
    pairs = [(e.sources.clips[i], e.sources.clips[e.mates[i]]) for i in some]
    made = {way: [interpolate(e, pair, way, 3)[1] for pair in pairs] for way in WAYS}
    prefixed = {WAYS[way]: clips for way, clips in made.items()} | {"floor.copy.": [a for a, _ in pairs]}
    for prefix, clips in prefixed.items():
        if prefix != "floor.copy.":
            key = "baseline.slerp_path.middle_auc" if prefix == WAYS["slerp"] else f"{prefix}middle_auc"
            yield from e.auc_of_clips(key, clips, e.sources.piece[some])
        inside = features(e.lay_out(clips), e.view).get("in_key") if clips else None
        yield f"{prefix}middle_in_key", float(inside.mean()) if inside is not None else None
        notes = sum(len(c.notes) for c in clips)
        yield f"{prefix}middle_clashes", 100 * sum(clashes(c, e.voice_of) for c in clips) / notes if notes else None


def step_evenness(r: RequestEvaluation) -> Named:
    """Measure how even the steps between clips of different pieces are: where a step has FULL_STEP changes, and where fewer.

    The floor is the most even split of the changes between the ends into steps of whole notes.
    """
    e = r.evaluation
    floor: dict[bool, list[float]] = {True: [], False: []}
    found: dict[str, dict[bool, list[float]]] = {way: {True: [], False: []} for way in WAYS}
    for clips in (e.sources, r.cuts[LONG]):
        for pair in r.pairs(clips, "walks", e.sizes.pairs):
            far = compare(*pair, voice=e.voice_of)
            changes = len(far.moved) + len(far.added) + len(far.dropped)
            has_many = changes >= FULL_STEP * (STEPS - 1)
            floor[has_many].append(best_split(changes, STEPS - 1))
            for way, uneven in found.items():
                steps = interpolate(e, pair, way, STEPS)
                uneven[has_many].append(unevenness([distance(a, b, voice=e.voice_of) for a, b in pairwise(steps)]))
    for prefix, uneven in ({WAYS[way]: values for way, values in found.items()} | {"floor.whole_notes.": floor}).items():
        yield f"{prefix}step_cv", mean_or_none(uneven[True])
        yield f"{prefix}step_cv_few", mean_or_none(uneven[False])
    yield "step_cv_worst", float(np.quantile(found["even"][True], 0.95)) if floor[True] else None
    few = zip(found["even"][False], floor[False], strict=True)
    yield "step_cv_few_kept", mean_or_none(float(a <= b + 0.05) for a, b in few)


def interpolate(e: ModelEvaluation, pair: tuple[Clip, Clip], way: str, steps: int) -> Sequence[Clip]:
    """Go from one clip to another by one of WAYS, all but the cross-fade by the product."""
    if way == "crossfade":
        # With the same random numbers at every step, notes only leave and only come.
        at = [k / (steps - 1) for k in range(steps)]
        return [crossfade(*pair, t, rng=np.random.default_rng(e.seed), voice=e.voice_of) for t in at]
    path: Path = "slerp" if way == "slerp" else "morph" if way == "morph" else "even"
    return e.product.interpolate(*pair, steps=steps, path=path, seed=e.seed)


def clashes(clip: Clip, voice_of: VoiceOf | None) -> int:
    """Count notes struck less than half a sixteenth after another of their drum voice; in a clip of notes, after any other."""
    lanes: dict[int, list[float]] = {}
    for n in clip.notes:
        lanes.setdefault(lane_of(n.pitch, voice_of) if voice_of else 0, []).append(n.start)
    return sum(b - a < FLAM - 1e-9 for starts in lanes.values() for a, b in pairwise(sorted(starts)))
