"""Two fixed judges of whether music is real: a small convolutional net on grids and boosted trees on named features.

Grids in, figures out; no models, no files. `judge` is the yardstick of every AUC that `evaluate` prints.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedGroupKFold
from threadpoolctl import threadpool_limits
from torch import nn
from torch.nn import functional as F

from models.grid import BAR_STEPS, DRUMS, HOLD, REST, STEPS_PER_BEAT, VOICES, Grid, GridKind

FOLDS = 5
EPOCHS, BATCH, RATE = 14, 32, 4e-3  # of the net
LAGS = (1, 4, 8, 16)  # steps: how far back the net compares
DRAWS = 400  # of the bootstrap
MAJOR = (0, 2, 4, 5, 7, 9, 11)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Exhibit:
    """Windows of one class, and the piece each comes from: no piece is both learned from and judged."""

    grid: Grid
    piece: NDArray[np.int64]

    def __len__(self) -> int:
        """How many windows there are."""
        return len(self.grid)


@dataclass(frozen=True)
class Sight:
    """What a judge is shown of a grid: which kind it is, and whether its velocities and its timing count."""

    kind: GridKind
    velocity: bool
    timing: bool


@dataclass(frozen=True)
class Verdict:
    """How well the better judge tells two classes apart: 0.5 not at all, 1 always; `low`..`high` is the 95 % interval."""

    auc: float
    low: float
    high: float
    by: str
    each: tuple[tuple[str, float], ...]


def judge(real: Exhibit, other: Exhibit, *, sight: Sight, seed: int) -> Verdict:
    """Try to tell two classes apart: cross-validated by piece, as many windows of each, the better judge counts."""
    rng = np.random.default_rng((seed, 1))
    size = min(len(real), len(other))
    rows = [np.sort(rng.permutation(len(e))[:size]) for e in (real, other)]
    grid = Grid.stack([real.grid[rows[0]], other.grid[rows[1]]])
    piece = np.concatenate([real.piece[rows[0]], other.piece[rows[1]]])
    label = np.repeat([0, 1], size)
    with _one_thread():
        scores = _scores(grid, label, piece, sight, seed)
    verdicts: list[Verdict] = []
    for name, score in scores.items():
        auc = float(_aucs(score, label, np.ones((1, len(label))))[0])
        draws = _aucs(score, label, _resampled(piece, rng))
        if auc < 0.5:
            auc, draws = 1 - auc, 1 - draws
        low, high = np.quantile(draws, [0.025, 0.975])
        verdicts.append(Verdict(auc, float(low), float(high), name, ()))
    best = max(verdicts, key=lambda v: v.auc)
    return Verdict(best.auc, best.low, best.high, best.by, tuple((v.by, v.auc) for v in verdicts))


def features(grid: Grid, sight: Sight) -> dict[str, Floats]:
    """Describe each window by named numbers, [B] each; NaN where a number makes no sense (no snare has no loudness)."""
    named = _drum_features(grid) if sight.kind is DRUMS else _melody_features(grid)
    struck = sight.kind.onsets[grid.tokens]
    labels = [v.name for v in VOICES] if sight.kind is DRUMS else []
    if sight.velocity:
        named |= _feel_features("velocity", np.round(grid.velocities * 127), struck, labels)
    if sight.timing:
        named |= _feel_features("offset", grid.offsets, struck, labels)
    return named


def _scores(grid: Grid, label: NDArray[np.int64], piece: NDArray[np.int64], sight: Sight, seed: int) -> dict[str, Floats]:
    """Score every window by judges that have not seen its piece; ranks within a fold, since folds differ in calibration."""
    table = np.stack(list(features(grid, sight).values()), 1)
    picture = _picture(grid, sight)
    scores = {"net": np.zeros(len(label)), "trees": np.zeros(len(label))}
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed % 2**32)
    for number, (seen, unseen) in enumerate(folds.split(table, label, piece)):
        trees = HistGradientBoostingClassifier(
            learning_rate=0.08,
            max_iter=120,
            max_leaf_nodes=12,
            min_samples_leaf=15,
            l2_regularization=1.0,
            max_features=0.5,
            random_state=seed % 2**32,
        ).fit(table[seen], label[seen])
        scores["trees"][unseen] = _ranks(trees.decision_function(table[unseen]))
        scores["net"][unseen] = _ranks(_net_scores(picture[seen], label[seen], picture[unseen], seed + number))
    return scores


class _Net(nn.Module):
    """Convolutions over steps, pooled at every depth: 10-15 k weights."""

    def __init__(self, channels: int, steps: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(channels, 32, 1)
        self.place = nn.Parameter(torch.zeros(32, steps))
        self.second = nn.Conv1d(32, 32, 5, padding=2)
        self.third = nn.Conv1d(32, 32, 5, stride=2, padding=2)
        self.last = nn.Linear(4 * 32, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = F.gelu(self.first(F.dropout1d(x, 0.1, self.training)) + self.place)
        b = F.gelu(self.second(F.dropout(a, 0.3, self.training)))
        c = F.gelu(self.third(F.dropout(b, 0.3, self.training)))
        pooled = torch.cat([a.mean(-1), b.mean(-1), c.mean(-1), c.amax(-1)], -1)
        score: torch.Tensor = self.last(F.dropout(pooled, 0.3, self.training))[:, 0]
        return score


def _net_scores(seen: NDArray[np.float32], label: NDArray[np.int64], unseen: NDArray[np.float32], seed: int) -> Floats:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = _Net(*seen.shape[1:])
        x, y = torch.from_numpy(seen), torch.from_numpy(label).float()
        optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=0.05)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=EPOCHS * -(-len(y) // BATCH))
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(y)).split(BATCH):
                optimizer.zero_grad(set_to_none=True)
                F.binary_cross_entropy_with_logits(net(x[rows]), y[rows]).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
        net.eval()
        with torch.no_grad():
            scores: Floats = net(torch.from_numpy(unseen)).double().numpy()
        return scores


def _picture(grid: Grid, sight: Sight) -> NDArray[np.float32]:
    """Show windows to the net, [B, C, T]: what each step is, and how it differs from the steps some way before it.

    The differences matter: with a few hundred windows a net does not find out by itself that music repeats.
    """
    struck = sight.kind.onsets[grid.tokens]
    parts: list[NDArray[np.generic]] = [struck]
    if sight.kind is not DRUMS:
        parts += _line(grid.tokens)
    if sight.velocity:
        loud = np.round(grid.velocities * 127) * struck
        parts += [loud / 127, (loud >= 127).any(2, keepdims=True)]
    if sight.timing:
        parts.append(grid.offsets * struck)
    now = np.concatenate(parts, -1).astype(np.float32)
    seen = np.concatenate([now, *(np.abs(now - np.roll(now, lag, axis=1)) for lag in LAGS)], -1)
    seen = (seen - seen.mean((0, 1))) / (seen.std((0, 1)) + 0.05)
    return np.ascontiguousarray(seen.transpose(0, 2, 1))


def _line(tokens: NDArray[np.int64]) -> list[NDArray[np.generic]]:
    """Show a melody in the key it is most likely in: hold, rest, degree, height and interval, each [B, T, C]."""
    pitch = sounding(tokens)
    sounds = pitch >= 0
    height = pitch - (np.where(sounds, pitch, 0).sum(1) / np.maximum(sounds.sum(1), 1))[:, None]
    degree = (pitch - _key(pitch)[:, None]) % 12
    before = np.concatenate([pitch[:, :1], pitch[:, :-1]], 1)
    interval = np.where(sounds & (before >= 0), np.abs(pitch - before), 0)
    return [
        tokens[..., None] == HOLD,
        tokens[..., None] == REST,
        (degree[..., None] == np.arange(12)) & sounds[..., None],
        np.where(sounds, height / 12, 0)[..., None],
        interval[..., None] / 6,
    ]


def _key(pitch: NDArray[np.int64]) -> NDArray[np.int64]:
    """Guess the key of sounding pitches [B, T], -1 for silence: the major scale that holds most of them, its triad above all."""
    weight = np.stack([((pitch % 12 == k) & (pitch >= 0)).sum(1) for k in range(12)], 1)
    degree = (np.arange(12)[None] - np.arange(12)[:, None]) % 12
    fit = np.isin(degree, MAJOR) + 0.3 * np.isin(degree, [0, 4, 7])
    best: NDArray[np.int64] = (weight @ fit.T).argmax(1)
    return best


def sounding(tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find the pitch that sounds at each step of melody tokens, [B, T], -1 for silence."""
    steps = np.arange(tokens.shape[1])
    last = np.maximum.accumulate(np.where(tokens != HOLD, steps, 0), axis=1)
    source = np.take_along_axis(tokens, last, 1)
    return np.where(source < HOLD, source, -1)


