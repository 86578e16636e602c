"""Asking again and again whether something is there."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="busy_polling",
    name="Asking again and again whether something is there",
    description="A loop that asks without waiting uses a whole CPU to find nothing.",
    steps=(
        "Wait: `queue.get()`, `Event.wait()`, `Future.result()`, `Popen.wait()` block without CPU, with a timeout where needed.",
    ),
    frames=(
        ("queue:Queue.get_nowait",),
        ("queue:Queue.empty",),
        ("threading:Event.is_set",),
        ("concurrent.futures._base:Future.done",),
        ("subprocess:Popen.poll",),
        ("multiprocessing.process:BaseProcess.is_alive",),
        ("multiprocessing.connection:_ConnectionBase.poll",),
    ),
    threshold=0.2,
    matching={"app:main;app:serve;queue:Queue.get_nowait": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;queue:Queue.get_nowait": 20, "app:main;app:busy_polling": 990},
)
