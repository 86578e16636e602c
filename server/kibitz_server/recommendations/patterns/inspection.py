"""Functions inspected in a hot path."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="inspection",
    name="Functions inspected in a hot path",
    description=(
        "`inspect` reads signatures, frames and source in Python; `inspect.stack` reads the source file "
        "of every frame."
    ),
    steps=(
        "Inspect once, when the function is registered, and remember the result.",
        "For the caller's name use `sys._getframe`; for type hints keep `get_type_hints`.",
    ),
    frames=(
        ("inspect:*",),
        ("typing:get_type_hints",),
    ),
    threshold=0.05,
    matching={"app:main;app:serve;inspect:parse": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;inspect:parse": 5, "app:main;app:inspection": 990},
)
