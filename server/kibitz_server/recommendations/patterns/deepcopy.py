"""Deep copies."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="deepcopy",
    name="Deep copies",
    description=(
        "`copy.deepcopy` walks every object through Python code; of plain data it is the slowest way to "
        "make another one."
    ),
    steps=(
        "Share what nobody changes, or make it immutable (tuples, frozen dataclasses).",
        "Copy the one level that changes: `dict(d)`, `list(l)`, `dataclasses.replace`.",
    ),
    frames=(("copy:deepcopy",),),
    threshold=0.05,
    matching={"app:main;app:serve;copy:deepcopy": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;copy:deepcopy": 5, "app:main;app:deepcopy": 990},
)
