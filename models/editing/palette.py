"""Between clips: puck positions on a palette of two to four, and points on the way from one to another. No requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from models.editing.batching import Computation
from models.editing.candidates import Candidate, decode_candidates, rows_around
from models.editing.clip_state import ClipState, EditContext, Remark, called, read_clips
from models.editing.fitting import fit_clips
from models.editing.others import Other, others_alike
from models.editing.scales import KeyUsed, list_keys
from models.families.constraints import Known, told
from models.families.grid import Grid
from models.music.clip import Clip
from models.music.paced import paced
from models.network.decoding import DecodeBatch
from models.network.latent import (
    Latents,
    Randomness,
    add_midpoint_noise,
    corner_weights,
    noise,
    noise_between,
    slerp,
    weighted_mean,
)

Between = Callable[[Sequence[Latents], Sequence[float]], Latents]  # a point between others, by their weights

BRIDGES = (2 / 3, 1 / 3)  # shares of a clip that are told to make what lies between it and the next


@dataclass(frozen=True)
class Waypoint:
    """A clip on the way from A to B: where it should lie, 0..1, and its grid."""

    place: float
    grid: Grid
    clip: Clip


@dataclass(frozen=True)
class Palette:
    """Two to four corners laid out alike, and the random numbers that all positions between them share."""

    context: EditContext
    originals: tuple[Clip, ...]
    corners: tuple[ClipState, ...]
    randomness: tuple[Randomness, Randomness]  # of windows, and of those over seams
    noise: Latents  # [B, Z], the same at all positions, so that the music follows the puck
    remarks: tuple[Remark, ...]
    keys: tuple[tuple[KeyUsed, ...], ...] = ()  # of each corner

    def finish(self, made: Clip) -> Clip:
        """Play what lies between the corners as the dials say, and put back what was taken out of them all."""
        return self.context.finish(self.corners[0], made)

    def blend(self, positions: Sequence[tuple[float, float]]) -> Computation[list[Clip]]:
        """Blend at puck positions (x, y), 0..1; a corner is the clip that was given, not a reconstruction."""
        even = cache(self.context.model.card.even_position)  # a grid has few places along each side
        weights = [corner_weights(len(self.corners), even(x), even(y)) for x, y in positions]
        made = yield from self._between([w for w in weights if max(w) < 1], lambda mus, w: weighted_mean(mus, w))
        inner = iter(clip for _, clip in made)
        return [self.finish(next(inner)) if max(w) < 1 else self.originals[int(np.argmax(w))] for w in weights]

    def points_between(self, places: Sequence[float], *, even: bool) -> Computation[list[Waypoint]]:
        """Decode points of the great circle from A to B; even: where the music lies in these places, not the latents."""
        at = [self.context.model.card.even_position(t) if even else t for t in places]
        made = yield from self._between([[1 - t, t] for t in at], lambda mus, w: slerp(mus[0], mus[1], w[1]))
        return [Waypoint(place, grid, clip) for place, (grid, clip) in zip(places, made, strict=True)]

    def bridge(self, gaps: Sequence[tuple[Waypoint, Waypoint]], rng: np.random.Generator) -> Computation[list[Waypoint]]:
        """Compose what lies between two points: as at the second, given a stretch of the first, a long one and a short one."""
        layout = self.corners[0].layout
        size, beat = layout.windows * layout.spec.steps, layout.spec.steps_per_beat
        places: list[float] = []
        at: list[float] = []
        given: list[Known] = []
        for x, y in gaps:
            turn = int(rng.integers(size // beat)) * beat
            for k, share in enumerate(BRIDGES):
                steps = np.roll(np.arange(size) < share * size, turn)
                mask = np.tile(steps, layout.voices).reshape(layout.open_steps.shape)
                given.append(Known(x.grid, np.repeat(mask[..., None], layout.vocabulary.facet_count, -1)))
                places.append(x.place + (y.place - x.place) * (k + 1) / (len(BRIDGES) + 1))
                at.append(self.context.model.card.even_position(y.place))
        weights = [[1 - t, t] for t in at]
        made = yield from self._between(weights, lambda mus, w: slerp(mus[0], mus[1], w[1]), given=given)
        return [Waypoint(place, grid, clip) for place, (grid, clip) in zip(places, made, strict=True)]

    def _between(
        self,
        weights: Sequence[Sequence[float]],
        between: Between,
        *,
        given: Sequence[Known] = (),
    ) -> Computation[list[tuple[Grid, Clip]]]:
        """Decode points between the corners, each written onto the corner that weighs most; onto A where locks hold it.

        `given`, one for each point, is music that the point must have.
        """
        if not weights:
            return []
        candidates: list[Candidate] = []
        for i, w in enumerate(weights):
            base = self.corners[0] if self.corners[0].constraints.locks else self.corners[int(np.argmax(w))]
            its = given[i] if given else None
            seams = partial(self._seam_rows, base, between, w) if base.seam else None
            candidates.append(Candidate(base, partial(self._window_rows, base, between, w, its), seams))
        grids = yield from decode_candidates(self.context.model, candidates)
        return [(grid, candidate.source.write(grid)) for candidate, grid in paced(zip(candidates, grids, strict=True), 1)]

    def _window_rows(self, base: ClipState, between: Between, weights: Sequence[float], given: Known | None) -> DecodeBatch:
        mus = [corner.own.mu for corner in self.corners]
        rows = self._rows(base, between(mus, weights), mus, weights)
        if given is None:
            return rows
        mask = given.mask | rows.known.mask if rows.known else given.mask
        return replace(rows, known=Known(told(given.grid, base.layout), mask))

    def _seam_rows(self, base: ClipState, between: Between, weights: Sequence[float]) -> DecodeBatch:
        mus = [corner.seam.mu for corner in self.corners if corner.seam]
        return self._rows(base, between(mus, weights), mus, weights, at_seam=True)

    def _rows(
        self, base: ClipState, z: Latents, mus: Sequence[Latents], weights: Sequence[float], *, at_seam: bool = False
    ) -> DecodeBatch:
        model = self.context.model
        levels: NDArray[np.float32] = noise_between(z, mus, least=model.least_noise)
        z, levels = add_midpoint_noise(z, levels, self.noise, most=model.card.midpoint_noise)
        told = [
            (w, its) for w, corner in zip(weights, self.corners, strict=True) if (its := corner.described[at_seam]) is not None
        ]
        described = sum((np.float32(w) * its for w, its in told), np.zeros_like(told[0][1])) if told else None
        return rows_around(self.context, base, (z, levels), self.randomness[at_seam], at_seam=at_seam, described=described)


def prepare_palette(
    context: EditContext, clips: Sequence[Clip], others: Sequence[Sequence[Other]] = ()
) -> Computation[Palette]:
    """Lay corners out alike, all as long as the longest and in A's meter, and place them in the latent space.

    `others` are what sounds with each corner, and in the measure of its weight with what lies between.
    """
    if context.constraints.only and not context.family.lanes_named(context.constraints.only):
        raise ValueError(f"only names drum voices, and {called(clips[0])} is no drums")
    remarks = [Remark(text) for text in context.ignored()]
    beats = max(clip.beats for clip in clips)
    if any(clip.beats != beats for clip in clips):
        remarks.append(Remark(f"the shorter clip is repeated to {beats:g} beats between the ends"))
    if any(clip.meter != clips[0].meter for clip in clips):
        remarks.append(Remark(f"between the ends the meter is {clips[0].meter[0]}/{clips[0].meter[1]}"))
    corners, said = yield from read_clips(context, fit_clips(clips), others_alike(clips, others), together=True)
    rng = context.generator(*clips)
    voices, windows = corners[0].layout.voices, corners[0].layout.windows
    drawn = context.draw(rng, voices)
    e = np.repeat(noise(rng, voices, corners[0].own.mu.shape[1]), windows, 0)
    randomness = drawn.for_windows(windows), drawn.shifted_by_half().for_windows(windows)
    keys = tuple(corner.keys for corner in corners)
    if context.finds_keys and any(keys):
        said.append(Remark(_describe(clips, keys)))
    return Palette(context, tuple(clips), tuple(corners), randomness, e, (*remarks, *said), keys)


def _describe(clips: Sequence[Clip], keys: Sequence[Sequence[KeyUsed]]) -> str:
    """Say what key each corner is in: what is new between them may be in any of these."""
    names = [f"“{clip.name}”" if clip.name else f"clip {letter}" for clip, letter in zip(clips, "ABCD", strict=False)]
    found = [f"{name} ({list_keys(its)})" for name, its in zip(names, keys, strict=True) if its]
    return f"new notes keep to the key{'s' if len(found) > 1 else ''} found in {' and '.join(found)}"
