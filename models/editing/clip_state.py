"""A clip as a model sees it: its layout, what must be kept of it, where it lies in latent space. No requests, no sockets."""

from __future__ import annotations

import hashlib
import itertools
import math
import weakref
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.editing.alike import group_windows
from models.editing.balance import Balance, slack_of
from models.editing.batching import Computation, Encode
from models.editing.gaps import Gaps, find_gaps
from models.editing.others import Other, notes_beside
from models.editing.rests import find_rests
from models.editing.scales import KeyUsed, find_keys, join_scales, scales_of
from models.families.constraints import (
    RHYTHM,
    VELOCITY,
    Constraints,
    GridConstraints,
    Known,
    LogitBias,
    Stretches,
    told,
)
from models.families.context import AFTER, BEFORE, OTHERS, Context, around, around_layout, join_context, without_kinds
from models.families.family import Family, Kit, NoteEdit
from models.families.grid import Grid, shift_back, shift_by_half
from models.families.layout import GridLayout
from models.music.clip import Clip, Note, note_order
from models.music.dials import Dials
from models.music.distance import Reference
from models.music.meter import strengths, syncopation
from models.music.paced import paced, sorted_in_runs
from models.network.decoding import LatentModel
from models.network.latent import Latents, Randomness
from models.pause import pause

VOICES = 8  # of a polyphonic clip at the most; the notes beyond are kept as they are
FEW = 3  # onsets of a lower voice in a window; with fewer, out of the model's range, the window is left as it is
MOST_IMBALANCE = 2  # times the slack of a balance: more notes, or fewer, are a balance lost
NEAR = 0.04  # how far off an amount a variation may be, beyond what whole notes allow: what is taken back leaves a trace
FLAT = 4  # notes of one velocity, from which on it is no chance
REMEMBERED = 256  # clips whose place in latent space is kept, so that what is varied again is not encoded again
REMEMBERED_WINDOWS = 8192  # windows of all these, some 6 kB each; the clip that was asked for last may have more
PIECE = 2**20  # bytes that are hashed at once
ROWS = 512  # windows that are gone through at once


@dataclass(frozen=True)
class Remark:
    """Something that was done to make things fit, in one sentence; `clip` is the index of the clip it is about, if one."""

    text: str
    clip: int | None = None


@dataclass(frozen=True)
class Made:
    """What a verb made of one clip, or of several together.

    `decoded` is how many new notes of variations a decode struck, and how many are new in all.
    """

    clips: tuple[Clip, ...]
    remarks: tuple[Remark, ...] = ()
    decoded: tuple[int, int] = (0, 0)
    keys: tuple[KeyUsed, ...] = ()  # found or named, that new notes keep to


@dataclass
class Encoding:
    """Where windows lie in latent space, and the likeliest music there. Filled in as it is computed."""

    grid: Grid
    mu: Latents = field(default_factory=lambda: np.zeros((0, 0), np.float32))  # [B, Z]
    reconstruction: Grid | None = None


class EncodingCache:
    """The encodings of clips that were asked about lately. Not thread-safe."""

    def __init__(self) -> None:
        self._found: OrderedDict[tuple[int, bytes], Encoding] = OrderedDict()
        self._windows = 0
        self._models: dict[int, weakref.ref[LatentModel]] = {}  # by the number that is their part of a key
        self._numbered = itertools.count()

    def find(self, model: LatentModel, grid: Grid) -> Encoding:
        """Find the encoding of windows by a model; a new one, still empty, where there is none."""
        digest = hashlib.blake2b(digest_size=16)
        for values in (grid.tokens, grid.velocities, grid.offsets):
            content = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
            for first in range(0, len(content), PIECE):
                digest.update(content[first : first + PIECE].data)
                pause()
        # From here on nothing pauses: a job that is ended leaves the cache as it should be.
        self._forget_models()
        key = self._number(model), digest.digest()  # models of one name may differ
        if key not in self._found:
            self._found[key] = Encoding(grid)
            self._windows += len(grid)
        self._found.move_to_end(key)
        while len(self._found) > 1 and (len(self._found) > REMEMBERED or self._windows > REMEMBERED_WINDOWS):
            self._windows -= len(self._found.popitem(last=False)[1].grid)
        return self._found[key]

    def _number(self, model: LatentModel) -> int:
        """Find the number of a model, or give it one."""
        found = next((number for number, there in self._models.items() if there() is model), None)
        if found is None:
            found = next(self._numbered)
            self._models[found] = weakref.ref(model)
        return found

    def _forget_models(self) -> None:
        """Forget what models have encoded that are gone."""
        gone = {number for number, there in self._models.items() if there() is None}
        if not gone:
            return
        for key in [key for key in self._found if key[0] in gone]:
            self._windows -= len(self._found.pop(key).grid)
        for number in gone:
            del self._models[number]


