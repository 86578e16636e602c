"""What was found, and what people say of it: pages made here, which need no script."""

from __future__ import annotations

import time

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from kibitz_server import feedback
from kibitz_server.api import not_found, validation_error
from kibitz_server.store import Group, StoredFinding
from kibitz_server.web.group_pages import ADVICE_S, latest_advice, refuse_other_sites
from kibitz_server.web.settings_pages import pages
from kibitz_server.web.views import known_group, page_store

__all__ = ["pages"]


@pages.get("/groups/<name>/findings")
def group_findings_page(name: str) -> str:
    """A group's findings."""
    return _page([known_group(name)], known_group(name))


@pages.get("/findings")
def findings_page() -> str:
    """All findings."""
    return _page(page_store().groups(), None)


@pages.post("/groups/<name>/findings/<identity>/feedback")
def judge_finding(name: str, identity: str) -> AnyResponse:
    """Keep a thumb up or down."""
    refuse_other_sites()
    group = known_group(name)
    found = [one for one in page_store().findings(group.name) if feedback.instance_id(one) == identity]
    if not found:
        raise not_found(f"no finding {identity[:40]} in the profiling group {group.name}")
    said = request.form.get("type", "")
    try:
        feedback.judge(page_store(), found[0], said, time.time())
    except feedback.FeedbackError as error:
        raise validation_error(str(error)) from error
    return redirect(url_for("pages.group_findings_page", name=group.name, said=said), 303)


def _page(groups: list[Group], group: Group | None) -> str:
    by_group: dict[str, list[StoredFinding]] = {}
    for finding in page_store().findings(group.name if group else None):
        by_group.setdefault(finding.group, []).append(finding)
    findings: list[StoredFinding] = []
    judged: dict[str, str] = {}
    hidden = 0
    for one in groups:
        known = by_group.get(one.name, [])
        said = page_store().document(one.name, feedback.DOCUMENT) if known else {}
        judged |= {identity: word.get("type", "") for identity, word in said.items()}
        shown = known if "all" in request.args else feedback.shown(known, said)
        hidden += len(known) - len(shown)
        findings += shown
    if group is None:
        findings.sort(key=lambda finding: -finding.start)
    return render_template(
        "findings.html",
        group=group,
        findings=findings,
        advice=latest_advice(page_store(), group) if group else [],
        advice_s=ADVICE_S,
        identities={finding.id: feedback.instance_id(finding) for finding in findings},
        judged=judged,
        hidden=hidden,
        thanked=request.args.get("said") if request.args.get("said") in ("Positive", "Negative") else "",
    )
