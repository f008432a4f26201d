"""A critic: boosted trees that tell which changes to a window players make. Kept with a model as arrays; numbers only.

So are the likeliest of many decodes chosen (discriminator rejection sampling, Azadi et al., arXiv 1810.06758). All trees are
whole, of DEPTH levels, so that nothing in a file can send them astray.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.families.statistics import Floats

DEPTH = 3
SPLITS, LEAVES = 2**DEPTH - 1, 2**DEPTH
MISSING = -9.0  # what a number that makes no sense is taken for


@dataclass(frozen=True)
class Critic:
    """N trees: at each split, in order of levels, which feature is compared [N, 7] with what [N, 7]; what leaves say [N, 8].

    A feature up to its threshold goes left. The sum over trees is the log-odds of a player's change. `names` is a checksum of
    the names of the features.
    """

    features: NDArray[np.int16]
    thresholds: NDArray[np.float32]
    leaves: NDArray[np.float32]
    names: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Refuse trees of other shapes, and features below 0."""
        trees = len(self.features)
        shapes = {"features": (trees, SPLITS), "thresholds": (trees, SPLITS), "leaves": (trees, LEAVES), "names": (1,)}
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"has {name} in the shape {list(getattr(self, name).shape)} instead of {list(shape)}")
        if trees == 0 or self.features.min() < 0:
            raise ValueError("has no trees, or such as compare features that there are not")

    def score(self, described: Mapping[str, Floats]) -> Floats:
        """Compute the log-odds that changes are a player's, [N], by named numbers [N] each."""
        if checksum(described) != int(self.names[0]) or self.features.max() >= len(described):
            raise ValueError("the critic of this model was made for other features: make it anew with bench/critic.py")
        table = as_table(described)
        trees, rows = np.arange(len(self.features)), np.arange(len(table))[:, None]
        at = np.zeros((len(table), len(trees)), np.int64)
        for _ in range(DEPTH):
            at = 2 * at + 1 + (table[rows, self.features[trees, at]] > self.thresholds[trees, at])
        return np.asarray(self.leaves[trees, at - SPLITS].sum(1, dtype=np.float64))


def as_table(described: Mapping[str, Floats]) -> NDArray[np.float32]:
    """Write named numbers [N] each as rows [N, F]."""
    return np.nan_to_num(np.stack(list(described.values()), 1).astype(np.float32), nan=MISSING)


def checksum(described: Mapping[str, Floats]) -> int:
    """Compute a number that changes with the names of features, and their order."""
    return zlib.crc32("\n".join(described).encode())