@dataclass(frozen=True)
class EditContext:
    """What all verbs need beside clips."""

    model: LatentModel
    constraints: Constraints
    kit: Kit | None
    temperature: float
    seed: int
    encodings: EncodingCache
    finds_keys: bool = False  # whether new notes keep to the key that the music is in
    dials: Dials = field(default_factory=Dials)  # how what is made is played

    @property
    def family(self) -> Family:
        """The family of the model."""
        return self.model.family

    @cached_property
    def playing(self) -> Dials:
        """The dials, without those that would move what is locked or is not there."""
        lock = self.constraints.lock
        in_time = RHYTHM not in lock
        return Dials(
            self.dials.swing * in_time,
            self.dials.intensity * (VELOCITY not in lock),
            self.dials.length * (in_time and self.family.is_pitched),
        )

    def ignored(self) -> list[str]:
        """Say which constraints and dials have no meaning here, a sentence each."""
        said = self.family.ignored(self.constraints)
        asked, does = vars(self.dials), vars(self.playing)
        if idle := [name for name, value in asked.items() if value and not does[name]]:
            locked = "velocity" if idle == ["intensity"] else "rhythm"
            is_short = idle == ["length"] and not self.family.is_pitched
            why = f"{self.family.name} are strokes without length" if is_short else f"the {locked} is locked"
            said.append(f"{why}: {' and '.join(idle)} {'is' if len(idle) == 1 else 'are'} left out")
        return said

    def finish(self, source: ClipState, made: Clip) -> Clip:
        """Play what was made of a clip as the dials say, but for what is locked, and put the clip's gaps back."""
        return source.gaps.open(source.play(made, self.playing) if self.playing else made)

    def generator(self, *clips: Clip) -> np.random.Generator:
        """Seed a generator by the request's seed and by clips, so that what comes of them depends on no clip beside them."""
        return np.random.default_rng((self.seed, *(content_key(clip) for clip in clips)))

    def draw(self, rng: np.random.Generator, rows: int) -> Randomness:
        """Draw the random numbers of some rows, with the feel of strokes as alike as a player's."""
        family = self.family
        return Randomness.draw(rng, rows, family.spec, family.vocabulary, correlation=self.model.card.feel_correlation)

    def find_keys(self, clip: Clip, beside: Sequence[Note] = ()) -> tuple[KeyUsed, ...]:
        """Find the keys that new notes of a clip keep to, given what sounds beside it; none where they are free."""
        if not self.family.is_pitched:
            return ()
        if self.constraints.key:
            return (KeyUsed.named(self.constraints.key),)
        return find_keys(clip, beside) if self.finds_keys else ()

    def lay_out(self, clip: Clip) -> GridLayout:
        """Lay a clip out on the model's grid."""
        return self.family.clip_to_grid(clip, self.kit, voices=VOICES)


