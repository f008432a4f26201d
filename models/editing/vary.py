"""Variations at an amount: decodes around a clip, of which those near it are kept and others brought to it. No requests."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

import numpy as np
from numpy.typing import NDArray

from models.editing.batching import Computation
from models.editing.candidates import Candidate, decode_candidates, rows_around
from models.editing.clip_state import NEAR, ClipState, EditContext, Made, Remark, called, read_clips
from models.editing.critic import differing_first, draw_order, find_offers, is_asked, score
from models.editing.edits import merge_edits, spread_evenly
from models.editing.infill import has_no_voice, infill, without_others
from models.editing.others import Other
from models.editing.register import Lift
from models.editing.sample import LONGEST, compose
from models.editing.scales import describe_keys
from models.editing.stretches import draw_stretch
from models.families.constraints import SMALL, LogitBias
from models.families.context import tell_amount
from models.families.family import NoteEdit
from models.families.grid import Grid
from models.music.clip import Clip, Note
from models.music.distance import lane_of
from models.music.paced import paced
from models.network.decoding import DecodeBatch
from models.network.latent import Latents, add_noise, noise
from models.pause import pause

CHOICES = 3  # candidates decoded for each variation where a critic chooses
OFFERED_FARTHER = 1.12  # how much farther these are aimed: of each that goes too far several clips are made
SPARE = 0.375  # candidates decoded for each variation asked for, beyond the one; those nearest to the amount are kept
FEW_SPARE = 0.125  # of long clips, which cost more: they aim farther, and three clips can be made of what goes too far
NARROW = (0.95, 1.15)  # noise levels to decode at, to the one that the model's table gives for an amount
WIDE = (1.3, 1.4, 1.5, 1.6)  # and a few for clips that the model is surer of than of most: a second round costs as much again
NARROW_TOLD, WIDE_TOLD = (0.9, 1.3), (1.5, 1.7, 1.9, 2.1)  # the same of amounts that decoders are told

ROOM = (1.15, 1.45)  # notes of the stretch that is free to change, to those that are to change: few of it stay
FARTHER = 1.4  # how much farther than short clips long ones must aim, to come as far: what is around a window holds it
MOST_LEAN = 2.0  # nats towards onsets or off them, where candidates lost a clip's balance
MOST_FARTHER = 3.0  # by how much more than the last round the next aims farther
NOISIER = 0.1  # added to the noise levels for each round
CHOOSING = 0.5  # how much farther to go for syncopation, so that there are changes to choose from
IMBALANCE = 0.5  # how far off an amount is as bad as twice the notes, where a clip loses its balance
TRIES = 24  # how often to guess how many changes make an amount, before halving what is left
OTHERS = 6  # changes to try for the last one that an amount has room for
ROUNDS = 4  # how often to decode more where too few different clips came out
TOLD_ROUNDS = 2  # of these in which decoders are told amounts: of a few notes they may know but one way to go so far

# How far off the amount, and beyond that where its balance is lost; a variation; its notes as Made counts them.
Found = tuple[float, Clip, tuple[int, int]]


def vary(
    context: EditContext, clips: Sequence[Clip], others: Sequence[Sequence[Other]] = (), *, amount: float, count: int
) -> Computation[list[Made]]:
    """Make up to `count` variations of each clip, at an amount 0..1; notes that did not change say where they come from.

    `others` are what sounds with each clip.
    """
    reach = context.model.card.reach
    said = [Remark(text) for text in context.ignored()] if amount else []
    if amount > reach:
        said.append(Remark(f"amount {amount:g} is more than unrelated clips differ: {reach:.2f} is used"))
    if amount == 0:
        return [Made((clip,), (Remark("one clip, untouched, since amount is 0"),)) for clip in clips]
    if context.constraints.only and not context.family.lanes_named(context.constraints.only):
        text = "one clip, untouched, since {} is no drums: only drum voices can be named with only"
        return [Made((clip,), (Remark(text.format(called(clip)), i),)) for i, clip in enumerate(clips)]
    others = others or [()] * len(clips)
    made: dict[int, Made] = {}
    for i, clip in enumerate(clips):
        if not clip.notes:
            samples = yield from compose(context, clip, count, context.generator(clip), others[i])
            where = f" of its first {LONGEST:.0f} beats" if clip.beats > LONGEST else ""
            samples = without_others(context, samples)
            about_it = (*said, Remark(f"{called(clip)} is empty, so these are samples{where}", i), *samples.remarks)
            made[i] = replace(samples, remarks=about_it)
    filled = [i for i in range(len(clips)) if i not in made]
    lift = Lift.of(clips, context.family)
    lifted = lift.up(clips)
    sources, remarks = yield from read_clips(context, [lifted[i] for i in filled], [others[i] for i in filled])
    about: dict[int, list[Remark]] = {i: list(said) for i in filled}
    for remark in remarks:
        about[filled[remark.clip or 0]].append(Remark(remark.text, filled[remark.clip or 0]))
    free: list[tuple[int, ClipState]] = []
    silent: list[tuple[int, ClipState]] = []  # of which the voices that alone may change have yet to be made
    for i, source in zip(filled, sources, strict=True):
        if context.family.is_fixed(source.layout, source.compiled, source.constraints):
            about[i].append(Remark(f"one clip, untouched, since the locks leave nothing of {called(clips[i])} free", i))
            made[i] = Made((clips[i],), tuple(about[i]))
        elif has_no_voice(context, source):
            silent.append((i, source))
        elif not source.layout.cells:  # all that a model could do is add to it
            about[i].append(Remark(f"one clip, untouched, since the model knows none of the notes of {called(clips[i])}", i))
            made[i] = Made((clips[i],), tuple(about[i]))
        else:
            free.append((i, source))
    if silent:
        for (i, _), its in zip(silent, (yield from infill(context, [s for _, s in silent], count=count)), strict=True):
            made[i] = replace(its, remarks=(*about[i], *(Remark(remark.text, i) for remark in its.remarks)))
    rngs = [context.generator(source.clip) for _, source in free]
    varied = yield from vary_sources(context, [s for _, s in free], rngs, amount=min(amount, reach), count=count)
    for (i, source), variations in zip(free, varied, strict=True):
        struck, new = np.sum([[0, 0], *(counted for *_, counted in variations)], 0, dtype=int).tolist()
        if not variations:
            text = f"one clip, untouched, since nothing of {called(clips[i])} can change as it is locked"
            about[i].append(Remark(text, i))
        elif len(variations) < count:
            about[i].append(Remark(f"{called(clips[i])} gave {len(variations)} different clips, not {count}", i))
        if context.finds_keys and source.keys and variations:
            about[i].append(Remark(describe_keys(called(clips[i]), source.keys, source.constraints.scales), i))
        results = lift.down(i, [context.finish(source, clip) for _, clip, _ in variations]) or (clips[i],)
        made[i] = Made(results, tuple(about[i]), (struck, new), source.keys)
    return [made[i] for i in range(len(clips))]


def vary_sources(
    context: EditContext,
    sources: Sequence[ClipState],
    rngs: Sequence[np.random.Generator],
    *,
    amount: float,
    count: int,
) -> Computation[list[list[Found]]]:
    """Decode around each source, about as far as the amount, and bring what comes out to it: up to `count` clips of each."""
    model, critic = context.model, context.model.critic
    found: list[dict[object, Found]] = [{_onsets_key(s.clip): (math.inf, s.clip, (0, 0))} for s in paced(sources, 1)]
    steps = [_Step(FARTHER if s.layout.windows > 1 else 1.0) for s in sources]
    for turn in range(ROUNDS):
        good = [sum(off <= s.rounding + NEAR + 1e-9 for off, *_ in f.values()) for s, f in zip(sources, found, strict=True)]
        lacking = [k for k, n in enumerate(good) if n < count]
        if not lacking:
            break
        candidates: list[Candidate] = []
        for k in lacking:
            pause()
            number = math.ceil((count - good[k]) * (1 + (FEW_SPARE if sources[k].layout.windows > 1 else SPARE)))
            goal = amount
            if critic is not None and is_asked(sources[k], amount):
                number, goal = math.ceil((count - good[k]) * CHOICES), min(amount * OFFERED_FARTHER, 1)
            aim = _aim(context, sources[k], goal, number, steps[k], rngs[k])
            candidates += _noisy_candidates(context, sources[k], aim, rngs[k])
        grids = yield from decode_candidates(model, candidates, span=(1 - 0.4**turn, 1 - 0.4 ** (turn + 1)))
        for k in lacking:
            mine = [i for i, candidate in enumerate(candidates) if candidate.source is sources[k]]
            made = [grids[i] for i in mine]
            if critic is not None and is_asked(sources[k], amount):
                offers, decodes, too_little = find_offers(sources[k], made, amount, rngs[k])
                drawn = draw_order(score(critic, sources[k], offers), rngs[k])
                ordered = [offers[i : i + 1] for i in differing_first(drawn, decodes)]
                _take_in_order(sources[k], ordered, amount, count, rngs[k], found[k])
                made = [*ordered, *too_little] if turn else []
            far = _choose(sources[k], made, amount, count, rngs[k], found[k], is_last=turn > 0) if made else [amount]
            more = [int(sources[k].balance(grid).gains.sum()) for grid in made]
            steps[k] = steps[k].after(sources[k], amount, median(far), median(more or [0]))
    nearest = [sorted((entry for entry in f.values() if entry[0] < math.inf), key=lambda entry: entry[0]) for f in found]
    return [entries[:count] for entries in nearest]


def offer(context: EditContext, clip: Clip, *, amount: float, number: int) -> Computation[Grid]:
    """Decode a number of candidates around a clip of one window, and bring them to an amount: what a critic learns from."""
    (source,), _ = yield from read_clips(context, [clip])
    rng = context.generator(clip)
    aim = _aim(context, source, min(amount * OFFERED_FARTHER, 1), number, _Step(1.0), rng)
    grids = yield from decode_candidates(context.model, _noisy_candidates(context, source, aim, rng))
    return find_offers(source, grids, amount, rng)[0]


@dataclass(frozen=True)
class _Step:
    """How the next candidates of a source are to be made, by what became of the last."""

    farther: float  # than the model's table says they go
    lean: float = 0.0  # nats towards onsets
    turn: int = 0

    def after(self, source: ClipState, amount: float, far: float, more: float) -> _Step:
        """Learn from candidates that went so far and had so many notes more: long clips have each a way of their own."""
        if source.layout.windows == 1:
            return replace(self, turn=self.turn + 1)
        missed = min(max(amount / max(far, 1e-3), 1), MOST_FARTHER)
        a_bar = more / (2 * len(source.layout.grid)) if source.slack < math.inf else 0.0
        lean = self.lean - source.family.nats_per_note[0] * a_bar
        return _Step(self.farther * missed, min(max(lean, -MOST_LEAN), MOST_LEAN), self.turn + 1)


@dataclass(frozen=True)
class _Aim:
    """How candidates are to go about as far as an amount, one by one: by noise, by what their decoders are told, and where."""

    levels: NDArray[np.float32]
    told: NDArray[np.float64] | None = None  # amounts
    stretches: Sequence[NDArray[np.bool_]] | None = None  # steps [T] of windows that may change
    lean: float = 0.0  # nats on each onset

    def __len__(self) -> int:
        """How many candidates there are."""
        return len(self.levels)


def _aim(context: EditContext, source: ClipState, amount: float, number: int, step: _Step, rng: np.random.Generator) -> _Aim:
    """Aim a number of candidates at an amount, some nearer and some farther, and with more noise each turn.

    Decoders that were trained to be told how far to go are told, as far as that goes; with less noise, more of what the clip
    is like is kept.
    """
    card, turn = context.model.card, step.turn
    told = card.amount_to_tell(amount * step.farther if turn else amount) if turn < TOLD_ROUNDS else None
    narrow, some_wide = (NARROW, WIDE) if told is None else (NARROW_TOLD, WIDE_TOLD)
    wide = some_wide if number > 2 * len(some_wide) else ()
    scales = np.array([*np.linspace(*narrow, number - len(wide)), *wide]) * (1 + CHOOSING * abs(source.constraints.syncopation))
    if told is None:
        level = card.noise_level_for(amount)
        more = NOISIER * (turn + (math.log2(step.farther) if turn else 0.0))
        return _Aim(np.clip(level * scales + more, context.model.least_noise, 1).astype(np.float32), lean=step.lean)
    levels = np.full(number, min(card.told_noise + NOISIER * turn, 1), np.float32)
    if not context.family.varies_stretches:
        return _Aim(levels, np.minimum(told * scales, 1), lean=step.lean)
    shares = np.minimum(amount * step.farther * rng.uniform(*ROOM, number), 1)
    onsets, is_long = _free_onsets(source), source.layout.windows > 1
    stretches = [draw_stretch(onsets, share, amount, rng, is_one_of_many=is_long) for share in shares]
    told_each = np.array([card.nearest_told(amount * step.farther / share) for share in shares])
    return _Aim(levels, told_each, stretches, step.lean)


def _noisy_candidates(context: EditContext, source: ClipState, aim: _Aim, rng: np.random.Generator) -> list[Candidate]:
    """Add noise to a source, the same to windows that are alike: so what the clip repeats, its variation repeats.

    Decoders that are told amounts lean towards onsets as much as it takes to have as many notes as the clip.
    """
    card, voices, size = context.model.card, source.layout.voices, len(source.own.mu)
    groups = int(source.alike.max()) + 1
    e = noise(rng, len(aim) * voices * groups, source.own.mu.shape[1])
    randomness = context.draw(rng, len(aim) * voices * groups)
    of_window = (np.arange(voices)[:, None] * groups + source.alike).reshape(-1)  # which of a candidate's draws each has

    def rows(k: int, mu: Latents, *, at_seam: bool) -> DecodeBatch:
        level, drawn = np.full(size, aim.levels[k], np.float32), k * voices * groups + of_window
        z = add_noise(mu, level, e[drawn])
        chance = randomness[drawn].shifted_by_half() if at_seam else randomness[drawn]
        described = source.described[at_seam]
        if aim.told is not None and described is not None:
            described = tell_amount(described, np.full(size, aim.told[k]), context.family.context)
        batch = rows_around(context, source, (z, level), chance, at_seam=at_seam, described=described)
        if aim.stretches is not None:
            batch = replace(batch, known=source.known_outside(aim.stretches[k], at_seam=at_seam))
        onsets = context.family.vocabulary.onsets
        lean = np.asarray(aim.lean * onsets.sum(1), np.float32)
        if aim.told is not None:
            lean += np.asarray(card.told_lean * aim.told[k] * onsets.any(1), np.float32)
        return replace(batch, logit_bias=_leaning(batch, lean)) if lean.any() else batch

    return [
        Candidate(
            source,
            partial(rows, k, source.own.mu, at_seam=False),
            partial(rows, k, source.seam.mu, at_seam=True) if source.seam else None,
        )
        for k in range(len(aim))
    ]


def _free_onsets(source: ClipState) -> NDArray[np.int64]:
    """Count the notes that may change by the step of a window in which they begin, [T]."""
    onsets = source.layout.onsets.any(-1) & ~source.unchanging[:, None]
    known = source.compiled.known
    return np.asarray((onsets if known is None else onsets & ~known.all(-1)).sum(0))


def _leaning(batch: DecodeBatch, lean: NDArray[np.float32]) -> NDArray[np.float32] | LogitBias:
    """Add nats on tokens [K] to what the scores of rows lean on."""
    bias, rows = batch.logit_bias, len(batch)
    if isinstance(bias, LogitBias) and rows > SMALL:
        return bias.changed(lambda scores, _: scores + lean)
    steps = batch.randomness.tokens.shape[1] if batch.randomness else 0
    return np.tile(lean, (rows, steps, 1)) if bias is None else bias[:] + lean


def _take_in_order(
    source: ClipState, offers: Sequence[Grid], amount: float, count: int, rng: np.random.Generator, found: dict[object, Found]
) -> None:
    """Take one offer after the other until there are enough clips; what missed the amount is brought to it."""
    near = source.rounding + NEAR
    for offered in offers:
        if sum(off <= near + 1e-9 for off, *_ in found.values()) == count:
            return
        grid, clip = offered, source.write_variation(offered)
        far = source.distance_to(clip)
        if far > amount + near:
            grid, clip = _fit_amount(source, [offered], amount, far, rng)
            far = source.distance_to(clip)
        if abs(far - amount) <= near + 1e-9 and not source.imbalance(clip):
            found.setdefault(_onsets_key(clip), (abs(far - amount), clip, _count_decoded(source, clip, grid)))


def _choose(
    source: ClipState,
    grids: Sequence[Grid],
    amount: float,
    count: int,
    rng: np.random.Generator,
    found: dict[object, Found],
    *,
    is_last: bool,
) -> list[float]:
    """Take the decodes that went nearly as far as the amount, the nearest first, and bring others to it.

    Tells how far each went, or at most went.
    """
    near = source.rounding + NEAR
    # What cannot have gone far enough need not be written, unless nothing better may come.
    made = {
        i: source.write_variation(grid)
        for i, grid in enumerate(grids)
        if is_last or source.distance_bound(grid) >= amount - near
    }
    far = [source.distance_to(made[i]) if i in made else source.distance_bound(grids[i]) for i in range(len(grids))]
    # Of those that are not near, the ones that went too far come first: taking back is better than adding. From what went far
    # enough, three clips can be made, with what is taken back in different places; that is better than decoding again.
    order = sorted(range(len(grids)), key=lambda i: abs(far[i] - amount) + 9 * (far[i] < amount - near))
    beyond = [i for i in order if far[i] > amount + near]
    too_little = [i for i in order if far[i] < amount - near]
    is_near = [i for i in order if abs(far[i] - amount) <= near]
    balanced = [i for i in is_near if not source.imbalance(made[i])]
    uneven = [i for i in is_near if i not in balanced]
    hopeless: set[int] = set()  # to bring into balance
    for i in [*balanced, *beyond, *beyond, *beyond, *uneven, *(too_little if is_last else ())]:
        if sum(off <= near + 1e-9 for off, *_ in found.values()) == count:
            break
        if i in hopeless:
            continue
        grid, off, clip = grids[i], abs(far[i] - amount), made[i]
        if off > near or i in uneven:
            others = [grids[j] for j in (*range(i + 1, len(grids)), *range(i))] if is_last or source.slack < math.inf else []
            goal = amount + NEAR if far[i] > amount and source.layout.windows == 1 else amount
            grid, clip = _fit_amount(source, [grid, *others], goal, far[i], rng)
            off = abs(source.distance_to(clip) - amount)
        if imbalance := source.imbalance(clip):
            off = max(off, near) + IMBALANCE * imbalance  # where nothing better comes
            hopeless.add(i)
        found.setdefault(_onsets_key(clip), (off, clip, _count_decoded(source, clip, grid)))
    return far


def _fit_amount(
    source: ClipState, grids: Sequence[Grid], amount: float, far: float, rng: np.random.Generator
) -> tuple[Grid, Clip]:
    """Bring a decode that went so far to an amount: merge others in where it changed too little, take back what is too much.

    Returns what was decoded, and the clip.
    """
    own, family, voices = source.layout.grid, source.family, source.layout.voices
    size = max(1, len(source.free.notes))
    grid = grids[0]
    edits = family.note_edits(own, grid, voices=voices)
    for other in grids[1:]:
        if source.balance(grid).usable(edits) >= amount * size:
            break
        grid = merge_edits(family, own, grid, other, voices=voices)
        edits = family.note_edits(own, grid, voices=voices)
        far = 0.0
    edits = spread_evenly(edits, rng)
    if source.constraints.syncopation:
        edits = _syncopated_first(source, grid, edits, rng)
    balance = source.balance(grid)
    clip = _take_edits(source, grid, balance.order(edits), amount, far)
    if source.imbalance(clip):  # where edits of several voices come to one note, or nothing is written of some
        shift = len(clip.notes) - len(source.clip.notes)
        again = _take_edits(source, grid, balance.order(edits, shift), amount, far)
        clip = min(clip, again, key=lambda made: (abs(source.distance_to(made) - amount) > NEAR, source.imbalance(made)))
    return grid, clip


def _syncopated_first(source: ClipState, grid: Grid, edits: Sequence[NoteEdit], rng: np.random.Generator) -> list[NoteEdit]:
    """Order edits by how much more syncopated, or less, they make the clip, as far as that is asked for beyond chance."""
    gains = source.constraints.syncopation * source.syncopates(grid, edits)
    return [edits[k] for k in np.argsort(-(gains + rng.gumbel(size=len(edits))), kind="stable").tolist()]


def _take_edits(source: ClipState, grid: Grid, edits: Sequence[NoteEdit], amount: float, far: float) -> Clip:
    """Write as many of the first edits of a decode, which went so far, as make an amount."""
    own, family, size = source.layout.grid, source.family, max(1, len(source.free.notes))
    best: tuple[float, Clip] = (math.inf, source.clip)

    def keep(some: Sequence[NoteEdit]) -> float:
        nonlocal best
        clip = source.write_variation(grid if len(some) == len(edits) else family.apply_edits(own, grid, some))
        came = source.distance_to(clip)
        best = min(best, (abs(came - amount), clip), key=lambda pair: pair[0])
        return came

    # Most edits are one note's change. Distance grows about evenly with them: a secant finds their number in a few tries.
    low, high, far_low, far_high = 0, len(edits) + 1, 0.0, max(amount * 1.01, len(edits) / size)
    if far > amount:  # of all edits it is known that they are too much
        high, far_high = len(edits), far
    tries = 0
    while best[0] > source.rounding and high - low > 1:
        guess = low + (high - low) * (amount - far_low) / (far_high - far_low)
        k = min(max(round(guess), low + 1), high - 1)
        tries += 1
        if tries > TRIES:  # they are of many notes, or of none: then halving is sure to end
            k = (low + high) // 2
        came = keep(edits[:k])
        if came <= amount:
            low, far_low, far_high = k, came, max(far_high, came + (high - k) / size / 2)
        else:
            high, far_high = k, came
    for smaller in edits[high : high + OTHERS]:
        if best[0] <= source.rounding:
            break
        keep([*edits[:low], smaller])  # where the next change is too much, one further on may do
    return best[1]


def _count_decoded(source: ClipState, clip: Clip, grid: Grid) -> tuple[int, int]:
    """Count the new notes of a clip that a grid strikes, and all that are new."""
    there = {(n.pitch, n.start) for n in paced(source.clip.notes)}
    new = [n for n in paced(clip.notes) if n.from_note < 0 and (n.pitch, n.start) not in there]
    layout = source.layout
    b, t, lanes = source.family.onset_lanes(grid)
    is_open = layout.open_steps[b, t]
    struck: dict[int, list[float]] = {}
    for lane, beat in paced(zip(lanes[is_open].tolist(), layout.beats[b, t][is_open].tolist(), strict=True)):
        struck.setdefault(lane, []).append(beat)
    for beats in struck.values():
        beats.sort()
        pause()
    close = 0.5 / layout.spec.steps_per_beat + 0.001  # half a step either way, and the rounding to ticks
    lane_of_pad = layout.lane_of

    def is_struck(note: Note) -> bool:
        beats = struck.get(lane_of(note.pitch, lane_of_pad), [])
        k = bisect_left(beats, note.start)
        return any(abs(note.start - at) <= close for at in beats[max(0, k - 1) : k + 1])

    return sum(is_struck(n) for n in paced(new)), len(new)


def _onsets_key(clip: Clip) -> object:
    """What makes clips different to a listener: which notes begin when."""
    return frozenset((n.pitch, round(n.start * 32)) for n in paced(clip.notes))
