"""What is judged of a group: shares by name and hour, and who calls whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kibitz_server import query
from kibitz_server.store import Floats, Ints

_ALL_TIME = 1 - 1e-9


@dataclass(frozen=True, slots=True)
class Series:
    """Total shares of all frames, below them self shares of those that also call: (series, hours).

    ``names`` and ``callers`` (series,) go with them, the caller of a frame's self time being the frame; ``self_share``
    is (frames, hours); ``calls`` (pairs, 2) are frames and whatever was ever seen to call them.
    """

    names: Sequence[str]
    shares: Floats
    self_share: Floats
    callers: Ints
    calls: Ints

    @property
    def frames(self) -> int:
        """How many of the series are total shares: the first ones."""
        return len(self.self_share)


def series_of(shares: query.HourlyShares) -> Series:
    """One series a name: an edit that moves a function's line, or its file, is no change."""
    names = list(dict.fromkeys(frame.name for frame in shares.frames))
    position = {name: at for at, name in enumerate(names)}
    row = np.array([position[frame.name] for frame in shares.frames], np.int64)
    total, own = np.zeros((2, len(names), len(shares.hours)))
    np.add.at(total, row, shares.total_share)
    np.add.at(own, row, shares.self_share)
    callers = np.full(len(names), -1, np.int64)
    for frame in np.argsort(
        shares.total_share.sum(axis=1), kind="stable"
    ).tolist():  # the heaviest has the last word
        caller = int(shares.stack_parent[frame])
        if caller >= 0 and row[caller] != row[frame]:
            callers[row[frame]] = row[caller]
    return with_self(names, np.minimum(total, 1.0), own, callers, row[shares.calls])


def with_self(names: Sequence[str], total: Floats, own: Floats, callers: Ints, calls: Ints) -> Series:
    """The series of total shares, and of self shares where a frame both works and calls."""
    calling = np.flatnonzero((own.sum(axis=1) < _ALL_TIME * total.sum(axis=1)) & own.any(axis=1))
    return Series(
        [*names, *(names[at] for at in calling.tolist())],
        np.concatenate([total, own[calling]]),
        own,
        np.concatenate([callers, calling]),
        calls,
    )
