"""GitHub and GitHub Enterprise: one review with all its inline comments.

Reads what GitHub Actions sets: ``GITHUB_REPOSITORY``, ``GITHUB_TOKEN``, ``GITHUB_API_URL`` (default: github.com), and the pull
request's number from the event (``GITHUB_EVENT_PATH``) or from ``GITHUB_REF``. The token needs ``pull-requests: write``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kibitz_reviewer.finding import Finding
from kibitz_reviewer.forges import ForgeError, Posted
from kibitz_reviewer.forges.marker import fingerprints_in, shortened
from kibitz_reviewer.forges.plan import MAX_INLINE, Comment, Hunks, Plan, lines_of, planned, summary
from kibitz_reviewer.forges.rest import RefusedError, Rest, UnreachableError

API = "https://api.github.com"
ATTEMPTS = 3
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+\Z", re.ASCII)
_PULL_REF = re.compile(r"refs/pull/(\d+)/(?:merge|head)\Z")
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")

FORBIDDEN = (
    "GitHub refused the review (HTTP 403): {said}. The token needs the permission `pull-requests: write`; "
    "in a workflow add `permissions: {{contents: read, pull-requests: write}}` to the job. On a pull request from a fork "
    "GitHub hands out a read-only token whatever the workflow asks for: use `--format sarif --output FILE` there."
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
    return GitHub(Rest(base, headers, secrets=(token,)), pull_request(environ), graphql or graphql_of(base))


def pull_request(environ: Mapping[str, str]) -> PullRequest:
    """The pull request of ``environ``, from the event's payload first, then from ``GITHUB_REF``."""
    repository = environ.get("GITHUB_REPOSITORY", "").strip()
    if not _REPOSITORY.match(repository):
        raise ForgeError(f"GITHUB_REPOSITORY: expected owner/name, got {repository!r}")
    event = _event(environ.get("GITHUB_EVENT_PATH", ""))
    pull = event.get("pull_request")
    pull = pull if isinstance(pull, dict) else {}
    number = pull.get("number") or (event.get("number") if pull else None)
    ref = _PULL_REF.match(environ.get("GITHUB_REF", ""))
    if not isinstance(number, int) or isinstance(number, bool):
        number = int(ref[1]) if ref else 0
    if number <= 0:
        raise ForgeError(
            "no pull request: expected one in the file GITHUB_EVENT_PATH names, or GITHUB_REF=refs/pull/NUMBER/merge; "
            f"got GITHUB_REF={environ.get('GITHUB_REF', '')!r}. Run this on the `pull_request` event."
        )
    head = pull.get("head")
    sha = head.get("sha") if isinstance(head, dict) else None
    return PullRequest(repository, number, sha if isinstance(sha, str) and _SHA.match(sha) else "")


def graphql_of(base: str) -> str:
    """Where GraphQL lives beside the REST interface at ``base``: Enterprise has ``/api/v3`` and ``/api/graphql``."""
    return f"{base.removesuffix('/v3')}/graphql"


