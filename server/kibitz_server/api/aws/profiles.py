"""Aggregated profiles: one merged, when there are some, and how frames' shares went over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kibitz_agent import exporters
from kibitz_agent.profile import THREAD_STATE
from kibitz_server import query
from kibitz_server.api import not_found, validation_error
from kibitz_server.api.aws import pages, periods
from kibitz_server.api.aws.collector import Collector
from kibitz_server.profile_json import STATE_NAMES, profile_json
from kibitz_server.store import Span

Params = Mapping[str, Any]

MOST_RANGE_S = 7 * 86_400.0
MOST_SERIES_RANGE_S = 86_400.0
_ALL_FRAMES = 100
_JSON = "application/json"
_PPROF = ("application/x-gzip-pprof", "application/x-protobuf", "application/vnd.google.protobuf")
_STATES = {name: state for state, name in STATE_NAMES.items()}


def get_profile(collector: Collector, given: Params) -> Params:
    """The profiles of a range merged: JSON in the form agents post, or gzipped pprof if that is what is accepted."""
    group = collector.group(given["profilingGroupName"])
    form = _accepted(given.get("accept", ""))
    latest = group.last_seen // 300 * 300 + 300
    start, end = periods.resolved(dict(given), latest, 300.0, MOST_RANGE_S)
    span = Span(group.name, *periods.aligned(start, end, 300.0))
    if not len(collector.store.ends(span, 300.0)):
        raise not_found(f"the profiling group {group.name} has no profile in that range")
    if form in _PPROF:
        content = exporters.by_suffix("profile.pb.gz")(query.merged_profile(collector.store, span))
        return {"profile": content, "contentType": form}
    return {"profile": profile_json(collector.store, span, given.get("maxDepth")), "contentType": _JSON}


def list_profile_times(collector: Collector, given: Params) -> Params:
    """The starts of the aggregation periods in the range that have profiles."""
    group, step = collector.group(given["profilingGroupName"]), periods.AGGREGATION_S[given["period"]]
    start, end = given["startTime"], given["endTime"]
    if not end > start:
        raise validation_error("endTime: must be after startTime")
    times = collector.store.ends(Span(group.name, *periods.aligned(start, end, step)), step).tolist()
    descending = given.get("orderBy", "TimestampDescending") == "TimestampDescending"
    listing = f"times {group.name} {given['period']} {start} {end} {descending}"
    chosen, token = pages.page(
        times, lambda time: (time, pages.NO_TIE), dict(given), listing, descending=descending
    )
    return {"profileTimes": [{"start": time} for time in chosen], "nextToken": token}


def batch_get_frame_metric_data(collector: Collector, given: Params) -> Params:
    """Each asked frame's share of all samples, per aggregation period; without frames asked for, the largest ones."""
    group = collector.group(given["profilingGroupName"])
    step = periods.AGGREGATION_S[given.get("targetResolution", "PT5M")]
    start, end = periods.resolved(
        dict(given), group.last_seen // step * step + step, step, MOST_SERIES_RANGE_S
    )
    start, end = periods.aligned(start, end, step)
    span = Span(group.name, start, end)
    series: dict[tuple[str, ...], query.FrameSeries] = {}
    asked = given.get("frameMetrics")
    if asked is None:
        everything = series.setdefault((), query.frame_series(collector.store, span, step))
        asked = [_metric(name) for name in everything.largest(_ALL_FRAMES)]
    data = []
    for metric in asked:
        states = tuple(sorted({_STATES.get(state, state.lower()) for state in metric["threadStates"]}))
        if states not in series:
            series[states] = query.frame_series(collector.store, span, step, _in_states(states))
        values = series[states].shares(metric["frameName"])
        data.append((metric, values))
    any_series = next(iter(series.values()), None) or query.frame_series(collector.store, span, step)
    seen = any_series.profiles > 0
    ends = any_series.starts + step
    resolution = given.get("targetResolution", "PT5M")
    return {
        "startTime": start,
        "endTime": end,
        "resolution": resolution,
        "endTimes": [{"value": time} for time in ends[seen].tolist()],
        "unprocessedEndTimes": {resolution: [{"value": time} for time in ends[~seen].tolist()]},
        "frameMetricData": [
            {"frameMetric": metric, "values": values[seen].tolist()} for metric, values in data
        ],
    }


def _metric(name: str) -> dict[str, Any]:
    return {"frameName": name, "threadStates": [], "type": "AggregatedRelativeTotalTime"}


def _in_states(states: tuple[str, ...]) -> query.LabelFilter | None:
    if not states:
        return None
    return lambda labels: dict(labels).get(THREAD_STATE, "") in states


def _accepted(accept: str) -> str:
    """The form to answer in. AWS's default is a binary form of its own; ours is JSON, which its clients also read."""
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",") if part.strip()]
    for kind in kinds:
        if kind in _PPROF:
            return kind
        if kind in (_JSON, "*/*", "application/*"):
            return _JSON
    if kinds:
        raise validation_error(f"accept: expected {_JSON} or {_PPROF[0]}, found {accept[:80]!r}")
    return _JSON