@dataclass(frozen=True)
class ClipState:
    """A clip of a request as its model sees it, with what must be kept of it; `seam` is encoded from its second half on."""

    family: Family
    layout: GridLayout
    constraints: Constraints
    compiled: GridConstraints
    own: Encoding
    seam: Encoding | None
    unchanging: NDArray[np.bool_]  # [B]: windows that hold too little for the model, and stay as they are
    gaps: Gaps = field(default_factory=Gaps)  # taken out of the clip
    is_heard: bool = False  # whether the model makes anything of what it is told beside latents
    others: tuple[Note, ...] | None = None  # what sounds with the clip, pitched, on its beats; None where nothing is known
    keys: tuple[KeyUsed, ...] = ()  # that new notes keep to, on the beats of the clip with its gaps

    @cached_property
    def clip(self) -> Clip:
        """The clip."""
        return self.layout.clip

    @cached_property
    def free(self) -> Clip:
        """The clip without the notes that are locked."""
        return self._free(self.clip)

    @cached_property
    def rounding(self) -> float:
        """How near whole notes can come to an amount."""
        return 0.5 / max(1, len(self.free.notes))

    @cached_property
    def slack(self) -> float:
        """How many notes more or fewer than the clip a variation may have; any where another density is asked for."""
        return math.inf if self.constraints.density != 0 else slack_of(len(self.clip.notes), self.layout.windows)

    def imbalance(self, made: Clip) -> float:
        """Compute the share of notes by which a variation has more or fewer than the clip, 0 where that is within limits."""
        before, after = len(self.clip.notes), len(made.notes)
        return 0.0 if abs(after - before) <= MOST_IMBALANCE * self.slack else abs(after - before) / before

    def balance(self, changed: Grid) -> Balance:
        """Tell how many notes each change of a grid brings or takes."""
        layout = self.layout
        made = layout.vocabulary.struck(changed.tokens)
        gains = np.where(made == layout.onsets, 0, made - layout.note_count)
        return Balance(gains * layout.open_steps[..., None], self.slack)

    def syncopates(self, changed: Grid, edits: Sequence[NoteEdit]) -> NDArray[np.float64]:
        """Tell how much more syncopated the clip would be with each of some edits alone, [N]."""
        layout, steps = self.layout, self.layout.spec.steps
        strong, onsets = strengths(layout.beats - layout.clip.start, layout.clip.meter), layout.onsets
        made, leading = layout.vocabulary.struck(changed.tokens), np.broadcast_to(self.family.leading, onsets.shape[-1:])
        gains = np.zeros(len(edits))
        for k, edit in paced(enumerate(edits), 8):
            first = edit[0][0]
            last = first + 1 + ((first + 1) % layout.windows > 0)  # with the window after it, where there is one
            is_open, its = layout.open_steps[first:last].reshape(-1), strong[first:last].reshape(-1)
            for lane in {lane for _, _, lane in edit}:
                before = onsets[first:last, :, lane].reshape(-1)
                after = before.copy()
                for b, t, _ in (cell for cell in edit if cell[2] == lane and cell[0] < last):
                    after[(b - first) * steps + t] = made[b, t, lane]
                both = (syncopation(rhythm[is_open], its[is_open]) for rhythm in (after, before))
                gains[k] += leading[lane] * (next(both) - next(both))
        return gains

    @cached_property
    def alike(self) -> NDArray[np.int64]:
        """Which windows are alike: the number of the group of each, [windows]."""
        return group_windows(self.layout)

    @cached_property
    def described(self) -> tuple[Context | None, Context | None]:
        """What decoders are told of the clip beside its latents: of its windows, and of those over the seams."""
        return self._describe(self.own), None if self.seam is None else self._describe(self.seam, at_seam=True)

    def _describe(self, encoding: Encoding, *, at_seam: bool = False) -> Context | None:
        if not self.is_heard:
            return None
        family = self.family
        own = family.own_context(encoding.grid)
        if not around(family.context):
            return own
        return join_context(around_layout(self.layout, self.others, at_seam=at_seam), own, family.context)

    def change(self, decoded: Grid, *, at_seam: bool = False) -> Grid:
        """Apply what a decode changes to the clip; where it says what it says of the clip itself, the clip stands."""
        encoding = self.seam if at_seam and self.seam else self.own
        if encoding.reconstruction is None:
            raise RuntimeError("the clip has not been reconstructed")
        parts: list[Grid] = []
        for first in range(0, len(decoded), ROWS):
            rows = slice(first, first + ROWS)
            parts.append(self.family.apply_residual(encoding.grid[rows], encoding.reconstruction[rows], decoded[rows]))
            pause()
        changed = parts[0] if len(parts) == 1 else Grid.stack(parts)
        if at_seam or not self.unchanging.any():
            return changed
        changed.tokens[self.unchanging] = encoding.grid.tokens[self.unchanging]
        return changed

    def enforce_locks(self, grid: Grid) -> Grid:
        """Undo in a grid what locks forbid and logits could not."""
        return self.family.enforce_locks(self.layout, self.layout.end_with_track(grid), self.compiled, self.constraints)

    def distance_to(self, clip: Clip) -> float:
        """Measure the distance of a clip from this one, over the notes that are free."""
        return self._reference.distance(self._free(clip))

    def distance_bound(self, grid: Grid) -> float:
        """Bound the distance of what a grid is written as from above: much faster than to write and measure it."""
        vocabulary = self.layout.vocabulary
        own, made = self.layout.onsets, vocabulary.struck(grid.tokens)
        differs = made != own
        if vocabulary.holds:  # a note that lasts otherwise is written anew
            differs = (grid.tokens != self.layout.grid.tokens).any(-1, keepdims=True)
        edits = (self.layout.note_count * differs).sum() + (made & differs).sum()
        return float(edits) / max(1, len(self.free.notes))

    @cached_property
    def velocity(self) -> float | None:
        """The velocity of all notes, where they have but one: then nobody played them."""
        found = {note.velocity for note in paced(self.clip.notes)}
        return found.pop() if len(found) == 1 and len(self.clip.notes) >= FLAT else None

    def write(self, grid: Grid) -> Clip:
        """Write a changed grid as a clip that keeps what must be kept."""
        made = self.family.grid_to_clip(self.layout, self.enforce_locks(grid))
        return self.family.restore_locked(self.layout, made, self.compiled, self.constraints)

    def write_variation(self, grid: Grid) -> Clip:
        """Write a changed grid of this clip alone; where its notes have one velocity, so have new ones."""
        made, velocity = self.write(grid), self.velocity
        if velocity is None:
            return made
        return made.with_notes(n if n.from_note >= 0 else replace(n, velocity=velocity) for n in paced(made.notes))

    def play(self, made: Clip, dials: Dials) -> Clip:
        """Turn dials on what was made of the clip: its locked notes stay, and no note comes into a locked stretch."""
        kept = frozenset(self.clip.notes[i] for i in paced(self.compiled.locked))
        still, first = Stretches(self.constraints.still), self.clip.start
        return dials.turn(
            made, kept, like=self.clip, is_still=lambda beat: beat - first in still, strokes=not self.family.is_pitched
        )

    def over_seams(self, values: NDArray[Any]) -> NDArray[Any]:
        """Shift windows [B, T, …] of each voice by half a window, round its end: rows that lie over the seams."""
        return shift_by_half(values, voices=self.layout.voices)

    def merge_seams(self, changed: Grid, over: Grid) -> Grid:
        """Put what was made over the seams into the windows they lie between."""
        layout = self.layout
        is_new = np.zeros(layout.open_steps.shape, bool)
        is_new[:, self.family.seam()] = True
        is_new[self.unchanging | np.roll(self.unchanging, -1)] = False
        if not layout.open_steps[-1].all():  # there is no loop to close within the window
            is_new[len(is_new) // layout.voices - 1 :: len(is_new) // layout.voices] = False
        is_new = shift_back(is_new, voices=layout.voices)
        return Grid.where(is_new, over.map(lambda v: shift_back(v, voices=layout.voices)), changed)

    @cached_property
    def known(self) -> Known | None:
        """What a decoder is told of the clip."""
        return self.compiled.known_of(self.layout)

    @cached_property
    def seam_known(self) -> Known | None:
        """What a decoder of windows over seams is told of the clip."""
        known = self.known
        return known and Known(told(known.grid.map(self.over_seams), self.layout), self.over_seams(known.mask))

    def known_outside(self, free: NDArray[np.bool_], *, at_seam: bool = False) -> Known:
        """What a decoder is told of the clip where only some steps [T] of its windows are free to change."""
        known, layout = self.seam_known if at_seam else self.known, self.layout
        if known is None:
            grid = told(layout.grid.map(self.over_seams) if at_seam else layout.grid, layout)
            known = Known(grid, np.zeros((*grid.tokens.shape[:2], layout.vocabulary.facet_count), bool))
        kept = np.roll(~free, -len(free) // 2) if at_seam else ~free
        return Known(known.grid, known.mask | kept[None, :, None])

    @cached_property
    def seam_bias(self) -> LogitBias | None:
        """What the scores of windows over seams lean on."""
        bias = self.compiled.logit_bias
        return None if bias is None else bias.over_seams(self.layout.voices)

    @cached_property
    def _reference(self) -> Reference:
        return Reference(self.free, voice=self.layout.lane_of)

    def _free(self, clip: Clip) -> Clip:
        locked = self.compiled.locked
        if not locked:
            return clip
        index = self.clip.notes[0].from_clip
        return clip.with_notes(n for n in paced(clip.notes) if n.from_clip != index or n.from_note not in locked)


def read_clips(
    context: EditContext,
    clips: Sequence[Clip],
    others: Sequence[Sequence[Other]] = (),
    *,
    together: bool = False,
    alike: bool = False,
    carries: bool = True,
) -> Computation[tuple[list[ClipState], list[Remark]]]:
    """Lay clips out and encode them, all windows in one batch; the remarks name each clip by its place here.

    `others` are what sounds with each clip, where anything is known of it.
    `together`, all are laid out in as many voices as the one with most, and locks hold for the first alone. Long silences
    are taken out (see `gaps`): those of each clip, or, where clips lie `alike` (together they do), those that all have.
    `carries` says whether what is written carries over the notes that have no place on the grid, as remarks tell.
    """
    model, constraints = context.model, context.constraints
    _check_locked_notes(constraints, clips[:1] if together else clips)
    spec, holds = context.family.spec, bool(context.family.vocabulary.holds)
    gaps = [find_gaps(clips, spec)] * len(clips) if together or alike else [find_gaps([clip], spec) for clip in clips]
    closed = [its.close(clip) for its, clip in zip(gaps, clips, strict=True)]
    heard = others if others and context.family.is_pitched else [()] * len(clips)  # drums hear no harmony
    beside = [notes_beside(clip, o, g) for clip, o, g in zip(clips, heard, gaps, strict=True)]
    layouts = [context.lay_out(clip) for clip in closed]
    if together:
        voices = max((layout.voices for layout in layouts), default=1)
        layouts = [layout.with_voices(voices) for layout in layouts]
    keys = [context.find_keys(clip, notes or ()) for clip, notes in zip(closed, beside, strict=True)]
    scales = [scales_of(clip, its) for clip, its in zip(closed, keys, strict=True)] if context.finds_keys else [()] * len(clips)
    if together:
        scales = [join_scales(scales)] * len(clips)
    states: list[ClipState] = []
    remarks: list[Remark] = []
    for k, layout in enumerate(layouts):
        remarks += [Remark(text, k) for text in describe_layout(layout, carries=carries)]
        also = [other.grid for other in layouts if other is not layout] if together else []
        its = constraints if k == 0 or not together else constraints.unlocked()
        pause()
        its = replace(gaps[k].close_constraints(its, clips[k].start), scales=scales[k], beside=beside[k] or ())
        if not its.fill:
            its = replace(its, rests=find_rests(closed if together else closed[k : k + 1], spec, holds=holds))
        compiled = context.family.compile(layout, its, also=also)
        own = context.encodings.find(model, layout.grid)
        over = None
        if len(layout.grid) > layout.voices:
            shifted = layout.grid.map(lambda v, n=layout.voices: shift_by_half(v, voices=n))  # type: ignore[misc]
            over = context.encodings.find(model, shifted)
        still = np.zeros(len(layout.grid), bool) if together else _too_sparse(layout)
        used = tuple(key.moved(gaps[k].open_beat(clips[k].start + key.start) - clips[k].start) for key in keys[k])
        states.append(ClipState(context.family, layout, its, compiled, own, over, still, gaps[k], model.hears, beside[k], used))
    new = [encoding for s in states for encoding in (s.own, s.seam) if encoding is not None and not len(encoding.mu)]
    new = list({id(encoding): encoding for encoding in new}.values())
    if new:
        mu = yield Encode(model, tuple(encoding.grid for encoding in new))
        for encoding in new:
            encoding.mu, mu = mu[: len(encoding.grid)].copy(), mu[len(encoding.grid) :]
    return states, remarks


def describe_layout(layout: GridLayout, *, carries: bool = True) -> list[str]:
    """Say how a clip was laid out for a model, which notes it has no place for, and what becomes of these."""
    name, why = called(layout.clip), layout.why_unmapped()
    became = "kept" if carries else "left out"
    said: list[str] = []
    if layout.voices > 1:
        said.append(f"{name} is polyphonic: the model reads it as {layout.voices} voices, one by one")
    if outside := len(why.get("outside", ())):
        said.append(f"{outside} notes outside {name}'s length are {became}")
    if pads := why.get("pad"):
        pitches = ", ".join(map(str, sorted({layout.clip.notes[i].pitch for i in pads})))
        said.append(f"{len(pads)} notes of {name} are on pads the model does not know ({pitches}): {became}")
    if room := len(why.get("room", ())):
        said.append(f"{room} notes of {name} fit in no voice: they are {became}")
    doubled = sum(len(notes) - 1 for notes in paced(layout.cells.values()))
    if doubled and not carries:
        said.append(f"{doubled} notes of {name} lie on one step with another of their voice: one is written for them")
    return said


def describe_others(
    context: EditContext, layout: GridLayout, others: Sequence[Note] | None, *, at_seam: bool = False
) -> Context | None:
    """Write what decoders are told of windows of which nothing is known but what sounds with them."""
    kinds = context.family.context
    if others is None or OTHERS not in kinds or not context.model.hears:
        return None
    silent = replace(layout, clip=layout.clip.with_notes(()), cells={}, unmapped=())
    heard = around_layout(silent, others, at_seam=at_seam)
    unknown = np.ones(len(heard), bool)
    heard = without_kinds(heard, {BEFORE: unknown, AFTER: unknown}, around(kinds))
    return join_context(heard, None, kinds)


def mark_notes(clip: Clip, index: int) -> Clip:
    """Note in every note of a source which it is."""
    return clip.with_notes(replace(n, from_clip=index, from_note=i) for i, n in paced(enumerate(clip.notes)))


def sorted_notes(clip: Clip) -> tuple[Note, ...]:
    """List the notes of a clip in order: what makes two results the same."""
    return tuple(sorted_in_runs(clip.notes, key=note_order))


def called(clip: Clip) -> str:
    """Name a clip in a sentence."""
    return f"“{clip.name}”" if clip.name else "the clip"


def _too_sparse(layout: GridLayout) -> NDArray[np.bool_]:
    """Find the windows of lower voices that hold too little for a model to have learned their like, [B]."""
    onsets = layout.onsets.any(-1).sum(1)
    return np.asarray((onsets < FEW) & (np.arange(len(layout.grid)) >= layout.windows))


def _check_locked_notes(constraints: Constraints, clips: Sequence[Clip]) -> None:
    """Refuse to lock notes that none of the clips has."""
    most = max((len(clip.notes) for clip in clips), default=0)
    beyond = [i for i in sorted(constraints.notes) if i >= most]
    if clips and beyond:
        raise ValueError(f"lock_notes {beyond[0]} is no note of {called(clips[0])}: it has {most}, the first is 0")


def content_key(clip: Clip) -> int:
    """Number a clip by its content."""
    found = zlib.crc32(repr((clip.beats, clip.start, clip.meter))[:-1].encode())
    between = ", ["
    for note in paced(clip.notes, 64):
        found = zlib.crc32((between + repr(note_order(note))).encode(), found)
        between = ", "
    return zlib.crc32(b"])" if clip.notes else b", [])", found)
