"""Data pretty printed in a hot path: the problem, and its repair."""

import pprint

DATA = {str(i): list(range(10)) for i in range(50)}


def wasteful():
    pprint.pformat(DATA)


def repaired():
    repr(DATA)
