"""Two fixed judges of whether music is real: a small convolutional net on grids and boosted trees on named features.

Arrays in, figures out; no models, no files. `judge` is the yardstick of every AUC of windows that `evaluate` prints, and
`judge_exhibits` the same for whatever else can be shown (such as pairs of windows).
"""

from __future__ import annotations

from collections.abc import Iterator
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

from models.evaluation.features import FeatureView, features, picture
from models.families.grid import Grid
from models.families.statistics import Floats

FOLDS = 5
EPOCHS, BATCH, RATE = 14, 32, 4e-3  # of the net
DRAWS = 400  # of the bootstrap
HALVED = 240  # windows of the control, each time


@dataclass(frozen=True)
class LabelledWindows:
    """Windows of one class, and the piece each comes from: no piece is both learned from and judged."""

    grid: Grid
    piece: NDArray[np.int64]

    def __len__(self) -> int:
        """How many windows there are."""
        return len(self.grid)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> LabelledWindows:
        """Some of the windows."""
        return LabelledWindows(self.grid[rows], self.piece[rows])


@dataclass(frozen=True)
class Exhibits:
    """What the judges are shown of one class: named numbers [B, F], pictures [B, C, T], and the piece each comes from."""

    names: tuple[str, ...]
    table: Floats
    picture: NDArray[np.float32]
    piece: NDArray[np.int64]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.piece)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Exhibits:
        """Some of them."""
        return Exhibits(self.names, self.table[rows], self.picture[rows], self.piece[rows])


@dataclass(frozen=True)
class Verdict:
    """How well the better judge tells two classes apart: 0.5 not at all, 1 always; `low`..`high` is the 95 % interval."""

    auc: float
    low: float
    high: float
    by: str


def judge(real: LabelledWindows, other: LabelledWindows, *, view: FeatureView, seed: int) -> Verdict:
    """Try to tell two classes of windows apart, as `judge_exhibits` does."""
    return judge_exhibits(show(real, view), show(other, view), seed=seed)


def judge_exhibits(real: Exhibits, other: Exhibits, *, seed: int) -> Verdict:
    """Try to tell two classes apart: cross-validated by piece, as many exhibits of each; the better judge counts.

    The interval is a bootstrap over pieces. Either class takes FOLDS pieces at least.
    """
    rng = np.random.default_rng((seed, 1))
    scores, label, piece = _score_both(real, other, rng, seed)
    draws_by = _resampled(piece, rng)
    verdicts: list[Verdict] = []
    for name, score in scores.items():
        auc, draws = auc_of(score, label), _aucs(score, label, draws_by)
        if auc < 0.5:
            auc, draws = 1 - auc, 1 - draws
        low, high = np.quantile(draws, [0.025, 0.975])
        verdicts.append(Verdict(auc, float(low), float(high), name))
    return max(verdicts, key=lambda verdict: verdict.auc)


def judge_halves(real: LabelledWindows, *, view: FeatureView, seed: int, halvings: int = 24) -> float:
    """Try to tell windows of one half of the pieces from those of the other, as `judge_halved_exhibits` does."""
    return judge_halved_exhibits(show(real, view), seed=seed, halvings=halvings)


