"""The figures of `evaluate --control`: how well what comes back is what was asked for. Requests in, numbers out; no networks.

All is measured through `Engine.run`, as a musician meets it. Only `hidden` asks the model itself what it makes of what it is
told, before the engine adds its own care.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from bridge.engine import Answer, Engine
from bridge.requests import Blend, Change, Interpolate, Request, Vary
from models.baselines import crossfade, random_edits
from models.calibrate import as_clip, on_grid
from models.clip import Clip, same_notes
from models.data import Windows
from models.distance import VoiceOf, compare, distance, distances, lane_of
from models.evaluate import AMOUNTS, Exam, Figures, Named, Progress, Sitting, composed, gather, read_held_out
from models.features import features
from models.grid import (
    BAR_STEPS,
    DRUMS,
    HOLD,
    MELODY,
    STEPS_PER_BEAT,
    VOICE_OF,
    VOICES,
    WINDOW_STEPS,
    Grid,
    GridKind,
    leading_rests,
)
from models.judge import FOLDS, Exhibit, judge
from models.key import LETTERS, SCALES, parse_key
from models.latent import Dice, noise
from models.melody import PITCH
from models.midi import MidiError, from_bytes
from models.residual import without_orphans
from models.store import load_torch_model
from models.torch_model import TorchModel
from models.walk import MANY, best_split, unevenness

Run = Callable[[Request], Answer]

COUNT = 8  # variations of a request, as many as the program's default
ENOUGH = 12  # free notes: with fewer, a whole note is too coarse a step to speak of an amount
STEPS = 7  # of a walk, both ends included, as the program's default
CLOSE = 0.15  # how far from an amount two windows of a piece may differ to be compared with variations at that amount
BARS, LONG = 4, 8  # of whole clips: those that are varied and judged, and those that are walked between and looked at for seams
PER_PIECE = 6  # whole clips
ASKED = {2: 100, BARS: 50}  # clips of so many bars that are asked for amounts
JUDGED = 320  # clips of a class
PAIRS = 60  # of clips of two bars that are walked between, and as many of LONG bars
LOCKED = 240  # requests with random locks
HIDDEN = 300  # windows of which a part is hidden
EXACT = 15  # times four whole parts whose ends and corners are asked for; amount 0 is asked of all
FLAM = 0.5 / STEPS_PER_BEAT  # beats: notes of one voice that are closer clash
EDITS = "baseline.random_edits."
WAYS = {"even": "", "slerp": "baseline.slerp.", "morph": "baseline.morph.", "crossfade": "baseline.crossfade."}


def control_folder(name: str, data: Path, *, split: str, seed: int, progress: Progress) -> Figures:
    """Measure how a model is controlled on the held-out music of a data folder."""
    engine, model = Engine(), load_torch_model(name)
    kind = model.family.kind
    sources, windows = read_held_out(model, data, split)
    files: list[Clip] = []
    for source in sources:
        try:
            parts = from_bytes(source.content, name=source.name).parts
        except MidiError:
            continue  # as in packing
        files += [part.clip for part in parts if (part.channel == 10) == (kind is DRUMS)]

    def run(request: Request) -> Answer:
        return engine.run(request.model_copy(update={"model": name}))

    exam = Exam(windows, None, np.zeros(0, np.uint64), split)
    return control(run, model, exam, files=files, seed=seed, progress=progress)


def control(
    run: Run,
    model: TorchModel,
    exam: Exam,
    *,
    files: Sequence[Clip] = (),
    seed: int = 0,
    progress: Progress = lambda fraction: None,
) -> Figures:
    """Measure what `run` answers to requests about held-out windows, and whether it gives whole parts back as they were.

    None where a figure does not apply. Sets that the model only reconstructs are left out.
    """
    drill = Drill(run, model, Sitting(model, composed(exam.test, model), exam, None, seed), tuple(files), seed)
    parts = [
        drill.exact,
        drill.amounts,
        drill.judged,
        drill.walks,
        drill.middles,
        drill.locks,
        drill.targets,
        drill.hidden,
        drill.seams,
    ]
    return gather(parts, progress)


# --- what can be counted in clips -----------------------------------------------------------------------------------------


def clashes(clip: Clip, voice: VoiceOf | None) -> int:
    """Count notes struck less than half a sixteenth after another of their drum voice; in a clip of notes, after any other."""
    lanes: dict[int, list[float]] = {}
    for n in clip.notes:
        lanes.setdefault(lane_of(n.pitch, voice) if voice else 0, []).append(n.start)
    return sum(b - a < FLAM - 1e-9 for starts in lanes.values() for a, b in pairwise(sorted(starts)))


def touched(request: Change, clip: Clip, voice: VoiceOf | None) -> Counter[str]:
    """Count, by the lock, what of the things that a request locks on its first clip is not there or not alone.

    Rhythm: onsets and lengths; of drums the sixteenths with a stroke. Pitch: the row of pitches. Velocity: each is one that
    the source has, in that drum voice where it has the voice. Key: of notes that are not where the source has one of their
    pitch; a locked row of pitches is in whatever key it is.
    """
    source = request.clips[0]
    found: Counter[str] = Counter()
    if request.lock_voices:
        voices = {k for k, v in enumerate(VOICES) if v.name in request.lock_voices}
        found["voices"] = _unlike(*([n for n in c.notes if VOICE_OF.get(n.pitch) in voices] for c in (source, clip)))
    for low, high in request.lock_beats:
        found["beats"] += _unlike(*([n for n in c.notes if low <= n.start - c.start < high] for c in (source, clip)))
    if request.lock_notes:
        found["notes"] = (Counter(source.notes[i] for i in set(request.lock_notes)) - Counter(clip.notes)).total()
    if "rhythm" in request.lock:
        found["rhythm"] = (
            _off_beat(source, clip) if voice else _unlike(*([(n.start, n.duration) for n in c.notes] for c in (source, clip)))
        )
    if "pitch" in request.lock:
        found["pitch"] = _unlike(*(list(enumerate(n.pitch for n in c.in_order().notes)) for c in (source, clip)))
    if "velocity" in request.lock:
        loud, now = ({(voice(n.pitch) if voice else None, n.velocity) for n in c.notes} for c in (source, clip))
        found["velocity"] = sum(v in {v for v, _ in loud} for v, _ in now - loud)
    if request.key and "pitch" not in request.lock:
        had = {(n.pitch, n.start) for n in source.notes}
        found["key"] = sum((n.pitch, n.start) not in had and not parse_key(request.key).has(n.pitch) for n in clip.notes)
    return +found


def free_part(clip: Clip, request: Change) -> Clip:
    """Leave out the notes of locked voices and stretches."""
    voices = {k for k, v in enumerate(VOICES) if v.name in request.lock_voices}
    return clip.with_notes(
        n
        for n in clip.notes
        if not (voices and VOICE_OF.get(n.pitch) in voices)
        and not any(a <= n.start - clip.start < b for a, b in request.lock_beats)
    )


def changed_onsets(source: Clip, clip: Clip, voice: VoiceOf | None) -> list[float]:
    """List where the notes of a clip lie that are not its source's, in beats from its start."""
    found = compare(source, clip, voice=voice)
    return [clip.notes[j].start - clip.start for j in (*(j for _, j in found.moved), *found.added)]


