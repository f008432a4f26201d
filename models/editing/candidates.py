"""Decodes around a clip that keep what must be kept, windows and the seams between them. No requests, no sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.editing.batching import Computation, Decode
from models.editing.clip_state import ClipState, EditContext, Encoding
from models.families.constraints import Known, told
from models.families.context import Context
from models.families.grid import Grid
from models.network.decoding import DecodeBatch, DecodePieces, LatentModel
from models.network.latent import Latents, Randomness
from models.pause import pause

ROWS_AT_ONCE = 4096  # of candidates that are decoded together: each row takes some 10 kB until it is a clip's


@dataclass(frozen=True)
class Candidate:
    """A clip to be made around another: how to make the rows of its windows, and for a long clip, of its seams."""

    source: ClipState
    windows: Callable[[], DecodeBatch]
    seams: Callable[[], DecodeBatch] | None

    def __len__(self) -> int:
        """How many windows it has."""
        return len(self.source.own.mu)


def rows_around(
    context: EditContext,
    source: ClipState,
    point: tuple[Latents, NDArray[np.float32]],
    randomness: Randomness,
    *,
    at_seam: bool = False,
    described: Context | None = None,
) -> DecodeBatch:
    """Make rows of latents [B, Z] and noise levels [B] that keep and lean on what the constraints want.

    `described` [B, beats, C] is what the music should be like.
    """
    known, bias = (source.seam_known, source.seam_bias) if at_seam else (source.known, source.compiled.logit_bias)
    z, levels = point
    pause()
    return DecodeBatch(z, levels, randomness, np.full(len(z), context.temperature, np.float32), known, bias, described)


def decode_candidates(
    model: LatentModel, candidates: Sequence[Candidate], *, span: tuple[float, float] = (0.0, 1.0)
) -> Computation[list[Grid]]:
    """Decode candidates, as many together as fit, and reconstructions that are lacking; then over the seams of long clips."""
    changed: list[Grid] = []
    groups = list(_groups(candidates))
    for k, group in enumerate(groups):
        first, last = (span[0] + (span[1] - span[0]) * share / len(groups) for share in (k, k + 1))
        changed += yield from _decode_group(model, group, (first, last))
    return changed


def _groups(candidates: Sequence[Candidate]) -> Iterator[list[Candidate]]:
    group: list[Candidate] = []
    rows = 0
    for candidate in candidates:
        rows += len(candidate)
        if group and rows > ROWS_AT_ONCE:
            yield group
            group, rows = [], len(candidate)
        group.append(candidate)
    yield group


def _decode_group(model: LatentModel, candidates: Sequence[Candidate], span: tuple[float, float]) -> Computation[list[Grid]]:
    middle = span[0] + (span[1] - span[0]) / (2 if any(c.seams for c in candidates) else 1)
    batches = [Rows.of(c.windows(), c.source.layout.open_steps) for c in candidates]
    grids = yield from _with_reconstructions(model, [c.source.own for c in candidates], batches, (span[0], middle))
    del batches
    changed: list[Grid] = []
    for candidate, grid in zip(candidates, grids, strict=True):
        changed.append(candidate.source.enforce_locks(candidate.source.change(grid)))
        pause()
    long = [k for k, candidate in enumerate(candidates) if candidate.seams]
    if not long:
        return changed
    batches = [
        Rows.of(_joining_on(c.source, c.seams(), changed[k]), c.source.over_seams(c.source.layout.open_steps))
        for k in long
        if (c := candidates[k]).seams
    ]
    encodings = [seam for k in long if (seam := candidates[k].source.seam)]
    grids = yield from _with_reconstructions(model, encodings, batches, (middle, span[1]))
    for k, grid in zip(long, grids, strict=True):
        source = candidates[k].source
        changed[k] = source.merge_seams(changed[k], source.change(grid, at_seam=True))
        pause()
    return changed


@dataclass(frozen=True)
class Rows:
    """Rows of a candidate of which those are decoded that are not known already: bars of rest, and what is locked, are."""

    known: Grid | None  # what is known of all rows; None where none is known whole
    decoded: NDArray[np.int64]  # which rows are decoded
    batch: DecodeBatch  # these

    @staticmethod
    def of(batch: DecodeBatch, open_steps: NDArray[np.bool_]) -> Rows:
        """Leave out the rows of which each step that the clip has, `open_steps` [B, T], is known."""
        every = np.arange(len(batch))
        if batch.known is None:
            return Rows(None, every, batch)
        decoded = every[~(batch.known.mask.all(-1) | ~open_steps).all(-1)]
        if len(decoded) == len(every):
            return Rows(None, every, batch)
        return Rows(batch.known.grid, decoded, batch[decoded])

    def whole(self, made: Grid) -> Grid:
        """Put what was decoded among what is known."""
        if self.known is None:
            return made
        grid = self.known.copied()
        grid.tokens[self.decoded] = made.tokens
        grid.velocities[self.decoded] = made.velocities
        grid.offsets[self.decoded] = made.offsets
        return grid


def _joining_on(source: ClipState, batch: DecodeBatch, changed: Grid) -> DecodeBatch:
    """Tell rows over seams what lies about the seam, so that what is made there joins on to it."""
    pause()
    around = told(changed.map(source.over_seams), source.layout)
    seam = source.family.seam()
    mask = np.ones((*around.tokens.shape[:2], source.layout.vocabulary.facet_count), bool)
    mask[:, seam] = batch.known.mask[:, seam] if batch.known else False
    own = source.seam.grid if source.seam else around
    tokens = around.tokens.copy()
    tokens[:, seam] = own.tokens[:, seam]
    bias = source.compiled.logit_bias
    if bias is not None:
        is_known = np.asarray(mask.all(-1, keepdims=True))

        def where_unknown(scores: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
            return np.where(is_known[rows], np.float32(0), scores)

        bias = source.seam_bias.changed(where_unknown) if source.seam_bias else None
    return replace(batch, known=Known(replace(around, tokens=tokens), mask), logit_bias=bias)


def _with_reconstructions(
    model: LatentModel, encodings: Sequence[Encoding], batches: Sequence[Rows], span: tuple[float, float]
) -> Computation[list[Grid]]:
    """Decode batches together with the likeliest music of those encodings that lack it."""
    new = list({id(encoding): encoding for encoding in encodings if encoding.reconstruction is None}.values())
    likeliest = [_likeliest(model, encoding.mu) for encoding in new]
    pieces = [piece for piece in (*likeliest, *(rows.batch for rows in batches)) if len(piece)]
    grid = Grid.silent(0, model.family.spec, model.family.vocabulary)
    if pieces:
        grid = yield Decode(model, DecodePieces(pieces, model.family), span)
    for encoding in new:
        encoding.reconstruction, grid = grid[: len(encoding.mu)].copied(), grid[len(encoding.mu) :]
    made: list[Grid] = []
    for rows in batches:
        made.append(rows.whole(grid[: len(rows.batch)]))
        grid = grid[len(rows.batch) :]
        pause()
    return made


def _likeliest(model: LatentModel, mu: Latents) -> DecodeBatch:
    """Ask for the likeliest music at latents, in a batch that is drawn: at a temperature of 0."""
    rows, family = len(mu), model.family
    randomness = Randomness.zero(rows, family.spec, family.vocabulary)
    return DecodeBatch(mu, np.full(rows, model.least_noise, np.float32), randomness, np.zeros(rows, np.float32))
