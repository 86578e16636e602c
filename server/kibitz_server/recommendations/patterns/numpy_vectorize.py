"""numpy.vectorize and apply_along_axis."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="numpy_vectorize",
    name="numpy.vectorize and apply_along_axis",
    description=("They are loops in Python: the function is called once for every element or row."),
    steps=(
        "Write the function with array operations, `numpy.where`, `numpy.select`.",
        "Where a loop is needed compile it, with numba for one.",
    ),
    frames=(
        ("numpy*:vectorize.*",),
        ("numpy*:apply_along_axis",),
        ("numpy*:apply_over_axes",),
    ),
    threshold=0.05,
    matching={"app:main;app:serve;numpyparse:vectorize.parse": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;numpyparse:vectorize.parse": 5, "app:main;app:numpy_vectorize": 990},
)
