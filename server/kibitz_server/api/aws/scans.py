"""Amazon CodeGuru Security's API: scans of uploaded zips, their findings over time, metrics, the account's settings.

A scan has a name and many runs. A finding stays open from run to run and is closed by the first run that no longer has it.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kibitz_server.api import ApiError
from kibitz_server.api.aws.pages import page, tie
from kibitz_server.reviews import SCAN, Reviews
from kibitz_server.reviews.documents import Document
from kibitz_server.reviews.runner import Outcome, Source

ARN = "arn:aws:codeguru-security:us-east-1:000000000000:scans/"
ACCOUNT, UPLOAD = "account", "upload"
SEVERITIES = ("info", "low", "medium", "high", "critical")
DAY_S = 86_400.0
MOST_DAYS = 90
Given = Mapping[str, Any]


def create_upload_url(reviews: Reviews, given: Given) -> Document:
    """Where to put the zip: an address that only its asker knows, good for one upload."""
    artifact = str(uuid.uuid4())
    reviews.documents.add(UPLOAD, artifact, {"scanName": given["scanName"], "at": reviews.clock()})
    base = given["base_url"].rstrip("/")
    return {
        "s3Url": f"{base}/uploads/{artifact}",
        "requestHeaders": {"Content-Type": "application/zip"},
        "codeArtifactId": artifact,
    }


def create_scan(reviews: Reviews, given: Given) -> Document:
    """Begin a run of a scan, new or known."""
    name, artifact = given["scanName"], given["resourceId"].get("codeArtifactId", "")
    upload = reviews.documents.get(UPLOAD, artifact)
    if upload is None or upload["scanName"] != name:
        raise ApiError("ResourceNotFoundException", 404, "no such code artifact: ask for an upload URL first")
    now, run = reviews.clock(), str(uuid.uuid4())
    new = {"runId": run, "state": "InProgress", "createdAt": now, "updatedAt": now, "artifact": artifact}
    fresh = {
        "scanName": name,
        "analysisType": given.get("analysisType", "Security"),
        "runs": [new],
        "findings": {},
        "tags": given.get("tags", {}),
    }
    if not reviews.documents.add(SCAN, name, fresh):
        if _busy(reviews.documents.get(SCAN, name)):
            raise ApiError("ConflictException", 409, f"a run of the scan {name} is in progress")
        reviews.documents.change(SCAN, name, lambda one: {**one, "runs": [*one["runs"], new]})
    source = Source(archive=reviews.uploads / artifact)
    reviews.runner.start(source, lambda outcome: _finished(reviews, name, run, outcome))
    return {
        "scanName": name,
        "runId": run,
        "resourceId": {"codeArtifactId": artifact},
        "scanState": "InProgress",
        "scanNameArn": ARN + name,
    }


def _busy(scan: Document | None) -> bool:
    return scan is not None and scan["runs"][-1]["state"] == "InProgress"


def _finished(reviews: Reviews, name: str, run: str, outcome: Outcome) -> None:
    now = reviews.clock()

    def change(one: Document) -> Document:
        ended = {
            "state": "Failed" if outcome.error else "Successful",
            "updatedAt": now,
            "error": outcome.error,
        }
        runs = [{**each, **ended} if each["runId"] == run else each for each in one["runs"]]
        artifact = next(each["artifact"] for each in runs if each["runId"] == run)
        wanted = [f for f in outcome.findings if one["analysisType"] == "All" or f["category"] == "security"]
        findings = one["findings"] if outcome.error else _merged(one["findings"], wanted, artifact, now)
        return {**one, "runs": runs, "findings": findings}

    changed = reviews.documents.change(SCAN, name, change)
    for each in changed["runs"] if changed else []:
        if each["runId"] == run:
            (reviews.uploads / each["artifact"]).unlink(missing_ok=True)


def _merged(before: Document, found: Iterable[Document], artifact: str, now: float) -> Document:
    """Findings by id: those found are open, those known and not found are closed."""
    merged: Document = {
        key: one if one["status"] == "Closed" else {**one, "status": "Closed", "updatedAt": now}
        for key, one in before.items()
    }
    for finding in found:
        key = finding["fingerprint"]
        known = before.get(key)
        created = known["createdAt"] if known and known["status"] == "Open" else now
        updated = known["updatedAt"] if known and known["status"] == "Open" else now
        merged[key] = {
            **_finding(finding, artifact),
            "status": "Open",
            "createdAt": created,
            "updatedAt": updated,
        }
    return merged


def _finding(finding: Document, artifact: str) -> Document:
    path = finding["path"]
    weaknesses = [f"CWE-{number}" for number in finding["cwe"]]
    rule, fix = finding["rule"], finding["fix"]
    fixes = [{"description": fix["title"], "code": edit["text"]} for edit in fix["edits"]] if fix else []
    return {
        "id": finding["fingerprint"],
        "title": f"{rule.replace('-', ' ').capitalize()}",
        "description": finding["message"],
        "generatorId": "kibitz",
        "type": finding["category"],
        "severity": finding["severity"],
        "detectorId": f"python/{rule}@v1.0",
        "detectorName": rule.replace("-", " ").capitalize(),
        "detectorTags": [finding["category"], *(weakness.lower() for weakness in weaknesses)],
        "ruleId": rule,
        "resource": {"id": artifact, "subResourceId": path},
        "vulnerability": {
            "id": rule,
            "relatedVulnerabilities": weaknesses,
            "itemCount": 1,
            "filePath": {
                "name": path.rpartition("/")[2],
                "path": path,
                "startLine": finding["line"],
                "endLine": finding["end_line"],
            },
        },
        "kibitz": finding,
        "remediation": {"recommendation": {"text": finding["message"]}, "suggestedFixes": fixes},
    }


def get_scan(reviews: Reviews, given: Given) -> Document:
    """One run of a scan, the last if none is named."""
    scan = _scan(reviews, given["scanName"])
    wanted = given.get("runId", scan["runs"][-1]["runId"])
    run = next((one for one in scan["runs"] if one["runId"] == wanted), None)
    if run is None:
        raise ApiError("ResourceNotFoundException", 404, f"no run {wanted} of the scan {given['scanName']}")
    return {
        **_summary(scan, run),
        "analysisType": scan["analysisType"],
        "numberOfRevisions": len(scan["runs"]),
        "errorMessage": run.get("error") or None,
    }


def list_scans(reviews: Reviews, given: Given) -> Document:
    """All scans by their last run, the newest first."""
    found = [_summary(scan, scan["runs"][-1]) for scan in reviews.documents.all(SCAN)]
    chosen, token = page(
        found, lambda one: (one["createdAt"], tie(one["scanName"])), dict(given), "scans", descending=True
    )
    return {"summaries": chosen, "nextToken": token}


def _summary(scan: Document, run: Document) -> Document:
    return {
        "scanName": scan["scanName"],
        "scanNameArn": ARN + scan["scanName"],
        "runId": run["runId"],
        "scanState": run["state"],
        "createdAt": run["createdAt"],
        "updatedAt": run["updatedAt"],
    }


def get_findings(reviews: Reviews, given: Given) -> Document:
    """A scan's findings, open ones unless asked otherwise."""
    wanted = given.get("status", "Open")
    found = [
        one
        for one in _scan(reviews, given["scanName"])["findings"].values()
        if wanted in ("All", one["status"])
    ]
    listing = f"findings {given['scanName']} {wanted}"
    chosen, token = page(found, lambda one: (0.0, tie(one["id"])), dict(given), listing)
    return {"findings": chosen, "nextToken": token}


