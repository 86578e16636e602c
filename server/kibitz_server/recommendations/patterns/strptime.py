"""Dates parsed with strptime."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="strptime",
    name="Dates parsed with strptime",
    description=(
        "`strptime` interprets its format in Python for every call, behind a lock; `fromisoformat` is "
        "some thirty times as fast."
    ),
    steps=(
        "Use `datetime.fromisoformat` for ISO dates.",
        "Use ciso8601, or slice fixed formats by hand; `pandas.to_datetime` for columns.",
    ),
    frames=(("_strptime:*",),),
    threshold=0.05,
    matching={"app:main;app:serve;_strptime:parse": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;_strptime:parse": 5, "app:main;app:strptime": 990},
)
