"""A pool made for every call: the problem, and its repair."""

from concurrent.futures import ThreadPoolExecutor

POOL = ThreadPoolExecutor(4)
list(POOL.map(str, range(8)))


def wasteful():
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(str, range(8)))


def repaired():
    list(POOL.map(str, range(8)))
