"""What was said on a GitHub pull request: review comments by REST, the state of their threads by GraphQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kibitz_reviewer.forges import ForgeError
from kibitz_reviewer.forges.marker import Mark, mark_of
from kibitz_reviewer.forges.rest import Rest
from kibitz_reviewer.forges.talk import Reply, Summary, Talk, Thread

if TYPE_CHECKING:
    from kibitz_reviewer.forges.github import PullRequest

MAX_THREAD_PAGES = 20
THREADS = """query($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) { pullRequest(number: $number) {
    reviewThreads(first: 100, after: $after) {
      nodes { id isResolved resolvedBy { login } comments(first: 1) { nodes { databaseId } } }
      pageInfo { hasNextPage endCursor } } } } }"""


@dataclass
class Conversation:
    """Reads one pull request's conversation. ``path`` and ``issue`` are its two addresses."""

    rest: Rest
    path: str
    issue: str
    graphql: str
    request: PullRequest

    def read(self) -> Talk:
        """Everything; a marker counts only in what we wrote ourselves."""
        comments = list(self.rest.pages(f"{self.path}/comments"))
        reviews = list(self.rest.pages(f"{self.path}/reviews"))
        remarks = [item for item in self.rest.pages(f"{self.issue}/comments") if "/kibitz" in _body(item)]
        login = self._login() if any(mark_of(_body(item)) for item in (*comments, *reviews)) else None
        ours = _Identity(login)
        replies = _replies(comments, ours)
        states = self._states() if any(ours.mark(item) for item in comments) else {}
        threads = [
            self._thread(item, mark, replies[_id(item)], states.get(_id(item), {}), ours)
            for item in comments
            if (mark := ours.mark(item)) and mark.fingerprints and not item.get("in_reply_to_id")
        ]
        summaries = [
            Summary(str(item.get("id")), _body(item), mark.fingerprints, _id(item))
            for item in reviews
            if (mark := ours.mark(item))
        ]
        told = [Reply(f"i{_id(item)}", _author(item), _body(item), ours(item)) for item in remarks]
        return Talk(_in_time(threads), tuple(sorted(summaries, key=lambda one: one.order)), tuple(told))

    def _thread(
        self, item: dict[str, Any], mark: Mark, replies: list[Reply], state: dict[str, Any], ours: _Identity
    ) -> Thread:
        settled_by = (state.get("resolvedBy") or {}).get("login")
        down = _count((item.get("reactions") or {}).get("-1"))
        return Thread(
            str(state.get("id") or ""),
            str(item.get("path") or ""),
            mark.fingerprints,
            _id(item),
            state.get("isResolved") is True,
            settled_by is not None and ours.is_named(settled_by),
            tuple(replies),
            self._rejected_by(_id(item)) if down else (),
        )

    def _rejected_by(self, comment: int) -> tuple[str, ...]:
        path = f"/repos/{self.request.repository}/pulls/comments/{comment}/reactions"
        return tuple(_author(item) for item in self.rest.pages(path) if item.get("content") == "-1")

    def _states(self) -> dict[int, dict[str, Any]]:
        """Each thread's state by the number of its first comment; empty if the token may not ask."""
        owner, _, name = self.request.repository.partition("/")
        found: dict[int, dict[str, Any]] = {}
        after = None
        for _ in range(MAX_THREAD_PAGES):
            variables = {"owner": owner, "name": name, "number": self.request.number, "after": after}
            page = self._ask(THREADS, variables)
            threads = _down(page, "repository", "pullRequest", "reviewThreads")
            for node in threads.get("nodes") or []:
                first = (_down(node, "comments").get("nodes") or [{}])[0]
                found[_count((first or {}).get("databaseId"))] = node
            info = _down(threads, "pageInfo")
            after = info.get("endCursor")
            if not info.get("hasNextPage") or not after:
                break
        return found

    def _login(self) -> str | None:
        """The name our token acts under; None if GitHub will not say."""
        login = _down(self._ask("query { viewer { login } }", {}), "viewer").get("login")
        return login if isinstance(login, str) and login else None

    def _ask(self, query: str, variables: dict[str, object]) -> dict[str, Any]:
        body: dict[str, object] = {"query": query, **({"variables": variables} if variables else {})}
        try:
            answer = self.rest.call("POST", "", body, url=self.graphql)
        except ForgeError:
            return {}
        return _down(answer, "data")


@dataclass(frozen=True, slots=True)
class _Identity:
    """Who we are. If our name is unknown, any app will do: a person cannot pass for one."""

    login: str | None

    def __call__(self, item: dict[str, Any]) -> bool:
        user = item.get("user")
        if not isinstance(user, dict):
            return False
        is_app = user.get("type") == "Bot"
        if self.login is None:
            return is_app
        return user.get("login") == self.login or (is_app and user.get("login") == f"{self.login}[bot]")

    def is_named(self, login: object) -> bool:
        """Whether GraphQL's ``login``, which lacks the ``[bot]``, is ours."""
        return self.login is not None and login in (self.login, self.login.removesuffix("[bot]"))

    def mark(self, item: dict[str, Any]) -> Mark | None:
        return mark_of(_body(item)) if self(item) else None


def _replies(comments: Iterable[dict[str, Any]], ours: _Identity) -> dict[int, list[Reply]]:
    found: dict[int, list[Reply]] = defaultdict(list)
    for item in comments:
        parent = item.get("in_reply_to_id")
        if isinstance(parent, int):
            found[parent].append(Reply(f"c{_id(item)}", _author(item), _body(item), ours(item)))
    return found


def _in_time(threads: Iterable[Thread]) -> tuple[Thread, ...]:
    return tuple(sorted(threads, key=lambda thread: thread.order))


def _body(item: dict[str, Any]) -> str:
    return str(item.get("body") or "")


def _id(item: dict[str, Any]) -> int:
    return _count(item.get("id"))


def _author(item: dict[str, Any]) -> str:
    user = item.get("user")
    return str(user.get("login") or "") if isinstance(user, dict) else ""


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0


def _down(value: object, *keys: str) -> dict[str, Any]:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}