def _drum_features(grid: Grid) -> dict[str, Floats]:
    struck = DRUMS.onsets[grid.tokens]
    named = _rhythm_features(grid.tokens, struck, 0)
    for v, voice in enumerate(VOICES):
        named[f"density_{voice.name}"] = struck[:, :, v].sum(1).astype(float)
    together = struck.sum(2)
    hit = together > 0
    named["together_mean"] = _ratio(together.sum(1), hit.sum(1))
    named["together_max"] = together.max(1).astype(float)
    named["voices"] = struck.any(1).sum(1).astype(float)
    named["hats_at_once"] = (struck[:, :, 2] & struck[:, :, 3]).sum(1).astype(float)
    named["cymbals_at_once"] = (struck[:, :, [2, 3, 7, 8]].sum(2) > 1).sum(1).astype(float)
    named["hands_at_once"] = (struck[:, :, 1:].sum(2) > 2).sum(1).astype(float)
    named["backbeat"] = struck[:, [4, 12, 20, 28], 1].sum(1).astype(float)
    named["kick_on_one"] = struck[:, [0, 16], 0].sum(1).astype(float)
    named["kick_syncopation"] = _syncopation(struck[:, :, 0])
    named["snare_syncopation"] = _syncopation(struck[:, :, 1])
    named["fill"] = struck[:, 24:, 4:7].sum((1, 2)).astype(float)
    for name, lanes in (("kick", [0]), ("snare", [1]), ("hats", [2, 3]), ("ride", [8])):
        bars = struck[:, :, lanes].reshape(len(struck), 2, -1)
        named[f"bars_alike_{name}"] = _ratio((bars[:, 0] & bars[:, 1]).sum(1), (bars[:, 0] | bars[:, 1]).sum(1))
    return named


