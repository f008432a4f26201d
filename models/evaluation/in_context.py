"""Windows of whole tunes, varied with what sounds around them and without: keys, clashes, chords, and how likely they are.

The windows are of two bars. In *context*, the whole tune is given, all of it locked but the window, with the other parts of its
piece; *alone*, the two bars and nothing else; *free*, without keeping to a key, which is the model's own merit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.editing.others import Other
from models.evaluation.data import Take
from models.evaluation.figures import Named
from models.evaluation.model_evaluation import ModelEvaluation
from models.evaluation.product import VarySettings
from models.evaluation.scales import Classes, best_scale, new_notes
from models.evaluation.shares import Counts, compare_shares
from models.evaluation.variations import AMOUNTS
from models.families.context import CLASSES, around, around_windows, join_context, sounding_beats
from models.families.grid import Grid
from models.music.clip import Clip, Note
from models.music.key import AUTO, FREE
from models.network.latent import add_noise, noise

COUNT = 4  # variations of a window, and samples to sound with the other parts of one
EARLY = 1 / 8  # beats: half a sixteenth is feel
CHORD = 0.25  # beats: a pitch class that sounds for so long in a beat is of its chord
CHORDS_AT = ("03", "06")  # amounts at which new notes are looked for in chords
LEVELS = {"03": 0.3, "07": 0.7, "10": 1.0}  # noise levels at which held-out windows are scored; at 1 the latent says nothing
# Points more of new notes outside the scale of the tune than of the tune's own, at most.
OUTSIDE_AIMS = {"context": 0.02, "alone": 0.04, "free": 0.08, "context_free": 0.08}
CHORDS_AIM, DROP_AIM = (
    0.03,
    0.12,
)  # how near the share of notes in chords is to that of players', and how far from the exchanged
SEMITONES = (1, CLASSES - 1)


@dataclass(frozen=True)
class ContextWindow:
    """A window of a take, which begins so many beats into it; its clips begin on beat 0."""

    take: Take
    index: int
    clip: Clip
    first: float
    scale: Classes  # of the whole tune

    @cached_property
    def others(self) -> Clip | None:
        """What sounds with the window; None where there are no other pitched parts."""
        others = self.take.others
        return None if others is None else cut_clip(others, self.first, self.clip.beats, whole=True)

    @cached_property
    def chords(self) -> NDArray[np.bool_]:
        """The pitch classes of the other parts in each beat, [beats, 12]; all False where nothing sounds."""
        beats = np.arange(round(self.clip.beats), dtype=np.float64)
        return np.asarray(sounding_beats(self.others.notes if self.others else (), beats) >= CHORD)

    def in_chords(self, notes: Iterable[Note]) -> list[bool]:
        """Tell which notes are in the chord of their beat; those of a beat without one are left out."""
        at = [(min(int(n.start + EARLY), len(self.chords) - 1), n.pitch % CLASSES) for n in notes]
        return [bool(self.chords[beat, its]) for beat, its in at if self.chords[beat].any()]

    def clashes(self, notes: Iterable[Note]) -> list[bool]:
        """Tell which notes are a semitone, in any octave, from what sounds in another part as they begin."""
        others = self.others.notes if self.others else ()
        found: list[bool] = []
        for note in notes:
            at = note.start + EARLY / 2
            near = (n for n in others if n.start <= at < n.end - EARLY / 2)
            found.append(any((n.pitch - note.pitch) % CLASSES in SEMITONES for n in near))
        return found

    def outside(self, notes: Iterable[Note]) -> list[bool]:
        """Tell which notes lie outside the scale of the tune."""
        return [n.pitch % CLASSES not in self.scale for n in notes]


Made = Sequence[Sequence[Note]]  # new notes, window by window, on the windows' beats


def in_context(e: ModelEvaluation) -> Named:
    """Measure windows in their tunes; nothing for families that hear no context.

    `outside_*`: the share of new notes outside the scale of the whole tune; `clash_*`: of those a semitone from what sounds in
    another part; `chords_*`: of those in the chord of their beat. `_more`: by how much it is above that of the windows' own
    notes, `_drop` above that with an exchanged context. `context_nats_*`: nats a note of held-out windows, told their
    context; `context_gain_*`: how many fewer than untold.
    """
    if not (e.family.is_pitched and around(e.family.context)):
        return
    windows = draw_windows(e)
    accompanied = [w for w in windows if w.others is not None and w.others.notes]
    yield "context_windows", len(windows)
    yield "context_windows_accompanied", len(accompanied)
    yield from _keys_and_clashes(e, windows)
    yield from _chords(e, accompanied)
    yield from _likelihoods(e, windows)


def draw_windows(e: ModelEvaluation) -> list[ContextWindow]:
    """Draw windows by chance, one of a take."""
    rng = e.rng("in context")
    takes = [take for take in e.data.takes if take.clip is not None and len(take.windows)]
    found: list[ContextWindow] = []
    for k in rng.permutation(len(takes))[: e.sizes.in_context].tolist():
        take, clip = takes[k], takes[k].clip
        index = int(rng.integers(len(take.windows)))
        if clip is not None:
            first = float(take.at[index] * e.family.spec.half_beats)
            window = cut_clip(clip, first, float(e.family.spec.window_beats))
            if window.notes:
                found.append(ContextWindow(take, index, window, first, best_scale(clip.notes)))
    return found


def cut_clip(clip: Clip, first: float, beats: float, *, whole: bool = False) -> Clip:
    """Cut a stretch out of a clip, as a clip that begins on beat 0; `whole`, with what begins before and sounds in it."""
    at = clip.start + first
    notes: list[Note] = []
    for n in clip.notes:
        is_in = at - EARLY <= n.start < at + beats - EARLY
        if is_in or (whole and n.start < at + beats and n.end > at):
            start, end = max(n.start - at, 0.0), min(n.end - at, beats)
            notes.append(replace(n, start=start, duration=max(end - start, 1 / 16)))
    return replace(clip, notes=tuple(notes), beats=beats, start=0.0)


# --- what is made -----------------------------------------------------------------------------------------------------------


def vary_in_tune(e: ModelEvaluation, window: ContextWindow, amount: float, key: str = AUTO) -> list[Note]:
    """Vary a window in its tune, with the other parts: all new notes, on the window's beats."""
    tune, beats = window.take.clip, window.clip.beats
    if tune is None:
        return []
    edges = ((0.0, window.first), (window.first + beats, tune.beats))
    lock = tuple((a, b) for a, b in edges if b > a)
    settings = VarySettings(min(amount, e.model.card.reach), count=COUNT, lock_beats=lock, key=key)
    others = window.take.others
    beside = () if others is None else ((Other(others),),)
    (made,) = e.product.vary([tune], settings, seed=e.seed, others=beside).of
    at = tune.start + window.first
    return [replace(n, start=n.start - at) for clip in made for n in new_notes(tune, clip)]


