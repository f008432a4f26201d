"""The family `melody`: one line on sixteenths, a token a step: a pitch, hold or rest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.family import Family
from models.grid import HOLD, MELODY, REST, hear_melody, write_melody

RHYTHM, PITCH = 0, 1  # facets: what can be known of a step on its own


def _features() -> NDArray[np.bool_]:
    """Describe tokens by what they are, their pitch class and their octave: [130, 3 + 12 + 11]."""
    features = np.zeros((MELODY.tokens, 3 + 12 + 11), bool)
    features[HOLD, 1] = features[REST, 2] = True
    for pitch in range(HOLD):
        features[pitch, [0, 3 + pitch % 12, 15 + pitch // 12]] = True
    return features


FAMILY = Family(
    name="melody",
    about="two bars of one line: pitch, rhythm and velocity",
    kind=MELODY,
    features=_features(),
    facets=np.array([RHYTHM] * 3 + [PITCH] * 23),
    hear=hear_melody,
    write=write_melody,
    illegal=(REST, HOLD),
    transpose=6,
)
