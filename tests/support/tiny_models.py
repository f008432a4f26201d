"""Weights of small models, drawn without torch: `python -m tests.support.tiny_models` asks torch for their shapes anew.

That is to be done after a change of the network; a test compares.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SHAPES = Path(__file__).with_name("tiny_shapes.json")
SIZES: dict[str, bool | float | int] = {
    "latent": 16,
    "width": 16,
    "heads": 2,
    "encoder_layers": 1,
    "trunk_layers": 1,
    "embedding": 8,
    "hidden": 16,
}

Shapes = dict[str, list[int]]


def random_weights(family: str, seed: int) -> dict[str, NDArray[np.float16]]:
    """Draw weights about as a fresh network has them: even, by the number of inputs; norms do nothing."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in json.loads(SHAPES.read_text(encoding="utf-8"))[family].items():
        inputs = shape[1] if len(shape) > 1 else 16
        values = rng.uniform(-1, 1, shape) / np.sqrt(inputs)
        if "norm" in name:
            values = np.full(shape, float(name.endswith("weight")))
        weights[name] = values.astype(np.float16)
    return weights


def shapes_of_torch(family: str) -> Shapes:
    """Ask torch for the shape of each weight."""
    from models.families.registry import find_family
    from models.network.config import NetworkConfig
    from models.network.torch_runtime import build_network

    found = find_family(family)
    network = build_network(found, NetworkConfig.of(found, SIZES))
    return {name: list(weights.shape) for name, weights in network.named_parameters()}


def _as_json(families: dict[str, Shapes]) -> str:
    """Write a weight a line, which json does not."""
    parts = []
    for family, shapes in families.items():
        lines = [f"    {json.dumps(name)}: {json.dumps(shape)}" for name, shape in shapes.items()]
        parts.append(f"  {json.dumps(family)}: {{\n" + ",\n".join(lines) + "\n  }")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    SHAPES.write_text(_as_json({family: shapes_of_torch(family) for family in ("drums", "melody")}), encoding="utf-8")
