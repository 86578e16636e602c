"""The system's random numbers in loops."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="system_random",
    name="The system's random numbers in loops",
    description="`random.SystemRandom` and `secrets` ask the kernel for every number.",
    steps=(
        "Where no secret is made, use `random.Random` or numpy's generator.",
        "For secrets take many bytes at once.",
    ),
    frames=(
        ("random:SystemRandom.*",),
        ("secrets:*",),
    ),
    threshold=0.05,
    matching={"app:main;app:serve;random:SystemRandom.parse": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;random:SystemRandom.parse": 5, "app:main;app:system_random": 990},
)
