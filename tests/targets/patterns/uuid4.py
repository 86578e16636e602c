"""Random UUIDs in loops: the problem, and its repair."""

import itertools
import uuid

COUNT = itertools.count()


def wasteful():
    [uuid.uuid4() for _ in range(100)]


def repaired():
    [str(next(COUNT)) for _ in range(100)]
