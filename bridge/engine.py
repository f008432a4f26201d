"""Engine.run(request) -> clips: the only place where requests meet models. No sockets, no files, no command line."""

from __future__ import annotations

import hashlib
import math
import zlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.compute import CHUNK, GPU_CHUNK, Batches, Decode, Encode, Progress, Steps, run_alone
from bridge.requests import Blend, Change, ClipsRequest, Cross, Interpolate, Music, Reconstruct, Request, Sample, Vary
from models.aim import (
    PITCH,
    RHYTHM,
    Aim,
    Wish,
    as_told,
    hold,
    is_fixed,
    keep_locked,
    lend_pitches,
    pitches_of,
    rhythm_of,
    take_aim,
)
from models.baselines import morph
from models.changes import Cells, apply_groups, find_groups, graft, in_regions
from models.clip import Clip, Note, note_order
from models.distance import distance
from models.drum_map import VOICE_NAMES, find_drum_map, with_pads
from models.family import KINDS, LatentModel, route, temperature
from models.grid import (
    BAR_STEPS,
    DRUMS,
    STEPS_PER_BEAT,
    VOICE_OF,
    WINDOW_STEPS,
    Grid,
    Heard,
    hear_drums,
    hear_melody,
    straddle,
    unstraddle,
    with_lines,
)
from models.key import parse_key
from models.latent import Dice, Latents, blur, corner_weights, distrust, loosen, mean, noise, slerp
from models.residual import carry_over
from models.store import load_model
from models.walk import even_walk

