"""The assignment problem: pair rows with columns so that the pairs cost the least in all. Numpy alone.

Shortest augmenting paths (R. Jonker and A. Volgenant, Computing 38, 1987, 325-340) for rectangular problems, without a phase
that initialises (D. F. Crouse, "On implementing 2D rectangular assignment algorithms", IEEE Transactions on Aerospace and
Electronic Systems 52, 2016, 1679-1696).

Of several best assignments the one found depends on the order in which columns are looked at. That order is fixed, so that
a morph of clips with many equal distances is always the same; it is the order of scipy's `linear_sum_assignment`.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from models.pause import pause

MOST_WORK = 20_000_000  # ways that `assign_near` looks at before it gives up: some ten seconds


class TooCrowded(ValueError):
    """So many pairs are possible that the best of them cannot be found in reasonable time."""


def assign(cost: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Pair rows and columns of finite costs [R, C] at the least total cost: min(R, C) pairs (row, column), in order of rows."""
    if cost.ndim != 2 or not np.isfinite(cost).all():
        raise ValueError(f"costs must be a table [R, C] of finite numbers, not {cost.ndim} dimensions with {cost.size} numbers")
    if cost.shape[0] > cost.shape[1]:
        return sorted((row, column) for column, row in assign(cost.T))
    return [(row, int(column)) for row, column in enumerate(_columns_of_rows(np.ascontiguousarray(cost, np.float64)))]


def _columns_of_rows(cost: NDArray[np.float64]) -> NDArray[np.intp]:
    """The column of each row [R], of costs [R, C] with R up to C."""
    rows, columns = cost.shape
    price_of_row, price_of_column = np.zeros(rows), np.zeros(columns)
    column_of, row_of = np.full(rows, -1), np.full(columns, -1)
    for row in range(rows):
        pause()
        column, before = _augment(cost, row, row_of, column_of, price_of_row, price_of_column)
        while True:  # hand each column on the path to the row before it
            giver = before[column]
            row_of[column] = giver
            column_of[giver], column = column, column_of[giver]
            if giver == row:
                break
    return column_of


def _augment(
    cost: NDArray[np.float64],
    start: int,
    row_of: NDArray[np.intp],
    column_of: NDArray[np.intp],
    price_of_row: NDArray[np.float64],
    price_of_column: NDArray[np.float64],
) -> tuple[int, NDArray[np.intp]]:
    """Find the shortest way from a row to a free column (Dijkstra), and change the prices [R], [C] in place to fit it.

    Gives that column, and for each column [C] the row from which it was reached.
    """
    columns = cost.shape[1]
    length = np.full(columns, np.inf)  # of the shortest way to each column so far
    before = np.full(columns, -1)
    open_ = np.arange(columns - 1, -1, -1)  # columns whose way may still get shorter, in the order they are looked at
    count = columns
    seen_rows, seen_columns = [], []
    row, so_far = start, 0.0
    while True:
        seen_rows.append(row)
        ahead = open_[:count]
        # In this order of operations, for in another one equal costs would come to differ in their last bit.
        way = so_far + cost[row, ahead] - price_of_row[row] - price_of_column[ahead]
        known = length[ahead]
        is_shorter = way < known
        before[ahead[is_shorter]] = row
        shortest = np.where(is_shorter, way, known)
        length[ahead] = shortest
        so_far = shortest.min()
        (nearest,) = np.nonzero(shortest == so_far)
        # Among equals a free column goes before a taken one: the last of the free, else the first of the taken.
        free = nearest[row_of[ahead[nearest]] < 0]
        chosen = int(free[-1] if len(free) else nearest[0])
        column = int(ahead[chosen])
        seen_columns.append(column)
        count -= 1
        open_[chosen] = open_[count]
        if len(free):
            break
        row = int(row_of[column])
        if len(seen_rows) % 64 == 0:
            pause()
    price_of_row[start] += so_far
    others = seen_rows[1:]
    price_of_row[others] += so_far - length[column_of[others]]
    price_of_column[seen_columns] -= so_far - length[seen_columns]
    return column, before


def assign_near(
    rows: int, near: Callable[[int], list[tuple[int, float]]], *, alone: float, work: int = MOST_WORK
) -> list[tuple[int, int]]:
    """Pair rows with columns at the least total cost, a row that has none counting `alone`: pairs in order of rows.

    `near` gives the columns that a row may have, with their costs: for problems too large to be written as a table. Raises
    TooCrowded where these are so many that it would take more than so much work.
    """
    price: dict[int, float] = {}  # of columns; 0 where there is none
    row_of: dict[int, int] = {}
    paid: dict[int, float] = {}  # what a row's column costs it
    for start in range(rows):
        way: dict[int, float] = {}
        before: dict[int, int] = {}
        fixed: dict[int, float] = {}
        heap: list[tuple[float, int]] = []
        row, so_far = start, 0.0  # the row that is looked from, and how long the way to it is
        end, last = (
            alone,
            (start, -1),
        )  # the shortest way that ends, and where: in a row that is left alone, or at a free column
        while True:
            pause()
            if so_far + alone < end:
                end, last = so_far + alone, (row, -1)
            columns = near(row)
            work -= len(columns)
            if work < 0:
                raise TooCrowded("too many notes lie close together in these clips for all of them to be paired at best")
            for column, cost in columns:
                length = so_far + cost - price.get(column, 0.0)
                if column not in fixed and length < way.get(column, end):
                    way[column], before[column] = length, row
                    heappush(heap, (length, column))
            while heap and (heap[0][1] in fixed or heap[0][0] > way[heap[0][1]]):
                heappop(heap)
            if not heap or heap[0][0] >= end:
                break
            length, column = heappop(heap)
            if column not in row_of:
                end, last = length, (-1, column)
                break
            fixed[column] = length
            row = row_of[column]
            so_far = length - (paid[row] - price.get(column, 0.0))
        for column, length in fixed.items():
            price[column] = price.get(column, 0.0) + length - end
        row, column = last
        column_of = {row_of[c]: c for c in fixed}
        if column < 0:  # a row gives its column away, and is left alone from now on
            column = column_of.get(row, -1)
        while column >= 0:
            giver = before[column]
            given = column_of.get(giver, -1)
            row_of[column], paid[giver] = giver, next(cost for c, cost in near(giver) if c == column)
            column = given
    return sorted((row, column) for column, row in row_of.items())
