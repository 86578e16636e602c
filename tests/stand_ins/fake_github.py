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
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema

CONTRACT = Path(__file__).with_name("github_openapi.json")
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
        self.head = head
        self.comments: list[dict[str, Any]] = []
        self.reviews: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str, Any]] = []
        self.faults: list[Fault] = []
        self.users = {TOKEN: {"login": "github-actions[bot]", "type": "Bot"}}
        self.knows_viewer = True
        self.may_write = True
        self._ids = itertools.count(1000)
        self._routes = _routes(json.loads(CONTRACT.read_text("utf-8")))
        self._lock = threading.Lock()

    # The server

    def __enter__(self) -> FakeGitHub:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def _any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                raw = self.rfile.read(length)
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
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def environ(self, **more: str) -> dict[str, str]:
        """What GitHub Actions would set."""
        return {
            "GITHUB_REPOSITORY": "o/r",
            "GITHUB_REF": "refs/pull/7/merge",
            "GITHUB_TOKEN": TOKEN,
            "GITHUB_API_URL": self.url,
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
        return self._act(route.template, method, query, body, user)

    def _act(self, template: str, method: str, query: str, body: Any, user: dict[str, str]) -> Answer:
        name = template.removeprefix("/repos/{owner}/{repo}/pulls/{pull_number}")
        if (method, name) == ("GET", ""):
            return 200, {}, {"number": 7, "head": {"sha": self.head}}
        if (method, name) == ("GET", "/files"):
            return _page([{"filename": path, "patch": patch} for path, patch in self.files.items()], query)
        if (method, name) == ("GET", "/comments"):
            return _page(self.comments, query)
        if (method, name) == ("GET", "/reviews"):
            return _page(self.reviews, query)
        if (method, name) == ("POST", "/reviews"):
            return self._review(body, user)
        return _error(501, f"the stand-in does not know {method} {template}")

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
        if self.knows_viewer and "viewer" in body["query"]:
            return 200, {}, {"data": {"viewer": {"login": user["login"]}}}
        return 200, {}, {"errors": [{"type": "FORBIDDEN", "message": "Resource not accessible"}]}


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
    validator: jsonschema.Draft202012Validator | None

    def errors(self, body: Any) -> list[Any]:
        return [] if self.validator is None else list(self.validator.iter_errors(body or {}))


def _routes(contract: dict[str, Any]) -> list[_Route]:
    contract = _as_json_schema(contract)
    routes = []
    for template, operations in contract["paths"].items():
        parts = re.split(r"\{\w+\}", template)
        pattern = re.compile("[^/]+".join(map(re.escape, parts)) + r"\Z")
        for method, operation in operations.items():
            content = (operation.get("requestBody") or {}).get("content", {})
            schema = content.get("application/json", {}).get("schema")
            validator = schema and jsonschema.Draft202012Validator(
                {**schema, "components": contract["components"]}
            )
            routes.append(_Route(method.upper(), template, pattern, validator or None))
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
