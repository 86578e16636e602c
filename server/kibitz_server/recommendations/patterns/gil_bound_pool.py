"""Threads that compute in turns."""

from kibitz_server.recommendations.pattern import GIL, Pattern

PATTERN = Pattern(
    id="gil_bound_pool",
    name="Threads that compute in turns",
    description=("The threads of a pool wait for the interpreter's lock: more of them make nothing faster."),
    steps=(
        "Compute in processes (`ProcessPoolExecutor`), or with libraries that let go of the lock.",
        "Keep thread pools for waiting.",
    ),
    frames=(
        ("concurrent.futures.thread:_WorkItem.run",),
        ("multiprocessing.pool:mapstar",),
    ),
    threshold=0.2,
    measure=GIL,
    matching={"app:main;app:serve;concurrent.futures.thread:_WorkItem.run": 60, "app:main;app:serve": 40},
    other={
        "app:main;app:serve;concurrent.futures.thread:_WorkItem.run": 20,
        "app:main;app:gil_bound_pool": 990,
    },
)
