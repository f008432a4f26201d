"""Beats and tunes made up by chance, and ways from one to the next that two kinds of music should survive."""

from __future__ import annotations

import numpy as np

from models.families.drums import GM_KIT
from models.music.clip import Clip, Note

VOICE = GM_KIT.get


def drum_clip(seed: int, beats: int = 8) -> Clip:
    rng = np.random.default_rng(seed)
    hits = [(pad, step) for pad in (36, 38, 42, 46, 81) for step in range(4 * beats) if rng.random() < 0.25]
    notes = (Note(p, t / 4 + rng.normal(0, 0.02), 0.1, float(rng.integers(30, 127))) for p, t in hits)
    return Clip(tuple(notes), beats, channel=10).in_order()


def tune(seed: int, beats: int = 8) -> Clip:
    rng = np.random.default_rng(seed)
    starts = [t / 4 for t in range(4 * beats) if rng.random() < 0.4]
    ends = [*starts[1:], float(beats)]
    return Clip(
        tuple(Note(int(rng.choice([60, 62, 64, 67, 69])), s, e - s, 80.0) for s, e in zip(starts, ends, strict=True)), beats
    )


CHORDS = Clip(tuple(Note(p + k, 2.0 * k, 2.5) for k in range(4) for p in (48, 52, 55)), 8)
PAIRS = [(drum_clip(1), drum_clip(2), VOICE), (tune(1), tune(2), None), (CHORDS, tune(3), None)]
