"""Changes between grids: each in one group, all of them make the change, none of them leaves what was there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.changes import apply_groups, find_groups, graft, in_regions
from models.grid import DRUMS, HOLD, MELODY, REST, STEPS_PER_BEAT, WINDOW_STEPS, Grid, GridKind
from models.residual import without_orphans
from tests.test_exact import some

both = pytest.mark.parametrize("kind", [DRUMS, MELODY], ids=lambda kind: kind.name)
seeds = st.integers(0, 2**32 - 1)


def a_grid(kind: GridKind, rng: np.random.Generator, windows: int) -> Grid:
    """Make windows of noise that could be music: holds hold something, and only what is struck has a velocity."""
    shape = (windows, WINDOW_STEPS)
    if kind is DRUMS:
        tokens = rng.integers(0, 512, shape) & rng.integers(0, 512, shape) & rng.integers(0, 512, shape)
    else:
        tokens = without_orphans(rng.choice([60, 62, 64, 67, HOLD, HOLD, HOLD, REST], shape))
    struck = kind.onsets[tokens]
    return Grid(
        tokens,
        (rng.random((*shape, kind.voices)) * struck).astype(np.float32),
        ((rng.random((*shape, kind.voices)) - 0.5) * struck).astype(np.float32),
    )


def a_change(own: Grid, kind: GridKind, rng: np.random.Generator) -> Grid:
    """Change some steps of a grid as a decode carried over to it does: what stays keeps its velocity and offset."""
    other = a_grid(kind, rng, len(own))
    take = rng.random(own.tokens.shape) < rng.choice([0, 0.1, 0.5, 1])
    tokens = np.where(take, other.tokens, own.tokens)
    tokens = tokens if kind is DRUMS else without_orphans(tokens)
    struck = kind.onsets[tokens]
    stays = struck & kind.onsets[own.tokens]
    values: list[NDArray[np.float32]] = []
    for mine, theirs in ((own.velocities, other.velocities), (own.offsets, other.offsets)):
        values.append(np.where(stays, mine, theirs * struck))
    return Grid(tokens, *values)


def some_grids(kind: GridKind, seed: int, count: int) -> list[Grid]:
    rng = np.random.default_rng(seed)
    own = a_grid(kind, rng, int(rng.integers(1, 4)))
    return [own, *(a_change(own, kind, rng) for _ in range(count))]


def assert_same(a: Grid, b: Grid, kind: GridKind) -> None:
    """Compare what sounds: of what is not struck, velocity and offset say nothing."""
    assert np.array_equal(a.tokens, b.tokens)
    struck = kind.onsets[a.tokens]
    assert np.array_equal(a.velocities * struck, b.velocities * struck)
    assert np.array_equal(a.offsets * struck, b.offsets * struck)


def cells_that_differ(own: Grid, changed: Grid, kind: GridKind) -> set[tuple[int, ...]]:
    if kind is DRUMS:
        differs = kind.onsets[own.tokens] != kind.onsets[changed.tokens]
        return {tuple(int(i) for i in cell) for cell in np.argwhere(differs)}
    return {(int(b), int(t), 0) for b, t in np.argwhere(own.tokens != changed.tokens)}


@both
@given(seed=seeds)
@some(150)
def test_each_change_is_in_one_group_and_all_groups_together_are_the_change(kind: GridKind, seed: int) -> None:
    own, changed = some_grids(kind, seed, 1)
    groups = find_groups(own, changed, kind)
    cells = [cell for group in groups for cell in group]
    assert all(groups)
    assert len(cells) == len(set(cells))
    assert set(cells) == cells_that_differ(own, changed, kind)
    assert_same(apply_groups(own, changed, groups, kind), changed, kind)
    assert_same(apply_groups(own, changed, [], kind), own, kind)
    places = [group[0][0] * WINDOW_STEPS + group[0][1] for group in groups]
    assert places == sorted(places)


@both
@given(seed=seeds)
@some(150)
def test_some_of_the_groups_change_what_they_say_and_no_more(kind: GridKind, seed: int) -> None:
    own, changed = some_grids(kind, seed, 1)
    groups = find_groups(own, changed, kind)
    rng = np.random.default_rng(seed)
    chosen = [group for group in groups if rng.random() < 0.5]
    mixed = apply_groups(own, changed, chosen, kind)
    told = {cell for group in chosen for cell in group}
    differs = cells_that_differ(own, mixed, kind)
    if kind is DRUMS:
        assert differs == told
        return
    # A hold that has lost its note is a rest: nothing else changes beyond what was told.
    for b, t, _ in differs - told:
        assert (own.tokens[b, t], mixed.tokens[b, t]) == (HOLD, REST)
    assert np.array_equal(mixed.tokens, without_orphans(mixed.tokens))


@both
@given(seed=seeds)
@some(100)
def test_in_regions_the_groups_are_all_there_and_any_first_part_is_spread_over_the_windows(kind: GridKind, seed: int) -> None:
    own, changed = some_grids(kind, seed, 1)
    groups = find_groups(own, changed, kind)
    turned = in_regions(groups, np.random.default_rng(seed))
    assert sorted(turned) == sorted(groups)
    totals = [sum(group[0][0] == b for group in groups) for b in range(len(own))]
    for count in range(len(turned) + 1):
        for b, total in enumerate(totals):
            here = sum(group[0][0] == b for group in turned[:count])
            assert abs(here - count * total / max(1, len(groups))) <= len(own)


@both
@given(seed=seeds)
@some(150)
def test_what_is_grafted_on_keeps_the_change_as_it_was(kind: GridKind, seed: int) -> None:
    own, changed, other = some_grids(kind, seed, 2)
    grown = graft(own, changed, other, kind)
    mine = own.tokens != changed.tokens
    assert np.array_equal(grown.tokens[mine], changed.tokens[mine])
    new = grown.tokens != changed.tokens
    if kind is DRUMS:  # voice by voice
        assert not ((grown.tokens ^ changed.tokens) & ~(other.tokens ^ changed.tokens)).any()
    else:
        assert all(there in (its, REST) for there, its in zip(grown.tokens[new], other.tokens[new], strict=True))
    assert_same(graft(own, changed, own, kind), changed, kind)


def test_a_stroke_that_goes_and_one_that_comes_within_a_beat_are_one_that_moved() -> None:
    kick = Grid.empty(1, DRUMS).map(np.copy)
    kick.tokens[0, 4] = 1
    moved = Grid.empty(1, DRUMS).map(np.copy)
    moved.tokens[0, 4 + STEPS_PER_BEAT] = 1
    assert find_groups(kick, moved, DRUMS) == [[(0, 4, 0), (0, 8, 0)]]
    far = Grid.empty(1, DRUMS).map(np.copy)
    far.tokens[0, 5 + STEPS_PER_BEAT] = 1
    assert find_groups(kick, far, DRUMS) == [[(0, 4, 0)], [(0, 9, 0)]]
    other = Grid.empty(1, DRUMS).map(np.copy)
    other.tokens[0, 4] = 2
    assert find_groups(kick, other, DRUMS) == [[(0, 4, 0), (0, 4, 1)]]


def test_a_run_of_steps_is_cut_where_notes_begin_in_both() -> None:
    def line(change: Callable[[NDArray[np.int64]], None]) -> Grid:
        grid = Grid.empty(1, MELODY).map(np.copy)
        change(grid.tokens[0])
        return grid

    def own(t: NDArray[np.int64]) -> None:
        t[:8] = [60, HOLD, HOLD, HOLD, 62, HOLD, HOLD, HOLD]

    def changed(t: NDArray[np.int64]) -> None:
        t[:8] = [64, HOLD, REST, REST, 65, HOLD, HOLD, 67]

    groups = find_groups(line(own), line(changed), MELODY)
    assert groups == [[(0, 0, 0)], [(0, 2, 0), (0, 3, 0)], [(0, 4, 0)], [(0, 7, 0)]]
