"""What reviews found, by repository, by rule and over time, each finding with its code and its fix: pages that need no script."""

from __future__ import annotations

import time
from collections.abc import Iterable

from flask import Response, current_app, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from kibitz_server.api import not_found, validation_error
from kibitz_server.reviews import Reviews, history, pulls
from kibitz_server.reviews.history import Found, Past
from kibitz_server.web.group_pages import refuse_other_sites
from kibitz_server.web.heap_pages import pages

__all__ = ["pages"]

RANGES = ((7, "7 days"), (30, "30 days"), (90, "90 days"), (365, "a year"))
STATUSES = (pulls.OPEN, pulls.FIXED, pulls.IGNORED)
PAGE = 50
_MOST_LINES = 100
_BARS = 90
_LEAST_FOUND, _MOST_REJECTED = 20, 0.3
"""From there on a rule is said to be rejected often: the same as keeps its comments out of people's lines."""


@pages.get("/reviews")
def reviews_page() -> str:
    """All reviews of the chosen days: figures, findings a day, tables by repository and by rule, the reviews themselves."""
    days = _days()
    pasts = _pasts(days)
    findings = [one for past in pasts for one in past.findings]
    series = history.by_day(pasts, time.time(), min(days, _BARS))
    return render_template(
        "reviews.html",
        ranges=RANGES,
        days=days,
        pasts=pasts[:PAGE],
        count=len(pasts),
        statuses=[(status, sum(one.status == status for one in findings)) for status in STATUSES],
        series=series,
        highest=max((max(new, done) for _, new, done in series), default=0) or 1,
        repositories=history.by_repository(pasts)[:_MOST_LINES],
        rules=history.by_rule(pasts)[:_MOST_LINES],
        least=_LEAST_FOUND,
        most=_MOST_REJECTED,
        collector=request.host_url.rstrip("/"),
    )


@pages.get("/reviews/findings")
def review_findings_page() -> str:
    """Findings of all reviews, of one repository or rule or status if asked."""
    days = _days()
    wanted = {key: request.args.get(key, "")[:300] for key in ("repository", "rule", "status", "severity")}
    found = history.worst_first(_wanted(_pasts(days), wanted))
    last = max(1, -(-len(found) // PAGE))
    page = request.args.get("page", "1")
    number = min(last, max(1, int(page))) if page.isdecimal() and len(page) < 9 else 1
    return render_template(
        "review_findings.html",
        findings=found[(number - 1) * PAGE : number * PAGE],
        count=len(found),
        wanted=wanted,
        ranges=RANGES,
        days=days,
        statuses=STATUSES,
        number=number,
        last=last,
    )


@pages.get("/reviews/<identity>")
def review_page(identity: str) -> str:
    """One review: its findings, each with its code, its fix and what people think of it."""
    past = _past(identity)
    return render_template("review.html", past=past, findings=history.worst_first(past.findings))


@pages.post("/reviews/<identity>/findings/<fingerprint>/feedback")
def judge_review_finding(identity: str, fingerprint: str) -> AnyResponse:
    """Keep a thumb up or down; nothing takes it back."""
    refuse_other_sites()
    past = _past(identity)
    try:
        known = history.judge(_reviews(), past, fingerprint, request.form.get("type", ""))
    except ValueError as error:
        raise validation_error(str(error)) from error
    if not known:
        raise not_found(f"no finding {fingerprint[:40]} in this review")
    return redirect(url_for("pages.review_page", identity=identity, _anchor=fingerprint), 303)


@pages.post("/api/reviews")
def post_review() -> Response:
    """Keep the report of a review that was made elsewhere; answers under which name."""
    request.max_content_length = pulls.MAX_REPORT_BYTES
    try:
        name = pulls.keep(_reviews(), request.get_json(silent=True))
    except pulls.ReportError as error:
        raise validation_error(str(error)) from error
    return jsonify(kept=name)


def _reviews() -> Reviews:
    reviews: Reviews | None = current_app.extensions.get("kibitz_reviews")
    if reviews is None:
        raise not_found("this collector keeps no reviews")
    return reviews


def _pasts(days: int = 0) -> list[Past]:
    """Every review, or those of the last ``days``."""
    if "kibitz_reviews" not in current_app.extensions:
        return []
    reviews = _reviews()
    pulls.take_in(reviews, reviews.reports)
    since = time.time() - days * history.DAY_S if days else 0.0
    return [past for past in history.history(reviews) if past.at >= since]


def _past(identity: str) -> Past:
    for past in _pasts():
        if past.id == identity:
            return past
    raise not_found(f"no review {identity[:40]}")


def _wanted(pasts: Iterable[Past], wanted: dict[str, str]) -> list[Found]:
    return [
        one
        for past in pasts
        if wanted["repository"] in ("", past.repository)
        for one in past.findings
        if wanted["rule"] in ("", one.finding["rule"])
        and wanted["status"] in ("", one.status)
        and wanted["severity"] in ("", one.finding["severity"])
    ]


def _days() -> int:
    text = request.args.get("days", "30")
    if not text.isdecimal() or not 0 < int(text[:9]) <= 3650:
        raise validation_error(f"days={text[:20]!r}: expected a number from 1 to 3650")
    return int(text)
