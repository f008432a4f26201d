"""The assignment problem: pair rows with columns so that the pairs cost the least in all. Numpy alone.

Shortest augmenting paths (R. Jonker and A. Volgenant, Computing 38, 1987, 325-340) for rectangular problems, without a phase
that initialises (D. F. Crouse, "On implementing 2D rectangular assignment algorithms", IEEE Transactions on Aerospace and
Electronic Systems 52, 2016, 1679-1696).

Of several best assignments the one found depends on the order in which columns are looked at. That order is fixed, so that
a morph of clips with many equal distances is always the same; it is the order of scipy's `linear_sum_assignment`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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
    price_of_row[start] += so_far
    others = seen_rows[1:]
    price_of_row[others] += so_far - length[column_of[others]]
    price_of_column[seen_columns] -= so_far - length[seen_columns]
    return column, before
