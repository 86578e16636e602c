"""A stand-in for GitHub's pull requests: real HTTP on a free port, GitHub's own contract, and its unwritten rules.

    with FakeGitHub(files={"a.py": "@@ -1 +1,2 @@\\n x\\n+y"}) as github:
        ... github.url, github.environ() ...
        assert github.comments == [...]

Each request body must satisfy GitHub's OpenAPI description; beyond it, a commented line must be in the diff, a review is
taken whole or refused whole (without a word on which comment was wrong), and tokens have names and rights.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import graphql
import jsonschema

CONTRACT = Path(__file__).with_name("github_openapi.json")
ENTERPRISE = Path(__file__).with_name("github_enterprise.json")
SCHEMA = Path(__file__).with_name("github_schema.graphql")
HEAD = "a1" * 20
TOKEN = "ghs_a-token-nobody-may-see"
MAX_BODY = 65536
Answer = tuple[int, dict[str, str], Any]


@dataclass
class Fault:
    """Answer the next matching request with ``status``; ``happens``: carry it out first, so that only the answer is lost."""

    method: str
    path: str
    status: int
    message: str = "fault"
    headers: dict[str, str] = field(default_factory=dict)
    happens: bool = False


class FakeGitHub:
    """One repository ``o/r`` with pull request 7, whose diff is ``files`` (path to patch)."""

    def __init__(self, files: dict[str, str], *, head: str = HEAD) -> None:
        self.files = files
        self.head, self.base = head, "ba" * 20
        self.comments: list[dict[str, Any]] = []
        self.reviews: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str, Any]] = []
        self.faults: list[Fault] = []
        self.users = {TOKEN: {"login": "github-actions[bot]", "type": "Bot"}}
        self.knows_viewer = True
        self.takes_any_token = False
        self.may_write = True
        self.pull: dict[str, Any] = {
            "title": "A change",
            "draft": False,
            "user": {"login": "ann", "type": "User"},
        }
        self.remarks: list[dict[str, Any]] = []
        self.writers = {"ann"}
        self.resolved: dict[int, str] = {}
        self.reactions: dict[int, list[dict[str, Any]]] = {}
        self.check_runs: list[dict[str, Any]] = []
        self.sarifs: list[dict[str, Any]] = []
        self.before_write: Callable[[], None] | None = None
        self._ids = itertools.count(1000)
        self._routes = _routes(
            json.loads(CONTRACT.read_text("utf-8")), json.loads(ENTERPRISE.read_text("utf-8"))
        )
        self._schema = graphql.build_schema(SCHEMA.read_text("utf-8"))
        self._lock = threading.Lock()

    # The server

    def __enter__(self) -> FakeGitHub:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def _any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                raw = self.rfile.read(length)
                if self.command != "GET" and stand_in.before_write is not None and self.path != "/graphql":
                    stand_in.before_write()
                with stand_in._lock:
                    status, headers, answer = stand_in.answer(
                        self.command, self.path, dict(self.headers), raw
                    )
                payload = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Type": "application/json"}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _any  # noqa: N815

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._serving = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._serving.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._serving.join()
        self._server.server_close()

    def environ(self, **more: str) -> dict[str, str]:
        """What GitHub Actions would set."""
        return {
            "GITHUB_REPOSITORY": "o/r",
            "GITHUB_REF": "refs/pull/7/merge",
            "GITHUB_TOKEN": TOKEN,
            "GITHUB_API_URL": self.url,
            "KIBITZ_WRITE_INTERVAL_S": "0",
            **more,
        }

    # The rules

    def answer(self, method: str, target: str, headers: dict[str, str], raw: bytes) -> Answer:
        path, _, query = target.partition("?")
        body = json.loads(raw) if raw else None
        self.requests.append((method, target, body))
        fault = next((f for f in self.faults if f.method == method and re.search(f.path, path)), None)
        if fault is not None:
            self.faults.remove(fault)
            if fault.happens:
                self._honest(method, path, query, headers, body)
            return fault.status, fault.headers, {"message": fault.message}
        return self._honest(method, path, query, headers, body)

    def _honest(self, method: str, path: str, query: str, headers: dict[str, str], body: Any) -> Answer:
        token = re.match(r"(?i)(?:bearer|token) (\S+)", headers.get("Authorization", ""))
        user = self.users.get(token[1]) if token else None
        if token and self.takes_any_token:
            user = self.users[TOKEN]
        if user is None:
            return _error(401, "Bad credentials")
        if path == "/graphql":
            return self._graphql(body, user)
        route = next((r for r in self._routes if r.method == method and r.pattern.match(path)), None)
        if route is None:
            return _error(404, "Not Found")
        wrong = [f"{'/'.join(map(str, e.path))}: {e.message}" for e in route.errors(body)]
        if wrong:
            return _error(422, "Contract violated", wrong)
        if method != "GET" and not self.may_write:
            return _error(403, "Resource not accessible by integration")
        return self._act(route.template, method, path, query, body, user)

    def _act(
        self, template: str, method: str, path: str, query: str, body: Any, user: dict[str, str]
    ) -> Answer:
        name = template.removeprefix("/repos/{owner}/{repo}")
        number = int(found[1]) if (found := re.search(r"/(?:comments|reviews|check-runs)/(\d+)", path)) else 0
        if method == "GET":
            return self._read(name, number, path, query)
        if (method, name) == ("POST", "/pulls/{pull_number}/reviews"):
            return self._review(body, user)
        if (method, name) == ("PUT", "/pulls/{pull_number}/reviews/{review_id}"):
            return self._edit(self.reviews, number, body)
        if (method, name) == ("POST", "/pulls/{pull_number}/comments/{comment_id}/replies"):
            reply = {"id": next(self._ids), "body": body["body"], "user": user, "in_reply_to_id": number}
            self.comments.append(reply)
            return 201, {}, reply
        if (method, name) == ("DELETE", "/pulls/comments/{comment_id}"):
            self.comments = [comment for comment in self.comments if comment["id"] != number]
            return 204, {}, None
        return self._report(name, number, method, body)

    def _report(self, name: str, number: int, method: str, body: Any) -> Answer:
        if (method, name) == ("POST", "/app/installations/{installation_id}/access_tokens"):
            return 201, {}, {"token": TOKEN, "expires_at": "2030-01-01T00:00:00Z"}
        if (method, name) == ("POST", "/check-runs"):
            run = {**body, "id": next(self._ids), "annotations": list(body["output"].get("annotations", []))}
            self.check_runs.append(run)
            return 201, {}, run
        if (method, name) == ("PATCH", "/check-runs/{check_run_id}"):
            run = next(run for run in self.check_runs if run["id"] == number)
            run["annotations"] += body["output"].get("annotations", [])
            return 200, {}, run
        if (method, name) == ("POST", "/code-scanning/sarifs"):
            self.sarifs.append(body)
            return 202, {}, {"id": "47177e22-5596-11eb-80a1-c1e54ef945c6"}
        return _error(501, f"the stand-in does not know {method} {name}")

    def _read(self, name: str, number: int, path: str, query: str) -> Answer:
        if name == "/pulls/{pull_number}":
            return 200, {}, {"number": 7, "head": {"sha": self.head}, "base": {"sha": self.base}, **self.pull}
        if name == "/collaborators/{username}/permission":
            person = path.split("/")[-2]
            return 200, {}, {"permission": "write" if person in self.writers else "read"}
        lists = {
            "/pulls": [
                *({"number": other, "head": {"sha": f"{other:040x}"}} for other in range(100, 240)),
                {"number": 7, "head": {"sha": self.head}, **self.pull},
            ],
            "/pulls/{pull_number}/files": [
                {"filename": p, "patch": patch} for p, patch in self.files.items()
            ],
            "/pulls/{pull_number}/comments": [self._with_reactions(comment) for comment in self.comments],
            "/pulls/{pull_number}/reviews": self.reviews,
            "/issues/{issue_number}/comments": self.remarks,
            "/pulls/comments/{comment_id}/reactions": self.reactions.get(number, []),
        }
        return (
            _page(lists[name], query) if name in lists else _error(501, f"the stand-in does not know {name}")
        )

    def _with_reactions(self, comment: dict[str, Any]) -> dict[str, Any]:
        down = [one for one in self.reactions.get(comment["id"], []) if one["content"] == "-1"]
        return {**comment, "reactions": {"-1": len(down)}}

    def _edit(self, items: list[dict[str, Any]], number: int, body: Any) -> Answer:
        item = next((item for item in items if item["id"] == number), None)
        if item is None:
            return _error(404, "Not Found")
        item["body"] = body["body"]
        return 200, {}, item

    def say(self, login: str, body: str, below: int = 0) -> int:
        """A person writes, below one of our comments or in the pull request's own conversation."""
        said = {"id": next(self._ids), "body": body, "user": {"login": login, "type": "User"}}
        if below:
            self.comments.append({**said, "in_reply_to_id": below})
        else:
            self.remarks.append(said)
        return int(said["id"])

    def _review(self, body: Any, user: dict[str, str]) -> Answer:
        if body.get("event") != "APPROVE" and not body.get("body"):
            return _error(422, "Unprocessable Entity", ["Body can't be blank"])
        if body.get("commit_id", self.head) != self.head:
            return _error(422, "Unprocessable Entity", ["commit_id is not part of the pull request"])
        if len(body["body"]) > MAX_BODY:
            return _error(422, "Unprocessable Entity", ["body is too long (maximum is 65536 characters)"])
        comments = body.get("comments", [])
        for comment in comments:
            wrong = self._wrong(comment)
            if wrong:
                return _error(422, "Unprocessable Entity", [wrong])
        review = {"id": next(self._ids), "body": body["body"], "user": user, "state": "COMMENTED"}
        self.reviews.append(review)
        self.comments += [
            {**c, "id": next(self._ids), "user": user, "review": review["id"]} for c in comments
        ]
        return 200, {}, {**review, "html_url": f"{self.url}/o/r/pull/7#pullrequestreview-{review['id']}"}

    def _wrong(self, comment: dict[str, Any]) -> str:
        right, left = commentable(self.files.get(comment["path"], ""))
        side = left if comment.get("side") == "LEFT" else right
        if comment.get("line") not in side:
            return "Pull request review thread line must be part of the diff"
        if "start_line" in comment:
            if comment["start_line"] >= comment["line"]:
                return "Pull request review thread start line must precede the end line."
            if side.get(comment["start_line"]) != side[comment["line"]]:
                return "Pull request review thread start line must be part of the same hunk as the line."
        return "Body is too long (maximum is 65536 characters)" if len(comment["body"]) > MAX_BODY else ""

    def _graphql(self, body: Any, user: dict[str, str]) -> Answer:
        if not self.knows_viewer and "viewer" in body["query"]:
            return 200, {}, {"errors": [{"type": "FORBIDDEN", "message": "Resource not accessible"}]}
        root = {
            "viewer": {"login": user["login"]},
            "repository": lambda _info, owner, name, **_: {"pullRequest": self._graphql_pull},
            "resolveReviewThread": lambda _info, **given: self._settle(
                given["input"]["threadId"], user["login"]
            ),
            "unresolveReviewThread": lambda _info, **given: self._settle(given["input"]["threadId"], ""),
        }
        result = graphql.graphql_sync(
            self._schema, body["query"], root, variable_values=body.get("variables") or {}
        )
        return 200, {}, json.loads(json.dumps(result.formatted))

    def _graphql_pull(self, _info: Any, number: int) -> Any:
        return {"reviewThreads": self._threads}

    def _threads(self, _info: Any, first: int = 100, after: str | None = None, **_: Any) -> Any:
        roots = [comment for comment in self.comments if "in_reply_to_id" not in comment]
        start = int(after or 0)
        nodes = [self._thread(comment["id"]) for comment in roots[start : start + first]]
        more = start + first < len(roots)
        return {"nodes": nodes, "pageInfo": {"hasNextPage": more, "endCursor": str(start + first)}}

    def _thread(self, comment: int) -> Any:
        login = self.resolved.get(comment)
        return {
            "id": f"PRRT_{comment}",
            "isResolved": login is not None,
            "resolvedBy": None if login is None else {"login": login.removesuffix("[bot]")},
            "comments": lambda _info, **_: {"nodes": [{"databaseId": comment}]},
        }

    def _settle(self, thread: str, login: str) -> Any:
        number = int(thread.removeprefix("PRRT_"))
        if login:
            self.resolved[number] = login
        else:
            self.resolved.pop(number, None)
        return {"thread": self._thread(number)}


