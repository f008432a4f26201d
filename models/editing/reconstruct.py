"""Clips as the model alone has them. Clips in, clips out; no requests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.editing.batching import Computation, Decode
from models.editing.clip_state import EditContext, Made, read_clips
from models.music.clip import Clip
from models.network.decoding import DecodeBatch


def reconstruct(context: EditContext, clips: Sequence[Clip]) -> Computation[list[Made]]:
    """Encode clips and decode the mean: nothing is carried over, and what is written knows no note of the clip."""
    sources, said = yield from read_clips(context, clips)
    mu = np.concatenate([source.own.mu for source in sources])
    batch = DecodeBatch(mu, np.full(len(mu), context.model.least_noise, np.float32))
    grid = yield Decode(context.model, batch)
    made: list[Made] = []
    for k, source in enumerate(sources):
        rows = len(source.own.mu)
        clip = context.family.grid_to_clip(source.layout.without_notes(), grid[:rows])
        made.append(Made((clip,), tuple(remark for remark in said if remark.clip == k)))
        grid = grid[rows:]
    return made
