"""Arrays walked element by element."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="numpy_scalar_loops",
    name="A loop in Python over an array's elements",
    description=(
        "Each element that Python takes out of an array becomes an object of its own: a hundred times the work of an operation on "
        "the whole array."
    ),
    steps=(
        "Write it with array operations: arithmetic, masks, `numpy.where`, `cumsum`, `add.reduceat`.",
        "Turn the array into a list once, `array.tolist()`, where a loop is needed; or compile the loop, with numba for one.",
    ),
    frames=(
        ("numpy*:ndindex.__next__",),
        ("numpy*:ndenumerate.__next__",),
        ("numpy*:ndarray.item",),
        ("numpy*:generic.item",),
        ("numpy*:nditer.*",),
    ),
    threshold=0.05,
    matching={
        "app:main;app:smooth;numpy.lib._index_tricks_impl:ndindex.__next__": 60,
        "app:main;app:smooth": 40,
    },
    other={"app:main;app:smooth;numpy:ndarray.sum": 60, "app:main;app:item": 990},
)
