"""DataFrames copied: the problem, and its repair."""

import pandas

FRAME = pandas.DataFrame({"a": range(200_000), "b": range(200_000)})


def wasteful():
    FRAME.copy()


def repaired():
    FRAME["a"].max()
