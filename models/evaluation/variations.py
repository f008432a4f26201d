"""Variations as users get them: whether they are told from real music, and what whole files become."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np

from models.editing.rests import find_rests
from models.evaluation.baselines import random_edits
from models.evaluation.figures import Named, unjudged
from models.evaluation.model_evaluation import ModelEvaluation
from models.evaluation.product import VarySettings
from models.evaluation.scales import count_outside, count_own_outside
from models.evaluation.shares import compare_shares
from models.families.family import Family
from models.music.clip import Clip
from models.music.distance import VoiceOf, compare, distance

AMOUNTS = {"01": 0.1, "03": 0.3, "06": 0.6}
JUDGED = ("03", "06")  # amounts at which variations are judged
OUTSIDE_AIM = 0.02  # more of new notes outside the scale of their file than of its own, at most
EDITS = "baseline.random_edits."
FILES_TOGETHER = 4


def variations(e: ModelEvaluation) -> Named:
    """Measure variations of held-out windows, and random edits that go just as far."""
    for name in JUDGED:
        if not e.is_judged:
            yield from unjudged(f"vary_auc_{name}", f"{EDITS}vary_auc_{name}")
            continue
        rng, sources = e.rng(f"vary {name}"), e.sources
        varied = e.vary_one(sources.clips, AMOUNTS[name], rng)
        reached = [distance(a, b, voice=e.voice_of) for a, b in zip(sources.clips, varied, strict=True)]
        yield from e.auc_of_clips(f"vary_auc_{name}", varied, sources.piece)
        yield f"vary_distance_{name}", float(np.median(reached))
        edited = [edit(a, far, rng, e.voice_of) for a, far in zip(sources.clips, reached, strict=True)]
        yield from e.auc_of_clips(f"{EDITS}vary_auc_{name}", edited, sources.piece)


def varied_files(e: ModelEvaluation) -> Named:
    """Measure what variations of whole files do to the number of notes and to rests.

    `notes_ratio_*`: notes of a variation by those of its file, the median of the files. `rest_notes`: of the notes that are
    new at 0.3 the share that lies in a bar in which the file is silent. `outside_scale_*`: of the notes that are new the share
    outside the scale of the whole part, `_more` by how much it is above that of its own notes, `floor.copy.outside_scale`.
    """
    songs = [e.data.songs[i] for i in e.rng("varied files").permutation(len(e.data.songs))[: e.sizes.varied_files]]
    own = count_own_outside(songs)
    for name, amount in AMOUNTS.items():
        made: list[Clip] = []
        for first in range(0, len(songs), FILES_TOGETHER):
            some = songs[first : first + FILES_TOGETHER]
            answers = e.product.vary(some, VarySettings(min(amount, e.model.card.reach), count=1), seed=e.seed).of
            made += [answer[0] if answer else song for song, answer in zip(some, answers, strict=True)]
        yield f"notes_ratio_{name}", notes_ratio(songs, made)
        outside = count_outside(songs, made)
        yield f"outside_scale_{name}", outside.share if e.family.is_pitched else None
        if e.family.is_pitched:
            yield from compare_shares(f"outside_scale_{name}_more", outside, own, e.rng(f"outside scale {name}"))
            yield f"aim.outside_scale_{name}_more", f"≤ {OUTSIDE_AIM:.2f}"
        if name == "03":
            yield "rest_notes", rest_notes(songs, made, e.family)
    yield "floor.copy.outside_scale", own.share if e.family.is_pitched else None


def notes_ratio(sources: Sequence[Clip], made: Sequence[Clip]) -> float | None:
    """Find the median of how many notes each clip has, by those of its source; None without clips."""
    found = [len(b.notes) / len(a.notes) for a, b in zip(sources, made, strict=True) if a.notes]
    return float(median(found)) if found else None


def rest_notes(sources: Sequence[Clip], made: Sequence[Clip], family: Family) -> float | None:
    """Find the share of new notes that lie in silent bars of the source; None where nothing is new."""
    new = resting = 0
    for source, clip in zip(sources, made, strict=True):
        had = {(n.pitch, n.start) for n in source.notes}
        onsets = [n.start - clip.start for n in clip.notes if (n.pitch, n.start) not in had]
        silent, early = find_rests([source], family.spec, holds=bool(family.vocabulary.holds)), 0.5 * family.spec.step_beats
        new += len(onsets)
        resting += sum(any(a - early <= at < b - early for a, b in silent) for at in onsets)
    return resting / new if new else None


def changed_onsets(source: Clip, clip: Clip, voice_of: VoiceOf | None) -> list[float]:
    """List where the notes of a clip lie that are not its source's, in beats from its start."""
    found = compare(source, clip, voice=voice_of)
    return [clip.notes[j].start - clip.start for j in (*(j for _, j in found.moved), *found.added)]


def edit(source: Clip, far: float, rng: np.random.Generator, voice_of: VoiceOf | None) -> Clip:
    """Make random edits that go as far as something else did."""
    return random_edits(source, min(far, 1.0), rng=rng, voice=voice_of)
