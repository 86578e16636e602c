"""GitHub and GitHub Enterprise: one review with all its inline comments, one summary that is edited afterwards.

Reads what GitHub Actions sets: ``GITHUB_REPOSITORY``, ``GITHUB_TOKEN``, ``GITHUB_API_URL`` (default: github.com), and the pull
request's number from the event (``GITHUB_EVENT_PATH``) or from ``GITHUB_REF``. The token needs ``pull-requests: write``.
``KIBITZ_CHECK_RUN=1`` adds a check run (``checks: write``), ``KIBITZ_SARIF_UPLOAD=1`` code scanning (``security-events: write``).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kibitz_reviewer.finding import Finding
from kibitz_reviewer.forges import ForbiddenError, ForgeError
from kibitz_reviewer.forges.answers import pace
from kibitz_reviewer.forges.event import event_of
from kibitz_reviewer.forges.github.check import CheckRun, upload_sarif
from kibitz_reviewer.forges.github.conversation import Conversation
from kibitz_reviewer.forges.plan import GITHUB_LIKE, Comment, Dialect, Hunks, lines_of
from kibitz_reviewer.forges.rest import RefusedError, Rest
from kibitz_reviewer.forges.talk import Pull, Summary, Talk, Thread

API = "https://api.github.com"
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+\Z", re.ASCII)
_PULL_REF = re.compile(r"refs/pull/(\d+)/(?:merge|head)\Z")
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
# A review must say something, even where its comments say it all.
MORE = "**Kibitz** has more to say about this change."
MAX_LOOKED_AT = 1_000
_MAY_WRITE = ("admin", "maintain", "write")

FORBIDDEN = (
    "GitHub refused the review (HTTP 403): {said}. The token needs the permission `pull-requests: write`; "
    "in a workflow add `permissions: {{contents: read, pull-requests: write}}` to the job. On a pull request from a fork "
    "GitHub hands out a read-only token whatever the workflow asks for"
)


@dataclass(frozen=True, slots=True)
class PullRequest:
    """Which pull request: ``repository`` is owner/name, ``head`` the commit under review ("" if unknown)."""

    repository: str
    number: int
    head: str = ""


def connect(environ: Mapping[str, str]) -> GitHub:
    """The pull request that ``environ`` describes; ``ForgeError`` names the variable that is missing or wrong."""
    token = environ.get("GITHUB_TOKEN", "").strip() or environ.get("GH_TOKEN", "").strip()
    if not token:
        raise ForgeError(
            "GITHUB_TOKEN is not set: a token that may write to pull requests is needed to post a review"
        )
    if not token.isascii() or not token.isprintable():
        raise ForgeError("GITHUB_TOKEN holds characters that no token has")
    base = (environ.get("GITHUB_API_URL", "").strip() or API).rstrip("/")
    if not base.startswith(("https://", "http://")):
        raise ForgeError(f"GITHUB_API_URL: expected an http(s) URL such as {API}, got {base!r}")
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {token}",
        "User-Agent": "kibitz",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    graphql = environ.get("GITHUB_GRAPHQL_URL", "").strip() if base == API else ""
    rest, request = Rest(base, headers, secrets=(token,), pace_s=pace(environ)), pull_request(environ)
    if not request.number:
        request = with_head(rest, request)
    made = GitHub(rest, request, graphql or graphql_of(base))
    made.check_run = environ.get("KIBITZ_CHECK_RUN", "") not in ("", "0")
    if environ.get("KIBITZ_SARIF_UPLOAD", "") not in ("", "0"):
        made.sarif_ref = f"refs/pull/{made.request.number}/head"
    return made


def pull_request(environ: Mapping[str, str]) -> PullRequest:
    """The pull request of ``environ``, from the event's payload first, then from ``GITHUB_REF``.

    Number 0: of a `workflow_run` only the head is known. What the run itself left behind is a stranger's and not read.
    """
    repository = environ.get("GITHUB_REPOSITORY", "").strip()
    if not _REPOSITORY.match(repository):
        raise ForgeError(f"GITHUB_REPOSITORY: expected owner/name, got {repository!r}")
    event = event_of("GITHUB_EVENT_PATH", environ.get("GITHUB_EVENT_PATH", ""))
    pull = event.get("pull_request")
    pull = pull if isinstance(pull, dict) else {}
    number = pull.get("number") or (event.get("number") if pull else None)
    ref = _PULL_REF.match(environ.get("GITHUB_REF", ""))
    if not isinstance(number, int) or isinstance(number, bool):
        number = int(ref[1]) if ref else 0
    run = event.get("workflow_run")
    if (
        isinstance(run, dict)
        and str(run.get("event")).startswith("pull_request")
        and _sha(run.get("head_sha"))
    ):
        return PullRequest(repository, 0, _sha(run.get("head_sha")))
    if number <= 0:
        raise ForgeError(
            "no pull request: expected one in the file GITHUB_EVENT_PATH names, or GITHUB_REF=refs/pull/NUMBER/merge; "
            f"got GITHUB_REF={environ.get('GITHUB_REF', '')!r}. Run this on the `pull_request` event."
        )
    head = pull.get("head")
    sha = head.get("sha") if isinstance(head, dict) else None
    return PullRequest(repository, number, sha if isinstance(sha, str) and _SHA.match(sha) else "")


def with_head(rest: Rest, request: PullRequest) -> PullRequest:
    """The open pull request whose head is that of ``request``; ``ForgeError`` if there is none (any more)."""
    pulls = rest.pages(f"/repos/{request.repository}/pulls?state=open&sort=updated&direction=desc")
    for pull in itertools.islice(pulls, MAX_LOOKED_AT):
        if _object(pull.get("head")).get("sha") == request.head and isinstance(pull.get("number"), int):
            return replace(request, number=pull["number"])
    raise ForgeError(
        f"no open pull request has the head {request.head[:12]}: it was pushed again, merged or closed meanwhile"
    )


def graphql_of(base: str) -> str:
    """Where GraphQL lives beside the REST interface at ``base``: Enterprise has ``/api/v3`` and ``/api/graphql``."""
    return f"{base.removesuffix('/v3')}/graphql"


@dataclass
class GitHub:
    """One pull request on GitHub. ``url``: the last review posted. ``sarif_ref``: upload SARIF under this ref, "" for not."""

    rest: Rest
    request: PullRequest
    graphql: str
    url: str = ""
    check_run: bool = False
    sarif_ref: str = ""
    dialect: Dialect = GITHUB_LIKE
    _seen: list[Pull] = field(default_factory=list)

    def pull(self) -> Pull:
        """The pull request now; its head is what the event said, if it did."""
        answer = _object(self.rest.get(self._path))
        found = Pull(
            self.request.number,
            self.request.head or _sha(_object(answer.get("head")).get("sha")),
            str(answer.get("title") or ""),
            draft=answer.get("draft") is True,
            author_is_bot=_object(answer.get("user")).get("type") == "Bot",
            base=_sha(_object(answer.get("base")).get("sha")),
            repository=self.request.repository,
            url=str(answer.get("html_url") or ""),
        )
        self._seen = [found]
        return found

    def hunks(self) -> Hunks:
        """The lines that may carry a comment. Large files come without their patch: their findings go to the summary."""
        files = self.rest.pages(f"{self._path}/files")
        return {str(file.get("filename")): lines_of(str(file.get("patch") or "")) for file in files}

    def talk(self) -> Talk:
        """Our review comments with their threads, our reviews' texts, and people's remarks with orders to us."""
        return Conversation(self.rest, self._path, self._issue, self.graphql, self.request).read()

    def post(self, comments: Sequence[Comment], summary: str) -> list[Comment]:
        """One review. One comment GitHub dislikes refuses it whole without a word on which: then halves are tried."""
        try:
            self._review(comments, summary)
        except RefusedError as error:
            if error.status == 403:
                raise ForbiddenError(FORBIDDEN.format(said=error)) from None
            if error.status != 422 or not comments:
                raise
        else:
            return []
        # Most often a push came between.
        self.request = replace(self.request, head="")
        self.pull()
        return self._halved(comments, summary)

    def _halved(self, comments: Sequence[Comment], summary: str) -> list[Comment]:
        """Post ``comments``, halving what is refused; returns those that GitHub takes in no company."""
        try:
            self._review(comments, summary)
        except RefusedError as error:
            if error.status != 422:
                raise
            if len(comments) <= 1:
                return list(comments)
            middle = len(comments) // 2
            refused = self._halved(comments[:middle], summary)
            # The summary is said once: with the first half, or if none of it was taken, with the second.
            said = len(refused) < middle
            return refused + self._halved(comments[middle:], "**Kibitz** goes on." if said else summary)
        return []

    def _review(self, comments: Sequence[Comment], body: str) -> None:
        payload: dict[str, object] = {"event": "COMMENT", "body": body or MORE}
        head = self._seen[0].head if self._seen else self.pull().head
        if head:
            payload["commit_id"] = head
        if comments:
            payload["comments"] = [_inline(comment) for comment in comments]
        answer = self.rest.call("POST", f"{self._path}/reviews", payload)
        self.url = str(_object(answer).get("html_url") or "")

    def edit(self, summary: Summary, body: str) -> None:
        """Change the text of the review that carries the summary: nobody is notified."""
        self._write("PUT", f"{self._path}/reviews/{summary.id}", {"body": body})

    def reply(self, thread: Thread, body: str) -> None:
        """Answer below the thread's first comment."""
        self._write("POST", f"{self._path}/comments/{thread.order}/replies", {"body": body})

    def settle(self, thread: Thread, *, resolved: bool) -> bool:
        """Resolve or reopen; a token that may not do so leaves the thread as it is."""
        if not thread.id:
            return False
        field_name = "resolveReviewThread" if resolved else "unresolveReviewThread"
        query = (
            f"mutation($id: ID!) {{ {field_name}(input: {{threadId: $id}}) {{ thread {{ isResolved }} }} }}"
        )
        try:
            answer = self.rest.call(
                "POST", "", {"query": query, "variables": {"id": thread.id}}, url=self.graphql
            )
        except RefusedError:
            return False
        return "errors" not in _object(answer)

    def retract(self, thread: Thread) -> None:
        """Delete our comment."""
        self._write("DELETE", f"/repos/{self.request.repository}/pulls/comments/{thread.order}", None)

    def may_write(self, author: str) -> bool:
        """Whether ``author`` may push to the repository."""
        if not re.fullmatch(r"[\w-]{1,100}", author, re.ASCII):
            return False
        try:
            answer = self.rest.get(f"/repos/{self.request.repository}/collaborators/{author}/permission")
        except RefusedError:
            return False
        return _object(answer).get("permission") in _MAY_WRITE

    def conclude(self, findings: Sequence[Finding], *, failed: bool) -> str:
        """A check run and an upload to code scanning, if asked for; what is refused becomes a note."""
        notes = []
        head = self._seen[0].head if self._seen else self.pull().head
        repository = f"/repos/{self.request.repository}"
        try:
            if self.check_run:
                CheckRun(self.rest, repository, head).publish(findings, failed=failed)
        except RefusedError as error:
            notes.append(f"no check run: {error}")
        try:
            if self.sarif_ref:
                upload_sarif(self.rest, repository, head, self.sarif_ref, findings)
        except RefusedError as error:
            notes.append(f"no upload to code scanning: {error}")
        return "; ".join(notes)

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
        return f"/repos/{self.request.repository}/pulls/{self.request.number}"

    @property
    def _issue(self) -> str:
        return f"/repos/{self.request.repository}/issues/{self.request.number}"


def _inline(comment: Comment) -> dict[str, object]:
    place: dict[str, object] = {"path": comment.path, "line": comment.line, "side": "RIGHT"}
    if comment.start_line is not None:
        place |= {"start_line": comment.start_line, "start_side": "RIGHT"}
    return {**place, "body": comment.body}


def _sha(value: object) -> str:
    return value if isinstance(value, str) and _SHA.match(value) else ""


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
