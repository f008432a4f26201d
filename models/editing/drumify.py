"""Drums for a rhythm: taps, a bass line, the onsets of a tune. Clips in, clips out; no requests.

A model of drums is told what is played as busily as the rhythm is; its scores lean kick, snare and toms onto the onsets, the
accents above all, and off what lies between. Of several decodes those are taken in which the rhythm is heard best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.editing.alike import group_windows
from models.editing.batching import Computation, Decode
from models.editing.candidates import ROWS_AT_ONCE, Rows
from models.editing.clip_state import EditContext, Made, Remark, called, sorted_notes
from models.editing.gaps import Gaps, find_gaps
from models.editing.habits import tells_habits
from models.editing.rests import find_rests
from models.editing.sample import LONGEST, compose
from models.families.constraints import NEVER, GridConstraints, Known, LogitBias
from models.families.context import Context
from models.families.grid import Grid
from models.families.habits import tell_habits
from models.families.layout import GridLayout
from models.families.statistics import repeated
from models.music.clip import Clip, Note
from models.music.paced import paced
from models.network.decoding import DecodeBatch, DecodePieces
from models.network.latent import noise
from models.pause import pause

TOGETHER = 1 / 16  # beats within which notes are one onset: a chord, however it is rolled
SPARE, LEAST_SPARE = 6, 2  # decodes for each clip, fewer for long ones: those in which the rhythm is heard best are taken
ROUNDS = 4  # how often to decode more where too few different clips came out
LEADING = 0.5  # of `Family.leading`: lanes with less keep time
STEADY = 0.5  # of the steps are struck where hats keep time
LIKEST = 64  # of the music that was learned from, those that are played as often as the rhythm
# Nats at a `follow` of 1: on an onset that is struck by nothing; on a leading voice that strikes where there is none; on one
# that does where there is, and for each deviation that its accent is above the rest.
MISSED, BESIDE, STRUCK, ACCENTED = 8.0, 9.0, 4.0, 1.0
ACCENT = 0.75  # of the way that strokes are as loud as the rhythm, where that has accents
LOOSE = 0.4  # of how far strokes of a step lie apart, what is taken off where somebody has played it
MOST = 2.0  # deviations that count
PLAYED = 0.04  # steps by which onsets lie off the grid, from which on somebody has played them


@dataclass(frozen=True)
class Rhythm:
    """The onsets of a clip on a model's grid: which steps are struck, how hard compared with the others, and how late."""

    layout: GridLayout  # of a clip as long, without notes
    struck: NDArray[np.bool_]  # [B, T]
    loud: NDArray[np.float32]  # [B, T], 0..1
    accents: NDArray[np.float32]  # [B, T], in deviations
    late: NDArray[np.float32]  # [B, T], in steps
    alike: NDArray[np.int64]  # the number of the group of each window
    gaps: Gaps
    known: NDArray[np.bool_] | None  # bars of rest, [B, T, M]

    @property
    def busy(self) -> float:
        """The share of the steps of windows with onsets that are struck."""
        return float(self.struck[self.struck.any(1)].mean())

    @property
    def sparse(self) -> float:
        """How far kick and snare can play it whole, 0..1: of a busy rhythm they play but a part."""
        return max(0.0, 1 - self.busy / STEADY)

    @property
    def is_played(self) -> bool:
        """Whether its onsets lie off the grid, so that somebody has played it."""
        return bool(self.struck.any() and np.std(self.late[self.struck]) > PLAYED)


def drumify(context: EditContext, clips: Sequence[Clip], *, follow: float, count: int) -> Computation[list[Made]]:
    """Make up to `count` drum parts for the rhythm of each clip; `follow` says how closely, 0 not at all, 1 each onset."""
    said = [Remark(text) for text in context.ignored()]
    made: list[Made] = []
    for i, clip in enumerate(clips):
        rng = context.generator(clip)
        rhythm = read_rhythm(context, clip)
        if not rhythm.struck.any():
            samples = yield from compose(context, _named(clip, context.family.channel), count, rng)
            where = f" of its first {LONGEST:.0f} beats" if clip.beats > LONGEST else ""
            text = f"{called(clip)} has no rhythm to follow, so these are samples{where}"
            made.append(replace(samples, remarks=(*said, Remark(text, i), *samples.remarks)))
            continue
        found = yield from _follow(context, rhythm, follow, count, rng)
        fewer = [Remark(f"{called(clip)} gave {len(found)} different clips, not {count}", i)] if len(found) < count else []
        made.append(Made(tuple(found), (*said, *fewer)))
    return made


