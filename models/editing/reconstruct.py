"""Clips as the model alone has them. Clips in, clips out; no requests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.editing.batching import Computation, Decode
from models.editing.clip_state import EditContext, Made, read_clips
from models.editing.others import Other
from models.music.clip import Clip
from models.network.decoding import DecodeBatch, DecodePieces


def reconstruct(context: EditContext, clips: Sequence[Clip], others: Sequence[Sequence[Other]] = ()) -> Computation[list[Made]]:
    """Encode clips and decode the mean: nothing is carried over, and what is written knows no note of the clip."""
    sources, said = yield from read_clips(context, clips, others)
    pieces = [DecodeBatch(s.own.mu, np.full(len(s.own.mu), context.model.least_noise, np.float32)) for s in sources]
    grid = yield Decode(context.model, DecodePieces(pieces, context.family))
    made: list[Made] = []
    for k, source in enumerate(sources):
        rows = len(source.own.mu)
        clip = context.family.grid_to_clip(source.layout.without_notes(), grid[:rows])
        clip = source.gaps.open(clip)
        made.append(Made((clip,), tuple(remark for remark in said if remark.clip == k)))
        grid = grid[rows:]
    return made