def vary_cut(
    e: ModelEvaluation, windows: Sequence[ContextWindow], amount: float, key: str = AUTO, others: Sequence[Clip] = ()
) -> Made:
    """Vary windows as clips of their own, with some others or without: all new notes of each."""
    settings = VarySettings(min(amount, e.model.card.reach), count=COUNT, key=key)
    clips = [w.clip for w in windows]
    answers = e.vary_each(clips, settings, [(Other(other),) for other in others])
    return [[n for clip in made for n in new_notes(w.clip, clip)] for w, made in zip(windows, answers, strict=True)]


# --- figures ----------------------------------------------------------------------------------------------------------------


def _keys_and_clashes(e: ModelEvaluation, windows: Sequence[ContextWindow]) -> Named:
    """Measure new notes in context, alone and free."""
    made: dict[tuple[str, str], Made] = {}
    in_tune: dict[tuple[str, str], list[list[Note]]] = defaultdict(list)
    for window in windows:  # the encoding of a tune is kept from one request to the next
        for name, amount in AMOUNTS.items():
            for way, key in (("context", AUTO), ("context_free", FREE)):
                in_tune[way, name].append(vary_in_tune(e, window, amount, key))
    made.update(in_tune)
    for name, amount in AMOUNTS.items():
        for way, key in (("alone", AUTO), ("free", FREE)):
            made[way, name] = vary_cut(e, windows, amount, key)
    own: Made = [w.clip.notes for w in windows]
    for way, aim in OUTSIDE_AIMS.items():
        for name in AMOUNTS:
            key = f"outside_{way}_{name}"
            ours, before = (_counts(windows, its, ContextWindow.outside) for its in (made.get((way, name), ()), own))
            yield key, ours.share
            yield f"floor.copy.{key}", before.share
            yield from compare_shares(f"{key}_more", ours, before, e.rng(key))
            yield f"aim.{key}_more", f"≤ {aim:.2f}"
    for name in AMOUNTS:
        key = f"clash_context_{name}"
        ours, alone, before = (
            _counts(windows, its, ContextWindow.clashes)
            for its in (made.get(("context", name), ()), made.get(("alone", name), ()), own)
        )
        yield key, ours.share
        yield f"floor.copy.{key}", before.share
        yield f"baseline.alone.{key}", alone.share
        yield from compare_shares(f"{key}_more", ours, before, e.rng(key))
        yield f"aim.{key}_more", "≤ 0"
        yield from compare_shares(f"{key}_more_than_alone", ours, alone, e.rng(key))
        yield f"aim.{key}_more_than_alone", "≤ 0"


