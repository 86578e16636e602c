"""dataclasses.asdict."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="dataclass_asdict",
    name="dataclasses.asdict",
    description=("`asdict` and `astuple` copy every value deeply, recursively, in Python."),
    steps=(
        "Write a small method that returns the dict, or use `vars(self)`.",
        "For JSON, orjson and msgspec write dataclasses directly.",
    ),
    frames=(
        ("dataclasses:asdict",),
        ("dataclasses:astuple",),
    ),
    threshold=0.08,
    matching={"app:main;app:serve;dataclasses:asdict": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;dataclasses:asdict": 8, "app:main;app:dataclass_asdict": 990},
)
