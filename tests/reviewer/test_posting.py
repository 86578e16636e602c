"""A dry run prints exactly the requests that a run would send: golden files hold them, forge by forge."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kibitz_reviewer.finding import Edit, Finding, Fix, Severity, fingerprinted
from kibitz_reviewer.forges.pipeline import Manner
from kibitz_reviewer.posting import post
from kibitz_reviewer.runner import Review

DATA = Path(__file__).parent / "data"
DIFF = "@@ -1,2 +1,4 @@\n first\n+def f(x=[]):\n+    return x\n last\n"
FORGES = {
    "github": ("FakeGitHub", {"a.py": DIFF}),
    "gitlab": ("FakeGitLab", {"a.py": ("a.py", DIFF)}),
    "bitbucket": ("FakeBitbucket", ["a.py"]),
    "codecommit": ("FakeCodeCommit", ["a.py"]),
}


def review() -> Review:
    fix = Fix("Use None", safe=True, edits=(Edit(2, 2, "def f(x=None):\n"),))
    given: dict[str, Any] = {
        "column": 1,
        "end_column": 9,
        "severity": Severity.MEDIUM,
        "category": "correctness",
    }
    findings = [
        Finding(
            "mutable-default", "a.py", 2, end_line=2, message="Shared by all `calls`, @you.", fix=fix, **given
        ),
        Finding("long-ago", "a.py", 90, end_line=90, message="Beyond the diff.", **given),
    ]
    return Review(findings=fingerprinted(findings))


@pytest.mark.parametrize("name", FORGES)
def test_a_dry_run_prints_what_would_be_sent(
    name: str,
    stand_in: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    kind, given = FORGES[name]
    with getattr(stand_in(f"fake_{name}"), kind)(given) as server:
        environ = server.environ()
        for key, value in environ.items():
            if key.startswith("AWS_"):
                monkeypatch.setenv(key, value)
        post(name, [], review(), environ, Manner(once=True))
        printed = capsys.readouterr().out.replace(server.url, "https://forge.example")
        assert json.loads(printed) == json.loads((DATA / f"dry_run_{name}.json").read_text("utf-8"))
        # And these are the very requests of a run that is none.
        post(name, [], review(), environ, Manner())
        assert sent(name, server) == wanted(printed)


def wanted(printed: str) -> list[Any]:
    """What was rehearsed, as the stand-ins keep requests."""
    return [
        (one["operation"], one["input"])
        if "operation" in one
        else (one["method"], one["url"].removeprefix("https://forge.example"), one["body"])
        for one in json.loads(printed)
    ]


def sent(name: str, server: Any) -> list[Any]:
    if name == "codecommit":
        writing = ("Post", "Update", "Delete")
        return [(_snake(op), body) for op, body in server.calls if op.startswith(writing)]
    return [one for one in server.requests if one[0] != "GET" and one[1] != "/graphql"]


def _snake(operation: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation)[1:]


def test_the_golden_codecommit_tokens_are_uuids() -> None:
    for one in json.loads((DATA / "dry_run_codecommit.json").read_text("utf-8")):
        assert uuid.UUID(one["input"]["clientRequestToken"]).version == 5
