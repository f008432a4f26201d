"""What a personal model adds to the weights of the model it was made from: matrices of low rank, and small tensors whole.

At share s the weights are W + s · (up @ down): at 0 those of the general model, to the bit, at 1 the personal ones. Arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.network.tensors import Shape

UP, DOWN, WHOLE = "up", "down", "whole"
MOST_RANK = 64

Weights = Mapping[str, NDArray[Any]]


def add_adapter(weights: Weights, adapter: Weights, share: float) -> dict[str, NDArray[Any]]:
    """Add a share of what an adapter holds to the weights of its model."""
    added = dict(weights)
    for name in names_of(adapter) if share else ():
        change = adapter.get(f"{name}/{WHOLE}")
        if change is None:
            change = np.asarray(adapter[f"{name}/{UP}"], np.float32) @ np.asarray(adapter[f"{name}/{DOWN}"], np.float32)
        added[name] = np.asarray(weights[name], np.float32) + np.float32(share) * np.asarray(change, np.float32)
    return added


def names_of(adapter: Weights) -> list[str]:
    """List the weights that an adapter changes."""
    return list(dict.fromkeys(name.rpartition("/")[0] for name in adapter))


def adapter_shapes(adapter: Weights, weights: Mapping[str, Shape]) -> dict[str, Shape]:
    """Say which shapes the tensors of an adapter must have to fit weights; raises ValueError where one fits none."""
    shapes: dict[str, Shape] = {}
    for name in names_of(adapter):
        if name not in weights:
            raise ValueError(f"changes {ascii(name)[:60]}, which its model does not have")
        shape = weights[name]
        if f"{name}/{WHOLE}" in adapter:
            shapes[f"{name}/{WHOLE}"] = shape
            continue
        up = adapter.get(f"{name}/{UP}")
        rank = up.shape[-1] if up is not None and up.ndim == len(shape) == 2 else 0
        if not 0 < rank <= MOST_RANK:
            raise ValueError(f"changes {ascii(name)[:60]} in a way that this program does not know")
        shapes |= {f"{name}/{UP}": (shape[0], rank), f"{name}/{DOWN}": (rank, shape[1])}
    return shapes
