"""DataFrames grown piece by piece: the problem, and its repair."""

import pandas

FRAME = pandas.DataFrame({"a": range(50)})


def wasteful():
    frame = FRAME
    for i in range(20):
        frame = pandas.concat([frame, FRAME])


def repaired():
    pandas.DataFrame({"a": [i for _ in range(20) for i in range(50)]})
