"""Rows of a DataFrame one by one: the problem, and its repair."""

import pandas

FRAME = pandas.DataFrame({"a": range(500), "b": range(500)})


def wasteful():
    sum(row["a"] for _, row in FRAME.iterrows())


def repaired():
    FRAME["a"].sum()
