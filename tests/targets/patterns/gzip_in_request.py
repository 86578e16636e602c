"""The same data compressed again: the problem, and its repair."""

import gzip

DATA = b"".join(str(i * 7919 % 10007).encode() for i in range(30_000))
READY = gzip.compress(DATA)


def wasteful():
    gzip.compress(DATA)


def repaired():
    READY[:1000].count(b"a")
