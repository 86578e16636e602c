"""GitLab: comments drafted one by one and published together, one notification for the whole review.

Reads what GitLab CI sets in a merge request's pipeline (``CI_API_V4_URL``, ``CI_PROJECT_ID``, ``CI_MERGE_REQUEST_IID``) and
``GITLAB_TOKEN``: a project access token with the scope ``api`` (``CI_JOB_TOKEN`` may not write discussions).
``KIBITZ_COMMIT_STATUS=1`` also sets the commit's status.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kibitz_reviewer.finding import Finding
from kibitz_reviewer.forges import ForbiddenError, ForgeError
from kibitz_reviewer.forges.answers import address, asked, needed, number, pace, record, records
from kibitz_reviewer.forges.marker import mark_of
from kibitz_reviewer.forges.plan import Comment, Dialect, Hunks, lines_of
from kibitz_reviewer.forges.rest import RefusedError, Rest
from kibitz_reviewer.forges.talk import Pull, Reply, Summary, Talk, Thread

API = "https://gitlab.com/api/v4"
DEVELOPER = 30
_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")
FORBIDDEN = (
    "GitLab refused (HTTP 403): {said}. GITLAB_TOKEN needs the scope `api` and the role Developer; masked and protected "
    "variables do not reach the pipelines of forks"
)


def connect(environ: Mapping[str, str]) -> GitLab:
    """The merge request that ``environ`` describes; ``ForgeError`` names the variable that is missing or wrong."""
    token = needed(environ, "GITLAB_TOKEN", "a project access token with the scope `api` is needed")
    project = needed(environ, "CI_PROJECT_ID", "the project's number or path is needed")
    merge_request = needed(environ, "CI_MERGE_REQUEST_IID", "run this in a merge request's pipeline")
    if not merge_request.isdigit():
        raise ForgeError(f"CI_MERGE_REQUEST_IID: expected a number, got {merge_request!r}")
    base = address(environ, "CI_API_V4_URL", API)
    headers = {"PRIVATE-TOKEN": token, "User-Agent": "kibitz", "Accept": "application/json"}
    made = GitLab(
        Rest(base, headers, secrets=(token,), pace_s=pace(environ)),
        urllib.parse.quote(project, safe=""),
        int(merge_request),
    )
    made.status = asked(environ, "KIBITZ_COMMIT_STATUS")
    return made


@dataclass(frozen=True, slots=True)
class _Place:
    """A file of the diff: its paths, and for each context line its old number; added lines have None."""

    old_path: str
    new_path: str
    old_lines: Mapping[int, int | None]


@dataclass
class GitLab:
    """One merge request. ``status``: also set the commit's status."""

    rest: Rest
    project: str
    number: int
    status: bool = False
    url: str = ""
    dialect: Dialect = field(default_factory=lambda: Dialect(suggestions="offset"))
    _places: dict[str, _Place] = field(default_factory=dict)
    _shas: dict[str, str] = field(default_factory=dict)
    _me: int = 0

    def pull(self) -> Pull:
        """The merge request now."""
        answer = record(self.rest.get(self._path))
        self.url = str(answer.get("web_url") or "")
        return Pull(
            self.number,
            str(answer.get("sha") or ""),
            str(answer.get("title") or ""),
            draft=answer.get("draft") is True,
            author_is_bot=record(answer, "author").get("bot") is True,
            base=str(record(answer, "diff_refs").get("base_sha") or ""),
            repository=str(record(answer, "references").get("full") or "").partition("!")[0]
            or urllib.parse.unquote(self.project),
            url=self.url,
        )

    def hunks(self) -> Hunks:
        """The lines of the newest version's diff; the three commits of that version go into each position."""
        versions = records(self.rest.get(f"{self._path}/versions"))
        newest = versions[0] if versions else {}
        self._shas = {
            name: str(newest.get(f"{name.removesuffix('_sha')}_commit_sha") or "")
            for name in ("base_sha", "start_sha", "head_sha")
        }
        found: dict[str, dict[int, int]] = {}
        for file in self.rest.pages(f"{self._path}/diffs"):
            diff, path = str(file.get("diff") or ""), str(file.get("new_path") or "")
            old_path = path if file.get("new_file") else str(file.get("old_path") or path)
            self._places[path] = _Place(old_path, path, old_lines_of(diff))
            found[path] = lines_of(diff)
        return found

    def talk(self) -> Talk:
        """Our discussions with what people answered, our summary, and remarks with orders."""
        threads, summaries, remarks = [], [], []
        for discussion in self.rest.pages(f"{self._path}/discussions"):
            notes = [note for note in records(discussion.get("notes")) if not note.get("system")]
            if not notes:
                continue
            first = notes[0]
            mark = mark_of(str(first.get("body") or "")) if self._ours(first) else None
            if mark and mark.summary:
                text = str(first["body"])
                summaries.append(
                    Summary(str(first.get("id")), text, mark.fingerprints, number(first.get("id")))
                )
            elif mark and mark.fingerprints:
                threads.append(self._thread(str(discussion.get("id")), notes, mark.fingerprints))
            else:
                remarks += [self._reply(note) for note in notes if "/kibitz" in str(note.get("body"))]
        return Talk(
            tuple(sorted(threads, key=lambda one: one.order)),
            tuple(sorted(summaries, key=lambda one: one.order)),
            tuple(remarks),
        )

    def _thread(self, name: str, notes: list[dict[str, Any]], fingerprints: frozenset[str]) -> Thread:
        first = notes[0]
        note = number(first.get("id"))
        return Thread(
            name,
            str(record(first, "position").get("new_path") or ""),
            fingerprints,
            note,
            first.get("resolved") is True,
            number(record(first, "resolved_by").get("id")) == self._myself(),
            tuple(map(self._reply, notes[1:])),
            self._rejected_by(note),
        )

    def _rejected_by(self, note: int) -> tuple[str, ...]:
        """Who put a thumb down; nobody if the note is gone by now (another run takes back what was said twice)."""
        try:
            awards = list(self.rest.pages(f"{self._path}/notes/{note}/award_emoji"))
        except RefusedError as error:
            if error.status != 404:
                raise
            return ()
        down = (award for award in awards if award.get("name") == "thumbsdown")
        return tuple(str(number(record(award, "user").get("id"))) for award in down)

    def _reply(self, note: dict[str, Any]) -> Reply:
        author = str(number(record(note, "author").get("id")))
        return Reply(f"n{note.get('id')}", author, str(note.get("body") or ""), self._ours(note))

    def _ours(self, note: dict[str, Any]) -> bool:
        return number(record(note, "author").get("id")) == self._myself()

    def _myself(self) -> int:
        """The number of the user the token acts for."""
        if not self._me:
            self._me = number(record(self.rest.get("/user")).get("id")) or -1
        return self._me

    def post(self, comments: Sequence[Comment], summary: str) -> list[Comment]:
        """Draft what is not drafted yet (an earlier run may have been cut off), then publish all of ours at once."""
        drafts = list(self.rest.pages(f"{self._path}/draft_notes"))
        before = [mark for draft in drafts if (mark := mark_of(str(draft.get("note") or "")))]
        drafted = {fingerprint for mark in before for fingerprint in mark.fingerprints if not mark.summary}
        refused = [comment for comment in comments if not self._draft(comment, drafted)]
        if summary and not any(mark.summary for mark in before):
            self._write("POST", f"{self._path}/draft_notes", {"note": summary})
        if comments or summary:
            self._publish(others=len(drafts) > len(before))
        return refused

    def _draft(self, comment: Comment, drafted: set[str]) -> bool:
        mark = mark_of(comment.body)
        if mark and mark.fingerprints & drafted:
            return True
        try:
            self._write(
                "POST",
                f"{self._path}/draft_notes",
                {"note": comment.body, "position": self.position(comment.path, comment.line)},
            )
        except RefusedError as error:
            if error.status not in (400, 422):
                raise
            return False
        return True

    def _publish(self, *, others: bool) -> None:
        """All drafts at once, unless the token's owner has drafts of his own: those are not ours to publish."""
        if not others:
            self._write("POST", f"{self._path}/draft_notes/bulk_publish", None)
            return
        for draft in list(self.rest.pages(f"{self._path}/draft_notes")):
            if mark_of(str(draft.get("note") or "")):
                self._write("PUT", f"{self._path}/draft_notes/{number(draft.get('id'))}/publish", None)

    def position(self, path: str, line: int) -> dict[str, object]:
        """Where a comment hangs: an added line has no old number, a context line needs both."""
        place = self._places.get(path, _Place(path, path, {}))
        old = place.old_lines.get(line)
        return {
            "position_type": "text",
            **self._shas,
            "old_path": place.old_path,
            "new_path": place.new_path,
            "new_line": line,
            **({} if old is None else {"old_line": old}),
        }

    def edit(self, summary: Summary, body: str) -> None:
        """Change the summary's note."""
        self._write("PUT", f"{self._path}/notes/{summary.id}", {"body": body})

    def reply(self, thread: Thread, body: str) -> None:
        """Add a note to the discussion."""
        self._write("POST", f"{self._path}/discussions/{thread.id}/notes", {"body": body})

    def settle(self, thread: Thread, *, resolved: bool) -> bool:
        """Resolve or reopen the discussion; below Developer a token may not."""
        try:
            self.rest.call("PUT", f"{self._path}/discussions/{thread.id}", {"resolved": resolved})
        except RefusedError:
            return False
        return True

    def retract(self, thread: Thread) -> None:
        """Delete our note."""
        self._write("DELETE", f"{self._path}/discussions/{thread.id}/notes/{thread.order}", None)

    def may_write(self, author: str) -> bool:
        """Whether the user with this number is at least a developer here."""
        try:
            answer = self.rest.get(f"/projects/{self.project}/members/all/{number(int(author))}")
        except (RefusedError, ValueError):
            return False
        return number(record(answer).get("access_level")) >= DEVELOPER

    def conclude(self, findings: Sequence[Finding], *, failed: bool) -> str:
        """The commit's status, if asked for."""
        if not self.status:
            return ""
        head = self._shas.get("head_sha") or self.pull().head
        body = {
            "state": "failed" if failed else "success",
            "name": "kibitz",
            "description": f"{len(findings)} finding(s)",
        }
        try:
            self.rest.call("POST", f"/projects/{self.project}/statuses/{head}", body)
        except RefusedError as error:
            return f"no commit status: {error}"
        return ""

    def rehearse(self, requests: list[dict[str, object]]) -> None:
        """Collect the writes, with neither headers nor token."""
        self.rest.rehearsed = requests

    def _write(self, method: str, path: str, body: object) -> Any:
        try:
            return self.rest.call(method, path, body)
        except RefusedError as error:
            if error.status == 403:
                raise ForbiddenError(FORBIDDEN.format(said=error)) from None
            raise

    @property
    def _path(self) -> str:
        return f"/projects/{self.project}/merge_requests/{self.number}"


def old_lines_of(diff: str) -> dict[int, int | None]:
    """For each line of the new file that ``diff`` shows, its number in the old file, None where it was added."""
    found: dict[int, int | None] = {}
    old = new = 0
    for text in diff.split("\n"):
        start = _HUNK.match(text)
        if start:
            old, new = int(start[1]), int(start[2])
        elif new and text.startswith("+"):
            found[new], new = None, new + 1
        elif new and text.startswith("-"):
            old += 1
        elif new and text.startswith(" "):
            found[new], old, new = old, old + 1, new + 1
    return found
