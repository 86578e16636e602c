"""The payload made small: the tree in preorder, columns of small numbers written as text.

A packed payload (version 2) has the same title, times and notes, and in place of strings, frames and nodes::

    {"names": [str], "files": [str], "frames": {"file": text, "line": text},
     "calls": {"count": text, "frame": text}, "nodes": {"count": int, "root": int, "up": text, "callee": text},
     "values": [{"name": str, "unit": str, "sum": int, "scale": int, "least": int, "self": text}]}

A text holds numbers from 0 up, five bits a character of `DIGITS`, the lowest first; 32 is added to all but a number's last
character. Frames are in the order of their names. ``calls`` tells of each frame how many others it calls, and which, the
most frequent first. Of each node after the root, whose frame is ``root``, ``up`` is how many levels the tree goes back
before it (0: it is the child of the one before), and ``callee`` is the place of its frame among its caller's calls: most
of these are zeros. What a node spent itself is ``least + scale * number``. Siblings come widest first.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
PACKED_VERSION = 2


def pack(payload: dict[str, Any], value: str = "") -> dict[str, Any]:
    """A payload (version 1) packed, siblings in the order of the value called ``value``, else of the first."""
    strings, frames, nodes, values = (payload[key] for key in ("strings", "frames", "nodes", "values"))
    order = sorted(
        range(len(frames["name"])), key=lambda at: (strings[frames["name"][at]], frames["file"][at], at)
    )
    place = {frame: index for index, frame in enumerate(order)}
    frame = [place[at] for at in nodes["frame"]]
    names = [one["name"] for one in values]
    widths = values[names.index(value) if value in names else 0]["self"]
    ways = _preorder(nodes["parent"], frame, widths)
    files = {index: at for at, index in enumerate(sorted(set(frames["file"])))}
    return {
        **{key: payload[key] for key in payload if key not in ("strings", "frames", "nodes", "values")},
        "version": PACKED_VERSION,
        "names": [strings[frames["name"][at]] for at in order],
        "files": [strings[index] for index in files],
        "frames": {
            "file": digits(files[frames["file"][at]] for at in order),
            "line": digits(max(0, frames["line"][at]) for at in order),
        },
        **_nodes(nodes["parent"], frame, ways, len(order)),
        "values": [_value(one, [node for node, _ in ways]) for one in values],
    }


def digits(numbers: Iterable[int]) -> str:
    """Numbers from 0 up as text."""
    known = dict(enumerate(DIGITS[:32]))

    def text(number: int) -> str:
        found = known.get(number)
        if found is None:
            found = known[number] = DIGITS[32 + number % 32] + text(number // 32)
        return found

    return "".join(map(text, numbers))


def numbers(text: str) -> list[int]:
    """The numbers that `digits` wrote. `ValueError` for a character it does not write."""
    found, number, place = [], 0, 0
    for character in text:
        digit = DIGITS.index(character)
        number += digit % 32 << place
        place += 5
        if digit < 32:
            found.append(number)
            number, place = 0, 0
    return found


def _preorder(parent: Sequence[int], frame: Sequence[int], widths: Sequence[int]) -> list[tuple[int, int]]:
    """Nodes and their depths, each before all below it; siblings widest first, then by frame."""
    total = list(widths)
    for node in range(len(parent) - 1, 0, -1):
        total[parent[node]] += total[node]
    below: list[list[int]] = [[] for _ in parent]
    for node in sorted(range(1, len(parent)), key=lambda at: (total[at], -frame[at])):
        below[parent[node]].append(node)
    ways: list[tuple[int, int]] = []
    waiting = [(0, 0)]
    while waiting:
        at = waiting.pop()
        ways.append(at)
        waiting += [(child, at[1] + 1) for child in below[at[0]]]
    return ways


def _nodes(
    parent: Sequence[int], frame: Sequence[int], ways: list[tuple[int, int]], frames: int
) -> dict[str, Any]:
    calls = _calls(parent, frame, frames)
    places = [{callee: place for place, callee in enumerate(callees)} for callees in calls]
    depths = [depth for _, depth in ways]
    up = (above + 1 - depth for above, depth in pairwise(depths))
    callee = (places[frame[parent[node]]][frame[node]] for node, _ in ways[1:])
    return {
        "calls": {
            "count": digits(map(len, calls)),
            "frame": digits(at for callees in calls for at in callees),
        },
        "nodes": {"count": len(ways), "root": frame[0], "up": digits(up), "callee": digits(callee)},
    }


def _calls(parent: Sequence[int], frame: Sequence[int], frames: int) -> list[list[int]]:
    """Which frames each frame calls, the most frequent first."""
    counts = Counter((frame[parent[node]], frame[node]) for node in range(1, len(parent)))
    calls: list[list[int]] = [[] for _ in range(frames)]
    for (caller, callee), _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        calls[caller].append(callee)
    return calls


def _value(value: dict[str, Any], order: list[int]) -> dict[str, Any]:
    column = value["self"]
    least = min(0, *column) if column else 0
    scale = math.gcd(*(number - least for number in column)) or 1
    return {
        "name": value["name"],
        "unit": value["unit"],
        "sum": sum(column),
        "scale": scale,
        "least": least,
        "self": digits((column[node] - least) // scale for node in order),
    }
