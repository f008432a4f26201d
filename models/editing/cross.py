"""The rhythm of one clip with the notes of another. Clips in, clips out; no requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from models.editing.batching import Computation, Decode
from models.editing.candidates import rows_around
from models.editing.clip_state import EditContext, Made, Remark, called, describe_others, read_clips, sorted_notes
from models.editing.fitting import fit_clip
from models.editing.others import Other, others_alike
from models.editing.scales import describe_keys
from models.music.clip import Clip, Note
from models.music.paced import paced
from models.network.decoding import DecodeBatch, DecodePieces
from models.network.latent import add_noise, noise
from models.pause import pause

ROUNDS = 4  # how often to decode more where too few different clips came out
FIRST_NOISE, MORE_NOISE = 0.3, 0.15  # the noise level of the first round, and what each further one adds


def cross(context: EditContext, a: Clip, b: Clip, others: Sequence[Sequence[Other]] = (), *, count: int) -> Computation[Made]:
    """Decode around the second clip, told the rhythm of the first and allowed only the second's pitches or lanes.

    `others` are what sounds with each; the clips that are made sound with those of the first.
    """
    family = context.family
    remarks = [Remark(text) for text in context.ignored()]
    there = fit_clip(b, a, a.beats)
    there = there.with_notes(n for n in paced(there.notes) if n.start < a.end)
    (rhythm, notes), said = yield from read_clips(context, [a, there], others_alike([a, b], others), alike=True)
    rows, voices = len(rhythm.own.mu), rhythm.layout.voices
    # Voice by voice; where B has fewer, its last serves for the rest of A's.
    each = rows // voices
    serving = [min(k, notes.layout.voices - 1) for k in range(voices)]
    mu = np.concatenate([notes.own.mu[k * each : (k + 1) * each] for k in serving])
    if context.finds_keys and notes.keys:
        remarks.append(Remark(describe_keys(called(b), notes.keys, notes.constraints.scales)))
    # Where the second clip has pitches, new notes have no others anyway.
    constraints = context.constraints if b.notes else replace(context.constraints, scales=notes.constraints.scales)
    compiled = family.rhythm_constraints(rhythm.layout, b, constraints)
    source = replace(rhythm, compiled=compiled)
    heard = describe_others(context, rhythm.layout, rhythm.others)
    rng = context.generator(a, b)
    found: dict[tuple[Note, ...], Clip] = {}
    for turn in range(ROUNDS):
        batches: list[DecodeBatch] = []
        for _ in range(count - len(found)):
            levels = np.full(rows, FIRST_NOISE + MORE_NOISE * turn, np.float32)
            z = add_noise(mu, levels, noise(rng, *mu.shape))
            batches.append(rows_around(context, source, (z, levels), context.draw(rng, rows), described=heard))
            pause()
        grid = yield Decode(context.model, DecodePieces(batches, family))
        for k in range(len(batches)):
            mine = grid[k * rows : (k + 1) * rows]
            made = family.write_cross(rhythm.layout, mine, compiled, b, context.constraints)
            found.setdefault(sorted_notes(made), context.finish(rhythm, made))
            pause()
        if len(found) == count:
            break
    if len(found) < count:
        remarks.append(Remark(f"there are only {len(found)} different ways to do this, not {count}"))
    return Made(tuple(found.values()), (*remarks, *said), keys=notes.keys)
