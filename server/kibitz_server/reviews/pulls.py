"""Reviews of pull requests that were made elsewhere (in CI, on a webhook's call) and told to the collector.

A report is one JSON object: ``forge``, ``repository``, ``number``, ``head``, ``url``, ``findings`` (those of
`kibitz review --format json`), and ``waved``: the fingerprints (or their beginnings) that people with a say waved away. It
comes by ``POST /api/reviews`` or as a file in the folder that webhooks put theirs in.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from kibitz_server.reviews import PULL, Reviews
from kibitz_server.reviews.documents import Document

log = logging.getLogger("kibitz.server")

MAX_REPORT_BYTES = 16_000_000
MAX_FINDINGS = 5_000
MAX_RUNS = 200
OPEN, FIXED, IGNORED = "Open", "Fixed", "Ignored"
SEVERITIES = ("Critical", "High", "Medium", "Low", "Info")
_LONGEST = {"rule": 100, "path": 1_000, "category": 60, "confidence": 20, "message": 4_000, "scope": 500}
_LONGEST_CODE = 4_000
_MOST_EDITS = 20
_FINGERPRINT = re.compile(r"[0-9a-f]{16,64}\Z")
_WORD = re.compile(r"[\w./@:-]{1,300}\Z", re.ASCII)


class ReportError(ValueError):
    """The report is not one; the message says what was expected."""


def keep(reviews: Reviews, report: object) -> str:
    """Keep a report under its pull request, whose name is returned. Raises ``ReportError``."""
    given = _object(report, "a report")
    forge, repository = _word(given, "forge"), _word(given, "repository")
    number = given.get("number")
    if not isinstance(number, int) or not 0 < number < 2**53:
        raise ReportError(f"number: expected that of a pull request, got {str(number)[:40]!r}")
    found = _list(given, "findings", MAX_FINDINGS)
    findings = {one["fingerprint"]: one for one in map(finding_of, found)}
    waved = tuple(str(mark) for mark in _list(given, "waved", MAX_FINDINGS) if len(str(mark)) >= 16)
    name = f"{forge}:{repository}#{number}"
    fresh: Document = {
        "name": name,
        "forge": forge,
        "repository": repository,
        "number": number,
        "runs": [],
        "findings": {},
    }
    told = {"url": _url(given.get("url")), "head": str(given.get("head") or "")[:64], "at": reviews.clock()}
    reviews.documents.add(PULL, name, fresh)
    reviews.documents.change(PULL, name, lambda one: _told(one, told, findings, waved))
    return name


def _told(one: Document, told: Document, findings: Mapping[str, Document], waved: Sequence[str]) -> Document:
    merged = merged_findings(one["findings"], findings, waved, told["at"])
    run = {
        "at": told["at"],
        "head": told["head"],
        "open": sum(finding["status"] == OPEN for finding in merged.values()),
    }
    return {
        **one,
        "url": told["url"] or one.get("url", ""),
        "runs": [*one["runs"], run][-MAX_RUNS:],
        "findings": merged,
    }


def merged_findings(
    before: Mapping[str, Document], found: Mapping[str, Document], waved: Sequence[str], now: float
) -> dict[str, Document]:
    """Findings by fingerprint: those found are open or ignored, those known and not found are fixed."""
    merged = {
        key: one if one["status"] == FIXED else {**one, "status": FIXED, "updatedAt": now}
        for key, one in before.items()
    }
    for key, one in found.items():
        known = before.get(key)
        status = IGNORED if key.startswith(tuple(waved)) else OPEN
        same = known is not None and known["status"] == status
        merged[key] = {
            **one,
            "status": status,
            "createdAt": known["createdAt"] if known else now,
            "updatedAt": known["updatedAt"] if same and known else now,
        }
    return dict(list(merged.items())[-MAX_FINDINGS:])


def take_in(reviews: Reviews, folder: Path) -> int:
    """Keep the reports that lie in ``folder``, and take them away; how many. One that is none is logged and taken away too."""
    count = 0
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        mine = path.with_suffix(".taken")
        with suppress(FileNotFoundError):  # another of the collector's processes was quicker
            path.rename(mine)
            try:
                keep(reviews, json.loads(mine.read_bytes()[:MAX_REPORT_BYTES]))
                count += 1
            except ValueError as error:
                log.warning("a review's report cannot be read: %s", error)
            mine.unlink()
    return count


def finding_of(raw: object) -> Document:
    """A finding with the fields the pages show, each within its bounds. Raises ``ReportError``."""
    given = _object(raw, "a finding")
    fingerprint, severity, line = given.get("fingerprint"), given.get("severity"), given.get("line")
    if not isinstance(fingerprint, str) or not _FINGERPRINT.match(fingerprint):
        raise ReportError("fingerprint: expected 16 to 64 hexadecimal digits")
    if severity not in SEVERITIES:
        raise ReportError(f"severity: expected one of {', '.join(SEVERITIES)}, got {str(severity)[:40]!r}")
    if not isinstance(line, int):
        raise ReportError(f"line: expected a number, got {str(line)[:40]!r}")
    end_line = given.get("end_line")
    texts = {key: str(given.get(key) or "")[:longest] for key, longest in _LONGEST.items()}
    return {
        **texts,
        "fingerprint": fingerprint,
        "severity": severity,
        "line": line,
        "end_line": end_line if isinstance(end_line, int) else line,
        "cwe": [number for number in _list(given, "cwe", 50) if isinstance(number, int)],
        "code": str(given.get("code") or "")[:_LONGEST_CODE],
        "heat": _heat(given.get("heat")),
        "fix": _fix(given.get("fix")),
    }


def _heat(raw: object) -> Document | None:
    """How hot the code is: a share from 0 to 1, of what, and in which program."""
    share = raw.get("share") if isinstance(raw, dict) else None
    if not isinstance(raw, dict) or not isinstance(share, int | float) or not 0 <= share <= 1:
        return None
    return {"share": share, "measure": str(raw.get("measure"))[:100], "where": str(raw.get("where"))[:300]}


def _fix(raw: object) -> Document | None:
    if not isinstance(raw, dict):
        return None
    edits = [
        {
            "line": int(edit.get("line") or 0),
            "end_line": int(edit.get("end_line") or 0),
            "text": str(edit.get("text") or "")[:_LONGEST_CODE],
        }
        for edit in _list(raw, "edits", _MOST_EDITS)
        if isinstance(edit, dict)
    ]
    return {"title": str(raw.get("title") or "")[:300], "safe": raw.get("safe") is True, "edits": edits}


def _object(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ReportError(f"expected {what} as a JSON object, got {type(value).__name__}")
    return value


def _list(given: Mapping[str, Any], key: str, most: int) -> list[Any]:
    value = given.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > most:
        raise ReportError(f"{key}: expected a list of at most {most}")
    return value


def _word(given: Mapping[str, Any], key: str) -> str:
    value = given.get(key)
    if not isinstance(value, str) or not _WORD.match(value):
        raise ReportError(f"{key}: expected a name, got {str(value)[:40]!r}")
    return value


def _url(value: object) -> str:
    text = str(value or "")[:500]
    return text if text.startswith(("https://", "http://")) else ""
