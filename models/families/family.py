"""What every family of models must say of its music: the protocol that editing, training and evaluation rely on.

A family is one file beside this one and one line in `registry`. Families of struck lanes (drums) begin from `struck`, those
of sustained notes (melodies) from `sustained`. No networks, no files, no requests.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from models.families.changes import describe_changes
from models.families.constraints import Constraints, GridConstraints
from models.families.context import Context
from models.families.grid import Grid, GridSpec, Vocabulary
from models.families.layout import GridLayout
from models.families.statistics import Floats, rhythm_features
from models.music.clip import Clip
from models.music.distance import VoiceOf
from models.music.paced import paced

Kit = Mapping[int, int]  # the lane of each pad
NoteEdit = list[tuple[int, int, int]]  # the cells (window, step, lane) that change together, as one edit to a listener


@dataclass(frozen=True)
class PartFacts:
    """What a file or a set says of a part beside its notes."""

    channel: int | None = None  # 1 to 16
    program: int | None = None  # 0 to 127
    name: str = ""
    is_chosen: bool = False  # whether the part's name was asked for


def cells_of(edits: Iterable[NoteEdit]) -> NDArray[np.int64]:
    """List the cells of edits, [N, 3]."""
    numbers = (number for edit in paced(edits) for cell in edit for number in cell)
    return np.fromiter(numbers, np.int64).reshape(-1, 3)


def masks_of(sets: Sequence[Sequence[NoteEdit]], steps: int, lanes: int) -> NDArray[np.bool_]:
    """Mark the cells of the edits of each set, all of one window: [N, T, V]."""
    mask = np.zeros((len(sets), steps * lanes), bool)
    for k, edits in enumerate(sets):
        mask[k, [t * lanes + lane for edit in edits for _, t, lane in edit]] = True
    return mask.reshape(len(sets), steps, lanes)


class Family(ABC):
    """One kind of music: how a clip becomes a grid and back, what can be kept of it, how it is recognised and judged."""

    name: ClassVar[str]
    about: ClassVar[str]
    spec: ClassVar[GridSpec] = GridSpec()
    vocabulary: ClassVar[Vocabulary]
    lane_names: ClassVar[tuple[str, ...]] = ()  # what `lock_voices` may name
    channel: ClassVar[int] = 1  # the MIDI channel of clips that are made from nothing
    is_pitched: ClassVar[bool] = False  # whether an onset has a pitch, and notes a register
    transpose: ClassVar[int] = 0  # semitones either way by which training shifts a window
    context: ClassVar[Mapping[str, int]] = {}  # kinds of context that decoders hear, and numbers a beat of each (`context`)
    network: ClassVar[Mapping[str, bool | float | int]] = {}  # sizes that differ from models.network.config.NetworkConfig
    # How far on either side of a seam between windows is made anew, in beats. Sustained notes need room to join on.
    seam_beats: ClassVar[float] = 2.0
    varies_stretches: ClassVar[bool] = False  # whether players change one stretch of a window at a time
    # Nats on the score of an onset that give about one note a bar more: around a clip, which holds on to what it is, and
    # from nothing. Measured: see `density_2` of `evaluate --control`.
    nats_per_note: ClassVar[tuple[float, float]] = (0.5, 0.2)
    leading: ClassVar[Sequence[float]] = (1.0,)  # how far each lane makes a rhythm what it is, against those that keep time

    # --- clips and grids ---------------------------------------------------------------------------------------------

    def kit(self, drum_map: str, pads: Sequence[tuple[int, str]], together: Iterable[Clip] = ()) -> Kit | None:
        """Find the lane of each pad of the clips that a request is about; None where notes are pitches.

        `drum_map` names a published map, `pads` are (pitch, lane name) that differ from it. A lane that one of the clips
        `together` lacks is written on the pad that the others have it on.
        """
        return None

    @abstractmethod
    def clip_to_grid(self, clip: Clip, kit: Kit | None = None, *, voices: int = 1) -> GridLayout:
        """Lay a clip out in at most so many voices; notes with no place on the grid are kept apart."""

    @abstractmethod
    def grid_to_clip(self, layout: GridLayout, grid: Grid) -> Clip:
        """Write a grid [B, T, S] as the clip it was laid out from: notes that did not change stay the notes they were."""

    def empty_clip(self, beats: float, name: str = "") -> Clip:
        """Make a clip of silence to be written on."""
        return Clip((), beats, channel=self.channel, name=name)

    def own_context(self, grid: Grid) -> Context | None:
        """Tell decoders what music [B, T, S] that is to be varied is like, beside its latent; None where nothing is told."""
        return None

    def own_transposed(self, context: Context, semitones: NDArray[np.int64], *, octaves: float = 0.0) -> Context:
        """Change what `own_context` tells as if the music were transposed, each window by its semitones [B] and by octaves."""
        return context

    def own_onsets(self, context: Context) -> Floats:
        """Count the onsets of the music that `own_context` tells of, [B]."""
        return np.zeros(len(context))

    def own_busy(self, context: Context) -> Floats:
        """Tell which share of steps is struck in music that `own_context` tells of, [B]."""
        return np.zeros(len(context))

    def own_lanes(self, context: Context) -> Floats:
        """Tell how often each lane is struck in music that `own_context` tells of, a root of its share of steps: [B, V]."""
        return np.zeros((len(context), self.vocabulary.lanes))

    # --- editing -----------------------------------------------------------------------------------------------------

    def apply_residual(self, own: Grid, reconstruction: Grid, decoded: Grid) -> Grid:
        """Change `own` where `decoded` differs from `reconstruction`, which is what the model would write of `own` itself.

        So what the model does not reproduce of the music does not count as a change. Onsets that stay keep their velocity
        and offset.
        """
        tokens = np.where(decoded.tokens == reconstruction.tokens, own.tokens, decoded.tokens)
        return self.with_own_feel(own, decoded, self.vocabulary.without_orphan_holds(tokens))

    def with_own_feel(self, own: Grid, decoded: Grid, tokens: NDArray[np.int64]) -> Grid:
        """Play tokens as `own` plays the onsets that it has too, all others as `decoded`."""
        struck = self.vocabulary.struck(tokens)
        stays = struck & self.vocabulary.struck(own.tokens)
        return Grid(
            tokens,
            np.where(stays, own.velocities, decoded.velocities * struck),
            np.where(stays, own.offsets, decoded.offsets * struck),
        )

    @abstractmethod
    def note_edits(self, own: Grid, changed: Grid, *, voices: int = 1) -> list[NoteEdit]:
        """List the changes between two grids in order of time, those together that are one change to a listener."""

    @abstractmethod
    def apply_edits(self, own: Grid, changed: Grid, edits: Iterable[NoteEdit]) -> Grid:
        """Change `own` only where these edits say."""

    @abstractmethod
    def apply_each(self, own: Grid, changed: Grid, sets: Sequence[Sequence[NoteEdit]]) -> Grid:
        """Change one window only where the edits of each set say: a window for each, much faster than one by one."""

    @abstractmethod
    def onset_lanes(self, grid: Grid) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """List the onsets of a grid: windows, steps, and lanes as `models.music.distance.lane_of` numbers them."""

    def seam(self) -> slice:
        """The steps of a window over a seam that are made anew."""
        width = round(self.seam_beats * self.spec.steps_per_beat)
        return slice(self.spec.half_steps - width, self.spec.half_steps + width)

    # --- constraints -------------------------------------------------------------------------------------------------

    @abstractmethod
    def compile(self, layout: GridLayout, constraints: Constraints, *, also: Sequence[Grid] = ()) -> GridConstraints:
        """Put constraints in the terms of a clip; a key allows the pitches that it, or a grid in `also`, has at a step."""

    @abstractmethod
    def enforce_locks(self, layout: GridLayout, changed: Grid, compiled: GridConstraints, constraints: Constraints) -> Grid:
        """Undo changes at steps whose locks cannot be put into logits."""

    @abstractmethod
    def restore_locked(self, layout: GridLayout, made: Clip, compiled: GridConstraints, constraints: Constraints) -> Clip:
        """Restore in a clip what a grid is too coarse for: locked notes stay whole, locked velocities are the clip's."""

    def is_fixed(self, layout: GridLayout, compiled: GridConstraints, constraints: Constraints) -> bool:
        """Tell whether locks leave nothing free."""
        return compiled.known is not None and bool(compiled.known[layout.open_steps].all())

    def ignored(self, constraints: Constraints) -> list[str]:
        """Say which constraints have no meaning for this family, a sentence each."""
        unknown = [name for name in constraints.lanes if name not in self.lane_names]
        if constraints.lanes and len(unknown) == len(constraints.lanes):
            return [f"{self.name} has no voices of these names to lock: lock_voices is left out"]
        return []

    def lanes_named(self, names: Collection[str]) -> frozenset[int]:
        """Number the lanes of these names."""
        return frozenset(k for k, name in enumerate(self.lane_names) if name in names)

    def locked_lanes(self, constraints: Constraints) -> frozenset[int]:
        """Number the lanes that constraints name."""
        return self.lanes_named(constraints.lanes)

    @abstractmethod
    def rhythm_constraints(self, layout: GridLayout, notes: Clip, constraints: Constraints) -> GridConstraints:
        """Ask for the rhythm of a clip with the pitches, or the lanes, of another; all are allowed where that has none."""

    @abstractmethod
    def write_cross(
        self, layout: GridLayout, grid: Grid, compiled: GridConstraints, notes: Clip, constraints: Constraints
    ) -> Clip:
        """Write a decode that `rhythm_constraints` held: the layout's rhythm with the notes of another clip."""

    # --- recognising, learning, judging ------------------------------------------------------------------------------

    @abstractmethod
    def evidence(self, clip: Clip) -> float:
        """Say how sure it is that a clip is this kind of music, 0 to 1; the family that is surest gets it (`routing`)."""

    @abstractmethod
    def learns_from(self, clip: Clip, facts: PartFacts) -> bool:
        """Tell whether a part of a file is music to learn from."""

    @abstractmethod
    def is_worth_learning(self, window: Grid, unmapped: int) -> bool:
        """Tell whether a window [1, T, S] holds enough of a clip of which so many notes there have no place on the grid."""

    @property
    def lane_of(self) -> VoiceOf | None:
        """The lane of a pad where nothing else is known, as distances need it; None where notes are pitches."""
        kit = self.kit("gm", ())
        return None if kit is None else kit.get

    def named_features(self, grid: Grid) -> dict[str, Floats]:
        """Describe windows by named numbers, [B] each, for a judge; NaN where a number makes no sense."""
        return rhythm_features(grid.tokens, self.vocabulary.struck(grid.tokens), self.spec)

    def changes(self, own: Grid, made: Grid, of: NDArray[np.int64]) -> dict[str, Floats]:
        """Describe for a critic how windows `made` [N, T, S] differ, each from one `of` [N] those of `own`: named numbers [N].

        One at least. Beside the changes they tell what each window is like, and how far that differs from before.
        """
        before, after = self.vocabulary.struck(own.tokens)[of], self.vocabulary.struck(made.tokens)
        stays = before & after
        if self.is_pitched:
            stays &= (own.tokens[of] == made.tokens).all(-1, keepdims=True)
        named = describe_changes(before, after, after & ~stays, before & ~stays, self.spec)
        like = self.named_features(Grid.stack([own, made]))
        named |= {f"like_{name}": values[len(own) :] for name, values in like.items()}
        return named | {f"more_{name}": values[len(own) :] - values[of] for name, values in like.items()}

    def histograms(self, grid: Grid) -> dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """List what overlaps compare (density, pitch_class, interval, duration, or fewer): values and the edges of bins."""
        struck = self.vocabulary.struck(grid.tokens)
        return {
            "density": (struck.sum((1, 2)), np.arange(0, struck[0].size + 4, 4)),
            "pitch_class": (np.nonzero(struck)[2], np.arange(self.vocabulary.lanes + 1)),
        }

    def judge_view(self, grid: Grid) -> list[NDArray[np.generic]]:
        """Show windows to a convolutional net, velocity and timing left out: arrays [B, T, C]."""
        return [self.vocabulary.struck(grid.tokens)]

    def random_locks(self, clip: Clip, rng: np.random.Generator) -> dict[str, dict[str, object]]:
        """Draw locks that only this family has, for evaluation: settings of a request, by a name."""
        return {}

    def half_locked(self, clip: Clip) -> dict[str, object]:
        """Lock about half of the notes of a clip, for evaluation: settings of a request."""
        return {"lock_beats": ((0.0, clip.beats / 2),)}

    def hidden_parts(self, facets: NDArray[np.bool_], rng: np.random.Generator) -> Iterator[tuple[str, NDArray[np.bool_]]]:
        """Choose facets [B, T, M] that a model is told in an evaluation of what it makes of the rest; `facets` is all."""
        return iter(())

    def transposed(self, tokens: NDArray[np.int64], semitones: NDArray[np.int64]) -> NDArray[np.int64]:
        """Transpose windows [B, T, S], each by its semitones [B] as far as its pitches allow."""
        return tokens

    def spliced(self, grid: Grid, where: NDArray[np.bool_], rng: np.random.Generator) -> Grid:
        """Put lanes of other windows into some windows [B], to learn to read what the data do not have together."""
        return grid