def _melody_features(grid: Grid) -> dict[str, Floats]:
    tokens = grid.tokens
    struck = tokens < HOLD
    named = _rhythm_features(tokens, struck[:, :, None], REST)
    count = np.maximum(struck.sum(1), 1)
    steps = tokens.shape[1]
    # Notes of each window in a row, padded: pitch and length.
    order = np.argsort(~struck, axis=1, kind="stable")
    there = np.arange(steps) < struck.sum(1)[:, None]
    pitch = np.where(there, np.take_along_axis(tokens, order, 1), -1)
    length = np.where(there, np.take_along_axis(lengths(tokens), order, 1), 0)
    gap = (there[:, 1:] & there[:, :-1]).astype(bool)
    interval = np.where(gap, pitch[:, 1:] - pitch[:, :-1], 0)
    wide = np.abs(interval)
    gaps = np.maximum(gap.sum(1), 1)
    named["hold_share"] = (tokens == HOLD).mean(1)
    named["rest_share"] = (tokens == REST).mean(1)
    named["rests"] = ((tokens == REST)[:, 1:] & (tokens != REST)[:, :-1]).sum(1).astype(float)
    named["longest_rest"] = _longest(tokens == REST)
    named["ends_silent"] = (tokens[:, -1] == REST).astype(float)
    named["duration_mean"] = length.sum(1) / count
    named["duration_max"] = length.max(1).astype(float)
    named["durations"] = _distinct(length, there)
    for low, high in ((1, 1), (2, 2), (3, 3), (4, 4), (5, 7), (8, 32)):
        named[f"duration_{low}_{high}"] = ((length >= low) & (length <= high)).sum(1) / count
    named["pitch_mean"] = np.where(there, pitch, 0).sum(1) / count
    top, bottom = np.where(there, pitch, -1).max(1), np.where(there, pitch, 999).min(1)
    named["pitch_range"] = np.where(struck.any(1), top - bottom, np.nan)
    named["pitches"] = _distinct(pitch, there)
    named["pitch_classes"] = _distinct(pitch % 12, there)
    named["pitch_top"] = top.astype(float)
    named["last_pitch"] = np.take_along_axis(pitch, count[:, None] - 1, 1)[:, 0] - named["pitch_mean"]
    named["interval_mean"] = wide.sum(1) / gaps
    named["interval_max"] = wide.max(1).astype(float)
    named["interval_sum"] = interval.sum(1).astype(float)
    for low, high in ((0, 0), (1, 1), (2, 2), (3, 4), (5, 5), (6, 6), (7, 9), (10, 11), (12, 12), (13, 127)):
        named[f"interval_{low}_{high}"] = ((wide >= low) & (wide <= high) & gap).sum(1) / gaps
    turn = (interval[:, 1:] * interval[:, :-1] < 0).sum(1)
    named["turns"] = turn / gaps
    named["tritone"] = (wide == 6).sum(1).astype(float)
    leap_back = (wide[:, :-1] > 4) & (interval[:, 1:] * interval[:, :-1] < 0) & (wide[:, 1:] <= 4)
    named["leaps_resolved"] = _ratio(leap_back.sum(1), ((wide[:, :-1] > 4) & gap[:, 1:]).sum(1))
    weight = np.zeros((len(tokens), 12))
    np.add.at(weight, (np.nonzero(there)[0], pitch[there] % 12), length[there])
    scale = np.isin((np.arange(12)[None] - np.arange(12)[:, None]) % 12, [0, 2, 4, 5, 7, 9, 11])
    total = np.maximum(weight.sum(1), 1)
    inside = weight @ scale.T.astype(float)
    named["in_key"] = inside.max(1) / total
    tonic = inside.argmax(1)
    named["tonic_share"] = weight[np.arange(len(tokens)), tonic] / total
    share = weight / total[:, None]
    named["pitch_class_entropy"] = -(share * np.log(np.maximum(share, 1e-9))).sum(1)
    said = sounding(tokens)
    for lag in (4, 8, 16):
        named[f"pitch_again_{lag}"] = ((tokens[:, lag:] == tokens[:, :-lag]) & struck[:, lag:]).sum(1) / count
        both = struck[:, lag:] & struck[:, :-lag]
        shift = np.where(both, tokens[:, lag:] - tokens[:, :-lag], 99)
        middle = np.nanmedian(np.where(both, shift, np.nan), axis=1) if both.any(1).all() else _median(shift, both)
        named[f"moved_again_{lag}"] = _ratio(((shift == middle[:, None]) & both).sum(1), both.sum(1))
        named[f"sounds_again_{lag}"] = ((said[:, lag:] == said[:, :-lag]) & (said[:, lag:] >= 0)).mean(1)
    strong = struck[:, ::4]
    named["jump_to_beat"] = np.abs(np.diff(np.where(strong, tokens[:, ::4], 60), axis=1)).mean(1)
    return named


