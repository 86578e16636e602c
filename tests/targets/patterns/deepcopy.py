"""Deep copies: the problem, and its repair."""

import copy

DATA = [{"id": i, "tags": ["a", "b"]} for i in range(200)]


def wasteful():
    copy.deepcopy(DATA)


def repaired():
    [dict(row) for row in DATA]
