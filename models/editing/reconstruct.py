"""Clips as the model alone has them. Clips in, clips out; no requests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.editing.batching import Computation, Decode
from models.editing.candidates import Rows
from models.editing.clip_state import EditContext, Made, read_clips
from models.editing.others import Other
from models.editing.register import Lift
from models.families.grid import Grid
from models.music.clip import Clip
from models.network.decoding import DecodeBatch, DecodePieces


def reconstruct(context: EditContext, clips: Sequence[Clip], others: Sequence[Sequence[Other]] = ()) -> Computation[list[Made]]:
    """Encode clips and decode the mean: nothing is carried over, and what is written knows of the clip only its rests."""
    lift = Lift.of(clips, context.family)
    sources, said = yield from read_clips(context, lift.up(clips), others, carries=False)
    batches = [
        Rows.of(
            DecodeBatch(s.own.mu, np.full(len(s.own.mu), context.model.least_noise, np.float32), known=s.known),
            s.layout.open_steps,
        )
        for s in sources
    ]
    grid = Grid.silent(0, context.family.spec, context.family.vocabulary)
    pieces = [rows.batch for rows in batches if len(rows.batch)]
    if pieces:
        grid = yield Decode(context.model, DecodePieces(pieces, context.family))
    made: list[Made] = []
    for k, (source, rows) in enumerate(zip(sources, batches, strict=True)):
        whole = source.enforce_locks(rows.whole(grid[: len(rows.batch)]))
        clip = context.family.grid_to_clip(source.layout.without_notes(), whole)
        clip = source.gaps.open(clip)
        made.append(Made(lift.down(k, (clip,)), tuple(remark for remark in said if remark.clip == k)))
        grid = grid[len(rows.batch) :]
    return made
