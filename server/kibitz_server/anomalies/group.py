"""A stored group's anomalies: its series from the store, and what is found in them as findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kibitz_server import query
from kibitz_server.anomalies import fast
from kibitz_server.anomalies.baseline import baseline, common_factor
from kibitz_server.anomalies.causes import callees_moved, innermost, with_known_callers
from kibitz_server.anomalies.deviations import DEFAULT_THRESHOLDS, Deviation, Thresholds, deviations
from kibitz_server.anomalies.series import Series, series_of
from kibitz_server.anomalies.work import Work
from kibitz_server.findings import GONE, anomaly, continued, is_open
from kibitz_server.store import Ints, Span, Store, StoredFinding

HISTORY_S = 14 * 86_400.0
RECENT_HOURS = 48
WENT_AWAY_HOURS = 6


def detect_group(
    store: Store, group: str, now: float, limits: Thresholds = DEFAULT_THRESHOLDS
) -> list[StoredFinding]:
    """The group's anomalies of the last `RECENT_HOURS`, judged against the last `HISTORY_S` seconds.

    The hour that is still filling is left out, but for large steps; it will be judged when it is whole. An anomaly that
    is known already keeps its id, even when its edges look a little different now; one that went away is said to have.
    """
    end = float(np.floor(now / query.HOUR_S) * query.HOUR_S)
    shares = query.hourly_shares(store, Span(group, end - HISTORY_S, end))
    series = series_of(shares)
    known = store.findings(group)
    recent = [
        finding
        for finding in _hourly(series, shares, group, limits)
        if finding.end > end - RECENT_HOURS * query.HOUR_S
    ]
    large = _large(store, group, now, series, shares, limits)
    found = {finding.id: finding for finding in continued([*recent, *large], known)}
    before = [finding for finding in known if is_open(finding) and finding.id not in found]
    gone = _went_away([*found.values(), *before], series, shares, limits)
    return list((found | {finding.id: finding for finding in gone}).values())


def causes(series: Series, samples: Ints, limits: Thresholds = DEFAULT_THRESHOLDS) -> list[Deviation]:
    """What changed, one deviation a cause; ``frame`` indexes ``series.names``. ``samples`` (hours,)."""
    judged = np.flatnonzero(samples >= limits.least_samples)
    if len(judged) <= limits.least_hours:
        return []
    factor = common_factor(series.self_share[:, judged], samples[judged].astype(np.float64))
    found = deviations(series.shares, series.self_share, samples, limits, factor)
    kept = callees_moved(found, series.callers)
    work = Work(series.self_share[:, judged], factor, judged, series.calls)
    return innermost([one for one in kept if work.changed(one)], series.callers)


def _hourly(
    series: Series, shares: query.HourlyShares, group: str, limits: Thresholds
) -> list[StoredFinding]:
    return [
        anomaly(
            group=group,
            frame=series.names[found.frame],
            start=float(shares.hours[found.first]),
            end=float(shares.hours[found.last]) + query.HOUR_S,
            usual=found.usual,
            seen=found.seen,
            revision=new_revision(shares.revisions, found.first),
            own=found.frame >= series.frames,
        )
        for found in causes(series, shares.samples, limits)
    ]


def _large(
    store: Store, group: str, now: float, series: Series, shares: query.HourlyShares, limits: Thresholds
) -> list[StoredFinding]:
    """Large steps of the last minutes, the innermost of each."""
    judged = np.flatnonzero(shares.samples >= limits.least_samples)
    if len(judged) <= limits.least_hours:
        return []
    end = float(np.floor(now / fast.SLOT_S) * fast.SLOT_S)
    start = end - fast.SLOTS * fast.SLOT_S
    latest = query.frame_series(store, Span(group, start, end), fast.SLOT_S)
    totals = {name: latest.shares(name) for name in latest.largest(2 * fast.MOST_FRAMES)}
    # Those of which nothing is left are looked at too: their work may be what rose elsewhere.
    heavy = series.shares[: series.frames, judged].max(axis=1) >= fast.FastThresholds().least_change
    rows = [at for at in range(series.frames) if heavy[at] or series.names[at] in totals]
    if not totals or latest.starts[0] > start:
        return []
    known = series.shares[np.ix_(np.array(rows), judged)]
    usual = baseline(known, judged, shares.samples[judged].astype(np.float64))
    level, scale = usual.usual[:, -1], usual.scale[:, 0]
    nothing = np.zeros(len(latest.starts))
    slots = np.array([totals.get(series.names[row], nothing) for row in rows])
    rose = fast.large_steps(slots, latest.samples, level, scale).tolist()
    if not rose:
        return []
    last, seen = len(shares.hours) - 1, slots.mean(axis=1)
    # What one took all others lost: only what is beyond that may have moved.
    moved = seen / fast.common_factor(seen, level, int(latest.samples.sum())) - level
    both = [
        Deviation(rows[at], last, last, float(level[at]), float(seen[at]), float(moved[at]))
        for at in [*rose, *fast.falls(level + moved, level, scale).tolist()]
    ]
    found = [one for one in callees_moved(both, series.callers) if one.change > 0]
    return [
        anomaly(
            group=group,
            frame=series.names[step.frame],
            start=start,
            end=end,
            usual=step.usual,
            seen=step.seen,
            revision=min(latest.revisions[-1] - frozenset().union(*shares.revisions) - {""}, default=""),
        )
        for step in innermost(with_known_callers(found, series.callers), series.callers)
    ]


def _went_away(
    findings: Sequence[StoredFinding], series: Series, shares: query.HourlyShares, limits: Thresholds
) -> list[StoredFinding]:
    """Those whose share is nearer the usual again in the last of at least `WENT_AWAY_HOURS` judged hours since."""
    judged = np.flatnonzero(shares.samples >= limits.least_samples)
    rows = {(name, "total"): at for at, name in enumerate(series.names[: series.frames])}
    rows |= {(name, "self"): at for at, name in enumerate(series.names) if at >= series.frames}
    gone = []
    for finding in findings:
        row = rows.get((finding.frame, str(finding.details.get("metric", "total"))))
        since = judged[shares.hours[judged] >= finding.end][-WENT_AWAY_HOURS:]
        if row is None or len(since) < WENT_AWAY_HOURS:
            continue
        usual, seen = (float(finding.details[key]) for key in ("usual_share", "seen_share"))
        if abs(float(np.median(series.shares[row, since])) - usual) < abs(seen - usual) / 2:
            gone.append(replace(finding, details={**finding.details, GONE: True}))
    return gone


def new_revision(revisions: Sequence[frozenset[str]], hour: int) -> str:
    """The revision first seen within two hours of ``hour``, in which a change seems to begin; the nearest one, or ""."""
    for first in (hour, hour - 1, hour + 1, hour - 2, hour + 2):
        if 0 < first < len(revisions):
            before = frozenset().union(*revisions[:first])
            fresh = revisions[first] - before - {""}
            if before and fresh:
                return min(fresh)
    return ""
