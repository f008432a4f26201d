"""A family that the tests add to a copy of the project: two hand drums, a slot each, in triplets, windows of four beats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from models.families.family import Kit
from models.families.grid import GridSpec, Vocabulary
from models.families.struck import StruckFamily
from models.music.clip import Clip

LANES = ("low", "high")
KIT: Kit = {60: 0, 61: 1}  # bongos of General MIDI
ONSETS = np.array([[0, 0], [1, 0], [0, 0], [0, 1]], bool)  # rest and stroke of the low drum, then of the high one


class Toy(StruckFamily):
    """Bongos."""

    name = "toy"
    about = "a bar of bongos"
    spec = GridSpec(window_beats=4, steps_per_beat=3)
    vocabulary = Vocabulary(slots=(2, 2), onsets=ONSETS, features=ONSETS, facets=np.arange(2), silence=(0, 2))
    lane_names = LANES
    channel = 12
    network: ClassVar[Mapping[str, bool | float | int]] = {
        "latent": 32,
        "width": 32,
        "heads": 2,
        "encoder_layers": 1,
        "trunk_layers": 1,
        "hidden": 32,
        "embedding": 8,
    }

    def default_kit(self) -> Kit:
        """Two pads."""
        return KIT

    def tokens_of(self, lanes: NDArray[np.bool_]) -> NDArray[np.int64]:
        """A token for each drum."""
        return np.asarray(lanes + np.array([0, 2]), np.int64)

    def evidence(self, clip: Clip) -> float:
        """What is struck on the two pads alone."""
        return 1.0 if clip.notes and {n.pitch for n in clip.notes} <= set(KIT) else 0.0


FAMILY = Toy()
