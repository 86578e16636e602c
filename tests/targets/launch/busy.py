"""Four functions that call each other, the innermost busy for a while."""

import sys
import time


def a(seconds):
    b(seconds)


def b(seconds):
    c(seconds)


def c(seconds):
    d(seconds)


def d(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(200))
        time.sleep(0)


if __name__ == "__main__":
    a(float(sys.argv[1]) if len(sys.argv) > 1 else 0.5)
