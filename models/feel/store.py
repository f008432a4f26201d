"""The folder of a model of feel: `feel.yaml`, weights, a card. Found by path, among a user's models, or those that ship."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.feel.player import Player, weight_shapes
from models.plain_file import read_plain_file, shown
from models.store import ModelError, shipped, user_models
from models.tensor_file import Tensors, read_tensors
from models.yaml_text import load_yaml

CARD, WEIGHTS = "feel.yaml", "weights.safetensors"
CARD_BYTES, WEIGHTS_BYTES = 2**16, 2**23  # the largest; the shipped ones have 2 kB and 1.2 MB
LARGEST_WEIGHT = 1e4  # beyond any that training finds
FEEL = "feel"  # the model that ships


class FeelCard(BaseModel):
    """What a folder says of its model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[\w.-]{1,60}$")
    about: str
    licence: str
    data: dict[str, Any] = Field(description="what was learned from, and its hash")
    config: dict[str, Any] = Field(description="the whole config of the training")
    commit: str = ""
    metrics: dict[str, float] = Field(default={}, description="the last of the training's own")
    weights_sha256: str = Field(pattern="^[0-9a-f]{64}$")


def find_feel(name: str) -> Path:
    """Find the folder of a model of feel."""
    is_path = Path(name).name != name or name in (".", "..")
    for folder in [Path(name)] if is_path else [Path(name), user_models() / name, shipped() / name]:
        if os.path.lexists(folder / CARD):
            return folder
    raise ModelError(f"there is no model of feel {shown(name)}: name the one that ships, {FEEL}, or give the path of a folder")


def read_feel_card(folder: Path) -> FeelCard:
    """Read feel.yaml."""
    try:
        return FeelCard.model_validate(load_yaml(read_plain_file(folder / CARD, CARD_BYTES).decode("utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ModelError(f"{shown(folder / CARD)} does not describe a model of feel: {where}: {first['msg']}") from error
    except ValueError as error:
        raise ModelError(f"{shown(folder / CARD)} does not describe a model of feel: {error}") from error


def load_player(name: str = FEEL) -> Player:
    """Load a model of feel; ModelError says what is wrong with its folder."""
    folder = find_feel(name)
    card = read_feel_card(folder)
    try:
        content = read_plain_file(folder / WEIGHTS, WEIGHTS_BYTES)
        if hashlib.sha256(content).hexdigest() != card.weights_sha256:
            raise ValueError(f"is not the file that {CARD} describes; install the model again")
        weights = read_tensors(content, ("F16", "F32"))
        _check(weights)
    except ValueError as error:
        raise ModelError(f"{shown(folder / WEIGHTS)} {error}") from error
    return Player(weights, weights_sha256=card.weights_sha256)


def _check(weights: Tensors) -> None:
    shapes = weight_shapes()
    if weights.keys() != shapes.keys():
        wrong = sorted(weights.keys() ^ shapes.keys())[0]
        raise ValueError(f"has other weights than this program uses: {wrong[:60]!r}")
    for name, values in weights.items():
        if values.shape != shapes[name]:
            raise ValueError(f"has {name} in another shape than this program uses, {list(shapes[name])}")
        if not np.abs(np.asarray(values, np.float32)).max(initial=0) <= LARGEST_WEIGHT:
            raise ValueError(f"has numbers in {name} that no training finds")