def read_rhythm(context: EditContext, clip: Clip) -> Rhythm:
    """Lay the onsets of a clip out, those that are heard."""
    spec = context.family.spec
    pad = next(iter(context.kit or {}))
    onsets: list[Note] = []
    for note in paced(clip.in_order().notes):
        if note.mute or note.velocity < 1:
            continue
        if onsets and note.start - onsets[-1].start < TOGETHER:
            onsets[-1] = replace(onsets[-1], velocity=max(onsets[-1].velocity, note.velocity))
        else:
            onsets.append(Note(pad, note.start, spec.step_beats, note.velocity))
    gaps = find_gaps([clip], spec)
    closed = gaps.close(clip)
    taps = context.lay_out(gaps.close(_named(clip, context.family.channel).with_notes(onsets)))
    blank = context.lay_out(taps.clip.with_notes(()))
    rests = () if context.constraints.fill else find_rests([closed], spec, holds=True)
    constraints = replace(context.constraints, rests=rests)
    compiled = context.family.compile(blank, constraints)
    struck = taps.onsets.any(-1) & taps.open_steps
    loud, late = taps.grid.velocities.max(-1), np.where(struck, taps.grid.offsets.sum(-1), 0)
    spread = loud[struck].std() if struck.any() else 0.0
    accents = np.where(struck, (loud - loud[struck].mean()) / spread, 0) if spread > 1e-3 else np.zeros(loud.shape)
    accents = np.clip(accents, -MOST, MOST).astype(np.float32)
    return Rhythm(blank, struck, loud, accents, late.astype(np.float32), group_windows(taps), gaps, compiled.known)


