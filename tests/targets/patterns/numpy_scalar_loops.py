"""The large values of a grid, counted element by element and at once."""

import numpy as np

GRID = np.arange(40_000, dtype=float).reshape(200, 200)


def wasteful():
    return sum(value > 20_000 for place, value in np.ndenumerate(GRID))


def repaired():
    return int((GRID > 20_000).sum())
