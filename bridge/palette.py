"""Between clips: puck positions on a palette of two to four, and the walk from one to another. No requests, no sockets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bridge.compute import Batches, Decode, Progress, Steps, run_alone
from bridge.source import Source, Try, aimed, decode_all
from models.aim import PITCH, RHYTHM, as_told
from models.clip import Clip
from models.distance import distance
from models.family import LatentModel
from models.grid import DRUMS, STEPS_PER_BEAT, WINDOW_STEPS, Grid
from models.latent import Dice, Latents, corner_weights, distrust, loosen, mean, slerp
from models.walk import Way, even_walk

STRIDES = 2  # points decoded for each step of an interpolation, at first; those that make the walk even are kept
LEAST = 7  # points of an interpolation, however few its steps
BRIDGES = (2 / 3, 1 / 3)  # shares of a clip that are told to make what lies between it and the next
CLOSER = 1  # how often to decode more points of an interpolation where the music leaps


@dataclass(frozen=True)
class Stone:
    """A clip on the way from A to B: where it should lie, 0..1, and its grid."""

    place: float
    grid: Grid
    clip: Clip


@dataclass(frozen=True)
class Palette:
    """Two to four corners laid out alike, the dice of all positions between them, and the model that blends."""

    batches: Callable[[], Batches]  # a place to compute
    model: LatentModel
    originals: tuple[Clip, ...]
    corners: tuple[Source, ...]
    dice: tuple[Dice, Dice]  # of windows, and of those over seams
    noise: Latents  # [B, Z], the same at all positions, so that the music follows the puck
    warmth: float
    seed: int
    info: tuple[str, ...]

    def at(self, positions: Sequence[tuple[float, float]], progress: Progress = lambda fraction: None) -> list[Clip]:
        """Blend at puck positions; a corner is the clip that was given, not a reconstruction."""
        return run_alone(self.steps_at(positions), self.batches(), progress)

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
        way = Way(a.clip, b.clip, voice=voice)
        stones = [Stone(0.0, a.heard.grid, a.clip), Stone(1.0, b.heard.grid, b.clip)]
        for turn in range(CLOSER + 2):
            way.add([stone.clip for stone in made], [stone.place for stone in made])
            stones = sorted([*stones, *made], key=lambda stone: stone.place)
            if turn > CLOSER or way.is_even(way.choose(steps)):
                break
            apart = [distance(x.clip, y.clip, voice=voice) for x, y in pairwise(stones)]
            wide = sorted(range(len(apart)), key=lambda k: -apart[k])
            if turn < CLOSER:  # where the music leaps, look closer
                wide = [k for k in wide[: 2 * inner] if apart[k] > sum(apart) / len(apart)]
                made = yield from self._along([(stones[k].place + stones[k + 1].place) / 2 for k in wide], even=True)
            else:  # where it still does, tell the decoder part of the one side, and let it compose the rest as on the other
                wide = [k for k in wide[: inner + 1] if apart[k] > sum(apart) / len(apart)]
                made = yield from self._bridge([(stones[k], stones[k + 1]) for k in wide], rng)
        # What is mixed of two clips that hold a rhythm or a pitch line may not hold it; nor what only B has, other locks.
        until = 0 if {RHYTHM, PITCH} & a.wish.lock else -1 if a.wish.locks else None
        walk = even_walk(way, steps, rng=rng, until=until)
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
        grids = yield from decode_all(self.model, tries)
        return [(grid, t.source.write(self.model, grid)) for t, grid in zip(tries, grids, strict=True)]

    def _rows(self, base: Source, z: Latents, mus: Sequence[Latents], which: int) -> Decode:
        levels = distrust(z, mus, least=self.model.least_noise)
        z, levels = loosen(z, levels, self.noise, most=self.model.card.loose)
        return aimed(self.model, base, (z, levels), self.dice[which], self.warmth, at_seam=which == 1)
