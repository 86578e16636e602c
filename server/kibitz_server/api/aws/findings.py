"""Findings as AWS tells them: recommendations with anomalies, reports by the hour or day, and what people say to them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from kibitz_server import feedback
from kibitz_server.api import not_found, validation_error
from kibitz_server.api.aws import pages
from kibitz_server.api.aws.collector import Collector
from kibitz_server.feedback import instance_id
from kibitz_server.findings import ANOMALY
from kibitz_server.recommendations.group import Advice, advice
from kibitz_server.recommendations.pattern import WALL
from kibitz_server.store import Span, StoredFinding

Params = Mapping[str, Any]

KEPT_S = 30 * 86_400.0
HOUR_S, DAY_S = 3600.0, 86_400.0
LOCALES = (
    "de-DE", "en-GB", "en-US", "es-ES", "fr-FR", "it-IT", "ja-JP", "ko-KR", "pt-BR", "zh-CN", "zh-TW",
)  # fmt: skip


def get_recommendations(collector: Collector, given: Params) -> Params:
    """What was found in [startTime, endTime), but for anomalies like those judged useless. Texts are English whatever the locale."""
    group, start, end = collector.group(given["profilingGroupName"]), given["startTime"], given["endTime"]
    _ordered(start, end)
    if given.get("locale", "en-US") not in LOCALES:
        raise validation_error(f"locale: expected one of {', '.join(LOCALES)}")
    found = [
        finding
        for finding in collector.store.findings(group.name)
        if finding.start < end and finding.end >= start
    ]
    said = collector.store.document(group.name, feedback.DOCUMENT)
    return {
        "profilingGroupName": group.name,
        "profileStartTime": start,
        "profileEndTime": end,
        "anomalies": _anomalies((finding for finding in found if _is_shown(finding, said)), said),
        "recommendations": [
            _recommendation(one, start, end) for one in advice(collector.store, Span(group.name, start, end))
        ],
    }


def list_findings_reports(collector: Collector, given: Params) -> Params:
    """One group's reports that end in [startTime, endTime], the latest first."""
    group, start, end = collector.group(given["profilingGroupName"]), given["startTime"], given["endTime"]
    _ordered(start, end)
    start = max(start, collector.clock() - KEPT_S)
    daily = bool(given.get("dailyReportsOnly"))
    reports = [
        report
        for report in _reports(collector.store.findings(group.name), daily, start, end)
        if start <= report["profileEndTime"] <= end
    ]
    return _page(reports, given, f"reports {group.name} {daily} {given['startTime']} {end}")


def get_findings_report_account_summary(collector: Collector, given: Params) -> Params:
    """The latest report of each group that has one, of the last 30 days."""
    daily, now = bool(given.get("dailyReportsOnly")), collector.clock()
    latest: dict[str, dict[str, Any]] = {}
    for report in _reports(collector.store.findings(), daily, now - KEPT_S, now):
        known = latest.get(report["profilingGroupName"])
        if known is None or report["profileEndTime"] > known["profileEndTime"]:
            latest[report["profilingGroupName"]] = report
    answer = _page(list(latest.values()), given, f"summary {daily}")
    return {"reportSummaries": answer["findingsReportSummaries"], "nextToken": answer["nextToken"]}


def submit_feedback(collector: Collector, given: Params) -> Params:
    """Keep what a person says of an anomaly; a later word replaces an earlier one."""
    group, instance = collector.group(given["profilingGroupName"]), given["anomalyInstanceId"]
    found = [one for one in collector.store.findings(group.name) if instance_id(one) == instance]
    if not found:
        raise not_found(f"no anomaly {instance} in the profiling group {group.name}")
    try:
        feedback.judge(collector.store, found[0], given["type"], collector.clock(), given.get("comment", ""))
    except feedback.FeedbackError as error:
        raise validation_error(str(error)) from error
    return {}


def _is_shown(finding: StoredFinding, said: Params) -> bool:
    # One that was judged itself is told with what was said of it.
    judged = instance_id(finding) in said
    return finding.kind == ANOMALY and (judged or not feedback.muted(finding, said))


def _anomalies(found: Iterable[StoredFinding], said: Params) -> list[Params]:
    by_frame: dict[str, list[StoredFinding]] = {}
    for finding in found:
        by_frame.setdefault(finding.frame, []).append(finding)
    return [
        {
            "metric": {"frameName": frame, "threadStates": [], "type": "AggregatedRelativeTotalTime"},
            "reason": findings[0].reason,
            "instances": [_instance(finding, said) for finding in findings],
        }
        for frame, findings in by_frame.items()
    ]


def _instance(finding: StoredFinding, feedbacks: Params) -> Params:
    identity = instance_id(finding)
    said = feedbacks.get(identity)
    return {
        "id": identity,
        "startTime": finding.start,
        "endTime": finding.end,
        "userFeedback": {"type": said["type"]} if said else None,
    }


def _recommendation(one: Advice, start: float, end: float) -> Params:
    found = one.recommendation
    pattern = found.pattern
    counters = ["WALL_TIME"] if pattern.measure == WALL else ["RUNNABLE"]
    return {
        "startTime": start,
        "endTime": end,
        "allMatchesCount": found.places,
        "allMatchesSum": 100 * found.share,
        "pattern": {
            "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"pattern {pattern.id}")),
            "name": pattern.name,
            "description": pattern.description,
            "resolutionSteps": "\n".join(f"{number}. {step}" for number, step in enumerate(pattern.steps, 1)),
            "targetFrames": [list(sequence) for sequence in pattern.frames],
            "thresholdPercent": 100 * pattern.threshold,
            "countersToAggregate": counters,
        },
        "topMatches": [
            {
                "frameAddress": " / ".join(match.path),
                "targetFramesIndex": match.sequence,
                "thresholdBreachValue": 100 * match.share,
            }
            for match in found.top
        ],
    }


def _reports(found: Iterable[StoredFinding], daily: bool, start: float, end: float) -> list[dict[str, Any]]:
    """A report for every whole hour or day in which a group had findings: when, and how many."""
    step = DAY_S if daily else HOUR_S
    counts: dict[tuple[str, int], int] = {}
    for finding in found:
        first = max(finding.start, start - step)
        last = min(max(finding.end, finding.start), end)
        for slot in range(int(first // step), int(last // step) + 1):
            counts[finding.group, slot] = counts.get((finding.group, slot), 0) + 1
    return [
        {
            "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{group} {step:.0f} {slot}")),
            "profilingGroupName": group,
            "profileStartTime": slot * step,
            "profileEndTime": (slot + 1) * step,
            "totalNumberOfFindings": count,
        }
        for (group, slot), count in counts.items()
    ]


def _page(reports: list[dict[str, Any]], given: Params, listing: str) -> dict[str, Any]:
    chosen, token = pages.page(
        reports,
        lambda report: (report["profileEndTime"], pages.tie(report["profilingGroupName"])),
        dict(given),
        listing,
        descending=True,
    )
    return {"findingsReportSummaries": chosen, "nextToken": token}


def _ordered(start: float, end: float) -> None:
    if not end > start:
        raise validation_error("endTime: must be after startTime")