def commentable(patch: str) -> tuple[dict[int, int], dict[int, int]]:
    """Lines of the new and of the old file that a patch shows, each with its hunk's number."""
    right: dict[int, int] = {}
    left: dict[int, int] = {}
    hunk, old, new = -1, 0, 0
    for line in patch.split("\n"):
        start = re.match(r"@@ -(\d+)(?:,\d+)? \+(\d+)", line)
        if start:
            hunk, old, new = hunk + 1, int(start[1]), int(start[2])
        elif line.startswith("+"):
            right[new], new = hunk, new + 1
        elif line.startswith("-"):
            left[old], old = hunk, old + 1
        elif line.startswith(" "):
            right[new], left[old], new, old = hunk, hunk, new + 1, old + 1
    return right, left


@dataclass
class _Route:
    method: str
    template: str
    pattern: re.Pattern[str]
    validators: list[jsonschema.Draft202012Validator]

    def errors(self, body: Any) -> list[Any]:
        """What is wrong with a body by GitHub's description or by that of a release of Enterprise."""
        return [error for validator in self.validators for error in validator.iter_errors(body or {})]


def _routes(contract: dict[str, Any], enterprise: dict[str, dict[str, Any]]) -> list[_Route]:
    contract = _as_json_schema(contract)
    routes = []
    for template, operations in contract["paths"].items():
        parts = re.split(r"\{\w+\}", template)
        pattern = re.compile("[^/]+".join(map(re.escape, parts)) + r"\Z")
        for method, operation in operations.items():
            content = (operation.get("requestBody") or {}).get("content", {})
            schema = content.get("application/json", {}).get("schema")
            schemas = [{**schema, "components": contract["components"]}] if schema else []
            name = f"{method.upper()} {template}"
            # What a release does not have at all must not be used: its client would get a 404.
            schemas += [
                _as_json_schema(release.get(name, False)) for release in enterprise.values() if schema
            ]
            validators = [jsonschema.Draft202012Validator(one) for one in schemas if one is not None]
            routes.append(_Route(method.upper(), template, pattern, validators))
    return routes


def _as_json_schema(node: Any) -> Any:
    """OpenAPI 3.0 writes ``nullable`` where JSON Schema has a type more."""
    if isinstance(node, list):
        return [_as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    result = {key: _as_json_schema(value) for key, value in node.items()}
    if result.get("nullable") is True and isinstance(result.get("type"), str):
        result["type"] = [result["type"], "null"]
    return result


def _page(items: list[Any], query: str) -> Answer:
    asked = urllib.parse.parse_qs(query)
    size, page = min(100, int(asked.get("per_page", ["30"])[0])), int(asked.get("page", ["1"])[0])
    return 200, {}, items[(page - 1) * size : page * size]


def _error(status: int, message: str, errors: list[str] | None = None) -> Answer:
    return status, {}, {"message": message, "errors": errors or []}
