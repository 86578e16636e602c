"""isinstance with a runtime protocol: the problem, and its repair."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Sized(Protocol):
    def size(self): ...
    def name(self): ...


class Box:
    def size(self): ...
    def name(self): ...


ITEMS = [Box()] * 100


def wasteful():
    for item in ITEMS:
        isinstance(item, Sized)


def repaired():
    for item in ITEMS:
        type(item) is Box
