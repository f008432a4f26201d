"""Whether the product varies music as musicians do: pairs of windows of one piece against pairs of which it made the second.

A real pair is two windows of one part that do not overlap, not transposed, at a distance of LEAST to MOST; of struck music
within BARS_APART bars of each other, since a take may go on to other beats. The second comes later. Against it stands the same
first window, given to the product alone, varied by the distance of the real pair; where the result misses that distance by
more than whole notes allow, both pairs go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.evaluation.data import PER_PIECE, Take
from models.evaluation.figures import Named, unjudged
from models.evaluation.judge import FOLDS, Exhibits, judge_exhibits, judge_halved_exhibits
from models.evaluation.model_evaluation import ModelEvaluation
from models.evaluation.pair_features import show_pairs, tells
from models.evaluation.pair_rows import pair_rows
from models.evaluation.product import VarySettings
from models.evaluation.scales import Classes, best_scale
from models.evaluation.variations import edit
from models.families.family import Family
from models.families.grid import Grid
from models.music.clip import Clip
from models.music.distance import distance, distances
from models.training.calibration import as_clip, on_grid

LEAST, MOST = 0.1, 0.6  # the distances of pairs: nearer is the same music, farther is other music
BARS_APART = 16  # of struck music
TRIES = 400  # pairs of a piece that are looked at
TELLS = 8  # features that are named
EDITS_LEAST = 0.85  # AUC by which judges that work tell random edits from what musicians do
CONTROL_MOST = 0.05  # how far from 0.5 they may be for some musicians against others


@dataclass(frozen=True)
class Pairs:
    """Pairs of windows, clips on the grid: `far` is the distance of each, `scales` what the whole part is written in."""

    grid: Grid  # the first windows, with their feel
    first: tuple[Clip, ...]
    second: tuple[Clip, ...]
    far: NDArray[np.float64]
    scales: tuple[Classes, ...]
    piece: NDArray[np.int64]

    def __len__(self) -> int:
        """How many pairs there are."""
        return len(self.first)


def pairs(e: ModelEvaluation) -> Named:
    """Judge the product's variations as second windows; which features tell most is said, one a line."""
    found = mine_pairs(e.data.takes, e.family, e.rng("pairs"), e.sizes.varied_pairs)
    yield "pairs", len(found)
    kept, made = vary_pairs(e, found)
    piece = found.piece[kept]
    if len(np.unique(piece)) < FOLDS:
        yield from unjudged("pair_auc", "baseline.random_edits.pair_auc")
        yield "control.pairs", None
        yield "pair_void", "too few pieces with pairs to judge by"
        return
    firsts, seconds = ([side[i] for i in kept] for side in (found.first, found.second))
    scales = [found.scales[i] for i in kept]
    real, ours = (show_pairs(e.family, firsts, side, scales, piece) for side in (seconds, made))
    yield "pairs_judged", len(kept)
    yield from _verdict("pair_auc", real, ours, e.seed)
    for place, text in enumerate(_tells(real, ours), 1):
        yield f"pair_tell_{place}", text
    yield from pair_rows(e.family, real, ours, (firsts, seconds, made), e.rng("pair rows"))
    rng = e.rng("edited pairs")
    edited = [edit(a, far, rng, e.voice_of) for a, far in zip(firsts, found.far[kept], strict=True)]
    edits = dict(_verdict("baseline.random_edits.pair_auc", real, show_pairs(e.family, firsts, edited, scales, piece), e.seed))
    yield from edits.items()
    enough = len(np.unique(piece)) >= 2 * FOLDS
    halves = judge_halved_exhibits(real, seed=e.seed, halvings=e.sizes.halvings) if enough else None
    yield "control.pairs", halves
    yield "pair_void", _why_void(halves, edits["baseline.random_edits.pair_auc"])


def mine_pairs(takes: Sequence[Take], family: Family, rng: np.random.Generator, most: int) -> Pairs:
    """Find pairs in takes, a few of each piece, none with the first window of another: at most so many, by chance."""
    by_piece: dict[int, list[Take]] = defaultdict(list)
    for take in takes:
        by_piece[take.piece].append(take)
    found: list[tuple[Take, int, int, float]] = []
    for its in by_piece.values():
        found += _pairs_of_piece(its, family, rng)
    chosen = [found[i] for i in np.sort(rng.permutation(len(found))[:most])]
    shown = {(id(take), i): _clip(family, take.windows, i) for take, *both, _ in chosen for i in both}
    silent = Grid.silent(0, family.spec, family.vocabulary)
    scales = {id(take): _scale(take, family) for take, *_ in chosen}
    return Pairs(
        Grid.stack([silent, *(take.windows[i : i + 1] for take, i, _, _ in chosen)]),
        tuple(shown[id(take), i] for take, i, _, _ in chosen),
        tuple(shown[id(take), j] for take, _, j, _ in chosen),
        np.array([far for *_, far in chosen], np.float64),
        tuple(scales[id(take)] for take, *_ in chosen),
        np.array([take.piece for take, *_ in chosen], np.int64),
    )


