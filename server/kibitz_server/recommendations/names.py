"""Which of many frame names a pattern's name means, by look-up: no name is compared that cannot match."""

from __future__ import annotations

import fnmatch
import re
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from kibitz_server.recommendations.calls import Mask

_HIGHEST = "\U0010ffff"


class Names:
    """The names of a call tree's frames, ready to be searched."""

    def __init__(self, names: Sequence[str]) -> None:
        self._count = len(names)
        self._places: dict[str, list[int]] = {}
        for place, name in enumerate(names):
            self._places.setdefault(name, []).append(place)
        self._sorted = sorted(self._places)
        self._known: dict[str, Mask] = {}

    def matching(self, wanted: str) -> Mask:
        """(frames,): which names are ``wanted``; ``*`` in it stands for any text."""
        known = self._known.get(wanted)
        if known is None:
            known = self._known[wanted] = np.zeros(self._count, bool)
            for name in self._found(wanted):
                known[self._places[name]] = True
        return known

    def _found(self, wanted: str) -> list[str]:
        if "*" not in wanted:
            return [wanted] if wanted in self._places else []
        prefix = wanted.partition("*")[0]
        low = bisect_left(self._sorted, prefix)
        high = bisect_left(self._sorted, prefix + _HIGHEST)
        matches = re.compile(fnmatch.translate(wanted.replace("[", "[[]").replace("?", "[?]"))).match
        return [name for name in self._sorted[low:high] if matches(name)]
