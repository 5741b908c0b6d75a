"""Which of several names goes to which of several heads."""

from __future__ import annotations

import math

import numpy as np

from booru_tagger.imaging import Floats


def assign(values: Floats) -> list[int | None]:
    """For each row of ``values (R, C)`` its column: no column twice, and the largest sum in all.

    A pair that is worth nothing, 0 or less, is not made. The Hungarian method, with potentials: as many steps
    as the cube of the larger side.
    """
    rows, columns = values.shape
    # A column for each row to be left alone with, worth nothing.
    costs = np.zeros((rows, columns + rows))
    costs[:, :columns] = -np.maximum(values, 0)
    owners = _owners(costs)
    chosen: list[int | None] = [None] * rows
    for column, row in enumerate(owners[:columns]):
        if row is not None and values[row, column] > 0:
            chosen[row] = column
    return chosen


def _owners(costs: Floats) -> list[int | None]:
    """For each column the row that takes it, at the least cost in all. There are no more rows than
    columns."""
    rows, columns = costs.shape
    of_row, of_column = [0.0] * (rows + 1), [0.0] * (columns + 1)
    owner = [0] * (columns + 1)  # 1 and up; at 0 stands the row that looks for a column
    table = costs.tolist()
    for row in range(1, rows + 1):
        owner[0] = row
        way = [0] * (columns + 1)
        slack = [math.inf] * (columns + 1)
        seen = [False] * (columns + 1)
        here = 0
        while owner[here]:
            seen[here] = True
            best, step = 0, math.inf
            for column in range(1, columns + 1):
                if seen[column]:
                    continue
                cost = table[owner[here] - 1][column - 1] - of_row[owner[here]] - of_column[column]
                if cost < slack[column]:
                    slack[column], way[column] = cost, here
                if slack[column] < step:
                    step, best = slack[column], column
            for column in range(columns + 1):
                if seen[column]:
                    of_row[owner[column]] += step
                    of_column[column] -= step
                else:
                    slack[column] -= step
            here = best
        while here:
            owner[here] = owner[way[here]]
            here = way[here]
    return [number - 1 if number else None for number in owner[1:]]
