"""DataFrames copied."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="pandas_copies",
    name="DataFrames copied",
    description=("Whole DataFrames are copied in memory, often to silence a warning or out of habit."),
    steps=(
        "Select what is needed before copying, or do not copy: pandas 3 and copy-on-write make it needless.",
    ),
    frames=(
        ("pandas.core.generic:NDFrame.copy",),
        ("pandas.core.frame:DataFrame.copy",),
    ),
    threshold=0.1,
    matching={"app:main;app:serve;pandas.core.generic:NDFrame.copy": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;pandas.core.generic:NDFrame.copy": 10, "app:main;app:pandas_copies": 990},
)
