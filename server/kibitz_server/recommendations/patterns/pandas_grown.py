"""DataFrames grown piece by piece."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="pandas_grown",
    name="DataFrames grown piece by piece",
    description=(
        "`pandas.concat` copies everything there is; in a loop the work grows with the square of the rows."
    ),
    steps=(
        "Collect the pieces in a list and concatenate once.",
        "Collect rows as dicts and make the DataFrame at the end.",
    ),
    frames=(
        ("pandas.core.reshape.concat:concat",),
        ("pandas.core.frame:DataFrame.append",),
        ("pandas.core.frame:DataFrame._append",),
    ),
    threshold=0.2,
    rule="frame-grown-in-loop",
    matching={"app:main;app:serve;pandas.core.reshape.concat:concat": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;pandas.core.reshape.concat:concat": 20, "app:main;app:pandas_grown": 990},
)
