"""Threads waiting for one another."""

from kibitz_server.recommendations.pattern import WALL, Pattern

PATTERN = Pattern(
    id="lock_contention",
    name="Threads waiting for one another",
    description=("Threads spend much of their time waiting for a semaphore or a lock that another holds."),
    steps=(
        "Hold locks for shorter: prepare outside, change inside.",
        "Give each thread its own, or split the lock by key.",
    ),
    frames=(
        ("threading:Semaphore.acquire",),
        ("threading:_RLock.acquire",),
        ("threading:Barrier.wait",),
        ("multiprocessing.synchronize:*",),
        ("_thread:lock.acquire",),
        ("_thread:RLock.acquire",),
        ("_thread:lock.__enter__",),
        ("_thread:RLock.__enter__",),
    ),
    threshold=0.15,
    measure=WALL,
    unless=(
        "importlib._bootstrap:*",
        "queue:*",
        "threading:Thread.join",
        "threading:Thread._wait_for_tstate_lock",
        "threading:Condition.wait",
    ),
    rule="slow-work-under-lock",
    matching={"app:main;app:serve;threading:Semaphore.acquire": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;threading:Semaphore.acquire": 15, "app:main;app:lock_contention": 990},
)
