"""Arrays grown by append."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="numpy_append",
    name="Arrays grown by append",
    description=("`numpy.append`, `hstack` and `insert` copy the whole array for each call."),
    steps=("Allocate the array once and fill it, or collect in a list and convert at the end.",),
    frames=(
        ("numpy*:append",),
        ("numpy*:insert",),
        ("numpy*:hstack",),
        ("numpy*:vstack",),
    ),
    threshold=0.1,
    matching={"app:main;app:serve;numpyparse:append": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;numpyparse:append": 10, "app:main;app:numpy_append": 990},
)
