"""Anomalies: when a function's share of the samples is no longer what it usually is.

Each series is judged against itself, and by array operations alone: `baseline` says what is usual and how far the series
strays by itself, `cusum` adds up what goes beyond that, `deviations` keeps what matters, `causes` names one frame for
each cause and drops work that only moved, `work` tells new functions from new work, `fast` looks at the last minutes,
`series` is what is judged of a group, `group` puts it together over a store.
"""

from __future__ import annotations

from kibitz_server.anomalies.causes import callees_moved, innermost
from kibitz_server.anomalies.deviations import DEFAULT_THRESHOLDS, Deviation, Thresholds, deviations
from kibitz_server.anomalies.group import detect_group

__all__ = [
    "DEFAULT_THRESHOLDS",
    "Deviation",
    "Thresholds",
    "callees_moved",
    "detect_group",
    "deviations",
    "innermost",
]
