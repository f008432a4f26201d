"""Note edits between grids: each change is in one, all of them make the change, none of them leaves what was there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.editing.edits import merge_edits, spread_evenly
from models.families.family import Family
from models.families.grid import Grid
from models.families.registry import find_family
from models.families.struck import StruckFamily
from models.families.sustained import HOLD, REST
from tests.support.clips import some
from tests.support.toy_family import FAMILY as TOY

DRUMS, MELODY = find_family("drums"), find_family("melody")
families = pytest.mark.parametrize("family", [DRUMS, MELODY, TOY], ids=lambda family: family.name)
seeds = st.integers(0, 2**32 - 1)


def struck(family: Family, grid: Grid) -> NDArray[np.bool_]:
    """Find the lanes that steps strike, [B, T, V]."""
    return family.vocabulary.struck(grid.tokens)


def a_grid(family: Family, rng: np.random.Generator, windows: int) -> Grid:
    """Make windows of noise that could be music: holds hold something, and only what is struck has a velocity."""
    shape = (windows, family.spec.steps)
    if isinstance(family, StruckFamily):
        tokens = family.tokens_of(rng.random((*shape, family.vocabulary.lanes)) < 1 / 8)
    else:
        tokens = rng.choice([60, 62, 64, 67, HOLD, HOLD, HOLD, REST], (*shape, 1))
        tokens = family.vocabulary.without_orphan_holds(tokens)
    onsets = family.vocabulary.struck(tokens)
    return Grid(
        tokens,
        (rng.random(onsets.shape) * onsets).astype(np.float32),
        ((rng.random(onsets.shape) - 0.5) * onsets).astype(np.float32),
    )


def a_change(own: Grid, family: Family, rng: np.random.Generator) -> Grid:
    """Change some steps of a grid as a decode that is applied to it does: what stays keeps its velocity and offset."""
    other = a_grid(family, rng, len(own))
    take = rng.random(own.tokens.shape) < rng.choice([0, 0.1, 0.5, 1])
    tokens = family.vocabulary.without_orphan_holds(np.where(take, other.tokens, own.tokens))
    onsets = family.vocabulary.struck(tokens)
    stays = onsets & struck(family, own)
    values: list[NDArray[np.float32]] = []
    for mine, theirs in ((own.velocities, other.velocities), (own.offsets, other.offsets)):
        values.append(np.where(stays, mine, theirs * onsets))
    return Grid(tokens, *values)


def some_grids(family: Family, seed: int, count: int) -> list[Grid]:
    rng = np.random.default_rng(seed)
    own = a_grid(family, rng, int(rng.integers(1, 4)))
    return [own, *(a_change(own, family, rng) for _ in range(count))]


def assert_same(a: Grid, b: Grid, family: Family) -> None:
    """Compare what sounds: of what is not struck, velocity and offset say nothing."""
    assert np.array_equal(a.tokens, b.tokens)
    onsets = struck(family, a)
    assert np.array_equal(a.velocities * onsets, b.velocities * onsets)
    assert np.array_equal(a.offsets * onsets, b.offsets * onsets)


def cells_that_differ(own: Grid, changed: Grid, family: Family) -> set[tuple[int, ...]]:
    """List the cells (window, step, lane) that differ: of struck lanes each, of a line its steps."""
    if isinstance(family, StruckFamily):
        differs = struck(family, own) != struck(family, changed)
    else:
        differs = own.tokens != changed.tokens
    return {tuple(int(i) for i in cell) for cell in np.argwhere(differs)}


@families
@given(seed=seeds)
@some(150)
def test_each_change_is_in_one_edit_and_all_edits_together_are_the_change(family: Family, seed: int) -> None:
    own, changed = some_grids(family, seed, 1)
    edits = family.note_edits(own, changed)
    cells = [cell for edit in edits for cell in edit]
    assert all(edits)
    assert len(cells) == len(set(cells))
    assert set(cells) == cells_that_differ(own, changed, family)
    assert_same(family.apply_edits(own, changed, edits), changed, family)
    assert_same(family.apply_edits(own, changed, []), own, family)
    places = [edit[0][0] * family.spec.steps + edit[0][1] for edit in edits]
    assert places == sorted(places)


@families
@given(seed=seeds)
@some(150)
def test_some_of_the_edits_change_what_they_say_and_no_more(family: Family, seed: int) -> None:
    own, changed = some_grids(family, seed, 1)
    edits = family.note_edits(own, changed)
    rng = np.random.default_rng(seed)
    chosen = [edit for edit in edits if rng.random() < 0.5]
    mixed = family.apply_edits(own, changed, chosen)
    said = {cell for edit in chosen for cell in edit}
    differs = cells_that_differ(own, mixed, family)
    if isinstance(family, StruckFamily):
        assert differs == said
        return
    # A hold that has lost its note is a rest: nothing else changes beyond what was said.
    for b, t, _ in differs - said:
        assert (own.tokens[b, t, 0], mixed.tokens[b, t, 0]) == (HOLD, REST)
    assert np.array_equal(mixed.tokens, family.vocabulary.without_orphan_holds(mixed.tokens))


@families
@given(seed=seeds)
@some(50)
def test_many_sets_of_edits_change_a_window_as_each_alone(family: Family, seed: int) -> None:
    rng = np.random.default_rng(seed)
    own, changed = a_grid(family, rng, 1), a_grid(family, rng, 1)
    edits = family.note_edits(own, changed)
    sets = [[edit for edit in edits if rng.random() < share] for share in (0.0, 0.2, 0.5, 1.0)]
    together = family.apply_each(own, changed, sets)
    for k, some_edits in enumerate(sets):
        alone = family.apply_edits(own, changed, some_edits)
        for mine, theirs in zip(vars(together[k : k + 1]).values(), vars(alone).values(), strict=True):
            np.testing.assert_array_equal(mine, theirs)


@families
@given(seed=seeds)
@some(100)
def test_spread_evenly_the_edits_are_all_there_and_any_first_part_is_spread_over_the_windows(family: Family, seed: int) -> None:
    own, changed = some_grids(family, seed, 1)
    edits = family.note_edits(own, changed)
    turned = spread_evenly(edits, np.random.default_rng(seed))
    assert sorted(turned) == sorted(edits)
    totals = [sum(edit[0][0] == b for edit in edits) for b in range(len(own))]
    for count in range(len(turned) + 1):
        for b, total in enumerate(totals):
            here = sum(edit[0][0] == b for edit in turned[:count])
            assert abs(here - count * total / max(1, len(edits))) <= len(own)


@families
@given(seed=seeds)
@some(150)
def test_what_is_merged_in_keeps_the_change_as_it_was(family: Family, seed: int) -> None:
    own, changed, other = some_grids(family, seed, 2)
    grown = merge_edits(family, own, changed, other)
    mine = own.tokens != changed.tokens
    assert np.array_equal(grown.tokens[mine], changed.tokens[mine])
    new = grown.tokens != changed.tokens
    if isinstance(family, StruckFamily):  # lane by lane
        before, after, theirs = (struck(family, grid) for grid in (changed, grown, other))
        assert not ((after ^ before) & ~(theirs ^ before)).any()
    else:
        assert all(there in (its, REST) for there, its in zip(grown.tokens[new], other.tokens[new], strict=True))
    assert_same(merge_edits(family, own, changed, own), changed, family)


def test_a_stroke_that_goes_and_one_that_comes_within_a_beat_are_one_that_moved() -> None:
    beat = DRUMS.spec.steps_per_beat

    def stroke(step: int, token: int) -> Grid:
        grid = Grid.silent(1, DRUMS.spec, DRUMS.vocabulary)
        grid.tokens[0, step] = token
        return grid

    kick = stroke(4, 1)
    assert DRUMS.note_edits(kick, stroke(4 + beat, 1)) == [[(0, 4, 0), (0, 8, 0)]]
    assert DRUMS.note_edits(kick, stroke(5 + beat, 1)) == [[(0, 4, 0)], [(0, 9, 0)]]
    assert DRUMS.note_edits(kick, stroke(4, 2)) == [[(0, 4, 0), (0, 4, 1)]]


def test_a_run_of_steps_is_cut_where_notes_begin_in_both() -> None:
    def line(tokens: Sequence[int]) -> Grid:
        grid = Grid.silent(1, MELODY.spec, MELODY.vocabulary)
        grid.tokens[0, : len(tokens), 0] = tokens
        return grid

    own = line([60, HOLD, HOLD, HOLD, 62, HOLD, HOLD, HOLD])
    changed = line([64, HOLD, REST, REST, 65, HOLD, HOLD, 67])
    assert MELODY.note_edits(own, changed) == [[(0, 0, 0)], [(0, 2, 0), (0, 3, 0)], [(0, 4, 0)], [(0, 7, 0)]]
