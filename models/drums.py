"""The family `drums`: nine voices on sixteenths with velocity and micro-timing, a token a step for all voices at once."""

from __future__ import annotations

import numpy as np

from models.family import Family
from models.grid import DRUMS, VOICES, hear_drums, write_drums

FAMILY = Family(
    name="drums",
    about="two bars of drums: nine voices, velocity and timing",
    kind=DRUMS,
    # What drum tokens have in common is the voices they strike; each voice can be known, or locked, on its own.
    features=DRUMS.onsets,
    facets=np.arange(len(VOICES)),
    hear=hear_drums,
    write=write_drums,
)
