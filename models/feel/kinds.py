"""Which class of hits a pad is, by the voice that a kit gives it. Pitches only."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from models.feel.hits import PEDAL_HAT, RIDE_BELL, SIDE_STICK
from models.music.drum_map import VOICE_NAMES

# Pads of General MIDI that sound unlike the other pads of their voice, where the kit has them there.
APART = {
    (44, VOICE_NAMES.index("closed_hat")): PEDAL_HAT,
    (37, VOICE_NAMES.index("snare")): SIDE_STICK,
    (53, VOICE_NAMES.index("ride")): RIDE_BELL,
}


def kinds_of(pitches: NDArray[np.int64], kit: Mapping[int, int]) -> NDArray[np.int64]:
    """Find the class of each pad, -1 for those of no voice."""
    return np.array([APART.get((p, kit.get(p, -1)), kit.get(p, -1)) for p in pitches.tolist()], np.int64)
