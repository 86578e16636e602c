"""Everything the collector knows of reviews, in one form: pull requests, code reviews, scans; by repository, rule and day."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kibitz_server.reviews import FEEDBACK, PULL, REVIEW, SCAN, Reviews
from kibitz_server.reviews.documents import Document
from kibitz_server.reviews.pulls import FIXED, IGNORED, OPEN, SEVERITIES

DAY_S = 86_400.0
UP, DOWN = "ThumbsUp", "ThumbsDown"
REACTIONS = (UP, DOWN)
USER = "arn:aws:iam::000000000000:root"
"""Who says what is said without a name of its own."""


@dataclass(frozen=True, slots=True)
class Found:
    """A finding of a review. ``finding`` is that of `kibitz review --format json`; times in epoch seconds; ``judged``: a reaction or ""."""

    review: Past
    finding: Mapping[str, Any]
    status: str
    first_at: float
    last_at: float
    judged: str = ""


@dataclass(frozen=True, slots=True)
class Past:
    """A review. ``id`` is its address on the pages, ``name`` what its kind calls it, ``at`` when it last ran; ``state`` for people."""

    id: str
    kind: str
    name: str
    repository: str
    title: str
    at: float
    state: str
    url: str
    runs: int
    findings: tuple[Found, ...]

    def count(self, status: str) -> int:
        """How many findings have this status."""
        return sum(one.status == status for one in self.findings)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: what has this name (a repository, a rule), with counts of findings and reviews."""

    name: str
    reviews: int
    open: int
    fixed: int
    ignored: int
    up: int
    down: int
    last_at: float

    @property
    def found(self) -> int:
        """All findings."""
        return self.open + self.fixed + self.ignored

    @property
    def rejected(self) -> float | None:
        """The share of findings that people waved away or put a thumb down; None without findings."""
        return min(1.0, (self.ignored + self.down) / self.found) if self.found else None


def history(reviews: Reviews) -> list[Past]:
    """Every review, the newest first."""
    judged: dict[str, dict[str, str]] = defaultdict(dict)
    for one in reviews.documents.all(FEEDBACK):
        judged[one["CodeReviewArn"]][one["RecommendationId"]] = next(iter(one["Reactions"]), "")
    found = [_of_pull(one, judged[one["name"]]) for one in reviews.documents.all(PULL)]
    found += [_of_code_review(one, judged[one["CodeReviewArn"]]) for one in reviews.documents.all(REVIEW)]
    found += [_of_scan(one, judged[one["scanName"]]) for one in reviews.documents.all(SCAN)]
    return sorted(found, key=lambda past: (-past.at, past.id))


def judge(reviews: Reviews, past: Past, fingerprint: str, reaction: str) -> bool:
    """Keep what a person thinks of a finding, or forget it (""); False if the review has no such finding."""
    if fingerprint not in {one.finding["fingerprint"] for one in past.findings}:
        return False
    if reaction not in (*REACTIONS, ""):
        raise ValueError(f"expected one of {', '.join(REACTIONS)} or nothing, got {reaction[:40]!r}")
    keep_feedback(reviews, past.name, fingerprint, [reaction] if reaction else [])
    return True


def keep_feedback(reviews: Reviews, review: str, finding: str, reactions: list[str]) -> None:
    """Put ``reactions`` in the place of those there on this finding of this review."""
    now = reviews.clock()
    made = {
        "CodeReviewArn": review,
        "RecommendationId": finding,
        "Reactions": reactions,
        "UserId": USER,
        "CreatedTimeStamp": now,
        "LastUpdatedTimeStamp": now,
    }
    if not reviews.documents.add(FEEDBACK, f"{review} {finding}", made):
        changed = {"Reactions": reactions, "LastUpdatedTimeStamp": now}
        reviews.documents.change(FEEDBACK, f"{review} {finding}", lambda one: {**one, **changed})


def by_repository(pasts: Iterable[Past]) -> list[Line]:
    """A line a repository, the last reviewed first."""
    groups: dict[str, list[Past]] = defaultdict(list)
    for past in pasts:
        groups[past.repository].append(past)
    lines = [
        _line(name, len(group), [one for past in group for one in past.findings], group[0].at)
        for name, group in groups.items()
    ]
    return sorted(lines, key=lambda line: -line.last_at)


