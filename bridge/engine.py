"""Engine.run(request) -> clips: the only place where requests meet models. No sockets, no files, no command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bridge.loaded_models import LoadedModels
from bridge.requests import (
    VERBS,
    Blend,
    Change,
    ClipsRequest,
    Cross,
    Drumify,
    Groove,
    Interpolate,
    Music,
    Reconstruct,
    Request,
    Resting,
    Sample,
    Vary,
)
from models.editing.batching import GPU_ROWS, Batcher, Computation, Progress, Turn, run_alone
from models.editing.clip_state import EditContext, EncodingCache, Made, Remark, called, mark_notes
from models.editing.others import Other
from models.editing.sample import sample
from models.editing.scales import KeyUsed
from models.editing.vary import vary
from models.families.constraints import Constraints, Stretches
from models.families.family import Kit
from models.families.registry import find_family, kinds, lane_names
from models.families.routing import default_family, route, route_beside
from models.music.clip import Clip
from models.music.dials import Dials
from models.music.drum_map import VOICE_NAMES
from models.music.key import AUTO, FREE, parse_key
from models.music.paced import paced
from models.network.decoding import LatentModel, temperature_for
from models.store import load_model

# What most runs do without is imported where a verb needs it: that is a tenth of a start.
if TYPE_CHECKING:
    from models.editing.palette import Palette
    from models.editing.points import Points
    from models.feel.player import Player

Families = Sequence[str] | None  # what each clip of a request is, where that is known
Others = Sequence[Sequence[Other]]  # what sounds with each clip of a request; none where nothing is known
DIALLED = 3  # personal models that are kept at other positions of their dial than 1
DRUMS = "drums"  # the kind of what drumify makes
MORPH = "morph"  # what made the clips of an interpolation where no model did


class UnknownPalette(ValueError):
    """A palette that was never made, or is gone."""


def read_beside(request: Request, beside: Sequence[Clip], told: Sequence[str] = ()) -> tuple[Families, Others]:
    """Tell what each clip of a request is, given clips that sound with it, and which of these are pitched.

    Both by their notes, but for what is `told` of the clips beside. Without such clips nothing is known that the request's own
    do not tell.
    """
    if not beside:
        return None, ()
    clips = request.clips if isinstance(request, ClipsRequest) else ()
    routes, its = route_beside(clips, beside, told)
    others = [Other(clip, find_family(route.family).is_pitched) for clip, route in zip(beside, its, strict=True)]
    return [route.family for route in routes], [others] * max(1, len(clips))


@dataclass(frozen=True)
class Answer:
    """The clips a request made. `sources[i]` is the index of the clip that `clips[i]` was made from, -1 for none or several.

    `models` names the model of each clip of the request, or the one that made everything where it had none. `decoded` is how
    many new notes of variations a decode struck, and how many are new in all. `keys` are those that new notes keep to, of each
    clip of the request, where there are any.
    """

    clips: tuple[Clip, ...]
    sources: tuple[int, ...]
    models: tuple[str, ...]
    seed: int
    remarks: tuple[Remark, ...] = ()
    decoded: tuple[int, int] = (0, 0)
    keys: tuple[tuple[KeyUsed, ...], ...] = ()

    @property
    def info(self) -> tuple[str, ...]:
        """What was done to make things fit, each sentence once."""
        return tuple(dict.fromkeys(remark.text for remark in self.remarks))


class Engine:
    """Runs requests on models, which it loads once. Not thread-safe: one worker owns it."""

    def __init__(
        self, *, device: str = "cpu", batch_size: int | None = None, load: Callable[[str, str], LatentModel] = load_model
    ) -> None:
        """`batch_size` fixes the size of every batch, so that a clip comes out the same whatever is decoded beside it."""
        self._device, self._batch_size = device, batch_size
        self._models = LoadedModels(lambda name: load(name, device), always=kinds().values())
        self._dialled = LoadedModels(self._dial, most=DIALLED)
        self._encodings = EncodingCache()
        self._palettes: dict[int, Palette] = {}
        self._player: tuple[str, Player] | None = None

    def model(self, name: str) -> LatentModel:
        """Find a model by name, loading it where it was not asked for lately."""
        return self._models.find(name)

    def player(self, name: str) -> Player:
        """Find a model of feel by name, loading it where it is not the one that was asked for last."""
        from models.feel.store import load_player

        name = feel_name(name)
        if self._player is None or self._player[0] != name:
            self._player = name, load_player(name)
        return self._player[1]

    def weights_sha256(self, verb: str, name: str) -> str:
        """Look up the hash of the weights of a model that a verb made something with."""
        return self.player(name).weights_sha256 if VERBS.get(verb) is Groove else self.model(name).card.weights_sha256

    def _dial(self, key: str) -> LatentModel:
        """Load a personal model as far as its key says; see `_model_for`."""
        mine, _, name = key.partition(" ")
        model = self.model(name)
        return model.dial(float(mine)) if model.dial else model

    def _model_for(self, request: Request, name: str) -> LatentModel:
        """Find the model of a request; of a personal one as much as the request wants of it, in hundredths."""
        mine, model = round(request.mine, 2), self.model(name)
        return model if mine == 1 or not model.dial else self._dialled.find(f"{mine} {name}")

    def batcher(self) -> Batcher:
        """Make a place where several requests are computed together."""
        if self._device == "cpu":
            return Batcher(batch_size=self._batch_size)
        return Batcher(batch_size=self._batch_size, most=GPU_ROWS, contended=GPU_ROWS, shared=GPU_ROWS)

    def run(
        self,
        request: Request,
        progress: Progress = lambda fraction: None,
        *,
        families: Sequence[str] | None = None,
        others: Sequence[Sequence[Other]] = (),
    ) -> Answer:
        """Answer a request; `progress` is told fractions, and may raise to stop. For the rest see `start`."""
        return run_alone(self.start(request, families=families, others=others), self.batcher(), progress)

    def start(
        self,
        request: Request,
        *,
        palette: int | None = None,
        families: Sequence[str] | None = None,
        others: Sequence[Sequence[Other]] = (),
    ) -> Computation[Answer]:
        """Begin a request, to be computed in batches beside others; a blend's palette is kept under the number given.

        `families` say what each clip is where more is known of it than the clip itself tells; a model or a kind that the
        request names comes first. `others` are what sounds with each clip, or with all that is made where there are no clips;
        it is heard, never changed and never returned.
        """
        if request.seed is None:
            raise ValueError("a request needs a seed before it runs: 0 to 2147483647")
        match request:
            case Sample():
                return self._sample(request, others)
            case Vary():
                return self._vary(request, families, others)
            case Interpolate():
                return self._interpolate(request, families, others)
            case Blend():
                return self._blend(request, palette, families, others)
            case Cross():
                return self._cross(request, families, others)
            case Drumify():
                return self._drumify(request)
            case Groove():
                return self._groove(request, families)
            case Reconstruct():
                return self._reconstruct(request, families, others)
        raise ValueError(f"there is no way to run a {type(request).__name__}")

    def start_at(self, palette: int, x: float, y: float) -> Computation[Answer]:
        """Begin to blend at a position of the puck on a palette that a blend left; raises UnknownPalette."""
        if palette not in self._palettes:
            raise UnknownPalette("this palette is gone: send its blend again, with a new id")
        return _blend_on(self._palettes[palette], [(x, y)])

    def encode(self, request: Reconstruct, *, families: Families = None) -> list[Points]:
        """Say where each clip of a request lies in the latent space of its model; nothing is made of it."""
        from models.editing.points import Points, find_latents

        found: list[Points] = []
        for clip, name in zip(request.clips, _routes(request, request.clips, families), strict=True):
            context = self._context(request, name)
            latents = run_alone(find_latents(context, clip), self.batcher(), lambda fraction: None)
            noise = np.full(latents.shape[:2], context.model.least_noise, np.float32)
            frame, weights = replace(clip, notes=(), track_end=None), context.model.card.weights_sha256
            found.append(Points(latents, noise, frame, name, weights, request.drum_map, request.pads))
        return found

    def decode(self, points: Points) -> Clip:
        """Write points as the likeliest music there; raises ValueError where their model is another one now."""
        from models.editing.points import write_points

        model = self.model(points.model)
        if model.card.weights_sha256 != points.weights_sha256:
            hashes = f"{points.weights_sha256[:12]}, here they are {model.card.weights_sha256[:12]}"
            raise ValueError(f"{points.model} had other weights when these points were found: {hashes}")
        request = Reconstruct(clips=(points.frame,), drum_map=points.drum_map, pads=points.pads)
        context = self._context(request, points.model)
        return run_alone(write_points(context, points), self.batcher(), lambda fraction: None)

    def drop_palette(self, palette: int) -> None:
        """Forget a palette."""
        self._palettes.pop(palette, None)

    # --- the verbs ---------------------------------------------------------------------------------------------------

    def _sample(self, request: Sample, others: Others) -> Computation[Answer]:
        name = request.model if request.model != "auto" else default_family(request.kind)
        made = yield from sample(self._context(request, name), *others[:1], empty=request.empty, count=request.count)
        return Answer(made.clips, (-1,) * len(made.clips), (name,), _seed(request), made.remarks, keys=(made.keys,))

    def _vary(self, request: Vary, families: Families, others: Others) -> Computation[Answer]:
        clips = _marked(request)

        def vary_some(name: str, mine: Sequence[Clip], beside: Others) -> Computation[list[Made]]:
            return vary(self._context(request, name), mine, beside, amount=request.amount, count=request.count)

        answer = yield from self._each(request, clips, families, others, vary_some)
        return replace(answer, remarks=(*_locked_outside(request, clips), *answer.remarks))

    def _reconstruct(self, request: Reconstruct, families: Families, others: Others) -> Computation[Answer]:
        from models.editing.reconstruct import reconstruct

        def reconstruct_some(name: str, mine: Sequence[Clip], beside: Others) -> Computation[list[Made]]:
            return reconstruct(self._context(request, name), mine, beside)

        return (yield from self._each(request, request.clips, families, others, reconstruct_some))

    def _interpolate(self, request: Interpolate, families: Families, others: Others) -> Computation[Answer]:
        from models.editing.interpolation import interpolate
        from models.editing.palette import prepare_palette

        clips = _marked(request)
        names = _routes(request, clips, families)
        if request.path == MORPH or names[0] != names[1]:
            return self._morph(request, clips, names)
        palette = yield from prepare_palette(self._context(request, names[0], together=clips), clips, others)
        made = yield from interpolate(palette, request.steps, even=request.path == "even")
        return _answer_of(palette, made, _locked_outside(request, clips[:1]))

    def _morph(self, request: Interpolate, clips: Sequence[Clip], names: Sequence[str]) -> Answer:
        """Lead one clip to the other note by note, without a model."""
        from models.music.morph import Morph

        said: list[str] = []
        if request.path != MORPH:
            said.append(f"no model covers both clips ({', '.join(names)}): they are morphed note by note")
        constraints = _constraints(request)
        if constraints.locks or constraints.key:
            said.append("locks and a key do not hold in a morph")
        families = set(names) if request.model == "auto" else {self.model(name).family.name for name in names}
        kit = find_family(families.pop()).kit(request.drum_map, request.pads, clips) if len(families) == 1 else None
        (a, b), voice = clips, None if kit is None else kit.get
        way = Morph(a, b, voice=voice)
        made = [way.at(k / (request.steps - 1)) for k in paced(range(request.steps), 1)]
        made[1:-1] = [_dials(request).turn(clip, like=a, strokes=kit is not None) for clip in paced(made[1:-1], 1)]
        remarks = tuple(map(Remark, said))
        return Answer(tuple(made), (-1,) * len(made), (MORPH,) * len(clips), _seed(request), remarks)

    def _blend(self, request: Blend, number: int | None, families: Families, others: Others) -> Computation[Answer]:
        from models.editing.palette import prepare_palette

        clips = _marked(request)
        names = _routes(request, clips, families)
        if len(set(names)) > 1:
            raise ValueError(f"these clips need different models ({', '.join(names)}); name one with model")
        palette = yield from prepare_palette(self._context(request, names[0], together=clips), clips, others)
        if number is not None:
            self._palettes[number] = palette
        return (yield from _blend_on(palette, request.positions, _locked_outside(request, clips[:1])))

    def _cross(self, request: Cross, families: Families, others: Others) -> Computation[Answer]:
        from models.editing.cross import cross

        a, b = clips = _marked(request)
        names = _routes(request, clips, families)
        if names[0] != names[1]:
            raise ValueError(f"cross takes two clips of one kind, not of {names[0]} and {names[1]}; name a model or a kind")
        made = yield from cross(self._context(request, names[0], together=clips), a, b, others, count=request.count)
        return Answer(made.clips, (-1,) * len(made.clips), tuple(names), _seed(request), made.remarks, keys=((), made.keys))

    def _drumify(self, request: Drumify) -> Computation[Answer]:
        from models.editing.drumify import drumify

        def drumify_some(name: str, mine: Sequence[Clip], beside: Others) -> Computation[list[Made]]:
            context = self._context(request, name)
            if context.family.is_pitched:
                raise ValueError(f"drumify makes drums, and {name} is no model of drums")
            return drumify(context, mine, follow=request.follow, count=request.count)

        # Whatever the clips are, what is made of them is drums.
        asked = request.model_copy(update={"kind": DRUMS})
        return (yield from self._each(asked, request.clips, None, (), drumify_some))

    def _groove(self, request: Groove, families: Families) -> Computation[Answer]:
        from models.editing.groove import Playing, groove

        clips, told = _marked(request), request.model_copy(update={"model": "auto"})
        player = self.player(request.model)
        kits = [
            None if (family := find_family(name)).is_pitched else family.kit(request.drum_map, request.pads, clips)
            for name in _routes(told, clips, families)
        ]
        playing = Playing(request.timing, request.velocity, 0.5 + request.variety, _seed(request))
        like = (clips[-1], kits[-1]) if request.like else None
        results: list[tuple[Clip, int]] = []
        remarks = list(_locked_outside(request, clips[: len(request.played)]))
        for i, (clip, kit) in enumerate(zip(clips[: len(request.played)], kits, strict=False)):
            yield Turn()
            locked = _locked_notes(request, clip, kit)
            made = groove(player, clip, kit, playing, count=request.count, locked=locked, like=like)
            results += [(its, i) for its in made.clips]
            remarks += [Remark(remark.text, i) for remark in made.remarks]
        names = (feel_name(request.model),) * len(clips)
        made_of = tuple(i for _, i in results)
        return Answer(tuple(clip for clip, _ in results), made_of, names, _seed(request), tuple(dict.fromkeys(remarks)))

    # --- what they share ---------------------------------------------------------------------------------------------

    def _each(
        self,
        request: ClipsRequest,
        clips: Sequence[Clip],
        families: Families,
        others: Others,
        edit: Callable[[str, Sequence[Clip], Others], Computation[list[Made]]],
    ) -> Computation[Answer]:
        """Edit clips one by one, those of one model in the same batches."""
        names = _routes(request, clips, families)
        made: dict[int, Made] = {}
        remarks: list[Remark] = []
        for name in dict.fromkeys(names):
            mine = [i for i, n in enumerate(names) if n == name]
            beside = [others[i] for i in mine] if others else ()
            for i, its in zip(mine, (yield from edit(name, [clips[i] for i in mine], beside)), strict=True):
                made[i] = its
                remarks += [Remark(remark.text, i) for remark in its.remarks]
        results = [(clip, i) for i in range(len(clips)) for clip in made[i].clips]
        decoded = sum(m.decoded[0] for m in made.values()), sum(m.decoded[1] for m in made.values())
        return Answer(
            tuple(clip for clip, _ in results),
            tuple(i for _, i in results),
            tuple(names),
            _seed(request),
            tuple(dict.fromkeys(remarks)),
            decoded,
            tuple(made[i].keys for i in range(len(clips))),
        )

    def _context(self, request: Request, name: str, *, together: Sequence[Clip] = ()) -> EditContext:
        """Gather what a verb needs beside clips."""
        model = self._model_for(request, name)
        kit = model.family.kit(request.drum_map, request.pads, together) if isinstance(request, ClipsRequest) else None
        finds_keys = isinstance(request, Music) and request.key == AUTO
        temperature = temperature_for(request.variety)
        dials = _dials(request)
        return EditContext(model, _constraints(request), kit, temperature, _seed(request), self._encodings, finds_keys, dials)


def _blend_on(palette: Palette, positions: Sequence[tuple[float, float]], said: Sequence[Remark] = ()) -> Computation[Answer]:
    made = yield from palette.blend(positions)
    return _answer_of(palette, made, said)


def _answer_of(palette: Palette, clips: Sequence[Clip], said: Sequence[Remark] = ()) -> Answer:
    names = (palette.context.model.card.name,) * len(palette.originals)
    remarks = (*said, *palette.remarks)
    return Answer(tuple(clips), (-1,) * len(clips), names, palette.context.seed, remarks, keys=palette.keys)


def _locked_notes(request: Groove, clip: Clip, kit: Kit | None) -> frozenset[int]:
    """List the notes that a request locks: single ones, those of a voice, and those that begin in a stretch."""
    voices = {VOICE_NAMES.index(name) for name in request.lock_voices}
    single, stretches = set(request.lock_notes), Stretches([(low - 1e-9, high - 1e-9) for low, high in request.lock_beats])
    return frozenset(
        i
        for i, note in paced(enumerate(clip.notes))
        if i in single or note.start - clip.start in stretches or (kit is not None and kit.get(note.pitch) in voices)
    )


def feel_name(name: str) -> str:
    """Name the model of feel that a request takes."""
    from models.feel.store import FEEL

    return FEEL if name == "auto" else name


def _locked_outside(request: Change | Groove, clips: Sequence[Clip]) -> list[Remark]:
    """Say which stretches that are to be locked hold nothing of a clip, because they lie outside it."""
    said: list[Remark] = []
    for i, clip in enumerate(clips):
        first = min([0.0, *(note.start - clip.start for note in paced(clip.notes))])
        outside = [f"{low:g}:{high:g}" for low, high in request.lock_beats if low >= clip.beats or high <= first]
        if outside:
            length = f"{clip.beats:g} beats, the first is 0"
            said.append(
                Remark(
                    f"lock_beats {','.join(outside)} lies outside {called(clip)}, which has {length}: nothing is locked by it",
                    i,
                )
            )
    return said


def _constraints(request: Request) -> Constraints:
    """Read what a request wants kept, and where it leans."""
    fill = isinstance(request, Resting) and request.fill
    if not isinstance(request, Music):
        return Constraints(fill=fill)
    key = None if request.key in (AUTO, FREE) else parse_key(request.key)
    leaning = Constraints(key=key, density=request.density, octave=request.octave, syncopation=request.syncopation, fill=fill)
    if not isinstance(request, Change):
        return leaning
    only = frozenset(request.only)
    return replace(
        leaning,
        lock=frozenset(request.lock),
        lanes=frozenset(request.lock_voices) | (frozenset(lane_names()) - only if only else frozenset()),
        only=only,
        beats=request.lock_beats,
        notes=frozenset(request.lock_notes),
    )


def _dials(request: Request) -> Dials:
    """Read how a request wants what is made to be played."""
    return Dials(request.swing, request.intensity, request.length) if isinstance(request, Music) else Dials()


def _routes(request: ClipsRequest, clips: Sequence[Clip], families: Families) -> list[str]:
    """Choose the model of each clip: the one that was asked for, or the one that is called as the clip's family."""
    if request.model != "auto":
        return [request.model] * len(clips)
    if families is not None and request.kind is None:
        return list(families)
    return [route(clip, request.kind) for clip in paced(clips, 1)]


def _marked(request: ClipsRequest) -> tuple[Clip, ...]:
    return tuple(mark_notes(clip, i) for i, clip in paced(enumerate(request.clips), 1))


def _seed(request: Request) -> int:
    return request.seed or 0
