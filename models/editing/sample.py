"""Clips from nothing: two halves of a window from the prior, then half by half, each given the one before. No requests.

Each clip is told the habits of some music that the model learned from: what has them is told from real music less easily.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from models.editing.batching import Computation, Decode
from models.editing.clip_state import EditContext, Made, Remark, describe_others, sorted_notes
from models.editing.gaps import Gaps
from models.editing.habits import draw_habits, tells_habits
from models.editing.others import Other, notes_beside
from models.editing.scales import describe_keys, scales_of
from models.families.constraints import Known, LogitBias
from models.families.context import Context
from models.families.family import Family
from models.families.grid import Grid
from models.music.clip import Clip, Note
from models.music.paced import paced
from models.network.decoding import DecodeBatch
from models.network.latent import noise
from models.pause import pause

LONGEST = 1024.0  # beats that are filled of an empty clip: some ten minutes, and a file may say that it lasts for years
ROUNDS = 4  # how often to decode more where too few different clips came out


def sample(context: EditContext, others: Sequence[Other] = (), *, empty: Clip, count: int) -> Computation[Made]:
    """Make clips from nothing, of the length and the meter of an empty one, to sound with others."""
    clip = replace(context.family.empty_clip(empty.beats, context.model.card.name), meter=empty.meter)
    made = yield from compose(context, clip, count, np.random.default_rng((context.seed, 0)), others)
    ignored = [Remark(text) for text in context.ignored()]
    return replace(made, remarks=(*ignored, *made.remarks))


def compose(
    context: EditContext, clip: Clip, count: int, rng: np.random.Generator, others: Sequence[Other] = ()
) -> Computation[Made]:
    """Sample different clips, laid out as `clip` is, which holds no notes; of a very long one the beginning is filled.

    `others` are what sounds with it; where no key is named they say it.
    """
    layout = context.lay_out(replace(clip, beats=min(clip.beats, LONGEST)))
    windows = len(layout.grid)
    beside = notes_beside(layout.clip, others, Gaps())
    keys = context.find_keys(layout.clip, beside or ())
    scales = scales_of(layout.clip, keys) if context.finds_keys else ()
    constraints = replace(context.constraints.unlocked(), scales=scales, beside=beside or ())
    # What is told to be higher needs no leaning, by which it would be busier too.
    leaning = replace(constraints, octave=0.0) if tells_habits(context) else constraints
    every = context.family.compile(layout, leaning).logit_bias
    biases = None if every is None else (every, every.over_seams(1))
    said = [Remark(describe_keys("what sounds with the new clips", keys, scales))] if scales else []
    heard = [describe_others(context, layout, beside, at_seam=at_seam) for at_seam in (False, True)]
    found: dict[tuple[Note, ...], Clip] = {}
    for turn in range(ROUNDS):
        rows = count - len(found)
        told = draw_habits(context, constraints, layout, rows, rng)
        grids = yield from _compose_halves(context, rows, 2 * windows, rng, biases, heard, told)
        for k in range(rows):
            pause()
            grid = grids[k * windows : (k + 1) * windows]
            if turn < ROUNDS - 1 and constraints.density >= 0 and not _holds_music(context.family, grid):
                continue
            made = context.family.grid_to_clip(layout, grid)
            made = made if made.beats == clip.beats else replace(made, beats=clip.beats)
            found.setdefault(sorted_notes(made), context.playing.turn(made, strokes=not context.family.is_pitched))
        if len(found) == count:
            break
    return Made(tuple(found.values()), tuple(said), keys=keys)


def _holds_music(family: Family, grid: Grid) -> bool:
    """Tell whether at least half of the windows of a sample hold as much as the music that was learned from."""
    return 2 * sum(family.is_worth_learning(grid[b : b + 1], 0) for b in paced(range(len(grid)), 1)) >= len(grid)


def _compose_halves(
    context: EditContext,
    rows: int,
    halves: int,
    rng: np.random.Generator,
    biases: tuple[LogitBias, LogitBias] | None,
    heard: Sequence[Context | None],
    told: Context | None,
) -> Computation[Grid]:
    """Write half after half; `biases` and `heard`, what sounds with them, are of the windows and of those over the seams.

    `told`, one for each row, is what the music of all its windows is to be like.
    """
    model, spec, vocabulary = context.model, context.family.spec, context.family.vocabulary
    parts: list[Grid] = []
    known: Known | None = None
    for first in range(halves - 1):
        there, window = heard[first % 2], slice(first // 2, first // 2 + 1)
        bias = None if biases is None else biases[first % 2][window]
        around = None if there is None else np.repeat(there[window], rows, 0)
        if told is not None:
            around = told if around is None else around + told
        batch = DecodeBatch(
            noise(rng, rows, model.card.latent),
            np.ones(rows, np.float32),
            context.draw(rng, rows),
            np.full(rows, context.temperature, np.float32),
            known,
            None if bias is None else np.repeat(bias, rows, 0),
            around,
        )
        grid = yield Decode(model, batch, (first / (halves - 1), (first + 1) / (halves - 1)))
        if first % 2 == 0:
            parts.append(grid)
        # The half just written is the first of the next window.
        turned = grid.map(lambda v: np.roll(v, -spec.half_steps, axis=1))
        mask = np.zeros((rows, spec.steps, vocabulary.facet_count), bool)
        mask[:, : spec.half_steps] = True
        known = Known(Grid(vocabulary.without_leading_holds(turned.tokens), turned.velocities, turned.offsets), mask)
    # Rows come window by window; a clip's windows belong behind one another.
    order = np.arange(len(parts) * rows).reshape(len(parts), rows).T.reshape(-1)
    return Grid.stack(parts)[order]
