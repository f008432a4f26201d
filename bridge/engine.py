"""Engine.run(request) -> clips: the only place where requests meet models. No sockets, no files, no command line."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.requests import Blend, ClipsRequest, Interpolate, Reconstruct, Request, Sample, Vary
from models.clip import Clip, Note, note_order
from models.distance import distance
from models.family import KINDS, LatentModel, route, temperature
from models.grid import BAR_STEPS, DRUMS, VOICE_OF, WINDOW_STEPS, Grid, Heard, leading_rests
from models.latent import Dice, Latents, blur, corner_weights, distrust, loosen, mean, noise, slerp
from models.residual import carry_over
from models.store import load_model

POOL = 3  # candidates decoded for each variation asked for; the best by distance are kept
ROUNDS = 4  # how often to decode more where too few different clips came out
STRIDES = 3  # points decoded for each step of an interpolation; those that make the walk even are kept
CHUNK = 256  # rows of one decode at the most: more gain nothing, and progress and cancelling wait for a chunk

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Answer:
    """The clips a request made. `sources[i]` is the index of the clip that `clips[i]` was made from, -1 for none or several."""

    clips: tuple[Clip, ...]
    sources: tuple[int, ...]
    models: tuple[str, ...]
    seed: int
    info: tuple[str, ...] = ()


class Engine:
    """Runs requests on models, which it loads once. Not thread-safe: one worker owns it."""

    def __init__(
        self, *, device: str = "cpu", rows: int | None = None, load: Callable[[str, str], LatentModel] = load_model
    ) -> None:
        """`rows` fixes the size of every batch, so that a clip comes out the same whatever is decoded beside it."""
        self._device, self._rows, self._load = device, rows, load
        self._models: dict[str, LatentModel] = {}

    def model(self, name: str) -> LatentModel:
        """Find a model by name, loading it the first time."""
        if name not in self._models:
            self._models[name] = self._load(name, self._device)
        return self._models[name]

    def run(self, request: Request, progress: Progress = lambda fraction: None) -> Answer:
        """Answer a request; `progress` hears fractions, and may raise to stop."""
        if request.seed is None:
            raise ValueError("a request needs a seed before it runs: 0 to 2147483647")
        run = _Run(self, request, request.seed, progress)
        match request:
            case Sample():
                return run.sample(request)
            case Vary():
                return run.vary(request)
            case Interpolate():
                return run.interpolate(request)
            case Blend():
                return run.blend(request)
            case Reconstruct():
                return run.reconstruct(request)
        raise ValueError(f"no one here can run a {type(request).__name__}")

    def palette(self, request: ClipsRequest) -> Palette:
        """Prepare the corners of a blend, so that each puck position costs one decode."""
        return _Run(self, request, request.seed or 0, lambda fraction: None).palette(request.clips)

    def decode(
        self,
        model: LatentModel,
        latents: Latents,
        levels: NDArray[np.float32],
        *,
        dice: Dice | None = None,
        temperature: float = 1.0,
        known: tuple[Grid, NDArray[np.bool_]] | None = None,
        progress: Progress = lambda fraction: None,
    ) -> Grid:
        """Decode rows in batches; see LatentModel.decode."""
        size = self._rows or CHUNK
        done: list[Grid] = []
        for first in range(0, len(latents), size):
            part = slice(first, first + size)
            spare = size - len(latents[part]) if self._rows else 0
            grid = model.decode(
                _padded(latents[part], spare),
                _padded(levels[part], spare),
                dice=Dice(_padded(dice.tokens[part], spare), _padded(dice.feel[part], spare)) if dice else None,
                temperature=temperature,
                known=(_padded_grid(known[0][part], spare), _padded(known[1][part], spare)) if known else None,
            )
            done.append(grid[: len(latents[part])])
            progress(min(1.0, (first + size) / len(latents)))
        return Grid.stack(done)

    def encode(self, model: LatentModel, grid: Grid) -> Latents:
        """Encode rows in batches; see LatentModel.encode."""
        size = self._rows or CHUNK
        done: list[Latents] = []
        for first in range(0, len(grid), size):
            part = grid[first : first + size]
            spare = size - len(part) if self._rows else 0
            done.append(model.encode(_padded_grid(part, spare))[: len(part)])
        return np.concatenate(done)


@dataclass(frozen=True)
class Source:
    """A clip of a request as its model heard it: where it lies on the sphere and what the model would write of it."""

    heard: Heard
    mu: Latents  # [B, Z], B windows
    heard_back: Grid  # the likeliest music at mu

    @cached_property
    def clip(self) -> Clip:
        """The clip."""
        return self.heard.clip

    def change(self, decoded: Grid) -> Grid:
        """Carry what a decode changes over to the clip; where it says what it says of the clip itself, the clip stands."""
        return carry_over(self.heard.grid, self.heard_back, decoded, self.heard.kind)

    def how_far(self, clip: Clip) -> float:
        """Measure the distance of a clip from this one."""
        return distance(self.clip, clip, voice=VOICE_OF.get if self.heard.kind is DRUMS else None)


@dataclass(frozen=True)
class Palette:
    """Two to four corners laid out alike, the dice of all positions between them, and the model that blends."""

    engine: Engine
    model: LatentModel
    originals: tuple[Clip, ...]
    corners: tuple[Source, ...]
    dice: Dice
    noise: Latents  # [B, Z], the same at all positions, so that the music follows the puck
    temperature: float
    info: tuple[str, ...]

    def at(self, positions: Sequence[tuple[float, float]], progress: Progress = lambda fraction: None) -> list[Clip]:
        """Blend at puck positions; a corner is the clip that was given, not a reconstruction."""
        even = self.model.card.even
        weights = [corner_weights(len(self.corners), even(x), even(y)) for x, y in positions]
        points = [mean([c.mu for c in self.corners], w) for w in weights]
        return self.blend(weights, points, progress)

    def along(self, steps: int, progress: Progress = lambda fraction: None) -> list[Clip]:
        """Walk from A to B in `steps` clips, ends included, all different where the way has that many."""
        a, b = self.corners
        inner = steps - 2
        tries = [(k + 1) / (STRIDES * inner + 1) for k in range(STRIDES * inner)]
        way = [self.model.card.even(t) for t in tries]
        decoded = self.blend([[1 - t, t] for t in way], [slerp(a.mu, b.mu, t) for t in way], progress)
        far = [(a.how_far(clip), b.how_far(clip)) for clip in decoded]
        done = [x / (x + y) if x + y else t for (x, y), t in zip(far, tries, strict=True)]
        taken = {_notes(a.clip), _notes(b.clip)}
        walk: list[Clip] = []
        for k in range(1, steps - 1):
            # The try that is as far on the way as this step should be; one that is there already only where all are.
            order = sorted(range(len(tries)), key=lambda i: abs(done[i] - k / (steps - 1)))
            chosen = next((i for i in order if _notes(decoded[i]) not in taken), order[0])
            taken.add(_notes(decoded[chosen]))
            walk.append(decoded[chosen])
        return [self.originals[0], *walk, self.originals[1]]

    def blend(self, weights: Sequence[Sequence[float]], points: Sequence[Latents], progress: Progress) -> list[Clip]:
        """Decode points between the corners, each written onto the corner that weighs most."""
        inner = [i for i, w in enumerate(weights) if max(w) < 1]
        made: dict[int, Clip] = {}
        if inner:
            z = np.concatenate([points[i] for i in inner])
            mus = [np.tile(c.mu, (len(inner), 1)) for c in self.corners]
            levels = distrust(z, mus, least=self.model.least_noise)
            z, levels = loosen(z, levels, np.tile(self.noise, (len(inner), 1)), most=self.model.card.loose)
            grid = self.engine.decode(
                self.model, z, levels, dice=self.dice.repeat(len(inner)), temperature=self.temperature, progress=progress
            )
            windows = len(points[0])
            for k, i in enumerate(inner):
                base = self.corners[int(np.argmax(weights[i]))]
                decoded = base.change(grid[k * windows : (k + 1) * windows])
                made[i] = self.model.family.write(base.heard, decoded)
        return [made[i] if i in made else self.originals[int(np.argmax(w))] for i, w in enumerate(weights)]


class _Run:
    """One request on its way to an answer."""

    def __init__(self, engine: Engine, request: Request, seed: int, progress: Progress) -> None:
        self.engine, self.request, self.seed, self.progress = engine, request, seed, progress
        self.temperature = temperature(request.variety)
        self.info: list[str] = []

    def sample(self, request: Sample) -> Answer:
        name = request.model if request.model != "auto" else KINDS[request.kind or "drums"]
        model = self.engine.model(name)
        drums = model.family.kind is DRUMS
        clip = Clip((), 4.0 * request.bars, channel=10 if drums else 1, name=name)
        clips = self._compose(model, clip, request.count, np.random.default_rng((self.seed, 0)))
        return self._answer(clips, [-1] * len(clips), [name])

    def vary(self, request: Vary) -> Answer:
        clips = [_mark(clip, i) for i, clip in enumerate(request.clips)]
        names = [self._route(clip) for clip in clips]
        made: dict[int, list[Clip]] = {}
        for name in dict.fromkeys(names):
            model = self.engine.model(name)
            mine = [i for i, n in enumerate(names) if n == name]
            amount = min(request.amount, model.card.reach)
            if amount < request.amount:
                self.info.append(f"amount {request.amount:g} is more than unrelated clips differ: {amount:.2f} is used")
            open_ones: list[int] = []
            for i in mine:
                if request.amount == 0:
                    made[i] = [clips[i]]
                elif not clips[i].notes:
                    rng = np.random.default_rng((self.seed, _key(clips[i])))
                    made[i] = self._compose(model, clips[i], request.count, rng)
                    self.info.append(f"{_called(clips[i])} is empty, so these are samples")
                else:
                    open_ones.append(i)
            if request.amount == 0:
                self.info.append("one clip, untouched, since amount is 0")
            sources = self._listen(model, [clips[i] for i in open_ones])
            for i, variations in zip(open_ones, self._vary(model, sources, amount, request.count), strict=True):
                made[i] = variations
                if len(variations) < request.count:
                    self.info.append(f"{_called(clips[i])} gave {len(variations)} different clips, not {request.count}")
        pairs = [(c, i) for i in range(len(clips)) for c in made[i]]
        return self._answer([c for c, _ in pairs], [i for _, i in pairs], names)

    def interpolate(self, request: Interpolate) -> Answer:
        palette = self.palette(request.clips)
        clips = palette.along(request.steps, self.progress)
        return self._answer(clips, [-1] * len(clips), [palette.model.card.name])

    def blend(self, request: Blend) -> Answer:
        palette = self.palette(request.clips)
        side = request.grid
        positions = [request.at] if request.at else [(c / (side - 1), r / (side - 1)) for r in range(side) for c in range(side)]
        clips = palette.at(positions, self.progress)
        return self._answer(clips, [-1] * len(clips), [palette.model.card.name])

    def reconstruct(self, request: Reconstruct) -> Answer:
        names = [self._route(clip) for clip in request.clips]
        made: dict[int, Clip] = {}
        for name in dict.fromkeys(names):
            model = self.engine.model(name)
            mine = [i for i, n in enumerate(names) if n == name]
            for i, source in zip(mine, self._listen(model, [request.clips[i] for i in mine]), strict=True):
                # Nothing carried over: what is written knows no note of the clip.
                made[i] = model.family.write(replace(source.heard, cells={}, apart=()), source.heard_back)
        return self._answer([made[i] for i in sorted(made)], sorted(made), names)

    def palette(self, clips: Sequence[Clip]) -> Palette:
        """Lay corners out alike, all as long as the longest and in A's meter, and place them in the latent space."""
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
        corners = self._listen(model, [_fit(clip, marked[0], beats) for clip in marked])
        rng = np.random.default_rng((self.seed, *(_key(c) for c in clips)))
        dice = self._roll(model, rng, len(corners[0].mu))
        e = noise(rng, *corners[0].mu.shape)
        return Palette(self.engine, model, tuple(marked), tuple(corners), dice, e, self.temperature, tuple(self.info))

    def _route(self, clip: Clip) -> str:
        return self.request.model if self.request.model != "auto" else route(clip, self.request.kind)

    def _listen(self, model: LatentModel, clips: Sequence[Clip]) -> list[Source]:
        """Encode clips, all windows in one batch, and decode what the model hears."""
        if not clips:
            return []
        heards = [model.family.hear(clip) for clip in clips]
        for heard in heards:
            self._tell_apart(heard)
        grid = Grid.stack([h.grid for h in heards])
        mu = self.engine.encode(model, grid)
        back = self.engine.decode(model, mu, np.full(len(mu), model.least_noise, np.float32))
        cuts = np.cumsum([0, *(len(h.grid) for h in heards)])
        return [Source(h, mu[a:b], back[a:b]) for h, a, b in zip(heards, cuts[:-1], cuts[1:], strict=True)]

    def _tell_apart(self, heard: Heard) -> None:
        """Say which notes a model has no place for."""
        notes = [heard.clip.notes[i] for i in heard.apart]
        outside = sum(not heard.clip.start - 0.125 <= n.start < heard.clip.end for n in notes)
        inside = len(notes) - outside
        if outside:
            self.info.append(f"{outside} notes outside {_called(heard.clip)}'s length are kept as they are")
        if inside and heard.kind is DRUMS:
            pads = ", ".join(str(p) for p in sorted({n.pitch for n in notes if n.pitch not in VOICE_OF}))
            self.info.append(f"{inside} notes of {_called(heard.clip)} are on pads the model does not know ({pads}): kept")
        elif inside:
            self.info.append(
                f"{_called(heard.clip)} is polyphonic: its top line is heard, {inside} lower notes are kept as they are"
            )

    def _vary(self, model: LatentModel, sources: Sequence[Source], amount: float, count: int) -> list[list[Clip]]:
        """Decode around each source until it has `count` different clips about `amount` away."""
        rngs = [np.random.default_rng((self.seed, _key(s.clip))) for s in sources]
        found: list[dict[tuple[Note, ...], tuple[float, Clip]]] = [{_notes(s.clip): (math.inf, s.clip)} for s in sources]
        level = model.card.level_for(amount)
        for turn in range(ROUNDS):
            lacking = [k for k, f in enumerate(found) if len(f) <= count]
            if not lacking:
                break
            tries = count * POOL
            # A band of levels around the one that the model's table gives, since clips differ; later rounds go further.
            band = np.clip(level * np.linspace(0.75, 1.25, tries) + 0.1 * turn, model.least_noise, 1).astype(np.float32)
            plans = [self._blurred(model, sources[k], band, rngs[k]) for k in lacking]
            grid = self.engine.decode(
                model,
                np.concatenate([p[0] for p in plans]),
                np.concatenate([p[1] for p in plans]),
                dice=Dice.stack([p[2] for p in plans]),
                temperature=self.temperature,
                progress=self.progress,
            )
            row = 0
            for k in lacking:
                windows = len(sources[k].mu)
                for _ in range(tries):
                    changed = sources[k].change(grid[row : row + windows])
                    clip = model.family.write(sources[k].heard, changed)
                    found[k].setdefault(_notes(clip), (abs(sources[k].how_far(clip) - amount), clip))
                    row += windows
        return [[c for _, c in sorted(f.values(), key=lambda pair: pair[0])[:count] if _ < math.inf] for f in found]

    def _blurred(
        self, model: LatentModel, source: Source, band: NDArray[np.float32], rng: np.random.Generator
    ) -> tuple[Latents, NDArray[np.float32], Dice]:
        windows = len(source.mu)
        rows = len(band) * windows
        levels = np.repeat(band, windows)
        z = blur(np.tile(source.mu, (len(band), 1)), levels, noise(rng, rows, source.mu.shape[1]))
        return z, levels, self._roll(model, rng, rows)

    def _compose(self, model: LatentModel, clip: Clip, count: int, rng: np.random.Generator) -> list[Clip]:
        """Sample clips laid out as `clip` is: two bars from the prior, then bar by bar, each given the one before."""
        heard = model.family.hear(clip)
        found: dict[tuple[Note, ...], Clip] = {}
        for _ in range(ROUNDS):
            rows = count - len(found)
            grids = self._compose_bars(model, rows, 2 * len(heard.grid), rng)
            for k in range(rows):
                made = model.family.write(heard, grids[k * len(heard.grid) : (k + 1) * len(heard.grid)])
                found.setdefault(_notes(made), made)
            if len(found) == count:
                break
        return list(found.values())

    def _compose_bars(self, model: LatentModel, rows: int, bars: int, rng: np.random.Generator) -> Grid:
        facets = int(model.family.facets.max()) + 1
        parts: list[Grid] = []
        known: tuple[Grid, NDArray[np.bool_]] | None = None
        for first in range(bars - 1):
            z = noise(rng, rows, model.card.latent)
            grid = self.engine.decode(
                model,
                z,
                np.ones(rows, np.float32),
                dice=self._roll(model, rng, rows),
                temperature=self.temperature,
                known=known,
                progress=lambda done, first=first: self.progress((first + done) / (bars - 1)),  # type: ignore[misc]
            )
            if first % 2 == 0:
                parts.append(grid)
            # The bar just written is the first of the next two.
            told = grid.map(lambda v: np.roll(v, -BAR_STEPS, axis=1))
            told = replace(told, tokens=leading_rests(told.tokens))
            facts = np.zeros((rows, WINDOW_STEPS, facets), bool)
            facts[:, :BAR_STEPS] = True
            known = (told, facts)
        # Rows come window by window; a clip's windows belong behind one another.
        order = np.arange(len(parts) * rows).reshape(len(parts), rows).T.reshape(-1)
        return Grid.stack(parts)[order]

    def _roll(self, model: LatentModel, rng: np.random.Generator, rows: int) -> Dice:
        return Dice.roll(rng, rows, steps=WINDOW_STEPS, voices=model.family.kind.voices, together=model.card.together)

    def _answer(self, clips: Sequence[Clip], sources: Sequence[int], names: Sequence[str]) -> Answer:
        self.progress(1.0)
        return Answer(tuple(clips), tuple(sources), tuple(names), self.seed, tuple(dict.fromkeys(self.info)))