def batch_get_findings(reviews: Reviews, given: Given) -> Document:
    """Findings by scan and id; what is not there is told apart."""
    found, failed, seen = [], [], set[tuple[str, str]]()
    for wanted in given["findingIdentifiers"]:
        key = (wanted["scanName"], wanted["findingId"])
        scan = reviews.documents.get(SCAN, key[0])
        one = scan["findings"].get(key[1]) if scan else None
        if key in seen:
            failed.append({**wanted, "errorCode": "DUPLICATE_IDENTIFIER", "message": "asked for twice"})
        elif one is None:
            code = "INVALID_FINDING_ID" if scan else "INVALID_SCAN_NAME"
            failed.append({**wanted, "errorCode": code, "message": "there is no such finding"})
        else:
            found.append(one)
        seen.add(key)
    return {"findings": found, "failedFindings": failed}


def get_metrics_summary(reviews: Reviews, given: Given) -> Document:
    """The account as of the end of a day."""
    at = given["date"] + DAY_S
    opened = [(scan["scanName"], one) for scan in reviews.documents.all(SCAN) for one in _open_at(scan, at)]
    by_scan = Counter(name for name, _ in opened)
    critical = Counter(name for name, one in opened if one["severity"] == "Critical")
    categories = Counter(one["type"] for _, one in opened)
    return {
        "metricsSummary": {
            "date": given["date"],
            "openFindings": _by_severity(one for _, one in opened),
            "categoriesWithMostFindings": [
                {"categoryName": name, "findingNumber": count} for name, count in categories.most_common(5)
            ],
            "scansWithMostOpenFindings": _most(by_scan),
            "scansWithMostOpenCriticalFindings": _most(critical),
        }
    }


