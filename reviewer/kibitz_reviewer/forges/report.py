"""Tells a collector what a review found, so that its pages show reviews by repository, by rule and over time.

``KIBITZ_REVIEWS`` is the collector's address (``KIBITZ_TOKEN`` its token, if it needs one) or a folder to leave the report in.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from kibitz_reviewer.finding import Finding
from kibitz_reviewer.forges import ForgeError, Posted
from kibitz_reviewer.forges.marker import shortened
from kibitz_reviewer.forges.plan import rank
from kibitz_reviewer.forges.rest import Rest
from kibitz_reviewer.publish.json import finding_object

MAX_FINDINGS = 5_000
PATIENCE_S = 10.0


def tell(forge: str, findings: Sequence[Finding], posted: Posted, environ: Mapping[str, str]) -> str:
    """Hand the report over, if anybody wants one; returns why that failed, "" if it did not. Never raises."""
    place = environ.get("KIBITZ_REVIEWS", "").strip().rstrip("/")
    if not place or posted.pull is None:
        return ""
    report = report_of(forge, findings, posted)
    try:
        if place.startswith(("http://", "https://")):
            _send(place, report, environ.get("KIBITZ_TOKEN", "").strip())
        else:
            _leave(Path(place), report)
    except (ForgeError, OSError) as error:
        return f"the collector was not told: {error}"
    return ""


def report_of(forge: str, findings: Sequence[Finding], posted: Posted) -> dict[str, object]:
    """The report as plain data: the pull request, the weightiest findings, and which of them people waved away."""
    pull = posted.pull
    told = sorted(findings, key=rank)[:MAX_FINDINGS]
    return {
        "version": 1,
        "forge": forge,
        "repository": pull.repository if pull else "",
        "number": pull.number if pull else 0,
        "head": pull.head if pull else "",
        "url": pull.url if pull else "",
        "findings": [finding_object(finding) for finding in told],
        "waved": sorted(posted.waved.intersection(shortened(finding.fingerprint) for finding in told)),
    }


def _send(address: str, report: dict[str, object], token: str) -> None:
    headers = {"User-Agent": "kibitz", **({"Authorization": f"Bearer {token}"} if token else {})}
    rest = Rest(
        address, headers, secrets=(token,) if token else (), timeout_s=PATIENCE_S, patience_s=PATIENCE_S
    )
    rest.call("POST", "/api/reviews", report)


def _leave(folder: Path, report: dict[str, object]) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = secrets.token_hex(16)
    unfinished = folder / f"{name}.part"
    unfinished.write_text(json.dumps(report), encoding="utf-8")
    unfinished.rename(folder / f"{name}.json")
