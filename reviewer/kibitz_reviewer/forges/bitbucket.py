"""Bitbucket Cloud: a Code Insights report with every finding as an annotation, and a few inline comments.

Reads what Pipelines sets (``BITBUCKET_WORKSPACE``, ``BITBUCKET_REPO_SLUG``, ``BITBUCKET_PR_ID``) and ``BITBUCKET_TOKEN``: a
repository access token with the scopes pull requests (write) and repositories (read). Where such a token may not ask who it
is, ``KIBITZ_BITBUCKET_ACCOUNT`` holds the ``uuid`` of its user.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kibitz_reviewer.finding import Finding, Severity
from kibitz_reviewer.forges import ForbiddenError, ForgeError
from kibitz_reviewer.forges.answers import address, needed, number, pace, record, records
from kibitz_reviewer.forges.everywhere import EVERYWHERE
from kibitz_reviewer.forges.marker import DEFINITION, mark_of
from kibitz_reviewer.forges.plan import Comment, Dialect, Hunks, rank
from kibitz_reviewer.forges.rest import MAX_PAGES, RefusedError, Rest
from kibitz_reviewer.forges.talk import Pull, Reply, Summary, Talk, Thread

API = "https://api.bitbucket.org/2.0"
REPORT = "kibitz"
COMMENT_TYPE = "pullrequest_comment"
PER_REQUEST, MAX_ANNOTATIONS = 100, 1_000
MAX_SUMMARY = 450
_SLUG = re.compile(r"[\w.-]{1,100}\Z", re.ASCII)
FORBIDDEN = "Bitbucket refused (HTTP 403): {said}. BITBUCKET_TOKEN needs the scopes `pullrequest:write` and `repository`"


def connect(environ: Mapping[str, str]) -> Bitbucket:
    """The pull request that ``environ`` describes; ``ForgeError`` names the variable that is missing or wrong."""
    token = needed(environ, "BITBUCKET_TOKEN", "a repository access token is needed")
    workspace = needed(environ, "BITBUCKET_WORKSPACE", "the workspace's name is needed")
    repository = needed(environ, "BITBUCKET_REPO_SLUG", "the repository's name is needed")
    pull = needed(environ, "BITBUCKET_PR_ID", "run this in a pull request's pipeline")
    for name, value in (("BITBUCKET_WORKSPACE", workspace), ("BITBUCKET_REPO_SLUG", repository)):
        if not _SLUG.match(value):
            raise ForgeError(f"{name}: expected a name of letters, digits, dots and dashes, got {value!r}")
    if not pull.isdigit():
        raise ForgeError(f"BITBUCKET_PR_ID: expected a number, got {pull!r}")
    headers = {"Authorization": f"Bearer {token}", "User-Agent": "kibitz", "Accept": "application/json"}
    rest = Rest(address(environ, "BITBUCKET_API_URL", API), headers, secrets=(token,), pace_s=pace(environ))
    account = environ.get("KIBITZ_BITBUCKET_ACCOUNT", "").strip()
    return Bitbucket(rest, f"/repositories/{workspace}/{repository}", int(pull), account=account)


@dataclass
class Bitbucket:
    """One pull request; ``repository`` is its address in the API, ``account`` the uuid we write as."""

    rest: Rest
    repository: str
    number: int
    account: str = ""
    url: str = ""
    dialect: Dialect = field(
        default_factory=lambda: Dialect(30_000, DEFINITION, suggestions="diff", folds=False)
    )
    _head: str = ""

    def pull(self) -> Pull:
        """The pull request now."""
        answer = record(self.rest.get(self._path))
        self._head = str(record(answer, "source", "commit").get("hash") or "")
        self.url = str(record(answer, "links", "html").get("href") or "")
        return Pull(
            self.number,
            self._head,
            str(answer.get("title") or ""),
            draft=answer.get("draft") is True,
            author_is_bot=record(answer, "author").get("type") == "app_user",
            base=str(record(answer, "destination", "commit").get("hash") or ""),
            repository=self.repository.removeprefix("/repositories/"),
            url=self.url,
        )

    def hunks(self) -> Hunks:
        """The files that changed; Bitbucket takes a comment on any of their lines."""
        return {
            str(path): EVERYWHERE
            for item in self._values(f"{self._path}/diffstat")
            if (path := record(item, "new").get("path"))
        }

    def talk(self) -> Talk:
        """Our comments, what people answered, and remarks with orders."""
        comments = [item for item in self._values(f"{self._path}/comments") if not item.get("deleted")]
        marks = {number(item.get("id")): mark_of(_raw(item)) for item in comments if self._ours(item)}
        threads, summaries = [], []
        for item in comments:
            mark = marks.get(number(item.get("id")))
            if mark and mark.summary:
                order = number(item.get("id"))
                summaries.append(Summary(str(order), _raw(item), mark.fingerprints, order))
            elif mark and mark.fingerprints:
                threads.append(self._thread(item, comments, mark.fingerprints))
        remarks = [
            self._reply(item)
            for item in comments
            if not item.get("parent") and not item.get("inline") and "/kibitz" in _raw(item)
        ]
        return Talk(
            tuple(sorted(threads, key=lambda one: one.order)),
            tuple(sorted(summaries, key=lambda one: one.order)),
            tuple(remarks),
        )

    def _thread(
        self, item: dict[str, Any], comments: list[dict[str, Any]], fingerprints: frozenset[str]
    ) -> Thread:
        order = number(item.get("id"))
        below = [one for one in comments if number(record(one, "parent").get("id")) == order]
        resolution = record(item, "resolution")
        return Thread(
            str(order),
            str(record(item, "inline").get("path") or ""),
            fingerprints,
            order,
            bool(resolution),
            record(resolution, "user").get("uuid") == self._myself(),
            tuple(map(self._reply, below)),
        )

    def _reply(self, item: dict[str, Any]) -> Reply:
        author = str(record(item, "user").get("uuid") or "")
        return Reply(f"b{number(item.get('id'))}", author, _raw(item), self._ours(item))

    def _ours(self, item: dict[str, Any]) -> bool:
        return record(item, "user").get("uuid") == self._myself()

    def _myself(self) -> str:
        if not self.account:
            try:
                self.account = str(record(self.rest.get("/user")).get("uuid") or "")
            except RefusedError:
                raise ForgeError(
                    "Bitbucket does not tell this token who it is: set KIBITZ_BITBUCKET_ACCOUNT to the uuid of its user, "
                    "so that our own comments are known from others'"
                ) from None
        return self.account

    def post(self, comments: Sequence[Comment], summary: str) -> list[Comment]:
        """One request per comment: Bitbucket has no other way. The summary goes first."""
        if summary:
            self._write("POST", f"{self._path}/comments", _comment(summary))
        return [comment for comment in comments if not self._said(comment)]

    def _said(self, comment: Comment) -> bool:
        body = {**_comment(comment.body), "inline": {"path": comment.path, "to": comment.line}}
        try:
            self._write("POST", f"{self._path}/comments", body)
        except RefusedError as error:
            if error.status not in (400, 422):
                raise
            return False
        return True

    def edit(self, summary: Summary, body: str) -> None:
        """Change the summary's text."""
        self._write("PUT", f"{self._path}/comments/{summary.id}", _comment(body))

    def reply(self, thread: Thread, body: str) -> None:
        """Answer a comment."""
        self._write(
            "POST",
            f"{self._path}/comments",
            {**_comment(body), "parent": {"type": COMMENT_TYPE, "id": thread.order}},
        )

    def settle(self, thread: Thread, *, resolved: bool) -> bool:
        """Resolve or reopen the comment."""
        try:
            self.rest.call("POST" if resolved else "DELETE", f"{self._path}/comments/{thread.id}/resolve")
        except RefusedError:
            return False
        return True

    def retract(self, thread: Thread) -> None:
        """Delete our comment."""
        self._write("DELETE", f"{self._path}/comments/{thread.id}", None)

    def may_write(self, author: str) -> bool:
        """Whether the user with this uuid may push."""
        who = urllib.parse.quote(author, safe="")
        try:
            answer = self.rest.get(f"{self.repository}/permissions-config/users/{who}")
        except RefusedError:
            return False
        return record(answer).get("permission") in ("write", "admin")

    def conclude(self, findings: Sequence[Finding], *, failed: bool) -> str:
        """The commit's report, made anew: an annotation for each finding, a hundred to a request."""
        path = f"{self.repository}/commit/{self._head or self.pull().head}/reports/{REPORT}"
        ordered = sorted(findings, key=rank)[:MAX_ANNOTATIONS]
        try:
            self._forget(path)
            self.rest.call("PUT", path, report(findings, failed=failed))
            for first in range(0, len(ordered), PER_REQUEST):
                batch = [annotation(finding) for finding in ordered[first : first + PER_REQUEST]]
                self.rest.call("POST", f"{path}/annotations", batch)
        except RefusedError as error:
            return f"no Code Insights report: {error}"
        return ""

    def _forget(self, path: str) -> None:
        """Delete an earlier report: its annotations would stay."""
        try:
            self.rest.call("DELETE", path)
        except RefusedError as error:
            if error.status != 404:
                raise

    def rehearse(self, requests: list[dict[str, object]]) -> None:
        """Collect the writes, with neither headers nor token."""
        self.rest.rehearsed = requests

    def _values(self, path: str) -> Iterator[dict[str, Any]]:
        for page in range(1, MAX_PAGES + 1):
            answer = record(self.rest.get(f"{path}?pagelen=100&page={page}"))
            yield from records(answer.get("values"))
            if not answer.get("next"):
                return

    def _write(self, method: str, path: str, body: object) -> Any:
        try:
            return self.rest.call(method, path, body)
        except RefusedError as error:
            if error.status == 403:
                raise ForbiddenError(FORBIDDEN.format(said=error)) from None
            raise

    @property
    def _path(self) -> str:
        return f"{self.repository}/pullrequests/{self.number}"


