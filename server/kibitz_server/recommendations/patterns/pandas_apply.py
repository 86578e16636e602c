"""Rows of a DataFrame by apply."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="pandas_apply",
    name="Rows of a DataFrame by apply",
    description=(
        "`apply` along rows, and over groups, calls Python once for each with a Series made for the call."
    ),
    steps=("Write it with whole columns, `numpy.where`, `map`, or a built-in aggregation.",),
    frames=(
        ("pandas.core.apply:FrameColumnApply.*",),
        ("pandas.core.apply:FrameApply.apply_standard",),
        ("pandas.core.groupby.groupby:GroupBy.apply",),
        ("pandas.core.apply:SeriesApply.apply_standard",),
    ),
    threshold=0.1,
    rule="pandas-row-loop",
    matching={"app:main;app:serve;pandas.core.apply:FrameColumnApply.parse": 60, "app:main;app:serve": 40},
    other={
        "app:main;app:serve;pandas.core.apply:FrameColumnApply.parse": 10,
        "app:main;app:pandas_apply": 990,
    },
)
