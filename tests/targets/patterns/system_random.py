"""The system's random numbers in loops: the problem, and its repair."""

import random

RANDOM = random.SystemRandom()
PLAIN = random.Random(1)


def wasteful():
    [RANDOM.randrange(100) for _ in range(100)]


def repaired():
    [PLAIN.randrange(100) for _ in range(100)]
