"""A small warehouse that works for a while: computing, parsing, waiting, recursion, and functions with hostile names."""

from __future__ import annotations

import json
import sys
import threading
import time
import types

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "right\u202eot tfel",
    "snake \N{SNAKE}",
    "line\nbreak",
    "long" + "x" * 10_240,
    "=cmd()",
    'quote" and \\ and ;',
]
DEPTH = 950


def pick(seconds: float) -> int:
    """Compute."""
    end, found = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        found += sum(number * number for number in range(300))
    return found


def pack(seconds: float) -> None:
    """Work in the standard library."""
    end = time.monotonic() + seconds
    text = json.dumps([{"item": number, "price": number / 3} for number in range(500)])
    while time.monotonic() < end:
        json.loads(text)


def dig(levels: int, seconds: float) -> int:
    """Recurse, and compute at the bottom."""
    return dig(levels - 1, seconds) + 1 if levels else pick(seconds) * 0


def renamed(name: str) -> types.FunctionType:
    """A function that computes, called ``name``."""

    def work(seconds: float) -> int:
        return pick(seconds)

    code = work.__code__.replace(co_name=name, co_qualname=name)
    return types.FunctionType(code, globals(), name, None, work.__closure__)


def main(seconds: float) -> None:
    """All of it, for a while."""
    sys.setrecursionlimit(10 * DEPTH)
    waiting = threading.Thread(target=time.sleep, args=(seconds,), name="waiting")
    waiting.start()
    workers = [renamed(name) for name in HOSTILE]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pick(0.2)
        pack(0.2)
        dig(DEPTH, 0.2)
        for work in workers:
            work(0.05)
    waiting.join()


if __name__ == "__main__":
    main(float(sys.argv[1]))
