"""A stand-in for Bitbucket Cloud's pull requests and Code Insights: fields, values and limits as its API describes them."""

from __future__ import annotations

import itertools
import re
from typing import Any

import jsonschema
from serving import Answer, StandIn

TOKEN = "ATCTT3-nobody-may-see-this"
ME, ANN, MALLORY = "{me}", "{ann}", "{mallory}"
HEAD = "ad" * 20
MAX_RAW = 32_768


def _strict(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "additionalProperties": False, "properties": properties}


STRING = {"type": "string", "minLength": 1}
SAID = {"const": "pullrequest_comment"}
COMMENT = _strict(
    ["type", "content"],
    type=SAID,
    content=_strict(["raw"], raw={**STRING, "maxLength": MAX_RAW}),
    inline=_strict(["path", "to"], path=STRING, to={"type": "integer", "minimum": 1}),
    parent=_strict(["type", "id"], type=SAID, id={"type": "integer"}),
)
REPORT = _strict(
    ["type", "title", "details", "report_type"],
    type={"const": "report"},
    title={**STRING, "maxLength": 450},
    details={**STRING, "maxLength": 2000},
    reporter=STRING,
    link=STRING,
    report_type={"enum": ["SECURITY", "COVERAGE", "TEST", "BUG"]},
    result={"enum": ["PASSED", "FAILED", "PENDING"]},
    data={
        "type": "array",
        "maxItems": 10,
        "items": _strict(
            ["title", "type", "value"],
            title=STRING,
            type={"enum": ["BOOLEAN", "DATE", "DURATION", "LINK", "NUMBER", "PERCENTAGE", "TEXT"]},
            value={},
        ),
    },
)
ANNOTATIONS = {
    "type": "array",
    "minItems": 1,
    "maxItems": 100,
    "items": _strict(
        ["type", "external_id", "annotation_type", "summary"],
        type={"const": "report_annotation"},
        external_id={**STRING, "maxLength": 450},
        annotation_type={"enum": ["VULNERABILITY", "CODE_SMELL", "BUG"]},
        summary={**STRING, "maxLength": 450},
        details={**STRING, "maxLength": 2000},
        severity={"enum": ["CRITICAL", "HIGH", "MEDIUM", "LOW"]},
        result={"enum": ["PASSED", "FAILED", "SKIPPED", "IGNORED"]},
        path=STRING,
        line={"type": "integer", "minimum": 1},
        link=STRING,
    ),
}


class FakeBitbucket(StandIn):
    """Repository ``w/r`` with pull request 7 that changes ``paths``."""

    def __init__(self, paths: list[str]) -> None:
        super().__init__()
        self.paths = paths
        self.head = HEAD
        self.comments: list[dict[str, Any]] = []
        self.reports: dict[str, Any] = {}
        self.annotations: dict[str, dict[str, Any]] = {}
        self.pull: dict[str, Any] = {"title": "A change", "author": {"type": "user"}}
        self.knows_user = True
        self._ids = itertools.count(100)

    def environ(self, **more: str) -> dict[str, str]:
        """What Pipelines would set."""
        return {
            "BITBUCKET_BUILD_NUMBER": "1",
            "BITBUCKET_API_URL": self.url,
            "BITBUCKET_WORKSPACE": "w",
            "BITBUCKET_REPO_SLUG": "r",
            "BITBUCKET_PR_ID": "7",
            "BITBUCKET_TOKEN": TOKEN,
            "KIBITZ_WRITE_INTERVAL_S": "0",
            **more,
        }

    @property
    def inline(self) -> list[dict[str, Any]]:
        return [one for one in self.comments if one.get("inline")]

    @property
    def summaries(self) -> list[str]:
        return [
            one["content"]["raw"] for one in self.comments if not one.get("inline") and not one.get("parent")
        ]

    def say(self, person: str, body: str, parent: int | None = None) -> None:
        said: dict[str, Any] = {"id": next(self._ids), "content": {"raw": body}, "user": {"uuid": person}}
        self.comments.append({**said, "parent": {"id": parent}} if parent else said)

    def speaks(self, method: str, target: str, headers: dict[str, str]) -> bool:
        return super().speaks(method, target, headers) and "/reports/" not in target

    def act(self, method: str, path: str, query: str, headers: dict[str, str], body: Any) -> Answer:
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            return _error(401, "Token is invalid")
        if path == "/user":
            return (200, {"uuid": ME}) if self.knows_user else _error(403, "scope account is needed")
        if path.startswith("/repositories/w/r/permissions-config/users/"):
            return 200, {"permission": "write" if path.endswith("%7Bann%7D") else "read"}
        report = re.fullmatch(rf"/repositories/w/r/commit/{self.head}/reports/([\w-]+)(/annotations)?", path)
        if report:
            return self._insights(method, report[1], bool(report[2]), body)
        place = path.removeprefix("/repositories/w/r/pullrequests/7")
        if place == path:
            return _error(404, "Not found")
        return self._read(place, query) if method == "GET" else self._write(method, place, body)

    def _read(self, place: str, query: str) -> Answer:
        if place == "":
            return 200, {"id": 7, "source": {"commit": {"hash": self.head}}, **self.pull}
        lists: dict[str, list[Any]] = {
            "/diffstat": [{"new": {"path": path}} for path in self.paths],
            "/comments": self.comments,
        }
        if place not in lists:
            return _error(404, "Not found")
        size = int((re.search(r"pagelen=(\d+)", query) or ["", "10"])[1])
        page = int((re.search(r"page=(\d+)$", query) or ["", "1"])[1])
        values = lists[place][(page - 1) * size : page * size]
        more = {"next": f"{self.url}/next"} if page * size < len(lists[place]) else {}
        return 200, {"values": values, "pagelen": size, "page": page, **more}

    def _write(self, method: str, place: str, body: Any) -> Answer:
        if (method, place) == ("POST", "/comments"):
            wrong = _wrong(body, COMMENT)
            if wrong:
                return _error(400, wrong)
            made = {**body, "id": next(self._ids), "user": {"uuid": ME}}
            self.comments.append(made)
            return 201, made
        match = re.fullmatch(r"/comments/(\d+)(/resolve)?", place)
        one = next((c for c in self.comments if match and c["id"] == int(match[1])), None)
        if match is None or one is None:
            return _error(404, "Not found")
        if match[2]:
            one["resolution"] = {"user": {"uuid": ME}} if method == "POST" else None
            return (200, one) if method == "POST" else (204, None)
        if method == "DELETE":
            one["deleted"] = True
            return 204, None
        wrong = _wrong(body, COMMENT)
        if wrong:
            return _error(400, wrong)
        one["content"] = body["content"]
        return 200, one

    def _insights(self, method: str, name: str, annotations: bool, body: Any) -> Answer:
        if method == "DELETE":
            self.annotations = {}
            return (204, None) if self.reports.pop(name, None) else _error(404, "Not found")
        wrong = _wrong(body, ANNOTATIONS if annotations else REPORT)
        if wrong:
            return _error(400, wrong)
        if annotations:
            if name not in self.reports:
                return _error(404, "No such report")
            self.annotations |= {one["external_id"]: one for one in body}
            if len(self.annotations) > 1000:
                return _error(400, "too many annotations")
        else:
            self.reports[name] = body
        return 200, body


def _wrong(body: Any, schema: dict[str, Any]) -> str:
    return "; ".join(error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(body))


def _error(status: int, message: str) -> Answer:
    return status, {"type": "error", "error": {"message": message}}