def _rhythm_features(tokens: NDArray[np.int64], struck: NDArray[np.bool_], silence: int) -> dict[str, Floats]:
    """Describe onsets [B, T, V] whatever they are onsets of."""
    onset = struck.any(2)
    hits = struck.sum(2)
    total = np.maximum(hits.sum(1), 1)
    named: dict[str, Floats] = {
        "density": hits.sum(1).astype(float),
        "density_bar_1": hits[:, :BAR_STEPS].sum(1).astype(float),
        "density_bar_2": hits[:, BAR_STEPS:].sum(1).astype(float),
        "onset_steps": onset.sum(1).astype(float),
        "first_onset": np.where(onset.any(1), onset.argmax(1), 32).astype(float),
        "last_onset": np.where(onset.any(1), onset[:, ::-1].argmax(1), 32).astype(float),
        "longest_gap": _longest(~onset),
        "longest_run": _longest(onset),
        "syncopation": _syncopation(onset),
        "tokens": _distinct(tokens, np.ones(tokens.shape, bool)),
    }
    for k, name in enumerate(("on_beat", "e", "and", "a")):
        named[f"share_{name}"] = hits[:, k::STEPS_PER_BEAT].sum(1) / total
    beats = hits.reshape(len(hits), -1, STEPS_PER_BEAT).sum(2)
    for k in range(beats.shape[1]):
        named[f"density_beat_{k + 1}"] = beats[:, k].astype(float)
    named["density_spread"] = beats.std(1)
    for lag in (1, 2, 4, 8, 16):
        named[f"alike_{lag}"] = (tokens[:, lag:] == tokens[:, :-lag]).mean(1)
        either = (struck[:, lag:] | struck[:, :-lag]).sum((1, 2))
        named[f"onsets_alike_{lag}"] = _ratio((struck[:, lag:] & struck[:, :-lag]).sum((1, 2)), either)
    return named