@dataclass
class GitHub:
    """One pull request on GitHub."""

    rest: Rest
    pull: PullRequest
    graphql: str
    limit: int = MAX_INLINE

    def publish(self, findings: Sequence[Finding]) -> Posted:
        """Post what was not said before as one review; nothing at all if there is nothing new.

        An answer that got lost is looked up before anything is sent again, so nothing is said twice.
        """
        if not findings:
            return Posted()
        for attempt in range(1, ATTEMPTS + 1):
            known = self._known()
            new = [finding for finding in findings if shortened(finding.fingerprint) not in known]
            if not new:
                return Posted(known=len(findings))
            try:
                return self._post(new, known=len(findings) - len(new))
            except (UnreachableError, RefusedError) as error:
                if isinstance(error, RefusedError) and error.status == 403:
                    raise ForgeError(FORBIDDEN.format(said=error)) from None
                if attempt == ATTEMPTS or (isinstance(error, RefusedError) and error.status < 500):
                    raise
                self.rest.sleep(2.0**attempt)
        raise AssertionError("unreachable")

    def _post(self, new: list[Finding], known: int) -> Posted:
        plan = planned(new, self._hunks(), self.limit)
        try:
            answer = self._review(plan.comments, summary(_count(plan), plan.rest), self._head())
            return Posted(_count(plan), len(plan.rest), known, _url(answer))
        except RefusedError as error:
            if error.status != 422 or not plan.comments:
                raise
        # One comment GitHub dislikes refuses the whole review, and it does not say which; most often a push came between.
        self.pull = replace(self.pull, head="")
        plan = planned(new, self._hunks(), self.limit)
        refused = self._halved(plan.comments)
        left = [*(finding for comment in refused for finding in comment.findings), *plan.rest]
        posted = _count(plan) - (len(left) - len(plan.rest))
        answer = None
        if left:
            answer = self._review((), summary(posted, left), "")
        return Posted(posted, len(left), known, _url(answer))

    def _halved(self, comments: Sequence[Comment]) -> list[Comment]:
        """Post ``comments``, halving what is refused; returns those that GitHub takes in no company."""
        if not comments:
            return []
        try:
            self._review(comments, "**Kibitz** has comments on this change.", self._head())
        except RefusedError as error:
            if error.status != 422:
                raise
            if len(comments) == 1:
                return list(comments)
            middle = len(comments) // 2
            return self._halved(comments[:middle]) + self._halved(comments[middle:])
        return []

    def _review(self, comments: Sequence[Comment], body: str, commit: str) -> Any:
        payload: dict[str, object] = {"event": "COMMENT", "body": body}
        if commit:
            payload["commit_id"] = commit
        if comments:
            payload["comments"] = [_inline(comment) for comment in comments]
        return self.rest.call("POST", f"{self._path}/reviews", payload)

    def _head(self) -> str:
        """The commit under review: the event's, else the pull request's present head."""
        if not self.pull.head:
            answer = self.rest.get(self._path)
            head = answer.get("head") if isinstance(answer, dict) else None
            sha = head.get("sha") if isinstance(head, dict) else None
            if isinstance(sha, str) and _SHA.match(sha):
                self.pull = replace(self.pull, head=sha)
        return self.pull.head

    def _hunks(self) -> Hunks:
        """The lines that may carry a comment. Large files come without their patch: their findings go to the summary."""
        files = self.rest.pages(f"{self._path}/files")
        return {str(file.get("filename")): lines_of(str(file.get("patch") or "")) for file in files}

    def _known(self) -> frozenset[str]:
        """The fingerprints of everything we said on this pull request, inline and in summaries."""
        known: set[str] = set()
        login: str | None = None
        asked = False
        for path in (f"{self._path}/comments", f"{self._path}/reviews"):
            for item in self.rest.pages(path):
                found = fingerprints_in(str(item.get("body") or ""))
                if found and not asked:
                    login, asked = self._login(), True
                if found and _is_ours(item.get("user"), login):
                    known |= found
        return frozenset(known)

    def _login(self) -> str | None:
        """The name our token acts under; None if GitHub will not say."""
        try:
            answer = self.rest.call("POST", "", {"query": "query { viewer { login } }"}, url=self.graphql)
        except ForgeError:
            return None
        data = answer.get("data") if isinstance(answer, dict) else None
        viewer = data.get("viewer") if isinstance(data, dict) else None
        login = viewer.get("login") if isinstance(viewer, dict) else None
        return login if isinstance(login, str) and login else None

    @property
    def _path(self) -> str:
        return f"/repos/{self.pull.repository}/pulls/{self.pull.number}"


def _is_ours(user: object, login: str | None) -> bool:
    """Whether ``user`` wrote as we do. If our name is unknown, any app will do: a person cannot pass for one."""
    if not isinstance(user, dict):
        return False
    is_app = user.get("type") == "Bot"
    if login is None:
        return is_app
    return user.get("login") == login or (is_app and user.get("login") == f"{login}[bot]")


def _inline(comment: Comment) -> dict[str, object]:
    place: dict[str, object] = {"path": comment.path, "line": comment.line, "side": "RIGHT"}
    if comment.start_line is not None:
        place |= {"start_line": comment.start_line, "start_side": "RIGHT"}
    return {**place, "body": comment.body}


def _count(plan: Plan) -> int:
    return sum(len(comment.findings) for comment in plan.comments)


def _url(answer: object) -> str:
    return str(answer.get("html_url") or "") if isinstance(answer, dict) else ""


def _event(path: str) -> dict[str, Any]:
    """The payload of the event that started the workflow; empty if there is none."""
    if not path or not Path(path).is_file():
        return {}
    try:
        payload = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ForgeError(f"GITHUB_EVENT_PATH: expected a JSON file at {path}, {error}") from None
    return payload if isinstance(payload, dict) else {}
