"""What a family of models is, and the table of them. No networks, no files, no requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from models.clip import Clip
from models.grid import Grid, GridKind, Heard


@dataclass(frozen=True)
class Family:
    """How one kind of music becomes steps and back, and what the steps are made of."""

    name: str
    about: str
    kind: GridKind
    features: NDArray[np.bool_]  # [tokens, F]
    facets: NDArray[np.int64]  # [F]: the facet of each feature
    hear: Callable[[Clip], Heard]
    write: Callable[[Heard, Grid], Clip]
    illegal: tuple[int, int] | None = None  # (after, token): never in this order
    transpose: int = 0  # semitones either way by which training shifts a window


FAMILIES = {"drums": "models.drums", "melody": "models.melody"}


def find_family(name: str) -> Family:
    """Look a family up by name."""
    if name not in FAMILIES:
        raise ValueError(f"there is no family {name!r}; there are: {', '.join(FAMILIES)}")
    family: Family = import_module(FAMILIES[name]).FAMILY
    return family