MORPH = "morph"  # what made the clips of an interpolation where no model did
SPARE = 0.5  # candidates decoded for each variation asked for, beyond the one; those nearest to the amount are kept
BEYOND = 1.2  # how much further than the amount to decode: taking back what is too much is better than adding
NEAR = 0.04  # how far off an amount a variation may be, beyond what whole notes allow: what is taken back leaves a trace
OTHERS = 6  # changes to try for the last one that an amount has room for
ROUNDS = 4  # how often to decode more where too few different clips came out
STRIDES = 2  # points decoded for each step of an interpolation, at first; those that make the walk even are kept
LEAST = 7  # points of an interpolation, however few its steps
BRIDGES = (2 / 3, 1 / 3)  # shares of a clip that are told to make what lies between it and the next
CLOSER = 1  # how often to decode more points of an interpolation where the music leaps
SEAM = slice(BAR_STEPS // 2, WINDOW_STEPS - BAR_STEPS // 2)  # steps of a window over a seam that are made anew
LINES = 8  # of a polyphonic clip at the most; the notes beyond are kept as they are
QUIET = 3  # onsets of a lower line in two bars; with fewer it is left as it is
REMEMBERED = 256  # clips whose place in latent space is kept, so that what is varied again is not encoded again


@dataclass(frozen=True)
class Answer:
    """The clips a request made. `sources[i]` is the index of the clip that `clips[i]` was made from, -1 for none or several.

    `decoded` is how many notes of the variations a decode struck, of how many that are new.
    """

    clips: tuple[Clip, ...]
    sources: tuple[int, ...]
    models: tuple[str, ...]
    seed: int
    info: tuple[str, ...] = ()
    decoded: tuple[int, int] = (0, 0)


class Engine:
    """Runs requests on models, which it loads once. Not thread-safe: one worker owns it."""

    def __init__(
        self, *, device: str = "cpu", rows: int | None = None, load: Callable[[str, str], LatentModel] = load_model
    ) -> None:
        """`rows` fixes the size of every batch, so that a clip comes out the same whatever is decoded beside it."""
        self._device, self._rows, self._load = device, rows, load
        self._models: dict[str, LatentModel] = {}
        self._impressions: OrderedDict[tuple[int, bytes], Impression] = OrderedDict()

    def model(self, name: str) -> LatentModel:
        """Find a model by name, loading it the first time."""
        if name not in self._models:
            self._models[name] = self._load(name, self._device)
        return self._models[name]

    def batches(self) -> Batches:
        """Make a place where several requests are computed together."""
        return Batches(rows=self._rows, chunk=CHUNK if self._device == "cpu" else GPU_CHUNK)

    def run(self, request: Request, progress: Progress = lambda fraction: None) -> Answer:
        """Answer a request; `progress` hears fractions, and may raise to stop."""
        return run_alone(self.steps(request), self.batches(), progress)

    def steps(self, request: Request) -> Steps[Answer]:
        """Begin a request, to be computed in batches beside others."""
        if request.seed is None:
            raise ValueError("a request needs a seed before it runs: 0 to 2147483647")
        run = _Run(self, request, request.seed)
        match request:
            case Sample():
                return run.sample(request)
            case Vary():
                return run.vary(request)
            case Interpolate():
                return run.interpolate(request)
            case Blend():
                return run.blend(request)
            case Cross():
                return run.cross(request)
            case Reconstruct():
                return run.reconstruct(request)
        raise ValueError(f"no one here can run a {type(request).__name__}")

    def palette(self, request: Blend) -> Palette:
        """Prepare the corners of a blend, so that each puck position costs one decode."""
        return run_alone(self.prepare(request), self.batches(), lambda fraction: None)

    def prepare(self, request: Blend | Interpolate) -> Steps[Palette]:
        """Begin to prepare a palette."""
        return _Run(self, request, request.seed or 0).palette(request)

    def impression(self, model: LatentModel, grid: Grid) -> Impression:
        """Find what is known of how a model hears windows; empty where it has not heard them yet."""
        digest = hashlib.blake2b(digest_size=16)
        for values in (grid.tokens, grid.velocities, grid.offsets):
            digest.update(np.ascontiguousarray(values).tobytes())
        key = id(model), digest.digest()  # models of one name may differ; an engine keeps all that it loads
        found = self._impressions.setdefault(key, Impression(grid))
        self._impressions.move_to_end(key)
        while len(self._impressions) > REMEMBERED:
            self._impressions.popitem(last=False)
        return found


@dataclass
class Impression:
    """How a model hears windows: where they lie on the sphere, and the likeliest music there. Filled in as it is computed."""

    grid: Grid
    mu: Latents = field(default_factory=lambda: np.zeros((0, 0), np.float32))  # [B, Z]
    back: Grid | None = None


@dataclass(frozen=True)
class Source:
    """A clip of a request as its model hears it, with what must be kept of it; `seam` is heard from its second bar on."""

    heard: Heard
    wish: Wish
    aim: Aim
    own: Impression
    seam: Impression | None
    quiet: NDArray[np.bool_]  # [B]: windows of a lower line in which next to nothing is played, and stays so

    @cached_property
    def clip(self) -> Clip:
        """The clip."""
        return self.heard.clip

    @cached_property
    def free(self) -> Clip:
        """The clip without the notes that are locked."""
        return self._free(self.clip)

    @cached_property
    def rounding(self) -> float:
        """How near whole notes can come to an amount."""
        return 0.5 / max(1, len(self.free.notes))

    def change(self, decoded: Grid, *, at_seam: bool = False) -> Grid:
        """Carry what a decode changes over to the clip; where it says what it says of the clip itself, the clip stands."""
        heard = self.seam if at_seam and self.seam else self.own
        if heard.back is None:
            raise RuntimeError("the clip has not been heard back")
        changed = carry_over(heard.grid, heard.back, decoded, self.heard.kind)
        if at_seam or not self.quiet.any():
            return changed
        changed.tokens[self.quiet] = heard.grid.tokens[self.quiet]
        return changed

    def how_far(self, clip: Clip) -> float:
        """Measure the distance of a clip from this one, over the notes that are free."""
        return distance(self.free, self._free(clip), voice=self.heard.voice_of.get if self.heard.kind is DRUMS else None)

    def write(self, model: LatentModel, grid: Grid) -> Clip:
        """Write a changed grid as a clip."""
        made = model.family.write(self.heard, hold(self.heard, grid, self.aim, self.wish))
        return keep_locked(self.heard, made, self.aim, self.wish)

    def around(self, values: NDArray[Any]) -> NDArray[Any]:
        """Shift windows [B, T, …] of each line by a bar, round its end: rows that lie over the seams."""
        shifted: NDArray[Any] = straddle(values, lines=self.heard.lines)
        return shifted

    def put_back(self, changed: Grid, over: Grid) -> Grid:
        """Put what was made over the seams into the windows they lie between."""
        is_new = np.zeros(over.tokens.shape, bool)
        is_new[:, SEAM] = True
        is_new[self.quiet | np.roll(self.quiet, -1)] = False
        if not self.heard.open_steps[-1].all():  # there is no loop to close within the window
            is_new[len(is_new) // self.heard.lines - 1 :: len(is_new) // self.heard.lines] = False
        is_new = unstraddle(is_new, lines=self.heard.lines)
        new = over.map(lambda v: unstraddle(v, lines=self.heard.lines))
        return Grid(
            np.where(is_new, new.tokens, changed.tokens),
            np.where(is_new[..., None], new.velocities, changed.velocities),
            np.where(is_new[..., None], new.offsets, changed.offsets),
        )

    def _free(self, clip: Clip) -> Clip:
        locked = self.aim.locked
        if not locked:
            return clip
        index = self.clip.notes[0].from_clip
        return clip.with_notes(n for n in clip.notes if n.from_clip != index or n.from_note not in locked)


@dataclass(frozen=True)
class Try:
    """A clip to be made around a source: its rows, and for a long clip, rows over its seams."""

    source: Source
    rows: Decode
    seam: Decode | None


@dataclass(frozen=True)
class Stone:
    """A clip on the way from A to B: where it should lie, 0..1, and its grid."""

    place: float
    grid: Grid
    clip: Clip


@dataclass(frozen=True)
class Palette:
    """Two to four corners laid out alike, the dice of all positions between them, and the model that blends."""

    engine: Engine
    model: LatentModel
    originals: tuple[Clip, ...]
    corners: tuple[Source, ...]
    dice: tuple[Dice, Dice]  # of windows, and of those over seams
    noise: tuple[Latents, Latents]  # [B, Z], the same at all positions, so that the music follows the puck
    warmth: float
    seed: int
    info: tuple[str, ...]

    def at(self, positions: Sequence[tuple[float, float]], progress: Progress = lambda fraction: None) -> list[Clip]:
        """Blend at puck positions; a corner is the clip that was given, not a reconstruction."""
        return run_alone(self.steps_at(positions), self.engine.batches(), progress)

    def steps_at(self, positions: Sequence[tuple[float, float]]) -> Steps[list[Clip]]:
        """Begin to blend at puck positions."""
        even = self.model.card.even
        ways = [corner_weights(len(self.corners), even(x), even(y)) for x, y in positions]
        made = yield from self._blend([w for w in ways if max(w) < 1], lambda mus, w: mean(mus, w))
        inner = iter(clip for _, clip in made)
        return [next(inner) if max(w) < 1 else self.originals[int(np.argmax(w))] for w in ways]

    def walk(self, steps: int, *, even: bool) -> Steps[list[Clip]]:
        """Walk from A to B in `steps` clips, ends included; even: all steps alike, else at even angles on the great circle."""
        a, b = self.corners
        inner = steps - 2
        if inner == 0:
            return [self.originals[0], self.originals[1]]
        size = max(STRIDES * inner, LEAST) if even else inner
        made = yield from self._along([(k + 1) / (size + 1) for k in range(size)], even=even)
        if not even:
            return [self.originals[0], *(stone.clip for stone in made), self.originals[1]]
        voice = a.heard.voice_of.get if a.heard.kind is DRUMS else None
        rng = np.random.default_rng(self.seed)
        stones = [Stone(0.0, a.heard.grid, a.clip), *made, Stone(1.0, b.heard.grid, b.clip)]
        for turn in range(CLOSER + 1):
            apart = [distance(x.clip, y.clip, voice=voice) for x, y in pairwise(stones)]
            wide = sorted(range(len(apart)), key=lambda k: -apart[k])
            if turn < CLOSER:  # where the music leaps, look closer
                wide = [k for k in wide[: 2 * inner] if apart[k] > sum(apart) / len(apart)]
                more = yield from self._along([(stones[k].place + stones[k + 1].place) / 2 for k in wide], even=True)
            else:  # where it still does, tell the decoder part of the one side, and let it compose the rest as on the other
                wide = [k for k in wide[: inner + 1] if apart[k] > sum(apart) / len(apart)]
                more = yield from self._bridge([(stones[k], stones[k + 1]) for k in wide], rng)
            stones = sorted([*stones, *more], key=lambda stone: stone.place)
        # What is mixed of two clips that hold a rhythm or a pitch line may not hold it; nor what only B has, other locks.
        until = 0 if {RHYTHM, PITCH} & a.wish.lock else -1 if a.wish.locks else None
        places = [stone.place for stone in stones]
        walk = even_walk([stone.clip for stone in stones], steps, rng=rng, voice=voice, until=until, places=places)
        return [self.originals[0], *walk[1:-1], self.originals[1]]

    def _along(self, places: Sequence[float], *, even: bool) -> Steps[list[Stone]]:
        """Decode points of the great circle from A to B; even: where the music lies in these places, not the latents."""
        ways = [self.model.card.even(t) if even else t for t in places]
        made = yield from self._blend([[1 - t, t] for t in ways], lambda mus, w: slerp(mus[0], mus[1], w[1]))
        return [Stone(place, grid, clip) for place, (grid, clip) in zip(places, made, strict=True)]

    def _bridge(self, gaps: Sequence[tuple[Stone, Stone]], rng: np.random.Generator) -> Steps[list[Stone]]:
        """Compose what lies between two stones: as at the second, given a stretch of the first, a long one and a short one."""
        heard = self.corners[0].heard
        places: list[float] = []
        at: list[float] = []
        told: list[tuple[Grid, NDArray[np.bool_]]] = []
        for x, y in gaps:
            turn = int(rng.integers(heard.windows * WINDOW_STEPS // STEPS_PER_BEAT)) * STEPS_PER_BEAT
            for k, share in enumerate(BRIDGES):
                steps = np.roll(np.arange(heard.windows * WINDOW_STEPS) < share * heard.windows * WINDOW_STEPS, turn)
                told.append((x.grid, np.tile(steps, heard.lines).reshape(x.grid.tokens.shape)))
                places.append(x.place + (y.place - x.place) * (k + 1) / (len(BRIDGES) + 1))
                at.append(self.model.card.even(y.place))
        ways = [[1 - t, t] for t in at]
        made = yield from self._blend(ways, lambda mus, w: slerp(mus[0], mus[1], w[1]), told=told)
        return [Stone(place, grid, clip) for place, (grid, clip) in zip(places, made, strict=True)]

    def _blend(
        self,
        ways: Sequence[Sequence[float]],
        between: Callable[[Sequence[Latents], Sequence[float]], Latents],
        *,
        told: Sequence[tuple[Grid, NDArray[np.bool_]]] = (),
    ) -> Steps[list[tuple[Grid, Clip]]]:
        """Decode points between the corners, each written onto the corner that weighs most; onto A where locks hold it.

        `told` are grids and the steps [B, T] of them that the music must have.
        """
        if not ways:
            return []
        tries: list[Try] = []
        for i, w in enumerate(ways):
            base = self.corners[0] if self.corners[0].wish.locks else self.corners[int(np.argmax(w))]
            rows = self._rows(base, between([c.own.mu for c in self.corners], w), [c.own.mu for c in self.corners], 0)
            if told:
                grid, steps = told[i]
                facts = np.repeat(steps[..., None], int(self.model.family.facets.max()) + 1, -1)
                facts = facts | rows.known[1] if rows.known else facts
                rows = replace(rows, known=(as_told(grid, self.model.family.kind), facts))
            seam = None
            if base.seam:
                mus = [c.seam.mu for c in self.corners if c.seam]
                seam = self._rows(base, between(mus, w), mus, 1)
            tries.append(Try(base, rows, seam))
        grids = yield from _decode_all(self.model, tries)
        return [(grid, t.source.write(self.model, grid)) for t, grid in zip(tries, grids, strict=True)]

    def _rows(self, base: Source, z: Latents, mus: Sequence[Latents], which: int) -> Decode:
        levels = distrust(z, mus, least=self.model.least_noise)
        z, levels = loosen(z, levels, self.noise[which], most=self.model.card.loose)
        return _aimed(self.model, base, (z, levels), self.dice[which], self.warmth, at_seam=which == 1)


Found = tuple[float, Clip, tuple[int, int]]  # how far off the amount, a variation, and its notes as Answer counts them


class _Run:
    """One request on its way to an answer."""

    def __init__(self, engine: Engine, request: Request, seed: int) -> None:
        self.engine, self.request, self.seed = engine, request, seed
        self.warmth = temperature(request.variety)
        self.info: list[str] = []
        self.wish = _wish(request)
        self.voice_of = _voice_of(request)
        self.decoded = np.zeros(2, int)

    def sample(self, request: Sample) -> Steps[Answer]:
        name = request.model if request.model != "auto" else KINDS[request.kind or "drums"]
        model = self.engine.model(name)
        drums = model.family.kind is DRUMS
        self._tell_wish(model)
        clip = Clip((), 4.0 * request.bars, channel=10 if drums else 1, name=name)
        clips = yield from self._compose(model, clip, request.count, np.random.default_rng((self.seed, 0)))
        return self._answer(clips, [-1] * len(clips), [name])

    def vary(self, request: Vary) -> Steps[Answer]:
        clips = [_mark(clip, i) for i, clip in enumerate(request.clips)]
        names = [self._route(clip) for clip in clips]
        made: dict[int, list[Clip]] = {}
        for name in dict.fromkeys(names):
            model = self.engine.model(name)
            mine = [i for i, n in enumerate(names) if n == name]
            amount = min(request.amount, model.card.reach)
            if amount < request.amount:
                self.info.append(f"amount {request.amount:g} is more than unrelated clips differ: {amount:.2f} is used")
            if request.amount == 0:
                self.info.append("one clip, untouched, since amount is 0")
                made |= {i: [clips[i]] for i in mine}
                continue
            self._tell_wish(model)
            open_ones: list[int] = []
            for i in mine:
                if clips[i].notes:
                    open_ones.append(i)
                    continue
                rng = np.random.default_rng((self.seed, _key(clips[i])))
                made[i] = yield from self._compose(model, clips[i], request.count, rng)
                self.info.append(f"{_called(clips[i])} is empty, so these are samples")
            sources = yield from self._listen(model, [clips[i] for i in open_ones])
            fixed = [is_fixed(s.heard, s.aim, s.wish) for s in sources]
            for i, source, is_whole in zip(open_ones, sources, fixed, strict=True):
                if is_whole:
                    made[i] = [source.clip]
                    self.info.append(f"one clip, untouched, since the locks leave nothing of {_called(clips[i])} free")
            free = [(i, s) for i, s, whole in zip(open_ones, sources, fixed, strict=True) if not whole]
            varied = yield from self._vary(model, [s for _, s in free], amount, request.count)
            for (i, source), variations in zip(free, varied, strict=True):
                made[i] = variations or [source.clip]
                if not variations:
                    self.info.append(f"one clip, untouched, since nothing of {_called(clips[i])} can change as it is locked")
                elif len(variations) < request.count:
                    self.info.append(f"{_called(clips[i])} gave {len(variations)} different clips, not {request.count}")
        pairs = [(c, i) for i in range(len(clips)) for c in made[i]]
        return self._answer([c for c, _ in pairs], [i for _, i in pairs], names)

    def interpolate(self, request: Interpolate) -> Steps[Answer]:
        marked = [_mark(clip, i) for i, clip in enumerate(request.clips)]
        names = [self._route(clip) for clip in marked]
        if request.path == MORPH or names[0] != names[1]:
            if request.path != MORPH:
                self.info.append(f"no model covers both clips ({', '.join(names)}): they are morphed note by note")
            if self.wish.locks or self.wish.key:
                self.info.append("locks and a key do not hold in a morph")
            voice = self.voice_of.get if names == ["drums", "drums"] else None
            ways = [k / (request.steps - 1) for k in range(request.steps)]
            yield from ()
            return self._answer([morph(marked[0], marked[1], at, voice=voice) for at in ways], [-1] * len(ways), [MORPH])
        palette = yield from self.palette(request)
        clips = yield from palette.walk(request.steps, even=request.path == "even")
        return self._answer(clips, [-1] * len(clips), [palette.model.card.name])

    def blend(self, request: Blend) -> Steps[Answer]:
        palette = yield from self.palette(request)
        side = request.grid
        positions = [request.at] if request.at else [(c / (side - 1), r / (side - 1)) for r in range(side) for c in range(side)]
        clips = yield from palette.steps_at(positions)
        return self._answer(clips, [-1] * len(clips), [palette.model.card.name])

    def cross(self, request: Cross) -> Steps[Answer]:
        """Decode around the second clip, told the rhythm of the first and allowed only the second's pitches or voices."""
        a, b = (_mark(clip, i) for i, clip in enumerate(request.clips))
        names = [self._route(a), self._route(b)]
        if names[0] != names[1]:
            raise ValueError(f"cross takes two clips of one kind, not of {names[0]} and {names[1]}; name a model or a kind")
        model = self.engine.model(names[0])
        self._tell_wish(model)
        there = _fit(b, a, a.beats)
        there = there.with_notes(n for n in there.notes if n.start < a.end)
        rhythm, notes = yield from self._listen(model, [a, there])
        rows = len(rhythm.own.mu)
        # Line by line; where B has fewer lines, its last serves for the rest of A's.
        per_line = rows // rhythm.heard.lines
        lines = [min(k, notes.heard.lines - 1) for k in range(rhythm.heard.lines)]
        mu = np.concatenate([notes.own.mu[k * per_line : (k + 1) * per_line] for k in lines])
        aim = rhythm_of(rhythm.heard, model.family, b, self.wish)
        pitches = pitches_of(b, self.wish)
        rng = np.random.default_rng((self.seed, _key(a), _key(b)))
        found: dict[tuple[Note, ...], Clip] = {}
        for turn in range(ROUNDS):
            tries: list[Decode] = []
            for _ in range(request.count - len(found)):
                levels = np.full(rows, 0.3 + 0.15 * turn, np.float32)
                z = blur(mu, levels, noise(rng, *mu.shape))
                tries.append(_aimed(model, replace(rhythm, aim=aim), (z, levels), self._roll(model, rng, rows), self.warmth))
            grid = yield Decode.stack(tries)
            for k in range(len(tries)):
                mine = grid[k * rows : (k + 1) * rows]
                if model.family.kind is DRUMS:
                    made = model.family.write(rhythm.heard, hold(rhythm.heard, mine, aim, Wish(lock=frozenset({RHYTHM}))))
                else:
                    made = lend_pitches(rhythm.heard, mine, pitches)
                found.setdefault(_notes(made), made)
            if len(found) == request.count:
                break
        if len(found) < request.count:
            self.info.append(f"there are only {len(found)} different ways to do this, not {request.count}")
        return self._answer(list(found.values()), [-1] * len(found), [model.card.name])

    def reconstruct(self, request: Reconstruct) -> Steps[Answer]:
        names = [self._route(clip) for clip in request.clips]
        made: dict[int, Clip] = {}
        for name in dict.fromkeys(names):
            model = self.engine.model(name)
            mine = [i for i, n in enumerate(names) if n == name]
            sources = yield from self._listen(model, [request.clips[i] for i in mine])
            mu = np.concatenate([s.own.mu for s in sources])
            grid = yield Decode(model, mu, np.full(len(mu), model.least_noise, np.float32))
            for i, source in zip(mine, sources, strict=True):
                rows = len(source.own.mu)
                # Nothing carried over: what is written knows no note of the clip.
                made[i] = model.family.write(replace(source.heard, cells={}, apart=()), grid[:rows])
                grid = grid[rows:]
        return self._answer([made[i] for i in sorted(made)], sorted(made), names)

    def palette(self, request: Blend | Interpolate) -> Steps[Palette]:
        """Lay corners out alike, all as long as the longest and in A's meter, and place them in the latent space."""
        clips = request.clips
        marked = [_mark(clip, i) for i, clip in enumerate(clips)]
        names = [self._route(clip) for clip in marked]
        if len(set(names)) > 1:
            raise ValueError(f"these clips need different models ({', '.join(names)}); name one with model")
        beats = max(clip.beats for clip in marked)
        if any(clip.beats != beats for clip in marked):
            self.info.append(f"the shorter clip is repeated to {beats:g} beats between the ends")
        if any(clip.meter != marked[0].meter for clip in marked):
            self.info.append(f"between the ends the meter is {marked[0].meter[0]}/{marked[0].meter[1]}")
        model = self.engine.model(names[0])
        self._tell_wish(model)
        corners = yield from self._listen(model, [_fit(clip, marked[0], beats) for clip in marked], together=True)
        rng = np.random.default_rng((self.seed, *(_key(c) for c in clips)))
        rows = len(corners[0].own.mu)
        dice = self._roll(model, rng, rows)
        e = noise(rng, *corners[0].own.mu.shape)
        more = (self._roll(model, rng, rows), noise(rng, *e.shape)) if corners[0].seam else (dice, e)
        return Palette(
            self.engine,
            model,
            tuple(marked),
            tuple(corners),
            (dice, more[0]),
            (e, more[1]),
            self.warmth,
            self.seed,
            tuple(self.info),
        )

    def _route(self, clip: Clip) -> str:
        return self.request.model if self.request.model != "auto" else route(clip, self.request.kind)

    def _listen(self, model: LatentModel, clips: Sequence[Clip], *, together: bool = False) -> Steps[list[Source]]:
        """Encode clips, all windows in one batch; `together`, all are laid out in as many lines as the one with most."""
        heards = [self._hear(model, clip) for clip in clips]
        if together:
            lines = max((h.lines for h in heards), default=1)
            heards = [with_lines(h, lines) for h in heards]
        sources: list[Source] = []
        for k, heard in enumerate(heards):
            self._tell_apart(heard)
            others = [h.grid for h in heards if h is not heard] if together else []
            wish = self.wish if k == 0 or not together else _unlocked(self.wish)  # between clips, locks hold what A has
            aim = take_aim(heard, model.family, wish, also=others)
            own = self.engine.impression(model, heard.grid)
            over = None
            if len(heard.grid) > heard.lines:
                over = self.engine.impression(model, heard.grid.map(lambda v, n=heard.lines: straddle(v, lines=n)))  # type: ignore[misc]
            quiet = np.zeros(len(heard.grid), bool) if together else _quiet(heard)
            sources.append(Source(heard, wish, aim, own, over, quiet))
        new = [i for s in sources for i in (s.own, s.seam) if i is not None and not len(i.mu)]
        new = list({id(i): i for i in new}.values())
        if new:
            mu = yield Encode(model, Grid.stack(i.grid for i in new))
            for impression in new:
                impression.mu, mu = mu[: len(impression.grid)], mu[len(impression.grid) :]
        return sources

    def _hear(self, model: LatentModel, clip: Clip) -> Heard:
        return hear_drums(clip, self.voice_of) if model.family.kind is DRUMS else hear_melody(clip, LINES)

    def _tell_wish(self, model: LatentModel) -> None:
        """Say which wishes make no sense for a family."""
        if model.family.kind is DRUMS:
            if self.wish.key:
                self.info.append("drums have no key: it is left out")
            if self.wish.octave:
                self.info.append("drums have no register: octave is left out")
        elif self.wish.voices:
            self.info.append("only drums have voices to lock: lock_voices is left out")

    def _tell_apart(self, heard: Heard) -> None:
        """Say how a clip was laid out for a model, and which notes it has no place for."""
        name, why = _called(heard.clip), heard.apart_because()
        if heard.lines > 1:
            self.info.append(f"{name} is polyphonic: it is heard line by line, in {heard.lines} lines")
        if outside := len(why.get("outside", ())):
            self.info.append(f"{outside} notes outside {name}'s length are kept as they are")
        if pads := why.get("pad"):
            pitches = ", ".join(map(str, sorted({heard.clip.notes[i].pitch for i in pads})))
            self.info.append(f"{len(pads)} notes of {name} are on pads the model does not know ({pitches}): kept")
        if room := len(why.get("room", ())):
            self.info.append(f"{room} notes of {name} fit in no line: they are kept as they are")

    def _vary(self, model: LatentModel, sources: Sequence[Source], amount: float, count: int) -> Steps[list[list[Clip]]]:
        """Decode around each source, about as far as the amount, and bring what comes out to it."""
        rngs = [np.random.default_rng((self.seed, _key(s.clip))) for s in sources]
        found: list[dict[object, Found]] = [{_shape(s.clip): (math.inf, s.clip, (0, 0))} for s in sources]
        level = model.card.level_for(amount * BEYOND)
        for turn in range(ROUNDS):
            good = [sum(off <= s.rounding + NEAR + 1e-9 for off, *_ in f.values()) for s, f in zip(sources, found, strict=True)]
            lacking = [k for k, n in enumerate(good) if n < count]
            if not lacking:
                break
            tries: list[Try] = []
            for k in lacking:
                number = math.ceil((count - good[k]) * (1 + SPARE))
                levels = np.clip(level * np.linspace(0.9, 1.1, number) + 0.1 * turn, model.least_noise, 1).astype(np.float32)
                tries += [self._blurred(model, sources[k], s, rngs[k]) for s in levels]
            grids = yield from _decode_all(model, tries, span=(1 - 0.4**turn, 1 - 0.4 ** (turn + 1)))
            for k in lacking:
                mine = [i for i, t in enumerate(tries) if t.source is sources[k]]
                self._choose(
                    model, sources[k], [grids[i] for i in mine], amount, count, rngs[k], found[k], is_last=turn >= ROUNDS - 2
                )
        chosen: list[list[Clip]] = []
        for f in found:
            best = sorted((entry for entry in f.values() if entry[0] < math.inf), key=lambda entry: entry[0])[:count]
            self.decoded += np.sum([entry[2] for entry in best], 0, dtype=int) if best else 0
            chosen.append([entry[1] for entry in best])
        return chosen

    def _blurred(self, model: LatentModel, source: Source, level: np.float32, rng: np.random.Generator) -> Try:
        """Forget some of a source."""

        def rows(mu: Latents, *, at_seam: bool) -> Decode:
            levels = np.full(len(mu), level, np.float32)
            z = blur(mu, levels, noise(rng, *mu.shape))
            return _aimed(model, source, (z, levels), self._roll(model, rng, len(mu)), self.warmth, at_seam=at_seam)

        seam = rows(source.seam.mu, at_seam=True) if source.seam else None
        return Try(source, rows(source.own.mu, at_seam=False), seam)

    def _choose(
        self,
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
        made = [source.write(model, grid) for grid in grids]
        far = [source.how_far(clip) for clip in made]
        # Of those that are not near, the ones that went too far come first: taking back is better than adding.
        for i in sorted(range(len(grids)), key=lambda i: abs(far[i] - amount) + 9 * (far[i] < amount - near)):
            left = count - sum(off <= near + 1e-9 for off, *_ in found.values())
            if left == 0:
                break
            grid, off, clip = grids[i], abs(far[i] - amount), made[i]
            if off > near:
                may_graft = is_last or left <= count // 3  # for a few, another decode would take too long
                others = [grids[j] for j in (*range(i + 1, len(grids)), *range(i))] if may_graft else []
                goal = amount + NEAR if far[i] > amount else amount
                grid, clip = self._fit_amount(model, source, [grid, *others], goal, rng)
                off = abs(source.how_far(clip) - amount)
            found.setdefault(_shape(clip), (off, clip, _count_decoded(source, clip, grid)))

    def _fit_amount(
        self, model: LatentModel, source: Source, grids: Sequence[Grid], amount: float, rng: np.random.Generator
    ) -> tuple[Grid, Clip]:
        """Bring a decode to an amount: graft others on where it changed too little, take back what is too much.

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
            far = source.how_far(clip)
            best = min(best, (abs(far - amount), clip), key=lambda pair: pair[0])
            return far

        # Most groups are one note's change. Distance grows about evenly with them: a secant finds their number in a few tries.
        low, high, far_low, far_high = 0, len(groups) + 1, 0.0, max(amount * 1.01, len(groups) / size)
        while best[0] > source.rounding and high - low > 1:
            guess = low + (high - low) * (amount - far_low) / (far_high - far_low)
            k = min(max(round(guess), low + 1), high - 1)
            far = keep(groups[:k])
            if far <= amount:
                low, far_low, far_high = k, far, max(far_high, far + (high - k) / size / 2)
            else:
                high, far_high = k, far
        for smaller in groups[high : high + OTHERS]:
            if best[0] <= source.rounding:
                break
            keep([*groups[:low], smaller])  # where the next change is too much, one further on may do
        return grid, best[1]

    def _compose(self, model: LatentModel, clip: Clip, count: int, rng: np.random.Generator) -> Steps[list[Clip]]:
        """Sample clips laid out as `clip` is: two bars from the prior, then bar by bar, each given the one before."""
        heard = self._hear(model, clip)
        aim = take_aim(
            heard, model.family, replace(self.wish, lock=frozenset(), voices=frozenset(), beats=(), notes=frozenset())
        )
        found: dict[tuple[Note, ...], Clip] = {}
        for _ in range(ROUNDS):
            rows = count - len(found)
            grids = yield from self._compose_bars(model, rows, 2 * len(heard.grid), rng, aim.bias)
            for k in range(rows):
                made = model.family.write(heard, grids[k * len(heard.grid) : (k + 1) * len(heard.grid)])
                found.setdefault(_notes(made), made)
            if len(found) == count:
                break
        return list(found.values())

    def _compose_bars(
        self, model: LatentModel, rows: int, bars: int, rng: np.random.Generator, bias: NDArray[np.float32] | None
    ) -> Steps[Grid]:
        facets = int(model.family.facets.max()) + 1
        parts: list[Grid] = []
        known: tuple[Grid, NDArray[np.bool_]] | None = None
        for first in range(bars - 1):
            z = noise(rng, rows, model.card.latent)
            grid = yield Decode(
                model,
                z,
                np.ones(rows, np.float32),
                self._roll(model, rng, rows),
                np.full(rows, self.warmth, np.float32),
                known,
                None if bias is None else np.repeat(bias[:1], rows, 0),  # an empty clip asks for the same everywhere
                (first / (bars - 1), (first + 1) / (bars - 1)),
            )
            if first % 2 == 0:
                parts.append(grid)
            # The bar just written is the first of the next two.
            told = as_told(grid.map(lambda v: np.roll(v, -BAR_STEPS, axis=1)), model.family.kind)
            facts = np.zeros((rows, WINDOW_STEPS, facets), bool)
            facts[:, :BAR_STEPS] = True
            known = (told, facts)
        # Rows come window by window; a clip's windows belong behind one another.
        order = np.arange(len(parts) * rows).reshape(len(parts), rows).T.reshape(-1)
        return Grid.stack(parts)[order]

    def _roll(self, model: LatentModel, rng: np.random.Generator, rows: int) -> Dice:
        return Dice.roll(rng, rows, steps=WINDOW_STEPS, voices=model.family.kind.voices, together=model.card.together)

    def _answer(self, clips: Sequence[Clip], sources: Sequence[int], names: Sequence[str]) -> Answer:
        decoded = int(self.decoded[0]), int(self.decoded[1])
        return Answer(tuple(clips), tuple(sources), tuple(names), self.seed, tuple(dict.fromkeys(self.info)), decoded)


def _decode_all(model: LatentModel, tries: Sequence[Try], *, span: tuple[float, float] = (0.0, 1.0)) -> Steps[list[Grid]]:
    """Decode tries, and beside them what the model hears of clips that it has not been asked about; then over the seams."""
    middle = span[0] + (span[1] - span[0]) / (2 if any(t.seam for t in tries) else 1)
    grid = yield from _with_backs(model, [t.source.own for t in tries], [t.rows for t in tries], (span[0], middle))
    changed: list[Grid] = []
    for t in tries:
        rows = len(t.rows)
        changed.append(hold(t.source.heard, t.source.change(grid[:rows]), t.source.aim, t.source.wish))
        grid = grid[rows:]
    long = [k for k, t in enumerate(tries) if t.seam]
    if not long:
        return changed
    jobs: list[Decode] = []
    for k in long:
        job, source = tries[k].seam, tries[k].source
        if job is not None:
            # What lies about a seam is told, so that what is made there joins on to it.
            told = as_told(changed[k].map(source.around), model.family.kind)
            facets = int(model.family.facets.max()) + 1
            facts = np.ones((len(told), WINDOW_STEPS, facets), bool)
            facts[:, SEAM] = job.known[1][:, SEAM] if job.known else False
            own = source.seam.grid if source.seam else told
            tokens = told.tokens.copy()
            tokens[:, SEAM] = own.tokens[:, SEAM]
            bias = job.bias if job.bias is None else np.where(facts.all(-1, keepdims=True), np.float32(0), job.bias)
            jobs.append(replace(job, known=(replace(told, tokens=tokens), facts), bias=bias))
    impressions = [s for k in long if (s := tries[k].source.seam)]
    grid = yield from _with_backs(model, impressions, jobs, (middle, span[1]))
    for k in long:
        source, rows = tries[k].source, len(tries[k].rows)
        changed[k] = source.put_back(changed[k], source.change(grid[:rows], at_seam=True))
        grid = grid[rows:]
    return changed


def _with_backs(
    model: LatentModel, impressions: Sequence[Impression], jobs: Sequence[Decode], span: tuple[float, float]
) -> Steps[Grid]:
    """Decode jobs in one batch with the likeliest music of those impressions that lack it."""
    new = list({id(i): i for i in impressions if i.back is None}.values())
    backs = [_likeliest(model, i.mu) for i in new]
    grid: Grid = yield Decode.stack([*backs, *jobs], span=span)
    for impression in new:
        impression.back, grid = grid[: len(impression.mu)], grid[len(impression.mu) :]
    return grid


def _likeliest(model: LatentModel, mu: Latents) -> Decode:
    rows, kind = len(mu), model.family.kind
    dice = Dice(np.zeros((rows, WINDOW_STEPS), np.float32), np.zeros((rows, WINDOW_STEPS, kind.voices, 2), np.float32))
    return Decode(model, mu, np.full(rows, model.least_noise, np.float32), dice, np.zeros(rows, np.float32))


def _aimed(
    model: LatentModel,
    source: Source,
    point: tuple[Latents, NDArray[np.float32]],
    dice: Dice,
    warmth: float,
    *,
    at_seam: bool = False,
) -> Decode:
    """Make rows of latents and levels that keep and aim at what the source's request wants."""
    known, bias = source.aim.told(source.heard), source.aim.bias
    if at_seam:
        known = (as_told(known[0].map(source.around), model.family.kind), source.around(known[1])) if known else None
        bias = source.around(bias) if bias is not None else None
    z, levels = point
    return Decode(model, z, levels, dice, np.full(len(z), warmth, np.float32), known, bias)


def _quiet(heard: Heard) -> NDArray[np.bool_]:
    """Find the windows of lower lines that hold too little for a model to have heard their like, [B]."""
    onsets = heard.kind.onsets[heard.grid.tokens].any(-1).sum(1)
    return np.asarray((onsets < QUIET) & (np.arange(len(heard.grid)) >= heard.windows))


def _count_decoded(source: Source, clip: Clip, grid: Grid) -> tuple[int, int]:
    """Count the new notes of a clip that a grid strikes, and all that are new."""
    there = {(n.pitch, n.start) for n in source.clip.notes}
    new = [n for n in clip.notes if n.from_note < 0 and (n.pitch, n.start) not in there]
    heard = source.heard
    onsets = heard.kind.onsets[grid.tokens] & heard.open_steps[..., None]
    struck: dict[object, list[float]] = {}
    for b, t, v in zip(*np.nonzero(onsets), strict=True):
        what = -1 - int(v) if heard.kind is DRUMS else int(grid.tokens[b, t])
        struck.setdefault(what, []).append(float(heard.beats[b, t]))
    lane = {
        n.pitch: -1 - heard.voice_of[n.pitch] if heard.kind is DRUMS else n.pitch
        for n in new
        if heard.kind is not DRUMS or n.pitch in heard.voice_of
    }
    return sum(any(abs(n.start - at) <= 0.126 for at in struck.get(lane.get(n.pitch), ())) for n in new), len(new)


def _wish(request: Request) -> Wish:
    """Read what a request wants kept and aimed at."""
    wish = Wish()
    if isinstance(request, Music):
        wish = Wish(key=parse_key(request.key) if request.key else None, density=request.density, octave=request.octave)
    if isinstance(request, Change):
        wish = replace(
            wish,
            lock=frozenset(request.lock),
            voices=frozenset(VOICE_NAMES.index(v) for v in request.lock_voices),
            beats=request.lock_beats,
            notes=frozenset(request.lock_notes),
        )
    return wish


def _unlocked(wish: Wish) -> Wish:
    return Wish(key=wish.key, density=wish.density, octave=wish.octave)


def _voice_of(request: Request) -> dict[int, int]:
    """Find which drum voice each pitch is, in the kit that a request names."""
    if not isinstance(request, ClipsRequest):
        return dict(VOICE_OF)
    kit = with_pads(find_drum_map(request.drum_map), request.pads).voice_of
    if not isinstance(request, Interpolate | Blend | Cross):
        return kit
    # A voice that one clip has not is struck on the pad that the others have it on.
    used = Counter(n.pitch for clip in request.clips for n in clip.notes if n.pitch in kit)
    return {pitch: kit[pitch] for pitch, _ in used.most_common()} | kit


def _mark(clip: Clip, index: int) -> Clip:
    """Let every note of a source know which it is."""
    return clip.with_notes(replace(n, from_clip=index, from_note=i) for i, n in enumerate(clip.notes))


def _fit(clip: Clip, first: Clip, beats: float) -> Clip:
    """Lay a clip out as A is, repeated to a length; only notes that stay just as they were remain marked.

    Notes past its end stay past the end; a note that rings into the next round is cut where that strikes its pitch again.
    """
    shift = first.start - clip.start
    rounds = math.ceil(beats / clip.beats - 1e-9)
    notes = [_moved(n, shift + (beats - clip.beats if rounds > 1 and n.start >= clip.end else 0.0)) for n in clip.notes]
    inside = [n for n in clip.notes if clip.start <= n.start < clip.end]
    for k in range(1, rounds):
        again = [n for n in (_moved(n, shift + k * clip.beats) for n in inside) if n.start < first.start + beats]
        struck = {n.pitch: n.start for n in sorted(again, key=lambda n: -n.start)}
        notes = [*(_cut(n, struck.get(n.pitch, math.inf)) for n in notes), *again]
    return replace(clip, notes=tuple(notes), beats=beats, start=first.start, meter=first.meter)


def _moved(note: Note, by: float) -> Note:
    return replace(note, start=note.start + by, from_clip=-1, from_note=-1) if by else note


def _cut(note: Note, at: float) -> Note:
    is_ringing = note.start < at < note.end
    return replace(note, duration=at - note.start, from_clip=-1, from_note=-1) if is_ringing else note


def _shape(clip: Clip) -> object:
    """What makes clips different to a listener: which notes begin when."""
    return frozenset((n.pitch, round(n.start * 32)) for n in clip.notes)


def _notes(clip: Clip) -> tuple[Note, ...]:
    return tuple(sorted(clip.notes, key=note_order))


def _key(clip: Clip) -> int:
    """Number a clip by its content, so that what a seed gives does not depend on the clips beside it."""
    return zlib.crc32(repr((clip.beats, clip.start, clip.meter, [note_order(n) for n in clip.notes])).encode())


def _called(clip: Clip) -> str:
    return f"“{clip.name}”" if clip.name else "the clip"
