"""A pool made for every call."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="pool_per_call",
    name="A pool made for every call",
    description=(
        "A pool starts its threads or processes and waits for their end; made in a call it serves that "
        "call alone."
    ),
    steps=("Make the pool once, at module level or when the application starts.",),
    frames=(
        ("concurrent.futures._base:Executor.__exit__",),
        ("concurrent.futures.thread:ThreadPoolExecutor._adjust_thread_count",),
        ("multiprocessing.pool:Pool.__init__",),
        ("concurrent.futures.process:ProcessPoolExecutor._start_executor_manager_thread",),
    ),
    threshold=0.1,
    rule="pool-per-call",
    matching={"app:main;app:serve;concurrent.futures._base:Executor.__exit__": 60, "app:main;app:serve": 40},
    other={
        "app:main;app:serve;concurrent.futures._base:Executor.__exit__": 10,
        "app:main;app:pool_per_call": 990,
    },
)