def judge_halved_exhibits(real: Exhibits, *, seed: int, halvings: int = 24) -> float:
    """Try to tell one half of the pieces from the other: 0.5 and how far from that the judges come.

    One halving says little, since a few pieces always differ from a few others, and max(AUC, 1 - AUC) never says 0.5. So the
    AUC, above or below 0.5 as it comes, is averaged over many random halvings, judge by judge; the farther judge counts.
    On 66 pieces of Groove one halving errs by 0.08 and the average by less than 0.02.
    """
    rng = np.random.default_rng((seed, 2))
    pieces = np.unique(real.piece)
    found: dict[str, list[float]] = {}
    for turn in range(halvings):
        some = real.take(np.sort(rng.permutation(len(real))[:HALVED]))
        is_first = np.isin(some.piece, rng.permutation(pieces)[: len(pieces) // 2])
        scores, label, _ = _score_both(some.take(is_first), some.take(~is_first), rng, seed + turn)
        for name, score in scores.items():
            found.setdefault(name, []).append(auc_of(score, label))
    return 0.5 + max(abs(float(np.mean(aucs)) - 0.5) for aucs in found.values())


def show(windows: LabelledWindows, view: FeatureView) -> Exhibits:
    """Show windows by their named features, and as a picture."""
    named = features(windows.grid, view)
    table = np.stack(list(named.values()), 1)
    return Exhibits(tuple(named), table, picture(windows.grid, view), windows.piece)


def auc_of(scores: Floats, label: NDArray[np.int64]) -> float:
    """Compute the area under the ROC curve of scores for labels 0 and 1."""
    return float(_aucs(scores, label, np.ones((1, len(label))))[0])


def _score_both(
    real: Exhibits, other: Exhibits, rng: np.random.Generator, seed: int
) -> tuple[dict[str, Floats], NDArray[np.int64], NDArray[np.int64]]:
    """Score as many exhibits of either class by both judges: scores, labels, pieces."""
    size = min(len(real), len(other))
    a, b = (e.take(np.sort(rng.permutation(len(e))[:size])) for e in (real, other))
    label, piece = np.repeat([0, 1], size), np.concatenate([a.piece, b.piece])
    table, shown = np.concatenate([a.table, b.table]), np.concatenate([a.picture, b.picture])
    with _one_thread():
        return _scores(table, shown, label, piece, seed), label, piece


def _scores(
    table: Floats, shown: NDArray[np.float32], label: NDArray[np.int64], piece: NDArray[np.int64], seed: int
) -> dict[str, Floats]:
    """Score every exhibit by judges that have not met its piece; as ranks within a fold, since folds differ in calibration."""
    # A number that makes no sense is one below all others: the trees' own missing values fail where a whole column is missing.
    table = np.nan_to_num(table, nan=-1000.0)
    shown = (shown - shown.mean((0, 2), keepdims=True)) / (shown.std((0, 2), keepdims=True) + 0.05)
    scores = {"net": np.zeros(len(label)), "trees": np.zeros(len(label))}
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for number, (met, unmet) in enumerate(folds.split(table, label, piece)):
        trees = HistGradientBoostingClassifier(
            learning_rate=0.08,
            max_iter=120,
            max_leaf_nodes=12,
            min_samples_leaf=15,
            l2_regularization=1.0,
            max_features=0.5,
            early_stopping=False,
            random_state=seed,
        )
        scores["trees"][unmet] = _ranks(trees.fit(table[met], label[met]).decision_function(table[unmet]))
        scores["net"][unmet] = _ranks(_net_scores(shown[met], label[met], shown[unmet], seed + number))
    return scores


class _JudgeNet(nn.Module):
    """Convolutions over steps, pooled at every depth: 12-17 k weights."""

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
        score: torch.Tensor = self.last(F.dropout(pooled, 0.3, self.training))
        return score[:, 0]


def _net_scores(met: NDArray[np.float32], label: NDArray[np.int64], unmet: NDArray[np.float32], seed: int) -> Floats:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = _JudgeNet(*met.shape[1:])
        x, y = torch.from_numpy(met), torch.from_numpy(label).float()
        optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=0.05)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=EPOCHS * -(-len(y) // BATCH))
        for _ in range(EPOCHS):
            order = torch.randperm(len(y))
            for first in range(0, len(y), BATCH):
                rows = order[first : first + BATCH]
                optimizer.zero_grad(set_to_none=True)
                F.binary_cross_entropy_with_logits(net(x[rows]), y[rows]).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
        net.eval()
        with torch.no_grad():
            scores: Floats = net(torch.from_numpy(unmet)).double().numpy()
    return scores


def _ranks(scores: Floats) -> Floats:
    """Turn scores into their ranks, 0..1, equal ones sharing theirs."""
    _, inverse, count = np.unique(scores, return_inverse=True, return_counts=True)
    upper = np.cumsum(count)
    ranks: Floats = ((upper - count / 2) / len(scores))[inverse]
    return ranks


def _resampled(piece: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """Draw pieces with replacement: how often each window counts, [DRAWS, B]."""
    _, index = np.unique(piece, return_inverse=True)
    pieces = int(index.max()) + 1
    drawn: Floats = rng.multinomial(pieces, np.full(pieces, 1 / pieces), size=DRAWS)[:, index].astype(np.float64)
    return drawn


def _aucs(scores: Floats, label: NDArray[np.int64], weights: Floats) -> Floats:
    """Compute the area under the ROC curve for each row of weights [R, B]."""
    _, level = np.unique(scores, return_inverse=True)
    heaps = np.zeros((2, int(level.max()) + 1, len(weights)))
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
