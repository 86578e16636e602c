"""The statistics module on large data."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="statistics",
    name="The statistics module on large data",
    description=(
        "`statistics.mean`, `stdev` and their like add exact fractions; for thousands of numbers this is"
        " hundreds of times slower than floats."
    ),
    steps=("Use `statistics.fmean`, or numpy.",),
    frames=(
        ("statistics:mean",),
        ("statistics:_sum",),
        ("statistics:_ss",),
        ("statistics:variance",),
        ("statistics:stdev",),
        ("statistics:pstdev",),
    ),
    threshold=0.05,
    matching={"app:main;app:serve;statistics:mean": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;statistics:mean": 5, "app:main;app:statistics": 990},
)
