"""A thread made for every task."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="thread_per_task",
    name="A thread made for every task",
    description="Starting a thread and waiting for it costs more than a small task.",
    steps=("Keep a `ThreadPoolExecutor` and submit to it.", "Do small work directly."),
    frames=(
        ("threading:Thread.start",),
        ("threading:Thread.__init__",),
    ),
    threshold=0.1,
    rule="pool-per-call",
    matching={"app:main;app:serve;threading:Thread.start": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;threading:Thread.start": 10, "app:main;app:thread_per_task": 990},
)
