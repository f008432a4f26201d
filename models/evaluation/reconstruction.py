"""What `reconstruct` gives back: of windows, step by step, and of whole files, note by note."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.editing.clip_state import VOICES
from models.evaluation.figures import Named, mean_or_none
from models.evaluation.model_evaluation import ModelEvaluation
from models.families.family import Family
from models.families.grid import Grid
from models.music.clip import Clip
from models.music.distance import VoiceOf
from models.network.decoding import LatentModel
from models.network.latent import Latents

TOGETHER = 128  # windows in one request
FILES_TOGETHER = 8
NEAR = 1 / 6  # beats: how far a note may lie from the one it stands for
STEP_MS = 125.0  # a sixteenth at 120 beats per minute


def reconstruction(e: ModelEvaluation) -> Named:
    """Measure what comes back of held-out windows, and what trivial answers would be worth."""
    truth, vocabulary = e.test_grid, e.family.vocabulary
    yield "model", e.model.card.name
    yield "data", ", ".join(s for i, s in enumerate(e.test.sets) if (e.test.set_of == i).any())
    yield "split", e.data.split
    yield "clips", len(e.test)
    made: list[Clip] = []
    for first in range(0, len(e.test_clips), TOGETHER):
        made += e.product.reconstruct(e.test_clips[first : first + TOGETHER], seed=e.seed)
    found = e.lay_out(made)
    yield from agreement(truth, found, e.family, "")
    yield "step_accuracy_tf", _teacher_forced(e.model, truth)
    both = vocabulary.struck(truth.tokens) & vocabulary.struck(found.tokens)
    velocity, timing = (both & e.test.feel[:, k, None, None] for k in (0, 1))
    yield "velocity_mae", _mean_error(truth.velocities * 127, found.velocities * 127, velocity)
    late = _mean_error(truth.offsets * STEP_MS, found.offsets * STEP_MS, timing)
    yield "timing_mae_ms", late if e.model.card.timing else None
    yield "rate_nats", -e.model.card.latent * math.log(e.model.least_noise)
    before = np.roll(truth.tokens, 1, axis=1)
    before[:, 0] = vocabulary.silence
    other = e.elsewhere(e.test.piece, "copy")
    floors = {"copy": truth.tokens[other], "rest": np.zeros_like(before) + np.array(vocabulary.silence), "repeat": before}
    for name, tokens in floors.items():
        # Only tokens are compared.
        yield from agreement(truth, Grid(tokens, truth.velocities, truth.offsets), e.family, f"floor.{name}.")


def whole_files(e: ModelEvaluation) -> Named:
    """Measure how many notes of whole held-out files come back: the mean of the files' note F1, and that of other files.

    Beside it stands what comes back through the grid alone, without a network: also of each set.
    """
    chosen = e.rng("files").permutation(len(e.data.songs))[: e.sizes.files]
    songs = [e.data.songs[i] for i in chosen]
    made: list[Clip] = []
    for first in range(0, len(songs), FILES_TOGETHER):
        made += e.product.reconstruct(songs[first : first + FILES_TOGETHER], seed=e.seed)
    scores = [note_f1(a, b, e.voice_of) for a, b in zip(songs, made, strict=True)]
    yield "file_onset_f1", mean_or_none(score for score in scores if score is not None)
    gridded = [note_f1(song, through_grid(song, e.family), e.voice_of) for song in songs]
    yield "baseline.grid.file_onset_f1", mean_or_none(score for score in gridded if score is not None)
    of_set = [e.data.song_sets[i] for i in chosen] if e.data.song_sets else []
    for name in sorted(set(of_set)):
        for prefix, its in (("", scores), ("baseline.grid.", gridded)):
            those = (score for score, where in zip(its, of_set, strict=True) if where == name and score is not None)
            yield f"{prefix}file_onset_f1.{name}", mean_or_none(those)
    others = [note_f1(a, b, e.voice_of) for a, b in zip(songs, (*songs[1:], *songs[:1]), strict=True)] if len(songs) > 1 else []
    yield "floor.copy.file_onset_f1", mean_or_none(score for score in others if score is not None)


def through_grid(clip: Clip, family: Family) -> Clip:
    """Write a clip anew from its grid: what is lost so, no network gives back."""
    layout = family.clip_to_grid(clip, voices=VOICES)
    return family.grid_to_clip(layout.without_notes(), layout.grid)


def note_f1(truth: Clip, found: Clip, voice_of: VoiceOf | None) -> float | None:
    """Compare the notes of two clips: the harmonic mean of precision and recall; None where neither has any.

    A note is found if one of its pitch, or for drums of its voice, begins within NEAR; each stands for one. Pads of no voice
    are left out.
    """
    ours, theirs = (_onsets(clip, voice_of) for clip in (truth, found))
    notes = sum(map(len, ours.values())) + sum(map(len, theirs.values()))
    hits = sum(_matched(starts, theirs.get(lane, [])) for lane, starts in ours.items())
    return 2 * hits / notes if notes else None


def _onsets(clip: Clip, voice_of: VoiceOf | None) -> dict[int, list[float]]:
    lanes: dict[int, list[float]] = defaultdict(list)
    for note in clip.notes:
        lane = voice_of(note.pitch) if voice_of else note.pitch
        if lane is not None:
            lanes[lane].append(note.start - clip.start)
    return {lane: sorted(starts) for lane, starts in lanes.items()}


def _matched(a: Sequence[float], b: Sequence[float]) -> int:
    """Count pairs of onsets within NEAR of each other, as many as can be: the earliest partner is always a best one."""
    hits = free = 0
    for start in a:
        at = max(free, bisect_left(b, start - NEAR - 1e-9))
        if at < len(b) and b[at] <= start + NEAR + 1e-9:
            hits, free = hits + 1, at + 1
    return hits


def agreement(truth: Grid, found: Grid, family: Family, prefix: str) -> Named:
    """Compare step by step: tokens that are just right, onsets of each lane, and the pitch of matched onsets."""
    a, b = (family.vocabulary.struck(grid.tokens) for grid in (truth, found))
    hit, said, there = (a & b).sum(), b.sum(), a.sum()
    yield f"{prefix}step_accuracy", float((truth.tokens == found.tokens).mean())
    yield f"{prefix}onset_precision", float(hit / said) if said else None
    yield f"{prefix}onset_recall", float(hit / there) if there else None
    yield f"{prefix}onset_f1", float(2 * hit / (said + there)) if said + there else None
    both = (a & b).any(2)
    same = (truth.tokens == found.tokens).all(-1) & both
    yield f"{prefix}pitch_accuracy", float(same.sum() / both.sum()) if family.is_pitched and both.any() else None


def encode(model: LatentModel, grid: Grid) -> Latents:
    """Find the posterior means of many windows."""
    return np.concatenate([model.encode(grid[i : i + 256]) for i in range(0, len(grid), 256)])


def _teacher_forced(model: LatentModel, truth: Grid) -> float | None:
    """Measure the share of steps whose likeliest token, given the true ones before it, is right; only torch can tell."""
    from models.network.torch_runtime import TorchModel

    if not isinstance(model, TorchModel):
        return None
    right = 0
    for i in range(0, len(truth), 256):
        part = truth[i : i + 256]
        level = np.full(len(part), model.least_noise, np.float32)
        right += int((model.score(model.encode(part), level, part).argmax(-1) == part.tokens).sum())
    return right / truth.tokens.size


def _mean_error(truth: NDArray[np.float32], found: NDArray[np.float32], where: NDArray[np.bool_]) -> float | None:
    return float(np.abs(truth - found)[where].mean()) if where.any() else None