def _follow(
    context: EditContext, rhythm: Rhythm, follow: float, count: int, rng: np.random.Generator
) -> Computation[list[Clip]]:
    """Decode parts, and take those in which the rhythm is heard best."""
    family, layout = context.family, rhythm.layout
    known = GridConstraints(rhythm.known).known_of(layout)
    bias = _leaning(context, rhythm, follow)
    found: dict[tuple[Note, ...], tuple[float, Clip]] = {}
    spare = max(LEAST_SPARE, min(SPARE, 2 * SPARE // len(rhythm.struck)))
    at_once = max(1, ROWS_AT_ONCE // len(rhythm.struck))
    for turn in range(ROUNDS):
        left = whole = spare * (count - len(found))
        while left > 0:
            number = min(left, at_once)
            span = (1 - left / whole, 1 - (left - number) / whole) if turn == 0 else (1.0, 1.0)
            left -= number
            batches = _draw(context, rhythm, (known, bias), follow, number, rng)
            pieces = [rows.batch for rows in batches if len(rows.batch)]
            grids = (yield Decode(context.model, DecodePieces(pieces, family), span)) if pieces else layout.grid[:0]
            for rows in batches:
                grid = _played(rhythm, rows.whole(grids[: len(rows.batch)]), follow)
                grids = grids[len(rows.batch) :]
                clip = family.grid_to_clip(layout, grid)
                heard = follow * _heard(context, rhythm, grid) + (1 - follow) * rng.random()
                if clip.notes:
                    made = context.playing.turn(clip, strokes=True) if context.playing else clip
                    found.setdefault(sorted_notes(clip), (heard, rhythm.gaps.open(made)))
                pause()
    best = sorted(found.values(), key=lambda entry: -entry[0])
    return [clip for _, clip in best[:count]]


def _draw(
    context: EditContext,
    rhythm: Rhythm,
    held: tuple[Known | None, LogitBias],
    follow: float,
    number: int,
    rng: np.random.Generator,
) -> list[Rows]:
    """Draw a number of parts: the windows of each are of one latent, and those with the same rhythm are played the same."""
    size, groups = len(rhythm.struck), int(rhythm.alike.max()) + 1
    z = noise(rng, number, context.model.card.latent)
    randomness = context.draw(rng, number * groups)
    told = _draw_habits(context, rhythm, follow, number, rng)
    levels, temperature = np.ones(size, np.float32), np.full(size, context.temperature, np.float32)
    drawn: list[Rows] = []
    for k in range(number):
        described = None if told is None else np.repeat(told[k : k + 1], size, 0)
        chance = randomness[k * groups + rhythm.alike]
        batch = DecodeBatch(np.repeat(z[k : k + 1], size, 0), levels, chance, temperature, *held, described)
        drawn.append(Rows.of(batch, rhythm.layout.open_steps))
        pause()
    return drawn


def _draw_habits(context: EditContext, rhythm: Rhythm, follow: float, number: int, rng: np.random.Generator) -> Context | None:
    """Draw what parts are told to be like: learned music, the more like the rhythm in how many steps are struck."""
    family, habits = context.family, context.model.habits
    if not tells_habits(context):
        return None
    told = tell_habits(habits, family.spec.window_beats, family.context)
    busy = follow * rhythm.busy + (1 - follow) * max(rhythm.busy, STEADY)
    order = np.argsort(np.abs(family.own_busy(told) - busy), kind="stable")
    likest = order[: round(LIKEST + (1 - follow) * max(0, len(order) - LIKEST))]
    return np.asarray(told[rng.choice(likest, number)])


def _leaning(context: EditContext, rhythm: Rhythm, follow: float) -> LogitBias:
    """Lean onto the rhythm, and off what lies beside it; a `follow` of 1 forbids both to miss an onset and to add one."""
    family, vocabulary = context.family, context.family.vocabulary
    leading = np.asarray(family.leading)
    leads = (vocabulary.onsets * leading).sum(1)
    # What keeps time may do so until the rhythm is to be followed closely.
    beside = (vocabulary.onsets * leading * np.where(leading < LEADING, max(0.0, 2 - 1 / max(follow, 0.5)), 1)).sum(1)
    is_silent = ~vocabulary.onsets.any(1)
    own = family.compile(rhythm.layout, context.constraints).logit_bias

    def make(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        struck, accents = rhythm.struck[rows][..., None], rhythm.accents[rows][..., None]
        on = np.where(is_silent, -MISSED, STRUCK * rhythm.sparse * (leads >= 1) + ACCENTED * accents * np.minimum(leads, 1))
        bias = np.asarray(follow * np.where(struck, on, -BESIDE * beside), np.float32)
        if follow == 1:
            bias[struck[..., 0][..., None] & is_silent] = NEVER
            bias[~struck & ~is_silent] = NEVER
        return bias if own is None else bias + own[rows]

    return LogitBias(len(rhythm.struck), make)


def _played(rhythm: Rhythm, grid: Grid, follow: float) -> Grid:
    """Let strokes be as accented as the rhythm, and in its time where somebody has played it; else in the model's."""
    firm, struck = min(1.0, 2 * follow), rhythm.struck[..., None]
    velocities = _accented(rhythm, grid, ACCENT * firm)
    offsets = grid.offsets
    if rhythm.is_played:  # the loudest stroke of a step is in time with the rhythm, the others lie by it as they did
        loudest = np.take_along_axis(offsets, grid.velocities.argmax(-1)[..., None], -1)
        moved = np.clip(offsets + firm * (rhythm.late[..., None] - loudest + LOOSE * (loudest - offsets)), -0.5, 0.5)
        offsets = np.where(struck & (grid.velocities > 0), moved, offsets)
    return Grid(grid.tokens, velocities, np.asarray(offsets, np.float32))


def _accented(rhythm: Rhythm, grid: Grid, share: float) -> NDArray[np.float32]:
    """Let the loudest stroke of a step be as loud as the rhythm is there, by a share of the way, and the others with it."""
    loudest = grid.velocities.max(-1)
    if not rhythm.accents.any():  # nobody has played it
        return grid.velocities
    wanted = loudest + share * (rhythm.loud - loudest)
    times = np.where(rhythm.struck & (loudest > 0), wanted / np.maximum(loudest, 1e-6), 1)
    return np.asarray(np.minimum(grid.velocities * times[..., None], 1), np.float32)


def _heard(context: EditContext, rhythm: Rhythm, grid: Grid) -> float:
    """Tell how well a rhythm is heard in drums: its onsets, with leading voices nowhere else, its accents, bars that repeat."""
    leading = np.asarray(context.family.leading) >= LEADING
    onsets = context.family.vocabulary.struck(grid.tokens) & rhythm.layout.open_steps[..., None]
    leads = onsets[..., leading].any(-1)
    struck, both = rhythm.struck, (leads & rhythm.struck).sum()
    agree = (onsets.any(-1) & struck).sum() / struck.sum() + both / max(1, leads.sum()) + rhythm.sparse * both / struck.sum()
    loud = (grid.velocities * onsets).sum(-1)[rhythm.struck]
    accents = rhythm.accents[rhythm.struck]
    is_told = len(loud) > 2 and min(loud.std(), accents.std()) > 1e-6
    told = 0.5 * np.corrcoef(loud, accents)[0, 1] if is_told else 0.0
    lag = context.family.spec.half_steps
    again, its_own = (repeated(its, lag)[rhythm.struck.any(1)] for its in (onsets, rhythm.struck[..., None]))
    return float(agree + told + (again * its_own).mean())


def _named(clip: Clip, channel: int) -> Clip:
    """Make the frame of a drum part for a clip, without notes."""
    return replace(clip, notes=(), channel=channel)
