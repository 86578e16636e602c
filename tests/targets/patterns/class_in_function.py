"""Classes made while serving: the problem, and its repair."""

import collections

POINT = collections.namedtuple("Point", "x y")


def wasteful():
    collections.namedtuple("Point", "x y")(1, 2)


def repaired():
    POINT(1, 2)
