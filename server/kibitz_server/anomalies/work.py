"""Whether there is more work, or the same work goes by another way: a function that only calls what was there before is no cause."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from kibitz_server.anomalies.deviations import Deviation, is_new_or_gone
from kibitz_server.store import Floats, Ints

_OWN = 0.5
_NEXT_TO_NONE, _MOST_BELOW = 0.2, 3.0


@dataclass(frozen=True, slots=True)
class Work:
    """The self shares (frames, judged hours) of a program, their common ``factor`` (judged hours,), and its ``calls``.

    ``judged`` (judged hours,) are the columns by which deviations count; ``calls`` (pairs, 2): frame and caller.
    """

    self_share: Floats
    factor: Floats
    judged: Ints
    calls: Ints
    _callees: dict[int, list[int]] = field(default_factory=dict)

    def changed(self, deviation: Deviation) -> bool:
        """Whether what is done in the frame and below it changed by most of what the frame's share did.

        A new function between two others has all the time of what it calls, of which there is no more than before; one
        that was taken out had. Of a frame that was there before and still is, it takes surer knowledge to say so.
        """
        if deviation.frame >= len(self.self_share):
            return True
        done = self.self_share[self._below(deviation.frame)].sum(axis=0) / self.factor
        during = (self.judged >= deviation.first) & (self.judged <= deviation.last)
        before = self.judged < deviation.first
        if not during.any() or not before.any():
            return True
        more = float(np.median(done[during]) - np.median(done[before]))
        own = more * (1 if deviation.moved > 0 else -1) / max(abs(deviation.moved), 1e-300)
        if is_new_or_gone(deviation):
            return own >= _OWN
        unsure = float(np.median(done[before])) > _MOST_BELOW * max(deviation.usual, deviation.seen)
        return unsure or abs(own) >= _NEXT_TO_NONE

    def _below(self, frame: int) -> list[int]:
        """The frame and all that it may call, however deep."""
        if not self._callees:
            for callee, caller in self.calls.tolist():
                self._callees.setdefault(caller, []).append(callee)
        found, waiting = {frame}, [frame]
        while waiting:
            fresh = [callee for callee in self._callees.get(waiting.pop(), ()) if callee not in found]
            found.update(fresh)
            waiting += fresh
        return list(found)