def _feel_features(
    what: str, values: NDArray[np.float32], struck: NDArray[np.bool_], labels: Sequence[str]
) -> dict[str, Floats]:
    """Describe velocities or offsets [B, T, V] of what is struck."""
    masked = np.where(struck, values, np.nan).astype(float)
    flat = masked.reshape(len(masked), -1)
    lag_1 = masked[:, 1:] - masked[:, :-1]
    named = {
        f"{what}_mean": _mean(flat),
        f"{what}_spread": _spread(flat),
        f"{what}_max": _reduce(np.fmax, flat),
        f"{what}_min": _reduce(np.fmin, flat),
        f"{what}_next": _mean(np.abs(lag_1).reshape(len(masked), -1)),
        f"{what}_next_bar": _mean(np.abs(masked[:, 16:] - masked[:, :-16]).reshape(len(masked), -1)),
        f"{what}_next_beat": _mean(np.abs(masked[:, 4:] - masked[:, :-4]).reshape(len(masked), -1)),
        f"{what}_extreme": _mean(np.where(np.isnan(flat), np.nan, np.abs(flat) >= (127 if what == "velocity" else 0.45))),
    }
    for k, name in enumerate(("on_beat", "e", "and", "a")):
        named[f"{what}_{name}"] = _mean(masked[:, k::STEPS_PER_BEAT].reshape(len(masked), -1)) - named[f"{what}_mean"]
    for v, label in enumerate(labels):
        named[f"{what}_{label}"] = _mean(masked[:, :, v])
        named[f"{what}_spread_{label}"] = _spread(masked[:, :, v])
        named[f"{what}_next_{label}"] = _mean(np.abs(lag_1[:, :, v]))
    if len(labels) > 1:
        named[f"{what}_apart"] = _mean(_spread(masked.reshape(-1, masked.shape[2])).reshape(masked.shape[:2]))
    return named


