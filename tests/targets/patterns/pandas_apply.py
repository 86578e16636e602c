"""Rows of a DataFrame by apply: the problem, and its repair."""

import pandas

FRAME = pandas.DataFrame({"a": range(500), "b": range(500)})


def wasteful():
    FRAME.apply(lambda row: row["a"] + row["b"], axis=1)


def repaired():
    FRAME["a"] + FRAME["b"]
