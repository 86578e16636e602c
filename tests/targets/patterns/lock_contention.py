"""Threads waiting for one another: the problem, and its repair."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

GATE = threading.Semaphore(1)


def held(_):
    with GATE:
        time.sleep(0.004)


def free(_):
    time.sleep(0.004)


def wasteful():
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(held, range(12)))


def repaired():
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(free, range(12)))
