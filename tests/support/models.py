"""Folders of small untrained models, and an engine of them: what they make is noise, but well-formed. Needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tests.support.tiny_models import SIZES, random_weights

if TYPE_CHECKING:
    from bridge.engine import Engine
    from models.card import Card


def make_model(folder: Path, seed: int = 1) -> None:
    """Write a model folder with random weights; its name is that of its family."""
    from safetensors.numpy import save

    from models.families.registry import find_family
    from models.network.cpu_runtime import NumpyModel
    from models.store import write_model

    card, weights = tiny_card(folder.name, network=SIZES), random_weights(folder.name, seed)
    folder.mkdir(parents=True)
    model = NumpyModel(card, find_family(folder.name), weights)
    write_model(folder, card, save(weights), model, np.zeros(0, np.uint64))


def tiny_card(name: str, *, family: str = "", network: dict[str, bool | float | int] | None = None) -> Card:
    """Make the card of a model that was not trained."""
    from models.card import Card

    sizes = network or {}
    return Card(
        name=name,
        family=family or name,
        about="noise, for tests",
        licence="Apache-2.0",
        network=sizes,
        latent=int(sizes.get("latent", 16)),
        timing=True,
        reach=0.9,
        amounts=((0.0, 0.0), (1.0, 0.9)),
        data={},
        config={},
        weights_sha256="",
    )


def tiny_engine(models: Path, batch_size: int | None = None) -> Engine:
    """Make an engine of small untrained models."""
    from bridge.engine import Engine
    from models.store import load_model

    return Engine(batch_size=batch_size, load=lambda name, device: load_model(str(models / name), device))