def in_context(window: Grid, onset: float, kind: GridKind) -> Grid:
    """Turn a window [1, T], a loop, until the beat with an onset is in its middle, and silence what is half a bar from it."""
    beat = min(max(math.floor(onset + FLAM), 0), WINDOW_STEPS // STEPS_PER_BEAT - 1)
    turned = window.map(lambda values: np.roll(values, BAR_STEPS - beat * STEPS_PER_BEAT, axis=1))
    steps = np.arange(WINDOW_STEPS)
    near = (steps >= BAR_STEPS // 2) & (steps < BAR_STEPS // 2 + BAR_STEPS + STEPS_PER_BEAT)
    tokens = np.where(near, turned.tokens, kind.silence)
    return Grid(
        without_orphans(tokens) if kind is MELODY else tokens,
        np.where(near[:, None], turned.velocities, 0),
        np.where(near[:, None], turned.offsets, 0),
    )


def chains(windows: Windows, bars: int, kind: GridKind) -> tuple[Grid, NDArray[np.int64]]:
    """Join windows of a piece that go on from one another into clips of some bars: ([N, T], as long as that; pieces [N])."""
    first, second = (windows.grid.map(lambda v, a=a: v[:, a : a + BAR_STEPS]) for a in (0, BAR_STEPS))  # type: ignore[misc]
    ahead = second.tokens[:-1] if kind is DRUMS else leading_rests(second.tokens[:-1])
    goes_on = (windows.piece[1:] == windows.piece[:-1]) & (ahead == first.tokens[1:]).all(1)
    starts: list[int] = []
    run = 0
    for row, joins in enumerate([False, *goes_on.tolist()]):
        run = run + 1 if joins else 0
        if run == bars - 2:
            starts.append(row - run)
            run = -2  # this window's second bar is the last of this clip, so the window after the next begins the next
    # A note that is held over a bar line is whole in the window that has both bars.
    begin = np.array(starts, np.int64)

    def join(a: NDArray[np.generic], b: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.concatenate([a[begin], *(b[begin + k] for k in range(bars - 1))], 1)

    fields = ("tokens", "velocities", "offsets")
    grid = Grid(*(join(getattr(first, f), getattr(second, f)) for f in fields))  # type: ignore[arg-type]
    return grid, windows.piece[begin]


def likelihood(scores: NDArray[np.float32], right: NDArray[np.bool_], among: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Find the log-probability, by scores [B, T, K], that a token is right, given that it is among some: nats, [B, T]."""
    from scipy.special import logsumexp

    hit, all_ = (logsumexp(np.where(which, scores, -np.inf), axis=2) for which in (right & among, among))
    return np.asarray(hit - all_, np.float32)


# --- the examination ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """What came of a request for variations of a clip at an amount: the clips, and how far each lies from the source."""

    source: Clip
    goal: float
    clips: tuple[Clip, ...]
    far: list[float]
    decoded: tuple[int, int] = (0, 0)  # changed notes that stem from a decode, and all changed notes

    @property
    def errors(self) -> list[float]:
        """How far each is from what was asked, beyond the rounding of whole notes."""
        return [max(0.0, abs(d - self.goal) - 0.5 / len(self.source.notes)) for d in self.far]

    @property
    def fullness(self) -> list[float]:
        """How many notes each has, by those of the source."""
        return [len(c.notes) / len(self.source.notes) for c in self.clips]

    @property
    def repeats(self) -> int:
        """How many are another, or the source."""
        return 1 + len(self.clips) - len({c.in_order().notes for c in (self.source, *self.clips)})

    def spread(self, voice: VoiceOf | None) -> float | None:
        """Measure how far they lie from each other, by how far from the source; None where none does."""
        between = [d for k, c in enumerate(self.clips) for d in distances(c, self.clips[k + 1 :], voice=voice)]
        return (_mean(between) or 0.0) / fmean(self.far) if sum(self.far) else None


@dataclass(frozen=True)
class Cut:
    """Clips and the piece each comes from."""

    clips: list[Clip]
    piece: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> Cut:
        """Some of the clips."""
        return Cut([self.clips[i] for i in rows], self.piece[rows])


@dataclass(frozen=True)
class Drill:
    """One examination of what requests give; each method yields the figures of one part. Every part has dice of its own."""

    run: Run
    model: TorchModel
    sitting: Sitting
    files: tuple[Clip, ...]
    seed: int

    def exact(self) -> Named:
        """Count whole parts of which amount 0, an end or a corner is not the clip itself, field for field."""
        pairs: list[tuple[Clip, Clip]] = []
        for first in range(0, len(self.files), 64):
            some = self.files[first : first + 64]
            pairs += zip(some, self.run(Vary(clips=some, amount=0, seed=self.seed)).clips, strict=True)
        order = self.rng("exact").permutation(len(self.files))[: 4 * EXACT]
        for four in order[: len(order) // 4 * 4].reshape(-1, 4):
            corners = tuple(self.files[i] for i in four)
            pairs += zip(corners[:2], self.run(Interpolate(clips=corners[:2], steps=2, seed=self.seed)).clips, strict=True)
            pairs += zip(corners, self.run(Blend(clips=corners, grid=2, seed=self.seed)).clips, strict=True)
        yield "exact_checked", len(pairs)
        yield "exact_wrong", sum(not _is_same(a, b) for a, b in pairs)

    def amounts(self) -> Named:
        """Measure how far variations lie from where they were asked, amount by amount up to the model's reach.

        Notes: how many a variation has, by those of its clip; an amount could be met by leaving notes out.
        """
        goals = [k / 10 for k in range(1, 11) if k / 10 <= self.model.card.reach]
        lots = {bars: self.enough(self.cuts[bars], f"amounts {bars}", most).clips for bars, most in ASKED.items()}
        rows = {bars: [[self.ask(clip, goal) for goal in goals] for clip in lot] for bars, lot in lots.items()}
        every = [asked for lot in rows.values() for row in lot for asked in row]
        yield "reach", self.model.card.reach
        yield "amount_mae", _mean(e for asked in every for e in asked.errors)
        yield "amount_mae_clip", _mean(e for row in rows[BARS] for asked in row for e in asked.errors)
        for goal in goals:
            yield f"amount_mae_{goal * 10:02.0f}", _mean(e for asked in every if asked.goal == goal for e in asked.errors)
            yield f"amount_notes_{goal * 10:02.0f}", _mean(f for asked in every if asked.goal == goal for f in asked.fullness)
        means = [[fmean(asked.far) for asked in row if asked.far] for lot in rows.values() for row in lot]
        yield "amount_monotone", _mean(float(all(a <= b + 1e-9 for a, b in pairwise(row))) for row in means)
        spreads = [s for s in (asked.spread(self.voice) for asked in every) if s is not None]
        yield "count_spread", _mean(spreads)
        yield "count_spread_kept", _mean(float(s >= 0.5) for s in spreads)
        yield "repeats", sum(asked.repeats for asked in every)
        yield "lacking", sum(COUNT - len(asked.clips) for asked in every)
        changed = sum(asked.decoded[1] for asked in every)
        yield "decoded_share", sum(asked.decoded[0] for asked in every) / changed if changed else None

    def judged(self) -> Named:
        """Measure how well variations are told from held-out music, and random edits that go just as far.

        `_window`: clips of two bars. `_clip`: of four, of which the two in the middle are judged, around the border of the
        model's windows. `_note`: changed notes, each with half a bar on either side of its beat; the real ones are notes by
        which a held-out window differs from another of its piece that is about as far from it as the variation goes.
        """
        lots = {2: self.windows, BARS: self.cuts[BARS]}
        real = {2: self.real}
        whole = lots[BARS]
        real[BARS] = self.around(whole.take(np.arange(0, len(whole.clips), 2)), 2)
        lots[BARS] = whole.take(np.arange(1, len(whole.clips), 2))
        for name, goal in AMOUNTS.items():
            rng = self.rng(f"judged {name}")
            human = self.human_changes(goal, rng)
            for bars, lot in lots.items():
                sources = self.some(lot, f"judged {bars}", JUDGED)
                varied = [self.one(clip, goal, rng) for clip in sources.clips]
                edited = [self.edit(a, b, rng) for a, b in zip(sources.clips, varied, strict=True)]
                for by, made in (("", varied), (EDITS, edited)):
                    cut = Cut(made, sources.piece)
                    if bars == BARS:
                        yield from self.auc(f"{by}vary_auc_{name}_clip", real[bars], self.around(cut, 2))
                        continue
                    grid = self.hear(made)
                    yield from self.auc(f"{by}vary_auc_{name}_window", real[bars], Exhibit(grid, sources.piece))
                    onsets = [changed_onsets(a, b, self.voice) for a, b in zip(sources.clips, made, strict=True)]
                    yield from self.auc(f"{by}vary_auc_{name}_note", human, self.contexts(grid, onsets, sources.piece, rng))

    def walks(self) -> Named:
        """Measure how even the steps between clips of different pieces are: where a step has MANY changes, and where fewer.

        The floor is the most even split of the changes between the ends into steps of whole notes.
        """
        floor: dict[bool, list[float]] = {True: [], False: []}
        found: dict[str, dict[bool, list[float]]] = {way: {True: [], False: []} for way in WAYS}
        for lot in (self.windows, self.cuts[LONG]):
            for _, pair in self.pairs(lot, "walks", PAIRS):
                far = compare(*pair, voice=self.voice)
                changes = len(far.moved) + len(far.added) + len(far.dropped)
                has_many = changes >= MANY * (STEPS - 1)
                floor[has_many].append(best_split(changes, STEPS - 1))
                for way, cvs in found.items():
                    walk = self.walk(pair, way, STEPS)
                    cvs[has_many].append(unevenness([distance(a, b, voice=self.voice) for a, b in pairwise(walk)]))
        for prefix, cvs in ({WAYS[way]: cvs for way, cvs in found.items()} | {"floor.whole_notes.": floor}).items():
            yield f"{prefix}step_cv", _mean(cvs[True])
            yield f"{prefix}step_cv_few", _mean(cvs[False])
        yield "step_cv_worst", float(np.quantile(found["even"][True], 0.95)) if floor[True] else None
        yield "step_cv_few_kept", _mean(float(a <= b + 0.05) for a, b in zip(found["even"][False], floor[False], strict=True))

    def middles(self) -> Named:
        """Measure what lies midway between windows of different pieces: whether it is told from music, its key, its clashes.

        In key: the share of a melody's time in the major scale that holds most of it. Clashes: of a hundred notes.
        """
        pairs = self.pairs(self.windows, "middles", JUDGED)
        pieces = np.array([piece for piece, _ in pairs], np.int64)
        lots = {WAYS[way]: [self.walk(pair, way, 3)[1] for _, pair in pairs] for way in WAYS}
        lots["floor.copy."] = [a for _, (a, _) in pairs]
        for prefix, clips in lots.items():
            grid = self.hear(clips)
            yield from self.auc(f"{prefix}middle_auc_window", self.real, Exhibit(grid, pieces))
            inside = features(grid, self.sitting.sight).get("in_key") if clips else None
            yield f"{prefix}middle_in_key", float(inside.mean()) if inside is not None else None
            notes = sum(len(c.notes) for c in clips)
            yield f"{prefix}middle_clashes", 100 * sum(clashes(c, self.voice) for c in clips) / notes if notes else None

    def locks(self) -> Named:
        """Count what requests with random locks touch, and measure the amount over the notes that locks leave free."""
        rng = self.rng("locks")
        found: Counter[str] = Counter()
        errors: list[float] = []
        some = [self.enough(self.cuts[bars], f"locks {bars}", LOCKED // 2) for bars in (2, BARS)]
        for clip in [clip for lot in some for clip in lot.clips]:
            request = self.with_locks(clip, rng)
            for made in self.run(request).clips:
                found += touched(request, made, self.voice)
            half = self.with_half_locked(clip)
            free = free_part(clip, half)
            if len(free.notes) >= ENOUGH:
                others = [free_part(c, half) for c in self.run(half).clips]
                errors += Asked(free, half.amount, tuple(others), self.far(free, others)).errors
        yield "locks_asked", sum(len(lot.clips) for lot in some)
        yield "locks_touched", found.total()
        for lock in ("voices", "beats", "notes", "rhythm", "pitch", "velocity", "key"):
            yield f"locks_touched_{lock}", found[lock]
        yield "locks_amount_mae", _mean(errors)

    def targets(self) -> Named:
        """Measure what the soft targets do to variations at 0.5: notes a bar, and octaves, beside the same without them."""
        asks = [
            Vary(clips=(clip,), amount=0.5, count=4, seed=self.seed)
            for clip in self.enough(self.windows, "targets", ASKED[2] // 2).clips
        ]
        plain = [self.run(ask).clips for ask in asks]
        for key, more in (("density_2", 2), ("density_minus_2", -2)):
            made = [self.run(ask.model_copy(update={"density": more})).clips for ask in asks]
            yield key, _mean(_notes_a_bar(a) - _notes_a_bar(b) for a, b in zip(made, plain, strict=True))
        if self.kind is DRUMS:
            yield "octave_1", None
            return
        made = [self.run(ask.model_copy(update={"octave": 1.0})).clips for ask in asks]
        yield "octave_1", _mean(_height(a) - _height(b) for a, b in zip(made, plain, strict=True))

    def hidden(self) -> Named:
        """Hide part of held-out windows: how likely the model finds it, in nats a note, and how much of it it would write.

        The model is told the rest, ahead too. Forced, a baseline, is the same network cut down at each step to what agrees
        with the rest; untold, another, is left alone with what came before. The latent says nothing.
        """
        rng = self.rng("hidden")
        truth = self.sitting.test.grid[self.rows(len(self.sitting.test), "hidden", HIDDEN)]
        z = noise(rng, len(truth), self.model.card.latent)
        level = np.ones(len(z), np.float32)
        dice = Dice.roll(rng, len(z), steps=WINDOW_STEPS, voices=self.kind.voices, together=self.model.card.together)
        scores, alone = self.model.score(z, level, truth), self.model.decode(z, level, dice=dice)
        for name, known in self.hiding(truth, rng):
            allowed, right = self.agreeing(truth, known), self.agreeing(truth, ~known)
            bias = np.where(allowed, 0, -np.inf).astype(np.float32)
            told = truth, known
            ways = {
                "": (self.model.score(z, level, truth, told), allowed, self.model.decode(z, level, dice=dice, known=told)),
                "baseline.forced.": (scores, allowed, self.model.decode(z, level, dice=dice, bias=bias)),
                "baseline.untold.": (scores, np.ones_like(allowed), alone),
            }
            is_free = ~known if self.kind is DRUMS else ~known.all(2, keepdims=True)
            there = self.kind.onsets[truth.tokens] & is_free
            for prefix, (found, among, made) in ways.items():
                yield f"{prefix}hidden_{name}_nats", -float(likelihood(found, right, among).sum()) / max(1, int(there.sum()))
                said = self.kind.onsets[made.tokens] & is_free
                hit = (made.tokens == truth.tokens)[..., None] & there if name == "pitch" else said & there
                what, both = ("accuracy", there.sum()) if name == "pitch" else ("f1", (said.sum() + there.sum()) / 2)
                yield f"{prefix}hidden_{name}_{what}", float(hit.sum() / max(1, both))

    def seams(self) -> Named:
        """Look for the borders of the model's windows in long variations: two bars around them against two bars around others.

        The floor is the same of the clips as they were. Held: the share of the borders that a melody's notes are held over,
        and elsewhere the same of the other bar lines. Doubled: clashes of a hundred notes, beyond those of the clips.
        """
        sources = self.some(self.cuts[LONG], "seams", JUDGED // 2)
        rng = self.rng("seams")
        varied = Cut([self.one(clip, 0.6, rng) for clip in sources.clips], sources.piece)
        for prefix, lot in (("", varied), ("floor.copy.", sources)):
            borders, others = self.around(lot, 2), self.around(lot, 1)
            yield from self.auc(f"{prefix}seam_auc", others, borders)
            middles = [e.grid.tokens[:, BAR_STEPS] if self.kind is MELODY and len(e) else None for e in (borders, others)]
            for key, tokens in zip(("seam_held", "seam_held_elsewhere"), middles, strict=True):
                yield f"{prefix}{key}", float((tokens == HOLD).mean()) if tokens is not None else None
        more = sum(clashes(b, self.voice) - clashes(a, self.voice) for a, b in zip(sources.clips, varied.clips, strict=True))
        notes = sum(len(c.notes) for c in varied.clips)
        yield "seam_doubled", 100 * more / notes if notes else None

    # --- what is asked ------------------------------------------------------------------------------------------------------

    def ask(self, clip: Clip, amount: float) -> Asked:
        """Ask for variations, and measure how far they lie."""
        answer = self.run(Vary(clips=(clip,), amount=amount, count=COUNT, seed=self.seed))
        return Asked(clip, amount, answer.clips, self.far(clip, answer.clips), answer.decoded)

    def one(self, clip: Clip, amount: float, rng: np.random.Generator) -> Clip:
        """Ask for some variations and take one of them."""
        made = self.run(Vary(clips=(clip,), amount=min(amount, self.model.card.reach), count=COUNT // 2, seed=self.seed)).clips
        return made[int(rng.integers(len(made)))] if made else clip

    def edit(self, source: Clip, varied: Clip, rng: np.random.Generator) -> Clip:
        """Make random edits that go as far as a variation."""
        return random_edits(source, min(distance(source, varied, voice=self.voice), 1.0), rng=rng, voice=self.voice)

    def walk(self, pair: tuple[Clip, Clip], way: str, steps: int) -> Sequence[Clip]:
        """Go from one clip to another."""
        if way == "crossfade":
            # With the same dice at every step, notes only leave and only come.
            at = [k / (steps - 1) for k in range(steps)]
            return [crossfade(*pair, t, rng=np.random.default_rng(self.seed), voice=self.voice) for t in at]
        request = Interpolate.model_validate({"clips": pair, "steps": steps, "path": way, "seed": self.seed})
        return self.run(request).clips

    def with_locks(self, clip: Clip, rng: np.random.Generator) -> Vary:
        """Ask for variations with one to three locks, drawn by chance, at any amount."""
        beat = float(rng.integers(int(clip.beats)))
        choices: dict[str, object] = {
            "lock_beats": ((beat, beat + float(rng.integers(1, 5))),),
            "lock_notes": tuple(int(i) for i in rng.permutation(len(clip.notes))[:4]),
            "lock": tuple(str(k) for k in rng.permutation(["rhythm", "velocity"])[: 1 + int(rng.integers(2))]),
        }
        if self.kind is DRUMS:
            choices["lock_voices"] = tuple(str(v) for v in rng.permutation([v.name for v in VOICES[:4]])[:2])
        else:
            choices["key"] = f"{rng.choice(list(LETTERS))} {rng.choice(list(SCALES))}"
            choices["pitch"] = ("pitch", "velocity")
        chosen = {str(k): choices[k] for k in rng.permutation(list(choices))[: 1 + int(rng.integers(3))]}
        if "pitch" in chosen:
            chosen["lock"] = chosen.pop("pitch")
        amount = float(rng.uniform(0.1, 0.9))
        return Vary.model_validate({"clips": (clip,), "amount": amount, "count": 2, "seed": self.seed, **chosen})

    def with_half_locked(self, clip: Clip) -> Vary:
        """Ask for variations at 0.5 with about half of the notes locked: kick and hats, or the first half of the time."""
        ask = Vary(clips=(clip,), amount=0.5, count=4, seed=self.seed)
        if self.kind is DRUMS:
            return ask.model_copy(update={"lock_voices": ("kick", "closed_hat")})
        return ask.model_copy(update={"lock_beats": ((0.0, clip.beats / 2),)})

    def hiding(self, truth: Grid, rng: np.random.Generator) -> Iterator[tuple[str, NDArray[np.bool_]]]:
        """Choose what the model knows of windows, as facets [B, T, M]: the second bar, some voices, or the rhythm."""
        every = np.ones((*truth.tokens.shape, int(self.model.family.facets.max()) + 1), bool)
        yield "bar", every & (np.arange(WINDOW_STEPS) >= BAR_STEPS)[:, None]
        if self.kind is DRUMS:
            yield "voices", every & (rng.random((len(truth), 1, len(VOICES))) < 0.5)
        else:
            yield "pitch", every & (np.arange(every.shape[2]) != PITCH)

    def agreeing(self, truth: Grid, facets: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Find the tokens that agree with the true ones in some facets [B, T, M]: [B, T, K]."""
        has = self.model.family.features.astype(np.float32)
        weight = facets[..., self.model.family.facets].astype(np.float32)
        told = has[truth.tokens] * weight
        return np.asarray(weight @ has.T + told.sum(-1, keepdims=True) - 2 * told @ has.T < 0.5)

    def human_changes(self, goal: float, rng: np.random.Generator) -> Exhibit:
        """Show notes by which a real window differs from one of its piece that lies about as far from it as a goal."""
        test, rows = self.sitting.test, self.sitting.halves[0]
        plain = self.sitting.clips(on_grid(test.grid))  # the same stroke a little later is not another note
        found: list[int] = []
        onsets: list[list[float]] = []
        for row in rng.permutation(rows):
            kin = np.flatnonzero(test.piece == test.piece[row])
            kin = rng.permutation(kin[kin != row])[:12]
            off = [abs(d - goal) for d in self.far(plain[row], [plain[k] for k in kin])]
            if off and min(off) <= CLOSE:
                found.append(int(row))
                onsets.append(changed_onsets(plain[kin[int(np.argmin(off))]], plain[row], self.voice))
        lot = np.array(found[:JUDGED], np.int64)
        return self.contexts(test.grid[lot], onsets[:JUDGED], test.piece[lot], rng)

    # --- what the parts share -----------------------------------------------------------------------------------------------

    @property
    def kind(self) -> GridKind:
        """Say what the music is."""
        return self.model.family.kind

    @property
    def voice(self) -> VoiceOf | None:
        """Give the drum voice of pitches, for drums."""
        return VOICE_OF.get if self.kind is DRUMS else None

    @cached_property
    def real(self) -> Exhibit:
        """The real windows of `evaluate`, written as clips and heard again, as all that is judged beside them is."""
        return Exhibit(self.hear(self.sitting.clips(self.sitting.real.grid)), self.sitting.real.piece)

    @cached_property
    def windows(self) -> Cut:
        """The clips of two bars that `evaluate` varies."""
        return Cut(self.sitting.clips(self.sitting.sources.grid), self.sitting.sources.piece)

    @cached_property
    def cuts(self) -> dict[int, Cut]:
        """Clips of two bars, and whole ones of BARS and LONG, a few of each piece."""
        return {2: self.windows, **{bars: self.whole(bars) for bars in (BARS, LONG)}}

    def whole(self, bars: int) -> Cut:
        """Cut whole clips of some bars from the held-out pieces, a few of each."""
        grid, piece = chains(self.sitting.test, bars, self.kind)
        grid = grid if self.sitting.sight.timing else on_grid(grid)
        order = self.rng(f"whole {bars}").permutation(len(piece))
        taken: Counter[int] = Counter()
        rows = [i for i in order.tolist() if (taken.update([int(piece[i])]) or taken[int(piece[i])]) <= PER_PIECE]
        windows = grid.map(lambda v: v.reshape(len(v), bars // 2, WINDOW_STEPS, *v.shape[2:]))
        clips = [as_clip(self.model.family, windows.map(lambda v, i=i: v[i])) for i in rows]  # type: ignore[misc]
        return Cut(clips, piece[rows])

    def rng(self, name: str) -> np.random.Generator:
        """Give each part dice of its own."""
        return self.sitting.rng(f"control {name}")

    def rows(self, count: int, name: str, most: int) -> NDArray[np.int64]:
        """Draw some of so many rows."""
        return np.sort(self.rng(f"rows {name}").permutation(count)[:most])

    def some(self, lot: Cut, name: str, most: int) -> Cut:
        """Draw some clips."""
        return lot.take(self.rows(len(lot.clips), name, most))

    def enough(self, lot: Cut, name: str, most: int) -> Cut:
        """Draw some clips that have notes enough."""
        return self.some(lot.take(np.flatnonzero([len(c.notes) >= ENOUGH for c in lot.clips])), name, most)

    def pairs(self, lot: Cut, name: str, most: int) -> list[tuple[int, tuple[Clip, Clip]]]:
        """Draw pairs of clips of different pieces, each with the piece of the first."""
        order = self.rng(f"pairs {name}").permutation(len(lot.clips))
        both = zip(order.tolist(), np.roll(order, 1).tolist(), strict=True)
        return [(int(lot.piece[i]), (lot.clips[i], lot.clips[j])) for i, j in both if lot.piece[i] != lot.piece[j]][:most]

    def far(self, clip: Clip, others: Sequence[Clip]) -> list[float]:
        """Measure the distances of clips from one."""
        return distances(clip, others, voice=self.voice)

    def hear(self, clips: Sequence[Clip]) -> Grid:
        """Hear clips as windows."""
        return Grid.stack([Grid.empty(0, self.kind), *(self.model.family.hear(clip).grid for clip in clips)])

    def around(self, lot: Cut, first: int) -> Exhibit:
        """Show the two bars around the bar line after `first` bars, and around every second one from there."""
        if not lot.clips:
            return Exhibit(Grid.empty(0, self.kind), lot.piece)
        grid = self.hear(lot.clips).map(lambda v: v.reshape(len(lot.clips), -1, *v.shape[2:]))
        bars = grid.tokens.shape[1] // BAR_STEPS
        parts = [grid.map(lambda v, k=k: v[:, (k - 1) * BAR_STEPS : (k + 1) * BAR_STEPS]) for k in range(first, bars, 2)]  # type: ignore[misc]
        return Exhibit(Grid.stack(parts), np.tile(lot.piece, len(parts)))

    def contexts(
        self, grid: Grid, onsets: Sequence[Sequence[float]], piece: NDArray[np.int64], rng: np.random.Generator
    ) -> Exhibit:
        """Show one changed note of each window in its context, where there is one."""
        rows = [i for i, found in enumerate(onsets) if found]
        parts = [in_context(grid[i : i + 1], float(rng.choice(onsets[i])), self.kind) for i in rows]
        return Exhibit(Grid.stack(parts) if parts else Grid.empty(0, self.kind), piece[rows])

    def auc(self, key: str, real: Exhibit, other: Exhibit) -> Named:
        """Judge: the AUC and its interval, None where there are too few pieces."""
        if min(len(np.unique(e.piece)) for e in (real, other)) < FOLDS:
            yield from ((k, None) for k in (key, f"{key}_low", f"{key}_high"))
            return
        verdict = judge(real, other, sight=self.sitting.sight, seed=self.seed)
        yield key, verdict.auc
        yield f"{key}_low", verdict.low
        yield f"{key}_high", verdict.high


def _is_same(given: Clip, back: Clip) -> bool:
    """Whether a clip came back field for field, and every note knows that it did."""
    return same_notes(given, back) and replace(back, notes=given.notes) == given and all(n.is_untouched for n in back.notes)


def _unlike(a: Iterable[object], b: Iterable[object]) -> int:
    """Count how many of one lot are not in the other, whichever are more."""
    had, has = Counter(a), Counter(b)
    return max((had - has).total(), (has - had).total())


def _off_beat(a: Clip, b: Clip) -> int:
    """Count the sixteenths that have strokes in one clip only; a stroke midway between two is on either."""
    struck = [{_sixteenths((n.start - c.start) * STEPS_PER_BEAT) for n in c.notes} for c in (a, b)]
    places = [set().union(*strokes) for strokes in struck]
    return sum(not stroke & places[1 - side] for side in (0, 1) for stroke in struck[side])


def _sixteenths(steps: float) -> frozenset[int]:
    return frozenset(math.floor(steps + 0.5 + slack) for slack in (-0.02, 0.02))


def _notes_a_bar(clips: Sequence[Clip]) -> float:
    return fmean(len(c.notes) * c.bar / c.beats for c in clips) if clips else 0.0


def _height(clips: Sequence[Clip]) -> float:
    """Find the mean pitch, in octaves."""
    pitches = [n.pitch / 12 for c in clips for n in c.notes]
    return fmean(pitches) if pitches else 0.0


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return fmean(found) if found else None