def lengths(tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the steps that each onset of melody tokens lasts, [B, T], 0 where there is none."""
    steps = tokens.shape[1]
    ends = np.where(tokens != HOLD, np.arange(steps), steps)
    after = np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]
    following = np.concatenate([after[:, 1:], np.full((len(tokens), 1), steps)], 1)
    return np.where(tokens < HOLD, following - np.arange(steps), 0)


# How strong each sixteenth of a bar is (Longuet-Higgins and Lee 1984).
_STRENGTH = np.array([0, -4, -3, -4, -2, -4, -3, -4, -1, -4, -3, -4, -2, -4, -3, -4])


def _syncopation(onset: NDArray[np.bool_]) -> Floats:
    """Sum how much stronger the silent steps after each onset are than its own (Longuet-Higgins and Lee), [B]."""
    strength = np.tile(_STRENGTH, 2)
    total = np.zeros(len(onset))
    strongest = np.full(len(onset), -9)
    for t in range(onset.shape[1] - 1, -1, -1):
        total += np.where(onset[:, t], np.maximum(0, strongest - strength[t]), 0)
        strongest = np.where(onset[:, t], -9, np.maximum(strongest, strength[t]))
    return total


def _longest(run: NDArray[np.bool_]) -> Floats:
    longest = np.zeros(len(run))
    now = np.zeros(len(run))
    for t in range(run.shape[1]):
        now = np.where(run[:, t], now + 1, 0)
        longest = np.maximum(longest, now)
    return longest


def _distinct(values: NDArray[np.int64], there: NDArray[np.bool_]) -> Floats:
    ordered = np.sort(np.where(there, values, -1), axis=1)
    return ((np.diff(ordered, axis=1) != 0).sum(1) + 1 - (ordered[:, 0] == -1)).astype(float)


def _ratio(a: NDArray[np.generic], b: NDArray[np.generic]) -> Floats:
    return np.where(b > 0, a / np.maximum(b, 1), np.nan).astype(float)


def _median(values: NDArray[np.int64], there: NDArray[np.bool_]) -> Floats:
    return np.array([np.median(v[t]) if t.any() else np.nan for v, t in zip(values, there, strict=True)])


def _mean(values: Floats) -> Floats:
    there = ~np.isnan(values)
    return _ratio(np.where(there, values, 0).sum(1), there.sum(1))


def _spread(values: Floats) -> Floats:
    return np.sqrt(np.maximum(_mean((values - _mean(values)[:, None]) ** 2), 0))


def _reduce(how: np.ufunc, values: Floats) -> Floats:
    result: Floats = how.reduce(values, axis=1)
    return result


def _ranks(scores: Floats) -> Floats:
    """Turn scores into their ranks, 0..1, equal ones sharing theirs."""
    _, inverse, count = np.unique(scores, return_inverse=True, return_counts=True)
    upper = np.cumsum(count)
    return ((upper - count / 2) / len(scores))[inverse]


def _resampled(piece: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """Draw pieces with replacement: how often each window counts, [DRAWS, B]."""
    _, index = np.unique(piece, return_inverse=True)
    pieces = int(index.max()) + 1
    return rng.multinomial(pieces, np.full(pieces, 1 / pieces), size=DRAWS)[:, index].astype(float)


def _aucs(scores: Floats, label: NDArray[np.int64], weights: Floats) -> Floats:
    """Compute the area under the ROC curve for each row of weights [R, B]."""
    _, level = np.unique(scores, return_inverse=True)
    levels = int(level.max()) + 1
    heaps = np.zeros((2, levels, len(weights)))
    for side in (0, 1):
        np.add.at(heaps[side], level[label == side], weights.T[label == side])
    below = np.cumsum(heaps[0], axis=0) - heaps[0] / 2
    area: Floats = (heaps[1] * below).sum(0) / np.maximum(heaps[0].sum(0) * heaps[1].sum(0), 1e-9)
    return area


@contextmanager
def _one_thread() -> Iterator[None]:
    """Work on one thread: two that wait for a busy core cost more than one, and sums come out the same everywhere."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)
