"""Threads that compute in turns: the problem, and its repair."""

import time
from concurrent.futures import ThreadPoolExecutor

POOL = ThreadPoolExecutor(4)


def computes(_):
    return sum(i * i for i in range(400_000))


def waits(_):
    time.sleep(0.01)


def wasteful():
    list(POOL.map(computes, range(12)))


def repaired():
    list(POOL.map(waits, range(12)))
