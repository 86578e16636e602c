"""`kibitz review --diff BASE..HEAD --post github`: a real process in a real repository, against a checking stand-in."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

BEFORE = "import json\n\n\ndef read(text):\n    return json.loads(text)\n"
AFTER = """import json
import subprocess

import yaml


def read(text):
    return yaml.load(text)


def run(word, words=[]):
    words.append(word)
    return subprocess.call("ls " + word, shell=True)
"""
EXPECTED = {("unsafe-yaml-load", 8), ("mutable-default", 11), ("shell-command", 13)}
OLD_SIN = (
    "import yaml\n\n\ndef old(text):\n    return yaml.load(text)\n\n\nA = 1\nB = 2\nC = 3\nD = 4\nE = 5\n"
)
PATH = "shop/café menu.py"


def _stand_in() -> Any:
    path = Path(__file__).resolve().parent.parent / "stand_ins" / "fake_github.py"
    spec = importlib.util.spec_from_file_location("fake_github_for_processes", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fake_github = _stand_in()


class Repository:
    """A git repository with a branch ``main`` and, on top of it, ``topic``."""

    def __init__(self, top: Path, program: str) -> None:
        self.top, self.program = top, program
        top.mkdir()
        self.git("init", "-q", "-b", "main")
        self.write(PATH, BEFORE)
        self.write("legacy.py", OLD_SIN)
        self.commit("Before")
        self.git("switch", "-q", "-c", "topic")

    def git(self, *words: str) -> str:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        command = [self.program, *identity, "-c", "core.quotepath=false", *words]
        return subprocess.run(
            command, cwd=self.top, env=clean, check=True, capture_output=True, encoding="utf-8"
        ).stdout

    def write(self, path: str, text: str) -> None:
        (self.top / path).parent.mkdir(exist_ok=True)
        (self.top / path).write_text(text, encoding="utf-8")

    def commit(self, subject: str) -> str:
        self.git("add", "--all")
        self.git("commit", "-q", "-m", subject)
        return self.git("rev-parse", "HEAD").strip()

    def patches(self) -> dict[str, str]:
        """Path to patch as GitHub shows it: hunks without the header."""
        paths = self.git("diff", "--name-only", "-z", "main...topic").split("\0")[:-1]
        diffs = {path: self.git("diff", "main...topic", "--", path) for path in paths}
        return {path: diff[diff.index("@@") :].rstrip("\n") for path, diff in diffs.items()}


@pytest.fixture
def repository(tmp_path: Path, need: Callable[[str], str]) -> Repository:
    made = Repository(tmp_path / "repository", need("git"))
    made.write(PATH, AFTER)
    made.write("legacy.py", OLD_SIN.replace("E = 5", "E = 6"))
    made.commit("Change it")
    return made


@pytest.fixture
def github(repository: Repository) -> Iterator[Any]:
    head = repository.git("rev-parse", "topic").strip()
    with fake_github.FakeGitHub(repository.patches(), head=head) as stand_in:
        yield stand_in


@pytest.fixture
def post(
    kibitz: Callable[..., Any], repository: Repository, github: Any, tmp_path: Path
) -> Callable[[], subprocess.CompletedProcess[str]]:
    """Review the pull request and post it, as a workflow would."""

    def run() -> subprocess.CompletedProcess[str]:
        event = tmp_path / "event.json"
        event.write_text(json.dumps({"pull_request": {"number": 7, "head": {"sha": github.head}}}))
        # The tests may themselves run in a workflow, whose own pull request is none of our business.
        outer = {key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "GIT_"))}
        outer.pop("GH_TOKEN", None)
        environ = {**outer, **github.environ(GITHUB_EVENT_PATH=str(event)), "no_proxy": "127.0.0.1"}
        done: subprocess.CompletedProcess[str] = kibitz(
            *("review", "--diff", "main..topic", "--post", "github", "--fail-on", "high"),
            cwd=repository.top,
            env=environ,
        )
        assert fake_github.TOKEN not in done.stdout + done.stderr
        return done

    return run


def writes(github: Any) -> list[str]:
    return [target for method, target, _ in github.requests if method != "GET" and "graphql" not in target]


def test_first_run_posts_one_review_with_its_inline_comments(post: Any, github: Any) -> None:
    done = post()
    assert done.returncode == 1, done.stderr
    assert len(github.reviews) == 1
    assert writes(github) == ["/repos/o/r/pulls/7/reviews"]
    (review,) = [body for method, target, body in github.requests if target.endswith("/reviews") and body]
    assert (review["event"], review["commit_id"]) == ("COMMENT", github.head)
    ours = {
        (rule, comment["line"])
        for comment in github.comments
        for rule, _ in EXPECTED
        if rule in comment["body"]
    }
    assert ours == EXPECTED
    assert {(comment["path"], comment["side"]) for comment in github.comments} == {(PATH, "RIGHT")}
    assert "posted" in done.stderr
    assert "pullrequestreview-" in done.stderr


def test_lines_the_change_leaves_alone_are_not_commented_on(post: Any, github: Any) -> None:
    done = post()
    assert "legacy.py" in github.files
    assert not [comment for comment in github.comments if comment["path"] == "legacy.py"]
    assert "legacy.py" not in github.reviews[0]["body"] + done.stdout


def test_second_run_is_silent(post: Any, github: Any) -> None:
    post()
    said, comments = writes(github), list(github.comments)
    done = post()
    assert done.returncode == 1, done.stderr
    assert "nothing new to post" in done.stderr
    assert (writes(github), github.comments, len(github.reviews)) == (said, comments, 1)


def test_a_later_commit_brings_only_what_it_adds(post: Any, github: Any, repository: Repository) -> None:
    post()
    before = len(github.comments)
    # Everything moves down, and one problem more arrives.
    repository.write(
        PATH, "# A new first line.\n" + AFTER + "\n\ndef evaluate(text):\n    return eval(text)\n"
    )
    github.head = repository.commit("Add to it")
    github.files = repository.patches()
    done = post()
    assert done.returncode == 1, done.stderr
    assert len(github.reviews) == 2
    new = github.comments[before:]
    assert [(comment["path"], comment["line"]) for comment in new] == [(PATH, 18)]
    assert "dynamic-code" in new[0]["body"]


def test_a_clean_change_posts_nothing_and_passes(post: Any, github: Any, repository: Repository) -> None:
    repository.write(PATH, BEFORE + "\n\ndef write(value):\n    return json.dumps(value)\n")
    github.head = repository.commit("Clean it")
    github.files = repository.patches()
    done = post()
    assert done.returncode == 0, done.stdout + done.stderr
    assert (github.reviews, writes(github)) == ([], [])


def test_a_read_only_token_fails_with_what_to_change(post: Any, github: Any) -> None:
    github.may_write = False
    done = post()
    assert done.returncode == 2
    assert "pull-requests: write" in done.stderr
    assert "unsafe-yaml-load" in done.stdout


def test_findings_that_people_waved_away_no_longer_fail_the_check(post: Any, github: Any) -> None:
    assert post().returncode == 1
    for rule, _ in EXPECTED:
        github.say("mallory", f"/kibitz ignore-rule {rule}")
    assert post().returncode == 1
    for comment in [comment for comment in github.comments if "in_reply_to_id" not in comment]:
        github.say("ann", "/kibitz ignore on purpose", below=comment["id"])
    done = post()
    assert done.returncode == 0, done.stderr
    assert "ignored by request" in done.stderr
