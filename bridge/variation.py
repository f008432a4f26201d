"""Variations at an amount: decodes around a clip, of which those near it are kept and others brought to it. No requests."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bridge.compute import Decode, Steps
from bridge.source import Source, Try, aimed, decode_all, roll
from models.changes import Cells, apply_groups, find_groups, graft, in_regions
from models.clip import Clip
from models.distance import lane_of
from models.family import LatentModel
from models.grid import BAR_STEPS, DRUMS, Grid
from models.latent import Latents, blur, noise

SPARE = 0.375  # candidates decoded for each variation asked for, beyond the one; those nearest to the amount are kept
NARROW = (0.95, 1.15)  # noise levels to decode at, to the one that the model's table gives for an amount
WIDE = (1.3, 1.4, 1.5, 1.6)  # and a few for clips that the model is surer of than of most: a second turn costs as much again
NEAR = 0.04  # how far off an amount a variation may be, beyond what whole notes allow: what is taken back leaves a trace
OTHERS = 6  # changes to try for the last one that an amount has room for
CLOSE = 0.126  # beats: how far a note may be written from the step that strikes it, half a sixteenth either way
ROUNDS = 4  # how often to decode more where too few different clips came out

Found = tuple[float, Clip, tuple[int, int]]  # how far off the amount, a variation, and its notes as Answer counts them


def vary_sources(
    model: LatentModel,
    sources: Sequence[Source],
    rngs: Sequence[np.random.Generator],
    *,
    amount: float,
    count: int,
    warmth: float,
) -> Steps[list[list[Found]]]:
    """Decode around each source, about as far as the amount, and bring what comes out to it: up to `count` clips of each."""
    found: list[dict[object, Found]] = [{_shape(s.clip): (math.inf, s.clip, (0, 0))} for s in sources]
    level = model.card.level_for(amount)
    for turn in range(ROUNDS):
        good = [sum(off <= s.rounding + NEAR + 1e-9 for off, *_ in f.values()) for s, f in zip(sources, found, strict=True)]
        lacking = [k for k, n in enumerate(good) if n < count]
        if not lacking:
            break
        tries: list[Try] = []
        for k in lacking:
            number = math.ceil((count - good[k]) * (1 + SPARE))
            wide = WIDE if number > 2 * len(WIDE) else ()
            scales = np.array([*np.linspace(*NARROW, number - len(wide)), *wide])
            levels = np.clip(level * scales + 0.1 * turn, model.least_noise, 1).astype(np.float32)
            tries += _blurred(model, sources[k], levels, rngs[k], warmth)
        grids = yield from decode_all(model, tries, span=(1 - 0.4**turn, 1 - 0.4 ** (turn + 1)))
        for k in lacking:
            mine = [i for i, t in enumerate(tries) if t.source is sources[k]]
            _choose(model, sources[k], [grids[i] for i in mine], amount, count, rngs[k], found[k], is_last=turn > 0)
    nearest = [sorted((entry for entry in f.values() if entry[0] < math.inf), key=lambda entry: entry[0]) for f in found]
    return [entries[:count] for entries in nearest]


def _blurred(
    model: LatentModel, source: Source, levels: NDArray[np.float32], rng: np.random.Generator, warmth: float
) -> list[Try]:
    """Forget some of a source, the same of all windows of a line: so what the clip repeats, its variation repeats."""
    lines, size = source.heard.lines, len(source.own.mu)
    e = noise(rng, len(levels) * lines, source.own.mu.shape[1])
    dice = roll(model, rng, len(levels) * lines)

    def rows(k: int, mu: Latents, shift: int) -> Decode:
        mine = slice(k * lines, (k + 1) * lines)
        level = np.full(size, levels[k], np.float32)
        z = blur(mu, level, np.repeat(e[mine], size // lines, 0))
        thrown = dice[mine].shifted(shift) if shift else dice[mine]
        return aimed(model, source, (z, level), thrown.for_windows(size // lines), warmth, at_seam=shift > 0)

    return [
        Try(source, rows(k, source.own.mu, 0), rows(k, source.seam.mu, BAR_STEPS) if source.seam else None)
        for k in range(len(levels))
    ]


def _choose(
    model: LatentModel,
    source: Source,
    grids: Sequence[Grid],
    amount: float,
    count: int,
    rng: np.random.Generator,
    found: dict[object, Found],
    *,
    is_last: bool,
) -> None:
    """Take the decodes that went nearly as far as the amount, the nearest first, and bring others to it."""
    near = source.rounding + NEAR
    # What cannot have gone far enough need not be written, unless nothing better may come.
    made = {i: source.write(model, grid) for i, grid in enumerate(grids) if is_last or source.at_most(grid) >= amount - near}
    far = [source.how_far(made[i]) if i in made else 0.0 for i in range(len(grids))]
    # Of those that are not near, the ones that went too far come first: taking back is better than adding. From what went far
    # enough, three clips can be made, with what is taken back in different places; that is better than decoding again.
    order = sorted(range(len(grids)), key=lambda i: abs(far[i] - amount) + 9 * (far[i] < amount - near))
    beyond = [i for i in order if far[i] > amount + near]
    too_little = [i for i in order if far[i] < amount - near]
    for i in [*(i for i in order if i not in too_little), *beyond, *beyond, *(too_little if is_last else ())]:
        if sum(off <= near + 1e-9 for off, *_ in found.values()) == count:
            break
        grid, off, clip = grids[i], abs(far[i] - amount), made[i]
        if off > near:
            others = [grids[j] for j in (*range(i + 1, len(grids)), *range(i))] if is_last else []
            goal = amount + NEAR if far[i] > amount else amount
            grid, clip = _fit_amount(model, source, [grid, *others], goal, far[i], rng)
            off = abs(source.how_far(clip) - amount)
        found.setdefault(_shape(clip), (off, clip, _count_decoded(source, clip, grid)))


def _fit_amount(
    model: LatentModel, source: Source, grids: Sequence[Grid], amount: float, far: float, rng: np.random.Generator
) -> tuple[Grid, Clip]:
    """Bring a decode that went so far to an amount: graft others on where it changed too little, take back what is too much.

    Returns what was decoded, and the clip.
    """
    own, kind, lines = source.heard.grid, source.heard.kind, source.heard.lines
    size = max(1, len(source.free.notes))
    grid = grids[0]
    groups = find_groups(own, grid, kind, lines=lines)
    for other in grids[1:]:
        if len(groups) >= amount * size:
            break
        grid = graft(own, grid, other, kind, lines=lines)
        groups = find_groups(own, grid, kind, lines=lines)
    groups = in_regions(groups, rng)
    best: tuple[float, Clip] = (math.inf, source.clip)

    def keep(some: Sequence[Cells]) -> float:
        nonlocal best
        clip = source.write(model, grid if len(some) == len(groups) else apply_groups(own, grid, some, kind))
        came = source.how_far(clip)
        best = min(best, (abs(came - amount), clip), key=lambda pair: pair[0])
        return came

    # Most groups are one note's change. Distance grows about evenly with them: a secant finds their number in a few tries.
    low, high, far_low, far_high = 0, len(groups) + 1, 0.0, max(amount * 1.01, len(groups) / size)
    if far > amount:  # then the first grid alone is taken, and all of it is known to be too much
        high, far_high = len(groups), far
    while best[0] > source.rounding and high - low > 1:
        guess = low + (high - low) * (amount - far_low) / (far_high - far_low)
        k = min(max(round(guess), low + 1), high - 1)
        came = keep(groups[:k])
        if came <= amount:
            low, far_low, far_high = k, came, max(far_high, came + (high - k) / size / 2)
        else:
            high, far_high = k, came
    for smaller in groups[high : high + OTHERS]:
        if best[0] <= source.rounding:
            break
        keep([*groups[:low], smaller])  # where the next change is too much, one further on may do
    return grid, best[1]


def _count_decoded(source: Source, clip: Clip, grid: Grid) -> tuple[int, int]:
    """Count the new notes of a clip that a grid strikes, and all that are new."""
    there = {(n.pitch, n.start) for n in source.clip.notes}
    new = [n for n in clip.notes if n.from_note < 0 and (n.pitch, n.start) not in there]
    heard = source.heard
    onsets = heard.kind.onsets[grid.tokens] & heard.open_steps[..., None]
    b, t, v = np.nonzero(onsets)
    what = -1 - v if heard.kind is DRUMS else grid.tokens[b, t]
    struck: dict[int, list[float]] = {}
    for lane, beat in zip(what.tolist(), heard.beats[b, t].tolist(), strict=True):
        struck.setdefault(lane, []).append(beat)
    voice = heard.voice_of.get if heard.kind is DRUMS else None
    return sum(any(abs(n.start - at) <= CLOSE for at in struck.get(lane_of(n.pitch, voice), ())) for n in new), len(new)


def _shape(clip: Clip) -> object:
    """What makes clips different to a listener: which notes begin when."""
    return frozenset((n.pitch, round(n.start * 32)) for n in clip.notes)
