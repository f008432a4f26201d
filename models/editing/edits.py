"""Note edits of a decode: which are merged in from another decode, and in which order they are taken. Grids only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.families.family import Family, NoteEdit
from models.families.grid import Grid
from models.music.paced import paced, sorted_in_runs


def merge_edits(family: Family, own: Grid, changed: Grid, other: Grid, *, voices: int = 1) -> Grid:
    """Add to a change what another decode changed elsewhere: where too little came out, two make enough."""
    taken = (own.tokens != changed.tokens).any(-1).reshape(voices, -1)
    near = taken.copy()
    near[:, 1:] |= taken[:, :-1]
    near[:, :-1] |= taken[:, 1:]
    near = near.reshape(own.tokens.shape[:2])
    edits = family.note_edits(own, other, voices=voices)
    far = (edit for edit in paced(edits) if not any(near.item(b, t) for b, t, _ in edit))
    return family.apply_edits(changed, other, far)


def spread_evenly(edits: Sequence[NoteEdit], rng: np.random.Generator) -> list[NoteEdit]:
    """Order edits so that any first part of them is spread evenly over the windows, and within each lies side by side.

    So where only some changes are kept, every window has its share, and what is kept of them belongs together.
    """
    windows: dict[int, list[NoteEdit]] = {}
    for edit in paced(edits):
        windows.setdefault(edit[0][0], []).append(edit)
    ranked: list[tuple[float, int, NoteEdit]] = []
    for b, mine in paced(windows.items(), 32):
        first = int(rng.integers(len(mine)))
        shift = rng.random()
        turned = [*mine[first:], *mine[:first]]
        ranked += [((i + shift) / len(mine), b, edit) for i, edit in enumerate(turned)]
    return [edit for _, _, edit in paced(sorted_in_runs(ranked, key=lambda r: r[:2]))]
