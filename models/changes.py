"""What a decode changed in a clip's grid, as groups that belong together, and clips with only some of them. Arrays only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from models.grid import DRUMS, HOLD, STEPS_PER_BEAT, WINDOW_STEPS, Grid, GridKind
from models.residual import without_orphans

Cells = list[tuple[int, int, int]]  # (window, step, voice)


def find_groups(own: Grid, changed: Grid, kind: GridKind, *, lines: int = 1) -> list[Cells]:
    """List the changes between two grids, in order of time, those together that are one change to a listener.

    Drums: a stroke that comes and one that goes within a beat of the same voice, or at the same step, are one that moved.
    Melodies: a run of steps of a line that differ, over the ends of windows too, cut where notes begin in both.
    """
    return _stroke_groups(own, changed, kind) if kind is DRUMS else _note_groups(own, changed, len(own) // lines)


def apply_groups(own: Grid, changed: Grid, groups: Iterable[Cells], kind: GridKind) -> Grid:
    """Change `own` only where these groups say."""
    cells = [cell for group in groups for cell in group]
    if not cells:
        return own
    b, t, v = (np.array(axis) for axis in zip(*cells, strict=True))
    tokens = own.tokens.copy()
    velocities, offsets = own.velocities.copy(), own.offsets.copy()
    if kind is DRUMS:
        np.bitwise_xor.at(tokens, (b, t), 1 << v)
    else:
        tokens[b, t] = changed.tokens[b, t]
    velocities[b, t, v], offsets[b, t, v] = changed.velocities[b, t, v], changed.offsets[b, t, v]
    return Grid(tokens if kind is DRUMS else without_orphans(tokens), velocities, offsets)


def graft(own: Grid, changed: Grid, other: Grid, kind: GridKind, *, lines: int = 1) -> Grid:
    """Add to a change what another decode changed elsewhere: where too little came out, two make enough."""
    taken = (own.tokens != changed.tokens).reshape(lines, -1)
    near = taken.copy()
    near[:, 1:] |= taken[:, :-1]
    near[:, :-1] |= taken[:, 1:]
    near = near.reshape(own.tokens.shape)
    groups = find_groups(own, other, kind, lines=lines)
    return apply_groups(changed, other, (g for g in groups if not any(near[b, t] for b, t, _ in g)), kind)


def in_regions(groups: Sequence[Cells], rng: np.random.Generator) -> list[Cells]:
    """Put groups in an order of which any first part is spread evenly over the windows, and within each lies side by side.

    So where only some changes are kept, every two bars have their share, and what is kept of them belongs together.
    """
    windows: dict[int, list[Cells]] = {}
    for group in groups:
        windows.setdefault(group[0][0], []).append(group)
    ranked: list[tuple[float, int, Cells]] = []
    for b, mine in windows.items():
        first = int(rng.integers(len(mine)))
        shift = rng.random()
        turned = [*mine[first:], *mine[:first]]
        ranked += [((i + shift) / len(mine), b, group) for i, group in enumerate(turned)]
    return [group for _, _, group in sorted(ranked, key=lambda r: r[:2])]


def _stroke_groups(own: Grid, changed: Grid, kind: GridKind) -> list[Cells]:
    before, after = kind.onsets[own.tokens], kind.onsets[changed.tokens]
    # Cells are numbered in order of time, those of a step by voice, so that the same voice a step on is `voices` further.
    free = set(np.flatnonzero(after & ~before).tolist())
    voices = kind.voices
    shifts = [sign * steps * voices for steps in range(1, STEPS_PER_BEAT + 1) for sign in (-1, 1)]
    groups: list[list[int]] = []
    for cell in np.flatnonzero(before & ~after).tolist():
        step = cell - cell % voices
        near = [*[cell + shift for shift in shifts], *range(step, step + voices)]  # the likeliest to be the same stroke first
        mates = [] if free.isdisjoint(near) else [next(c for c in near if c in free)]
        free.difference_update(mates)
        groups.append([cell, *mates])
    groups += [[cell] for cell in free]
    width = WINDOW_STEPS * voices
    return [[(c // width, c % width // voices, c % voices) for c in group] for group in sorted(groups)]


def _note_groups(own: Grid, changed: Grid, windows: int) -> list[Cells]:
    groups: list[Cells] = []
    last = -1
    for at in np.nonzero((own.tokens != changed.tokens).reshape(-1))[0].tolist():
        b, t = divmod(at, WINDOW_STEPS)
        begins = own.tokens[b, t] != HOLD and changed.tokens[b, t] != HOLD
        if not groups or begins or at != last + 1 or at % (windows * WINDOW_STEPS) == 0:
            groups.append([])
        groups[-1].append((b, t, 0))
        last = at
    return groups