def _chords(e: ModelEvaluation, windows: Sequence[ContextWindow]) -> Named:
    """Measure how many new notes lie in the chords of the other parts, where the model hears these, nothing, or others.

    Exchanged, it hears the other parts of another piece. Samples are to sound with the other parts; variations are of two bars
    with them, and nothing of the rest of the tune.
    """
    piece = np.array([w.take.piece for w in windows], np.int64)
    right = [w.others for w in windows if w.others is not None]
    wrong = [right[i] for i in e.elsewhere(piece, "exchanged")] if windows else []
    bars = max(1, e.family.spec.window_beats // 4)

    def sample(heard: Sequence[Clip]) -> Made:
        beside: list[tuple[Other, ...]] = [(Other(clip),) for clip in heard] or [()] * len(windows)
        several = (e.product.sample(COUNT, bars=bars, seed=e.seed + i, others=its) for i, its in enumerate(beside))
        return [[n for clip in clips for n in clip.notes] for clips in several]

    ways: dict[str, Callable[[Sequence[Clip]], Made]] = {"sample": sample}
    for name in CHORDS_AT:
        ways[f"vary_{name}"] = lambda heard, name=name: vary_cut(e, windows, AMOUNTS[name], others=heard)  # type: ignore[misc]
    own = _counts(windows, [w.clip.notes for w in windows], ContextWindow.in_chords)
    for name, make in ways.items():
        key = f"chords_{name}"
        ours, alone, exchanged = (_counts(windows, make(heard), ContextWindow.in_chords) for heard in (right, (), wrong))
        yield key, ours.share
        yield f"floor.copy.{key}", own.share
        yield f"baseline.alone.{key}", alone.share
        yield f"baseline.exchanged.{key}", exchanged.share
        yield from compare_shares(f"{key}_more", ours, own, e.rng(key))
        yield f"aim.{key}_more", f"± {CHORDS_AIM:.2f}"
        yield from compare_shares(f"{key}_drop", ours, exchanged, e.rng(key))
        yield f"aim.{key}_drop", f"≥ {DROP_AIM:.2f}"


def _likelihoods(e: ModelEvaluation, windows: Sequence[ContextWindow]) -> Named:
    """Measure how likely held-out windows are, given what sounds around them, nothing, or what sounds around others."""
    from models.network.torch_runtime import TorchModel

    model = e.model
    if not isinstance(model, TorchModel):
        return
    truth = Grid.stack([e.no_windows, *(w.take.windows[w.index : w.index + 1] for w in windows)])
    piece = np.array([w.take.piece for w in windows], np.int64)
    notes = e.family.vocabulary.struck(truth.tokens).sum((1, 2)).astype(np.float64)
    heard = contexts(e, windows)
    told = {"": heard, "baseline.alone.": None, "baseline.exchanged.": heard[e.elsewhere(piece, "exchanged nats")]}
    rng = e.rng("context nats")
    for name, amount in LEVELS.items():
        level = np.full(len(truth), amount, np.float32)
        key = f"context_nats_{name}"
        if not len(truth):
            yield from ((k, None) for k in (key, f"context_gain_{name}"))
            continue
        mu = model.encode(truth)
        z = add_noise(mu, level, noise(rng, *mu.shape))
        found: dict[str, Counts] = {}
        for way, context in told.items():
            scores = model.score(z, level, truth, context=context)
            right = np.take_along_axis(scores, truth.tokens[..., None], -1)[..., 0]
            found[way] = Counts(-right.sum((1, 2), dtype=np.float64), notes, piece)
            yield f"{way}{key}", found[way].share
        yield from compare_shares(f"context_gain_{name}", found["baseline.alone."], found[""], e.rng(key))
        yield f"aim.context_gain_{name}_low", "> 0"


def contexts(e: ModelEvaluation, windows: Sequence[ContextWindow]) -> NDArray[np.float32]:
    """Write what sounds around windows as decoders are told it: nothing of the windows themselves, [N, beats, C]."""
    family, spec = e.family, e.family.spec
    found: list[NDArray[np.float32]] = []
    for w in windows:
        tune, others = w.take.clip, w.take.others
        if tune is None:
            continue
        beats = tune.start + np.arange(round(tune.beats), dtype=np.float64)
        beside = None if others is None else sounding_beats(others.notes, beats)
        every = around_windows(
            sounding_beats(tune.notes, beats), beside, window_beats=spec.window_beats, hop_beats=int(spec.half_beats)
        )
        found.append(every[min(int(w.take.at[w.index]), len(every) - 1)])
    kinds = around(family.context)
    shape = spec.window_beats, sum(1 + size for size in kinds.values())
    return join_context(np.array(found, np.float32).reshape(-1, *shape), None, family.context)


def _counts(
    windows: Sequence[ContextWindow], made: Made, tell: Callable[[ContextWindow, Iterable[Note]], list[bool]]
) -> Counts:
    flags = [tell(w, notes) for w, notes in zip(windows, made, strict=bool(windows))]
    return Counts.of_flags(flags, [w.take.piece for w in windows])