def vary_pairs(e: ModelEvaluation, found: Pairs) -> tuple[NDArray[np.int64], list[Clip]]:
    """Ask for a variation of each first window, alone, as far as the second is: which pairs are met, and what was made.

    As many variations are asked for as the command makes by default. Of those that meet the distance on the grid, which is
    all that the judges see, one is taken by chance.
    """
    rng = e.rng("varied pairs")
    kept: list[int] = []
    made: list[Clip] = []
    for i, source in enumerate(e.clips(found.grid)):
        (answer,) = e.product.vary([source], VarySettings(float(found.far[i])), seed=e.seed).of
        clips = [_clip(e.family, e.lay_out([clip]), 0) for clip in answer]
        missed = [abs(far - found.far[i]) for far in distances(found.first[i], clips, voice=e.voice_of)]
        met = [clip for clip, off in zip(clips, missed, strict=True) if off <= 0.5 / len(found.first[i].notes) + 1e-9]
        if met:
            kept.append(i)
            made.append(met[int(rng.integers(len(met)))])
    return np.array(kept, np.int64), made


def _pairs_of_piece(takes: Sequence[Take], family: Family, rng: np.random.Generator) -> Iterator[tuple[Take, int, int, float]]:
    """Draw pairs of one piece until there are enough, or the tries are used up."""
    near = None if family.is_pitched else BARS_APART
    every = [(take, i, j) for take in takes for i, j in _candidates(take.at, near)]
    clips: dict[tuple[int, int], Clip] = {}
    firsts: set[bytes] = set()
    for k in rng.permutation(len(every))[:TRIES].tolist():
        take, i, j = every[k]
        key = take.windows.tokens[i].tobytes()
        if key in firsts:
            continue
        for w in (i, j):
            clips.setdefault((id(take), w), _clip(family, take.windows, w))
        a, b = clips[id(take), i], clips[id(take), j]
        far = distance(a, b, voice=family.lane_of) if a.notes else 0.0
        if LEAST - 1e-9 <= far <= MOST + 1e-9:
            firsts.add(key)
            yield take, i, j, far
            if len(firsts) == PER_PIECE:
                return


def _candidates(at: NDArray[np.int64], near: int | None) -> Iterator[tuple[int, int]]:
    """List pairs of windows that do not overlap, by the half windows they begin at; the later one second."""
    for i, first in enumerate(at.tolist()):
        for j in range(i + 1, len(at)):
            apart = int(at[j]) - first
            if apart >= 2 and (near is None or apart <= near):
                yield i, j


def _clip(family: Family, windows: Grid, index: int) -> Clip:
    return as_clip(family, on_grid(windows[index : index + 1]))


def _scale(take: Take, family: Family) -> Classes:
    """Find the major scale that holds most of the notes of a take, as pitch classes; all of them for struck music."""
    if not family.is_pitched:
        return frozenset(range(12))
    return best_scale(note for i in range(len(take.windows)) for note in _clip(family, take.windows, i).notes)


def _verdict(key: str, real: Exhibits, other: Exhibits, seed: int) -> Named:
    verdict = judge_exhibits(real, other, seed=seed)
    yield key, verdict.auc
    yield f"{key}_low", verdict.low
    yield f"{key}_high", verdict.high
    yield f"{key}_by", verdict.by


def _tells(real: Exhibits, ours: Exhibits) -> list[str]:
    """Name the features that tell most, each by itself: its AUC, and its means."""
    columns = {name: real.table[:, k] for k, name in enumerate(real.names)}
    others = {name: ours.table[:, k] for k, name in enumerate(ours.names)}
    shared = [name for name in columns if name in others]
    power = {name: tells(columns[name], others[name]) for name in shared}
    best = sorted(shared, key=lambda name: -power[name])[:TELLS]
    means = {name: (np.nanmean(columns[name]), np.nanmean(others[name])) for name in best}
    return [f"{name}: real {means[name][0]:.2f}, ours {means[name][1]:.2f} (AUC {power[name]:.2f})" for name in best]


def _why_void(halves: float | None, edits: object) -> str:
    """Say why the judges of pairs must not be trusted, if so."""
    if halves is None:
        return f"fewer than {2 * FOLDS} pieces with pairs: too few to judge by"
    if abs(halves - 0.5) > CONTROL_MOST:
        return f"pairs of some pieces are distinguishable from pairs of others: AUC {halves:.2f}, not 0.50 ± 0.05"
    if not isinstance(edits, float) or edits < EDITS_LEAST:
        return f"the judges miss random edits: AUC {edits:.2f}, not at least {EDITS_LEAST}"
    return ""
