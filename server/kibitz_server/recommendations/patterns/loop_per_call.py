"""An event loop made for every call."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="loop_per_call",
    name="An event loop made for every call",
    description=("`asyncio.run` makes a loop, its selector and sockets, and shuts it all down again."),
    steps=(
        "Run one loop for the program; from threads use `run_coroutine_threadsafe`.",
        "Where nothing is concurrent, call the synchronous client.",
    ),
    frames=(
        ("asyncio.runners:Runner._lazy_init",),
        ("asyncio.runners:Runner.close",),
        ("asyncio.events:new_event_loop",),
        ("asgiref.sync:AsyncToSync.__call__",),
    ),
    threshold=0.15,
    matching={"app:main;app:serve;asyncio.runners:Runner._lazy_init": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;asyncio.runners:Runner._lazy_init": 15, "app:main;app:loop_per_call": 990},
)