def _mark(clip: Clip, index: int) -> Clip:
    """Let every note of a source know which it is."""
    return clip.with_notes(replace(n, from_clip=index, from_note=i) for i, n in enumerate(clip.notes))


def _fit(clip: Clip, first: Clip, beats: float) -> Clip:
    """Lay a clip out as A is, repeated to a length; only notes that stay just as they were remain marked."""
    shift = first.start - clip.start
    notes: list[Note] = []
    for k in range(math.ceil(beats / clip.beats - 1e-9)):
        by = shift + k * clip.beats
        for n in clip.notes:
            if k and not clip.start <= n.start < clip.end:
                continue
            moved = n if by == 0 else replace(n, start=n.start + by, from_clip=-1, from_note=-1)
            if moved.start < first.start + beats or k == 0:
                notes.append(moved)
    return replace(clip, notes=tuple(notes), beats=beats, start=first.start, meter=first.meter)


def _notes(clip: Clip) -> tuple[Note, ...]:
    return tuple(sorted(clip.notes, key=note_order))


def _key(clip: Clip) -> int:
    """Number a clip by its content, so that what a seed gives does not depend on the clips beside it."""
    return zlib.crc32(repr((clip.beats, clip.start, clip.meter, [note_order(n) for n in clip.notes])).encode())


def _called(clip: Clip) -> str:
    return f"“{clip.name}”" if clip.name else "the clip"


def _padded(values: NDArray[Any], spare: int) -> NDArray[Any]:
    return np.concatenate([values, np.repeat(values[-1:], spare, 0)]) if spare else values


def _padded_grid(grid: Grid, spare: int) -> Grid:
    return grid.map(lambda values: _padded(values, spare))
