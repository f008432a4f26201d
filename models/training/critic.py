"""A critic learned from players' changes and made ones: rows of numbers in, trees out. No engine, no files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from models.families.critic import DEPTH, LEAVES, SPLITS, Critic, as_table, checksum
from models.families.statistics import Floats

TREES, RATE, SHARE, FEATURES = 300, 0.06, 0.5, 0.2  # trees; of what each adds; of rows and of features that it sees


def learn_critic(players: Mapping[str, Floats], made: Mapping[str, Floats], *, seed: int = 0) -> Critic:
    """Learn to tell the changes of players, named numbers [N] each, from made ones [M]; both count alike as a whole.

    Stochastic gradient boosting (Friedman 2002), with few features a split so that no single one decides.
    """
    from sklearn.ensemble import GradientBoostingClassifier

    if list(players) != list(made):
        raise ValueError("players' changes and made ones must be described by the same numbers")
    real, ours = as_table(players), as_table(made)
    label = np.repeat([1, 0], [len(real), len(ours)])
    weight = np.where(label == 1, 1.0, len(real) / len(ours))
    model = GradientBoostingClassifier(
        n_estimators=TREES, learning_rate=RATE, subsample=SHARE, max_features=FEATURES, max_depth=DEPTH, random_state=seed
    )
    model.fit(np.concatenate([real, ours]), label, sample_weight=weight)
    trees = [_whole(stage[0].tree_) for stage in model.estimators_]
    features, thresholds, leaves = (np.stack(part) for part in zip(*trees, strict=True))
    return Critic(features, thresholds, leaves, np.array([checksum(players)], np.int64))


def _whole(tree: object) -> tuple[NDArray[np.int16], NDArray[np.float32], NDArray[np.float32]]:
    """Write a tree of scikit-learn as a whole one: below a leaf that lies higher, all leaves say the same."""
    features, thresholds, leaves = np.zeros(SPLITS, np.int16), np.full(SPLITS, np.inf, np.float32), np.zeros(LEAVES, np.float32)
    left, right = tree.children_left, tree.children_right  # type: ignore[attr-defined]

    def fill(node: int, at: int) -> None:
        if at >= SPLITS:
            leaves[at - SPLITS] = RATE * tree.value[node, 0, 0]  # type: ignore[attr-defined]
            return
        is_leaf = left[node] < 0
        if not is_leaf:
            features[at] = tree.feature[node]  # type: ignore[attr-defined]
            thresholds[at] = tree.threshold[node]  # type: ignore[attr-defined]
        fill(node if is_leaf else left[node], 2 * at + 1)
        fill(node if is_leaf else right[node], 2 * at + 2)

    fill(0, 0)
    return features, thresholds, leaves


def describe_all(described: Sequence[Mapping[str, Floats]]) -> dict[str, Floats]:
    """Put rows of named numbers behind one another."""
    return {name: np.concatenate([d[name] for d in described]) for name in described[0]}
