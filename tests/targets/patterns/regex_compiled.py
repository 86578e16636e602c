"""Regular expressions compiled while serving: the problem, and its repair."""

import itertools
import re

COUNT = itertools.count()
NUMBERS = []
KNOWN = re.compile(r"(order|item)-(\d+):([a-z]+)")


def wasteful():
    for number in range(20):
        NUMBERS.append(next(COUNT))
        re.match(rf"(order|item)-{NUMBERS[-1]}:([a-z]+)", "order-1:abc")
    NUMBERS.clear()


def repaired():
    for _ in range(20):
        KNOWN.match("order-1:abc")
