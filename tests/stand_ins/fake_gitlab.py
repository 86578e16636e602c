"""A stand-in for GitLab's merge requests, with the rule that breaks most programs: an added line has ``new_line`` alone,
a context line needs ``old_line`` too, a new file has no old line, and the three commits must be the newest version's."""

from __future__ import annotations

import itertools
import re
import urllib.parse
from typing import Any

from serving import Answer, StandIn

TOKEN = "glpat-nobody-may-see-this"
ME, ANN, MALLORY = 1, 2, 3
SHAS = {"base_sha": "b0" * 20, "start_sha": "50" * 20, "head_sha": "ad" * 20}
KEYS = {"position_type", "base_sha", "start_sha", "head_sha", "old_path", "new_path", "new_line", "old_line"}


class FakeGitLab(StandIn):
    """Project 42 with merge request 7; ``diffs``: new path to (old path, diff)."""

    def __init__(self, diffs: dict[str, tuple[str, str]]) -> None:
        super().__init__()
        self.diffs = diffs
        self.drafts: list[dict[str, Any]] = []
        self.discussions: list[dict[str, Any]] = []
        self.statuses: list[Any] = []
        self.awards: dict[int, list[dict[str, Any]]] = {}
        self.merge_request: dict[str, Any] = {"title": "A change", "draft": False, "author": {"id": ANN}}
        self.notifications = 0
        self.may_write = True
        self._ids = itertools.count(100)

    def environ(self, **more: str) -> dict[str, str]:
        """What GitLab CI would set."""
        return {
            "GITLAB_CI": "true",
            "CI_API_V4_URL": self.url,
            "CI_PROJECT_ID": "42",
            "CI_MERGE_REQUEST_IID": "7",
            "GITLAB_TOKEN": TOKEN,
            "KIBITZ_WRITE_INTERVAL_S": "0",
            **more,
        }

    @property
    def comments(self) -> list[dict[str, Any]]:
        """The published notes that hang on a line."""
        return [note for one in self.discussions for note in one["notes"] if note.get("position")]

    @property
    def summaries(self) -> list[str]:
        return [
            one["notes"][0]["body"]
            for one in self.discussions
            if not one["notes"][0].get("position") and one["notes"][0]["author"]["id"] == ME
        ]

    def say(self, person: int, body: str, discussion: int | None = None) -> None:
        note = {"id": next(self._ids), "body": body, "author": {"id": person}, "system": False}
        if discussion is None:
            self.discussions.append({"id": f"d{note['id']}", "notes": [note]})
        else:
            self.discussions[discussion]["notes"].append(note)

    def act(self, method: str, path: str, query: str, headers: dict[str, str], body: Any) -> Answer:
        if headers.get("Private-Token", headers.get("PRIVATE-TOKEN")) != TOKEN:
            return 401, {"message": "401 Unauthorized"}
        if method != "GET" and not self.may_write:
            return 403, {"message": "403 Forbidden"}
        path = path.replace("/projects/o%2Fr", "/projects/42", 1)
        if path == "/user":
            return 200, {"id": ME, "username": "project_42_bot", "bot": True}
        member = re.fullmatch(r"/projects/42/members/all/(\d+)", path)
        if member:
            return 200, {"access_level": 40 if int(member[1]) == ANN else 20}
        if path.startswith("/projects/42/statuses/") and method == "POST":
            self.statuses.append(body)
            return 201, {}
        place = path.removeprefix("/projects/42/merge_requests/7")
        if place == path:
            return 404, {"message": "404 Not Found"}
        return self._read(place, query) if method == "GET" else self._write(method, place, body)

    def _read(self, place: str, query: str) -> Answer:
        award = re.fullmatch(r"/notes/(\d+)/award_emoji", place)
        if award:
            if all(note["id"] != int(award[1]) for one in self.discussions for note in one["notes"]):
                return 404, {"message": "404 Not Found"}
            return 200, self.awards.get(int(award[1]), [])
        lists: dict[str, list[Any]] = {
            "/versions": [
                {
                    "base_commit_sha": SHAS["base_sha"],
                    "start_commit_sha": SHAS["start_sha"],
                    "head_commit_sha": SHAS["head_sha"],
                }
            ],
            "/diffs": [
                {"new_path": new, "old_path": old or new, "diff": diff, "new_file": not old}
                for new, (old, diff) in self.diffs.items()
            ],
            "/draft_notes": self.drafts,
            "/discussions": self.discussions,
        }
        if place == "":
            return 200, {
                "iid": 7,
                "sha": SHAS["head_sha"],
                "web_url": "https://x.example/7",
                **self.merge_request,
            }
        if place not in lists:
            return 404, {"message": "404 Not Found"}
        asked = urllib.parse.parse_qs(query)
        size, page = int(asked.get("per_page", ["20"])[0]), int(asked.get("page", ["1"])[0])
        return 200, lists[place][(page - 1) * size : page * size]

    def _write(self, method: str, place: str, body: Any) -> Answer:
        if (method, place) == ("POST", "/draft_notes"):
            return self._draft(body)
        if (method, place) == ("POST", "/draft_notes/bulk_publish"):
            self._publish(list(self.drafts))
            return 204, None
        single = re.fullmatch(r"/draft_notes/(\d+)/publish", place)
        if method == "PUT" and single:
            self._publish([draft for draft in self.drafts if draft["id"] == int(single[1])])
            return 204, None
        note = re.fullmatch(r"/notes/(\d+)", place)
        if method == "PUT" and note and set(body) == {"body"}:
            found = [n for one in self.discussions for n in one["notes"] if n["id"] == int(note[1])]
            found[0]["body"] = body["body"]
            return 200, found[0]
        return self._discuss(method, place, body)

    def _discuss(self, method: str, place: str, body: Any) -> Answer:
        match = re.fullmatch(r"/discussions/(\w+)(?:/notes(?:/(\d+))?)?", place)
        one = next((d for d in self.discussions if match and d["id"] == match[1]), None)
        if match is None or one is None:
            return 404, {"message": "404 Not Found"}
        if method == "PUT" and set(body) == {"resolved"} and isinstance(body["resolved"], bool):
            one["notes"][0] |= {"resolved": body["resolved"], "resolved_by": {"id": ME}}
            return 200, one
        if method == "POST" and set(body) == {"body"}:
            one["notes"].append({"id": next(self._ids), "body": body["body"], "author": {"id": ME}})
            return 201, one["notes"][-1]
        if method == "DELETE":
            one["notes"] = [note for note in one["notes"] if note["id"] != int(match[2])]
            self.discussions = [d for d in self.discussions if d["notes"]]
            return 204, None
        return 400, {"error": "bad request"}

    def _draft(self, body: Any) -> Answer:
        if set(body) - {"note", "position", "commit_id", "in_reply_to_discussion_id", "resolve_discussion"}:
            return 400, {"error": "unknown parameter"}
        if not body.get("note"):
            return 400, {"error": "note is missing"}
        wrong = self._wrong(body["position"]) if "position" in body else ""
        if wrong:
            return 400, {"message": f"400 Bad request - Note {{:line_code=>[{wrong!r}]}}"}
        self.drafts.append({**body, "id": next(self._ids), "author_id": ME})
        return 201, self.drafts[-1]

    def _wrong(self, position: dict[str, Any]) -> str:
        if set(position) - KEYS or position.get("position_type") != "text":
            return "unknown key"
        if any(position.get(name) != sha for name, sha in SHAS.items()):
            return "commits must be those of the newest version"
        old_path, diff = self.diffs.get(position.get("new_path", ""), ("", ""))
        if position.get("old_path") != (old_path or position["new_path"]):
            return "old_path"
        lines = _lines(diff)
        line = position.get("new_line")
        if line not in lines or lines[line] != position.get("old_line"):
            return "can't be blank, must be a valid line code"
        return ""

    def _publish(self, drafts: list[dict[str, Any]]) -> None:
        self.notifications += bool(drafts)
        for draft in drafts:
            self.drafts.remove(draft)
            note = {
                "id": draft["id"],
                "body": draft["note"],
                "author": {"id": draft.get("author_id", ME)},
                "system": False,
                "position": draft.get("position"),
                "resolvable": "position" in draft,
                "resolved": False,
            }
            self.discussions.append({"id": f"d{draft['id']}", "notes": [note]})


def _lines(diff: str) -> dict[int, int | None]:
    found: dict[int, int | None] = {}
    old = new = 0
    for text in diff.splitlines():
        start = re.match(r"@@ -(\d+)(?:,\d+)? \+(\d+)", text)
        if start:
            old, new = int(start[1]), int(start[2])
        elif text[:1] == "+":
            found[new] = None
            new += 1
        elif text[:1] == "-":
            old += 1
        else:
            found[new] = old
            old, new = old + 1, new + 1
    return found
