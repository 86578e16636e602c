"""Rows of a DataFrame one by one."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="pandas_iterrows",
    name="Rows of a DataFrame one by one",
    description=("`iterrows` builds a Series for each row, with conversion of every value."),
    steps=("Work on whole columns.", "If rows are needed, use `itertuples`."),
    frames=(("pandas.core.frame:DataFrame.iterrows",),),
    threshold=0.05,
    rule="pandas-row-loop",
    matching={"app:main;app:serve;pandas.core.frame:DataFrame.iterrows": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;pandas.core.frame:DataFrame.iterrows": 5, "app:main;app:pandas_iterrows": 990},
)
