"""Time spent in search of cyclic garbage."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="garbage_collection",
    name="Much time spent collecting garbage",
    description=(
        "Each time some hundreds more containers were made than freed, the collector looks through young ones, and now and "
        "then through all there are, to find cycles. A program with many objects that live long pays for them again and again."
    ),
    steps=(
        "Call `gc.freeze()` once everything that stays is loaded: the collector leaves it out from then on.",
        "Raise the first threshold, `gc.set_threshold(100_000, 20, 50)`, where many objects are made at a time.",
        "Hold many small records in arrays, numpy or tuples of plain values instead of objects and dicts.",
        "Take explicit `gc.collect()` out of requests and loops.",
    ),
    frames=(("<garbage collection>",), ("gc:collect",)),
    threshold=0.1,
    matching={"app:main;app:load;<garbage collection>": 60, "app:main;app:load": 40},
    other={"app:main;app:load;<garbage collection>": 5, "app:main;app:collect": 95},
)
