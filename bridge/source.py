"""A clip as a model hears it, and decodes around it that keep what must be kept. No requests, no sockets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.compute import Decode, Steps
from models.aim import Aim, Wish, as_told, hold, keep_locked
from models.clip import Clip
from models.distance import Reference
from models.family import LatentModel
from models.grid import DRUMS, WINDOW_STEPS, Grid, Heard, straddle, unstraddle
from models.latent import Dice, Latents
from models.residual import carry_over

# Steps of a window over a seam that are made anew. A line needs room to join on. Of drums it is less: strokes that are made
# anew together are alike from bar to bar, and a whole bar of them makes the bars beside a seam more alike than all others.
SEAM = {"melody": slice(8, 24), "drums": slice(12, 20)}
QUIET = 3  # onsets of a lower line in two bars; with fewer it is left as it is


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
        return self._reference.distance(self._free(clip))

    def at_most(self, grid: Grid) -> float:
        """Find a bound of how far what a grid is written as can be from this clip: much faster than to write and measure it."""
        onsets, own = self.heard.kind.onsets, self.heard.grid.tokens
        differs = (grid.tokens != own)[..., None]
        if self.heard.kind is DRUMS:
            differs = onsets[grid.tokens] != onsets[own]
        edits = (self._struck * differs).sum() + (onsets[grid.tokens] & differs).sum()
        return float(edits) / max(1, len(self.free.notes))

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
        is_new[:, SEAM[self.heard.kind.name]] = True
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

    @cached_property
    def _struck(self) -> NDArray[np.int64]:
        """Count the notes behind each onset, [B, T, V]."""
        count = np.zeros((*self.heard.grid.tokens.shape, self.heard.kind.voices), np.int64)
        for cell, notes in self.heard.cells.items():
            count[cell] = len(notes)
        return count

    @cached_property
    def _reference(self) -> Reference:
        return Reference(self.free, voice=self.heard.voice_of.get if self.heard.kind is DRUMS else None)

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


def decode_all(model: LatentModel, tries: Sequence[Try], *, span: tuple[float, float] = (0.0, 1.0)) -> Steps[list[Grid]]:
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
            seam = SEAM[source.heard.kind.name]
            facts[:, seam] = job.known[1][:, seam] if job.known else False
            own = source.seam.grid if source.seam else told
            tokens = told.tokens.copy()
            tokens[:, seam] = own.tokens[:, seam]
            bias = job.bias if job.bias is None else np.where(facts.all(-1, keepdims=True), np.float32(0), job.bias)
            jobs.append(replace(job, known=(replace(told, tokens=tokens), facts), bias=bias))
    impressions = [s for k in long if (s := tries[k].source.seam)]
    grid = yield from _with_backs(model, impressions, jobs, (middle, span[1]))
    for k in long:
        source, rows = tries[k].source, len(tries[k].rows)
        changed[k] = source.put_back(changed[k], source.change(grid[:rows], at_seam=True))
        grid = grid[rows:]
    return changed


def likeliest(model: LatentModel, mu: Latents) -> Decode:
    """Ask for the likeliest music at latents: of all temperatures, the one at 0."""
    rows, kind = len(mu), model.family.kind
    dice = Dice(np.zeros((rows, WINDOW_STEPS), np.float32), np.zeros((rows, WINDOW_STEPS, kind.voices, 2), np.float32))
    return Decode(model, mu, np.full(rows, model.least_noise, np.float32), dice, np.zeros(rows, np.float32))


def aimed(
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


def quiet(heard: Heard) -> NDArray[np.bool_]:
    """Find the windows of lower lines that hold too little for a model to have heard their like, [B]."""
    onsets = heard.kind.onsets[heard.grid.tokens].any(-1).sum(1)
    return np.asarray((onsets < QUIET) & (np.arange(len(heard.grid)) >= heard.windows))


def _with_backs(
    model: LatentModel, impressions: Sequence[Impression], jobs: Sequence[Decode], span: tuple[float, float]
) -> Steps[Grid]:
    """Decode jobs in one batch with the likeliest music of those impressions that lack it."""
    new = list({id(i): i for i in impressions if i.back is None}.values())
    backs = [likeliest(model, i.mu) for i in new]
    grid: Grid = yield Decode.stack([*backs, *jobs], span=span)
    for impression in new:
        impression.back, grid = grid[: len(impression.mu)], grid[len(impression.mu) :]
    return grid


def roll(model: LatentModel, rng: np.random.Generator, rows: int) -> Dice:
    """Roll dice for some rows, as alike as a player's hands are."""
    return Dice.roll(rng, rows, steps=WINDOW_STEPS, voices=model.family.kind.voices, together=model.card.together)
