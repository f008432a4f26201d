"""Silent voices of a clip, made to fit the rest of it: a hi-hat for this kick and snare. Clips in, clips out; no requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from models.editing.batching import Computation
from models.editing.candidates import Candidate, decode_candidates, rows_around
from models.editing.clip_state import ClipState, EditContext, Made, Remark, called, sorted_notes
from models.editing.habits import tells_habits
from models.families.context import Context
from models.families.grid import Grid
from models.families.habits import tell_habits
from models.families.statistics import repeated
from models.music.clip import Clip, Note
from models.music.paced import paced
from models.network.decoding import DecodeBatch
from models.network.latent import Latents, noise
from models.pause import pause

LIKEST = 64  # of the music that was learned from, those most like a clip: what new voices are like is drawn from them
SPARE = 3  # decodes for each clip that is asked for: those are taken that repeat the most where the clip repeats
ROUNDS = 4  # how often to decode more where too few different clips came out


def has_no_voice(context: EditContext, source: ClipState) -> bool:
    """Tell whether some voices alone may change, and the clip strikes none of them."""
    wanted, lane_of = context.family.lanes_named(context.constraints.only), source.layout.lane_of
    return bool(wanted) and lane_of is not None and not any(lane_of(n.pitch) in wanted for n in paced(source.clip.notes))


def without_others(context: EditContext, made: Made) -> Made:
    """Leave out of clips all voices but those that alone may change, where some are named."""
    if not context.constraints.only:
        return made
    wanted, kit = context.family.lanes_named(context.constraints.only), context.kit or {}
    clips = (clip.with_notes(n for n in paced(clip.notes) if kit.get(n.pitch) in wanted) for clip in made.clips)
    return replace(made, clips=tuple(dict.fromkeys(clips)))


def infill(context: EditContext, sources: Sequence[ClipState], *, count: int) -> Computation[list[Made]]:
    """Make the voices that alone may change, up to `count` ways for each source; what the clip repeats, they repeat."""
    rngs = [context.generator(source.clip) for source in sources]
    found: list[dict[tuple[Note, ...], tuple[float, Clip]]] = [{} for _ in sources]
    for turn in range(ROUNDS):
        lacking = [k for k, its in enumerate(found) if len(its) < count]
        if not lacking:
            break
        candidates: list[Candidate] = []
        for k in lacking:
            candidates += _candidates(context, sources[k], SPARE * (count - len(found[k])), rngs[k])
        grids = yield from decode_candidates(context.model, candidates)
        for candidate, grid in zip(candidates, grids, strict=True):
            its = found[next(k for k in lacking if sources[k] is candidate.source)]
            made = candidate.source.write_variation(grid)
            if _is_heard(candidate.source, grid, is_last=turn == ROUNDS - 1):
                its.setdefault(sorted_notes(made), (_repeats(candidate.source, grid), made))
            pause()
    best = (sorted(its.values(), key=lambda entry: -entry[0])[:count] for its in found)
    return [_made(context, s, [clip for _, clip in its], count) for s, its in zip(sources, best, strict=True)]


def _is_heard(source: ClipState, grid: Grid, *, is_last: bool) -> bool:
    """Tell whether a decode strikes anything new, and, unless nothing better may come, does so in each window with music."""
    layout = source.layout
    new = layout.vocabulary.struck(grid.tokens) & ~layout.onsets & layout.open_steps[..., None]
    found, silent = new.any((1, 2)), ~layout.onsets.any((1, 2))
    return bool(found.any() if is_last else (found | silent).all())


def _repeats(source: ClipState, grid: Grid) -> float:
    """Tell how much of what is new in a decode is the same a bar later, where the clip itself is."""
    layout, lag = source.layout, source.family.spec.half_steps
    new = layout.vocabulary.struck(grid.tokens) & ~layout.onsets & layout.open_steps[..., None]
    return float((repeated(new, lag) * repeated(layout.onsets, lag)).mean())


def _made(context: EditContext, source: ClipState, clips: Sequence[Clip], count: int) -> Made:
    """Finish what was made of a clip, and say so."""
    name = called(source.clip)
    voices = " or ".join(lane for lane in context.family.lane_names if lane in context.constraints.only)
    if not clips:
        return Made((source.gaps.open(source.clip),), (Remark(f"one clip, untouched: no {voices} was found that fits {name}"),))
    said = [Remark(f"{name} has no {voices}: made to fit the rest, whatever the amount")]
    if len(clips) < count:
        said.append(Remark(f"{name} gave {len(clips)} different clips, not {count}"))
    new = sum(len(clip.notes) - len(source.clip.notes) for clip in clips)
    return Made(tuple(context.finish(source, clip) for clip in clips), tuple(said), (new, new))


def _candidates(context: EditContext, source: ClipState, number: int, rng: np.random.Generator) -> list[Candidate]:
    """Draw what is not known of a clip, the same for windows that are alike."""
    size, groups = len(source.own.mu), int(source.alike.max()) + 1
    z = noise(rng, number * groups, source.own.mu.shape[1])
    randomness = context.draw(rng, number * groups)
    told = _draw_habits(context, source, number, rng)

    def rows(k: int, *, at_seam: bool) -> DecodeBatch:
        drawn = k * groups + source.alike
        chance = randomness[drawn].shifted_by_half() if at_seam else randomness[drawn]
        point: tuple[Latents, NDArray[np.float32]] = z[drawn], np.ones(size, np.float32)
        described = None if told is None else np.repeat(told[k : k + 1], size, 0)
        return rows_around(context, source, point, chance, at_seam=at_seam, described=described)

    return [
        Candidate(source, partial(rows, k, at_seam=False), partial(rows, k, at_seam=True) if source.seam else None)
        for k in range(number)
    ]


def _draw_habits(context: EditContext, source: ClipState, number: int, rng: np.random.Generator) -> Context | None:
    """Draw what clips are told to be like: learned music that has the voices, and plays the others about as the clip does."""
    family, model = context.family, context.model
    own = family.own_context(source.own.grid)
    if own is None or not tells_habits(context):
        return None
    told = tell_habits(model.habits, family.spec.window_beats, family.context)
    wanted = sorted(family.lanes_named(context.constraints.only))
    often = family.own_lanes(told)
    unlike = np.delete(np.abs(often - family.own_lanes(own).mean(0)), wanted, 1).sum(1)
    asked = often[:, wanted].sum(1)
    # A voice that is asked for is to be played, not touched now and then.
    likest = np.argsort(np.where(asked > 0, unlike, np.inf), kind="stable")[:LIKEST]
    played = likest[np.argsort(-asked[likest], kind="stable")][: LIKEST // 2]
    return np.asarray(told[rng.choice(played, number)]) if asked[played].all() else None