def report(findings: Sequence[Finding], *, failed: bool) -> dict[str, Any]:
    """The report around the annotations; ``failed`` can hold up a merge where the repository says so."""
    severe = sum(finding.severity >= Severity.HIGH for finding in findings)
    security = any(finding.category == "security" for finding in findings)
    return {
        "type": "report",
        "title": "Kibitz",
        "details": f"{len(findings)} finding(s) on the lines this change touches.",
        "reporter": "Kibitz",
        "report_type": "SECURITY" if security else "BUG",
        "result": "FAILED" if failed else "PASSED",
        "data": [
            {"title": "Findings", "type": "NUMBER", "value": len(findings)},
            {"title": "High or critical", "type": "NUMBER", "value": severe},
        ],
    }


def _comment(body: str) -> dict[str, Any]:
    # The published schema wants every object to say what it is; the service takes it without, too.
    return {"type": COMMENT_TYPE, "content": {"raw": body}}


def annotation(finding: Finding) -> dict[str, Any]:
    """One annotation; the same finding of the same commit always has the same id."""
    severity = finding.severity.name if finding.severity > Severity.INFO else "LOW"
    kind = "VULNERABILITY" if finding.category == "security" else "CODE_SMELL"
    return {
        "type": "report_annotation",
        "external_id": f"kibitz-{finding.fingerprint[:32]}",
        "annotation_type": "BUG" if finding.category == "correctness" else kind,
        "summary": f"{finding.rule}: {finding.message}"[:MAX_SUMMARY],
        "details": finding.message[:2_000],
        "severity": severity,
        "path": finding.path,
        "line": max(1, finding.line),
    }


def _raw(item: dict[str, Any]) -> str:
    return str(record(item, "content").get("raw") or "")