def _most(counts: Counter[str]) -> list[Document]:
    return [{"scanName": name, "findingNumber": count} for name, count in counts.most_common(3)]


def list_findings_metrics(reviews: Reviews, given: Given) -> Document:
    """For each day: what was new, closed and open, and how long closing took on average, in days."""
    first, last = given["startDate"] // DAY_S * DAY_S, given["endDate"] // DAY_S * DAY_S
    if last < first or (last - first) / DAY_S > MOST_DAYS:
        raise ApiError(
            "ValidationException", 400, f"endDate: expected from startDate to {MOST_DAYS} days later"
        )
    scans = reviews.documents.all(SCAN)
    every = [one for scan in scans for one in scan["findings"].values()]
    days = []
    for number in range(int((last - first) / DAY_S) + 1):
        start = first + number * DAY_S
        closed = [
            one for one in every if one["status"] == "Closed" and start <= one["updatedAt"] < start + DAY_S
        ]
        new = [one for one in every if start <= one["createdAt"] < start + DAY_S]
        days.append(
            {
                "date": start,
                "newFindings": _by_severity(new),
                "closedFindings": _by_severity(closed),
                "openFindings": _by_severity(one for scan in scans for one in _open_at(scan, start + DAY_S)),
                "meanTimeToClose": _mean_days(closed),
            }
        )
    chosen, token = page(days, lambda day: (day["date"], bytes(8)), dict(given), "metrics")
    return {"findingsMetrics": chosen, "nextToken": token}


def _open_at(scan: Document, moment: float) -> list[Document]:
    return [
        one
        for one in scan["findings"].values()
        if one["createdAt"] < moment and (one["status"] == "Open" or one["updatedAt"] >= moment)
    ]


def _by_severity(findings: Iterable[Document]) -> dict[str, float]:
    counts = Counter(one["severity"].lower() for one in findings)
    return {name: float(counts[name]) for name in SEVERITIES}


def _mean_days(closed: list[Document]) -> dict[str, float]:
    found = {}
    for name in SEVERITIES:
        spans = [one["updatedAt"] - one["createdAt"] for one in closed if one["severity"].lower() == name]
        found[name] = sum(spans) / len(spans) / DAY_S if spans else 0.0
    return found


def get_account_configuration(reviews: Reviews, given: Given) -> Document:
    """The account's settings."""
    del given
    return reviews.documents.get(ACCOUNT, "configuration") or {"encryptionConfig": {}}


def update_account_configuration(reviews: Reviews, given: Given) -> Document:
    """Keep the account's settings; a key's name is remembered, nothing is encrypted with it."""
    made = {"encryptionConfig": given["encryptionConfig"]}
    if not reviews.documents.add(ACCOUNT, "configuration", made):
        reviews.documents.change(ACCOUNT, "configuration", lambda _: made)
    return made


def list_tags_for_resource(reviews: Reviews, given: Given) -> Document:
    """A scan's tags."""
    return {"tags": _tagged(reviews, given["resourceArn"], lambda tags: tags)}


def tag_resource(reviews: Reviews, given: Given) -> Document:
    """Add tags, or give them new values."""
    _tagged(reviews, given["resourceArn"], lambda tags: {**tags, **given["tags"]})
    return {}


def untag_resource(reviews: Reviews, given: Given) -> Document:
    """Take tags away."""
    gone = set(given["tagKeys"])
    _tagged(reviews, given["resourceArn"], lambda tags: {key: tags[key] for key in tags if key not in gone})
    return {}


def _tagged(reviews: Reviews, arn: str, change: Callable[[Document], Document]) -> Document:
    name = arn.removeprefix(ARN)
    found = reviews.documents.change(SCAN, name, lambda one: {**one, "tags": change(one["tags"])})
    if found is None:
        raise ApiError("ResourceNotFoundException", 404, f"no scan {arn}")
    tags: Document = found["tags"]
    return tags


def _scan(reviews: Reviews, name: str) -> Document:
    found = reviews.documents.get(SCAN, name)
    if found is None:
        raise ApiError("ResourceNotFoundException", 404, f"no scan {name}")
    return found


OPERATIONS: dict[str, Callable[[Reviews, Given], Document]] = {
    "BatchGetFindings": batch_get_findings,
    "CreateScan": create_scan,
    "CreateUploadUrl": create_upload_url,
    "GetAccountConfiguration": get_account_configuration,
    "GetFindings": get_findings,
    "GetMetricsSummary": get_metrics_summary,
    "GetScan": get_scan,
    "ListFindingsMetrics": list_findings_metrics,
    "ListScans": list_scans,
    "ListTagsForResource": list_tags_for_resource,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "UpdateAccountConfiguration": update_account_configuration,
}