def by_rule(pasts: Iterable[Past]) -> list[Line]:
    """A line a rule, the most often found first."""
    groups: dict[str, list[Found]] = defaultdict(list)
    for past in pasts:
        for one in past.findings:
            groups[one.finding["rule"]].append(one)
    lines = [
        _line(name, len({one.review.id for one in group}), group, max(one.last_at for one in group))
        for name, group in groups.items()
    ]
    return sorted(lines, key=lambda line: (-line.found, line.name))


def by_day(pasts: Iterable[Past], now: float, days: int) -> list[tuple[float, int, int]]:
    """For each of the last ``days`` days (UTC): its start, how many findings were new, how many were fixed or ignored."""
    today = now // DAY_S
    new: Counter[float] = Counter()
    done: Counter[float] = Counter()
    for one in (one for past in pasts for one in past.findings):
        new[one.first_at // DAY_S] += 1
        done[one.last_at // DAY_S] += one.status != OPEN
    return [(day * DAY_S, new[day], done[day]) for day in (today - back for back in range(days - 1, -1, -1))]


def worst_first(findings: Iterable[Found]) -> list[Found]:
    """Open ones before others, then by severity, then by place."""
    order = {OPEN: 0, IGNORED: 1, FIXED: 2}
    return sorted(
        findings,
        key=lambda one: (
            order[one.status],
            SEVERITIES.index(one.finding["severity"]),
            one.finding["path"],
            one.finding["line"],
        ),
    )


def _line(name: str, reviews: int, findings: list[Found], last_at: float) -> Line:
    statuses = Counter(one.status for one in findings)
    judged = Counter(one.judged for one in findings)
    return Line(
        name,
        reviews,
        statuses[OPEN],
        statuses[FIXED],
        statuses[IGNORED],
        judged[UP],
        judged[DOWN],
        last_at,
    )


def _of_pull(one: Document, judged: Mapping[str, str]) -> Past:
    findings = [
        (finding, finding["status"], finding["createdAt"], finding["updatedAt"])
        for finding in one["findings"].values()
    ]
    last = one["runs"][-1]
    repository, title = one["repository"], f"{one['repository']}#{one['number']}"
    state = f"reviewed at {last['head'][:8]}" if last["head"] else "reviewed"
    return _past(
        "pull request", one["name"], repository, title, last["at"], state, findings, judged, one["url"],
        len(one["runs"]),
    )  # fmt: skip


def _of_code_review(one: Document, judged: Mapping[str, str]) -> Past:
    at = one["LastUpdatedTimeStamp"]
    findings = [(finding, OPEN, at, at) for finding in one["findings"]]
    state = one["State"] if one["State"] != "Failed" else f"failed: {one['StateReason']}"
    name, repository = one["CodeReviewArn"], one["RepositoryName"]
    return _past("code review", name, repository, one["Name"], at, state.lower(), findings, judged)


def _of_scan(one: Document, judged: Mapping[str, str]) -> Past:
    status = {"Open": OPEN, "Closed": FIXED}
    findings = [
        (finding["kibitz"], status[finding["status"]], finding["createdAt"], finding["updatedAt"])
        for finding in one["findings"].values()
        if "kibitz" in finding
    ]
    last = one["runs"][-1]
    state = f"failed: {last.get('error')}" if last["state"] == "Failed" else last["state"].lower()
    name = one["scanName"]
    return _past("scan", name, name, name, last["updatedAt"], state, findings, judged, runs=len(one["runs"]))


def _past(
    kind: str,
    name: str,
    repository: str,
    title: str,
    at: float,
    state: str,
    findings: Iterable[tuple[Document, str, float, float]],
    judged: Mapping[str, str],
    url: str = "",
    runs: int = 1,
) -> Past:
    identity = hashlib.sha256(f"{kind}\0{name}".encode()).hexdigest()[:16]
    about = Past(identity, kind, name, repository, title, at, state, url, runs, ())
    found = tuple(
        Found(about, finding, status, first, last, judged.get(finding["fingerprint"], ""))
        for finding, status, first, last in findings
    )
    return Past(identity, kind, name, repository, title, at, state, url, runs, found)
