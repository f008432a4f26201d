"""Engine.run(request) -> clips: the only place where requests meet models. No sockets, no files, no command line."""

from __future__ import annotations

import hashlib
import math
import zlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bridge.compute import CHUNK, GPU_CHUNK, Batches, Decode, Encode, Progress, Steps, run_alone
from bridge.palette import Palette
from bridge.requests import Blend, Change, ClipsRequest, Cross, Interpolate, Music, Reconstruct, Request, Sample, Vary
from bridge.source import Impression, Source, aimed, quiet, roll
from bridge.variation import vary_sources
from models.aim import RHYTHM, Wish, as_told, hold, is_fixed, lend_pitches, pitches_of, rhythm_of, take_aim
from models.baselines import morph
from models.clip import Clip, Note, note_order
from models.drum_map import VOICE_NAMES, find_drum_map, with_pads
from models.family import KINDS, LatentModel, route, temperature
from models.grid import BAR_STEPS, DRUMS, VOICE_OF, WINDOW_STEPS, Grid, Heard, hear_drums, hear_melody, straddle, with_lines
from models.key import parse_key
from models.latent import blur, noise
from models.store import load_model

MORPH = "morph"  # what made the clips of an interpolation where no model did
ROUNDS = 4  # how often to decode more where too few different clips came out
LINES = 8  # of a polyphonic clip at the most; the notes beyond are kept as they are
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


class UnknownPalette(ValueError):
    """There is no palette under this number, or not any more."""


class Engine:
    """Runs requests on models, which it loads once. Not thread-safe: one worker owns it."""

    def __init__(
        self, *, device: str = "cpu", rows: int | None = None, load: Callable[[str, str], LatentModel] = load_model
    ) -> None:
        """`rows` fixes the size of every batch, so that a clip comes out the same whatever is decoded beside it."""
        self._device, self._rows, self._load = device, rows, load
        self._models: dict[str, LatentModel] = {}
        self._impressions: OrderedDict[tuple[int, bytes], Impression] = OrderedDict()
        self._palettes: dict[int, Palette] = {}

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

    def start(self, request: Request, *, palette: int | None = None) -> Steps[Answer]:
        """Begin a request as `steps` does; the palette of a Blend is kept under a number, where one is given."""
        if palette is None or not isinstance(request, Blend):
            return self.steps(request)
        return self._start_palette(request, palette)

    def start_at(self, palette: int, x: float, y: float) -> Steps[Answer]:
        """Begin to blend at a position on a palette that is kept; raises UnknownPalette, at once or when it first runs."""
        if palette not in self._palettes:
            raise UnknownPalette("this palette is gone: send its blend again, with a new id")
        kept = self._palettes[palette]
        clips = yield from kept.steps_at([(x, y)])
        return _palette_answer(kept, clips)

    def drop_palette(self, palette: int) -> None:
        """Forget a palette, if there is one."""
        self._palettes.pop(palette, None)

    def _start_palette(self, request: Blend, number: int) -> Steps[Answer]:
        kept = self._palettes[number] = yield from self.prepare(request)
        clips = yield from kept.steps_at(_positions(request))
        return _palette_answer(kept, clips, kept.info)

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
            rngs = [np.random.default_rng((self.seed, _key(s.clip))) for _, s in free]
            varied = yield from vary_sources(
                model, [s for _, s in free], rngs, amount=amount, count=request.count, warmth=self.warmth
            )
            for (i, source), variations in zip(free, varied, strict=True):
                self.decoded += np.sum([[0, 0], *(counted for *_, counted in variations)], 0, dtype=int)
                made[i] = [clip for _, clip, _ in variations] or [source.clip]
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
        clips = yield from palette.steps_at(_positions(request))
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
                tries.append(aimed(model, replace(rhythm, aim=aim), (z, levels), roll(model, rng, rows), self.warmth))
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
        lines, windows = corners[0].heard.lines, corners[0].heard.windows
        dice = roll(model, rng, lines)
        e = np.repeat(noise(rng, lines, corners[0].own.mu.shape[1]), windows, 0)
        throws = dice.for_windows(windows), dice.shifted(BAR_STEPS).for_windows(windows)
        return Palette(
            self.engine.batches, model, tuple(marked), tuple(corners), throws, e, self.warmth, self.seed, tuple(self.info)
        )

    def _route(self, clip: Clip) -> str:
        return self.request.model if self.request.model != "auto" else route(clip, self.request.kind)

    def _listen(self, model: LatentModel, clips: Sequence[Clip], *, together: bool = False) -> Steps[list[Source]]:
        """Encode clips, all windows in one batch; `together`, all are laid out in as many lines as the one with most."""
        self._check_notes(clips[:1] if together else clips)
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
            still = np.zeros(len(heard.grid), bool) if together else quiet(heard)
            sources.append(Source(heard, wish, aim, own, over, still))
        new = [i for s in sources for i in (s.own, s.seam) if i is not None and not len(i.mu)]
        new = list({id(i): i for i in new}.values())
        if new:
            mu = yield Encode(model, Grid.stack(i.grid for i in new))
            for impression in new:
                impression.mu, mu = mu[: len(impression.grid)], mu[len(impression.grid) :]
        return sources

    def _check_notes(self, clips: Sequence[Clip]) -> None:
        """Refuse to lock notes that none of the clips has."""
        most = max((len(clip.notes) for clip in clips), default=0)
        beyond = [i for i in sorted(self.wish.notes) if i >= most]
        if clips and beyond:
            raise ValueError(f"lock_notes {beyond[0]} is no note of {_called(clips[0])}: it has {most}, the first is 0")

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
                roll(model, rng, rows),
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

    def _answer(self, clips: Sequence[Clip], sources: Sequence[int], names: Sequence[str]) -> Answer:
        decoded = int(self.decoded[0]), int(self.decoded[1])
        return Answer(tuple(clips), tuple(sources), tuple(names), self.seed, tuple(dict.fromkeys(self.info)), decoded)


def _palette_answer(palette: Palette, clips: Sequence[Clip], info: tuple[str, ...] = ()) -> Answer:
    return Answer(tuple(clips), (-1,) * len(clips), (palette.model.card.name,), palette.seed, info)


def _positions(request: Blend) -> list[tuple[float, float]]:
    """List where the clips of a blend lie: (x, y), row by row; none where a palette is only prepared."""
    if request.at:
        return [request.at]
    side = request.grid
    return [(column / (side - 1), row / (side - 1)) for row in range(side) for column in range(side)]


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


def _notes(clip: Clip) -> tuple[Note, ...]:
    return tuple(sorted(clip.notes, key=note_order))


def _key(clip: Clip) -> int:
    """Number a clip by its content, so that what a seed gives does not depend on the clips beside it."""
    return zlib.crc32(repr((clip.beats, clip.start, clip.meter, [note_order(n) for n in clip.notes])).encode())


def _called(clip: Clip) -> str:
    return f"“{clip.name}”" if clip.name else "the clip"
