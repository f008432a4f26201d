"""Decodes around a clip that keep what must be kept, windows and the seams between them. No requests, no sockets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.editing.batching import Computation, Decode
from models.editing.clip_state import ClipState, EditContext, Encoding
from models.families.constraints import Known, told
from models.families.grid import Grid
from models.network.decoding import DecodeBatch, LatentModel
from models.network.latent import Latents, Randomness


@dataclass(frozen=True)
class Candidate:
    """A clip to be made around another: the rows of its windows, and for a long clip, rows over its seams."""

    source: ClipState
    windows: DecodeBatch
    seams: DecodeBatch | None


def rows_around(
    context: EditContext,
    source: ClipState,
    point: tuple[Latents, NDArray[np.float32]],
    randomness: Randomness,
    *,
    at_seam: bool = False,
) -> DecodeBatch:
    """Make rows of latents [B, Z] and noise levels [B] that keep and lean on what the constraints want."""
    known, bias = source.compiled.known_of(source.layout), source.compiled.logit_bias
    if at_seam:
        if known:
            known = Known(told(known.grid.map(source.over_seams), source.layout), source.over_seams(known.mask))
        bias = None if bias is None else source.over_seams(bias)
    z, levels = point
    return DecodeBatch(z, levels, randomness, np.full(len(z), context.temperature, np.float32), known, bias)


def decode_candidates(
    model: LatentModel, candidates: Sequence[Candidate], *, span: tuple[float, float] = (0.0, 1.0)
) -> Computation[list[Grid]]:
    """Decode candidates, in one batch with the reconstructions that are lacking; then over the seams of long clips."""
    middle = span[0] + (span[1] - span[0]) / (2 if any(c.seams for c in candidates) else 1)
    grid = yield from _with_reconstructions(
        model, [c.source.own for c in candidates], [c.windows for c in candidates], (span[0], middle)
    )
    changed: list[Grid] = []
    for candidate in candidates:
        rows = len(candidate.windows)
        changed.append(candidate.source.enforce_locks(candidate.source.change(grid[:rows])))
        grid = grid[rows:]
    long = [k for k, candidate in enumerate(candidates) if candidate.seams]
    if not long:
        return changed
    batches = [_joining_on(c.source, c.seams, changed[k]) for k in long if (c := candidates[k]).seams]
    encodings = [seam for k in long if (seam := candidates[k].source.seam)]
    grid = yield from _with_reconstructions(model, encodings, batches, (middle, span[1]))
    for k in long:
        source, rows = candidates[k].source, len(candidates[k].windows)
        changed[k] = source.merge_seams(changed[k], source.change(grid[:rows], at_seam=True))
        grid = grid[rows:]
    return changed


def _joining_on(source: ClipState, batch: DecodeBatch, changed: Grid) -> DecodeBatch:
    """Tell rows over seams what lies about the seam, so that what is made there joins on to it."""
    around = told(changed.map(source.over_seams), source.layout)
    seam = source.family.seam()
    mask = np.ones((*around.tokens.shape[:2], source.layout.vocabulary.facet_count), bool)
    mask[:, seam] = batch.known.mask[:, seam] if batch.known else False
    own = source.seam.grid if source.seam else around
    tokens = around.tokens.copy()
    tokens[:, seam] = own.tokens[:, seam]
    bias = batch.logit_bias
    if bias is not None:
        bias = np.where(mask.all(-1, keepdims=True), np.float32(0), bias)
    return replace(batch, known=Known(replace(around, tokens=tokens), mask), logit_bias=bias)


def _with_reconstructions(
    model: LatentModel, encodings: Sequence[Encoding], batches: Sequence[DecodeBatch], span: tuple[float, float]
) -> Computation[Grid]:
    """Decode batches together with the likeliest music of those encodings that lack it."""
    new = list({id(encoding): encoding for encoding in encodings if encoding.reconstruction is None}.values())
    likeliest = [_likeliest(model, encoding.mu) for encoding in new]
    grid: Grid = yield Decode(model, DecodeBatch.stack([*likeliest, *batches], model.family), span)
    for encoding in new:
        encoding.reconstruction, grid = grid[: len(encoding.mu)], grid[len(encoding.mu) :]
    return grid


def _likeliest(model: LatentModel, mu: Latents) -> DecodeBatch:
    """Ask for the likeliest music at latents, in a batch that is drawn: at a temperature of 0."""
    rows, family = len(mu), model.family
    randomness = Randomness.zero(rows, family.spec, family.vocabulary)
    return DecodeBatch(mu, np.full(rows, model.least_noise, np.float32), randomness, np.zeros(rows, np.float32))
