"""Watching files: what has changed since the last look, by time and size, with no more than the file system's own words."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NoReturn

from kibitz_reviewer.outcome import Target

INTERVAL_S = 1.0
Stamp = tuple[int, int, int]


def watch(
    select: Callable[[], Sequence[Target]],
    show: Callable[[list[Target]], None],
    pause: Callable[[float], None] = time.sleep,
) -> NoReturn:
    """Show all that ``select`` gives, then again and again what has changed of it, until interrupted."""
    known: dict[str, Stamp] = {}
    first = True
    while True:
        targets = list(select())
        now = {target.path: stamp for target in targets if (stamp := _stamp(target)) is not None}
        changed = [target for target in targets if now.get(target.path) != known.get(target.path)]
        known = now
        if changed or first:
            show(changed)
        first = False
        pause(INTERVAL_S)


def _stamp(target: Target) -> Stamp | None:
    """Time, size and number of a file; None for one that is gone."""
    try:
        status = target.place.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
