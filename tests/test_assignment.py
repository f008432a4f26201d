"""The assignment solver: least cost against all permutations, and the very pairs of scipy where it is installed."""

from __future__ import annotations

import importlib
from functools import partial
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.music.assignment import TooCrowded, assign, assign_near

Costs = NDArray[np.float64]


def _tables(most: int) -> st.SearchStrategy[Costs]:
    """Tables of few levels, capped as those of a morph are: full of ties."""
    levels = st.sampled_from([0.0, 0.1, 0.25, 1 / 3, 0.5, 2 / 3, 1.0])

    def fill(shape: tuple[int, int]) -> st.SearchStrategy[Costs]:
        row = st.lists(levels, min_size=shape[1], max_size=shape[1])
        return st.lists(row, min_size=shape[0], max_size=shape[0]).map(lambda rows: np.array(rows, np.float64).reshape(shape))

    return st.tuples(st.integers(0, most), st.integers(0, most)).flatmap(fill)


@settings(deadline=None)
@given(_tables(5))
def test_no_other_assignment_costs_less(cost: Costs) -> None:
    pairs = assign(cost)
    few, many = sorted(cost.shape)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs) == few
    assert pairs == sorted(pairs)
    small = cost if cost.shape[0] == few else cost.T
    least = min(sum(small[i, j] for i, j in enumerate(chosen)) for chosen in permutations(range(many), few))
    assert sum(cost[i, j] for i, j in pairs) == pytest.approx(least)


@pytest.mark.full
@settings(max_examples=300, deadline=None)
@given(_tables(12))
def test_ties_fall_as_scipy_lets_them_fall(cost: Costs) -> None:
    # Morphs were made with scipy's solver before: recorded clips are to come back byte for byte.
    optimize = importlib.import_module("scipy.optimize")
    rows, columns = optimize.linear_sum_assignment(cost)
    assert assign(cost) == list(zip(rows.tolist(), columns.tolist(), strict=True))


def test_costs_must_be_a_table_of_finite_numbers() -> None:
    with pytest.raises(ValueError, match="finite numbers, not 1 dimensions with 3 numbers"):
        assign(np.zeros(3))
    with pytest.raises(ValueError, match="finite numbers"):
        assign(np.full((2, 2), np.inf))


def below_one(cost: NDArray[np.float64], row: int) -> list[tuple[int, float]]:
    return [(j, float(c)) for j, c in enumerate(cost[row]) if c < 1]


def test_near_pairs_are_assigned_as_well_without_a_table() -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        rows, columns = rng.integers(1, 20, 2)
        cost = rng.random((rows, columns)) * rng.choice([1.2, 2, 4])
        table = [(i, j) for i, j in assign(np.minimum(cost, 1)) if cost[i, j] < 1]
        near = assign_near(int(rows), partial(below_one, cost), alone=1.0)
        assert len({j for _, j in near}) == len(near)
        assert total(cost, near) == pytest.approx(total(cost, table))


def total(cost: NDArray[np.float64], pairs: list[tuple[int, int]]) -> float:
    return float(sum(cost[i, j] for i, j in pairs)) + len(cost) - len(pairs)


def test_pairing_is_given_up_where_it_would_take_too_long() -> None:
    with pytest.raises(TooCrowded):
        assign_near(50, lambda i: [(j, abs(i - j) / 100) for j in range(50)], alone=1.0, work=1000)
