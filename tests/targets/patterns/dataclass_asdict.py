"""dataclasses.asdict: the problem, and its repair."""

from dataclasses import asdict, dataclass


@dataclass
class Point:
    x: int
    tags: list


POINTS = [Point(i, ["a", "b"]) for i in range(100)]


def wasteful():
    [asdict(one) for one in POINTS]


def repaired():
    [dict(vars(one)) for one in POINTS]
