"""`kibitz serve` reviews pull requests on a webhook's call: real server, real repository, own process for each review."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kibitz_reviewer.webhooks.queue import states_of

SECRET = "a webhook secret"
DEADLINE_S = 200.0
BEFORE = "import json\n"
AFTER = "import json\nimport subprocess\n\n\ndef run(word, words=[]):\n    words.append(word)\n    return subprocess.call('ls ' + word, shell=True)\n"


class Site:
    """A forge's side of things: a bare repository and the stand-in that speaks for it."""

    def __init__(self, top: Path, git: str) -> None:
        self.bare, self._work, self._git = top / "o" / "r.git", top / "work", git
        self.run("init", "-q", "--bare", str(self.bare), here=top)
        self._work.mkdir()
        self.run("init", "-q", "-b", "main")
        self.run("remote", "add", "origin", str(self.bare))
        self.base = self.commit("a.py", BEFORE)
        self.run("push", "-q", "origin", "main")
        self.run("switch", "-q", "-c", "topic")
        self.head = ""
        self.push("a.py", AFTER)

    def run(self, *words: str, here: Path | None = None) -> str:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        command = [self._git, *who, *words]
        done = subprocess.run(
            command, cwd=here or self._work, env=clean, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, path: str, text: str) -> str:
        (self._work / path).write_text(text)
        self.run("add", "--all")
        self.run("commit", "-q", "-m", "Change it")
        return self.run("rev-parse", "HEAD")

    def push(self, path: str, text: str) -> None:
        self.head = self.commit(path, text)
        self.run("push", "-q", "-f", "origin", "HEAD:refs/pull/7/head")

    def patches(self) -> dict[str, str]:
        names = self.run("diff", "--name-only", "main...topic").splitlines()
        diffs = {name: self.run("diff", "main...topic", "--", name) for name in names}
        return {name: diff[diff.index("@@") :] for name, diff in diffs.items() if "@@" in diff}


@pytest.fixture
def site(tmp_path: Path, need: Callable[[str], str]) -> Site:
    return Site(tmp_path, need("git"))


@pytest.fixture
def github(site: Site, stand_in: Callable[[str], Any]) -> Iterator[Any]:
    with stand_in("fake_github").FakeGitHub(site.patches(), head=site.head) as server:
        server.base = site.base
        yield server


class Server:
    """`kibitz serve` with webhooks."""

    def __init__(self, data: Path, environ: dict[str, str]) -> None:
        self.data, self._environ, self._count = data, environ, 0
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "kibitz_agent.cli", "serve", "--port", "0", "--data", str(self.data)]
        self._log = (self.data.parent / "serve.log").open("a")
        self.process = subprocess.Popen(
            command, env=self._environ, stdout=subprocess.PIPE, stderr=self._log, text=True
        )
        assert self.process.stdout is not None
        found = re.search(r"listening on (http://\S+)", self.process.stdout.readline())
        assert found, (self.data.parent / "serve.log").read_text()
        self.url = found[1]

    def end(self, how: int = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(120)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._log.close()

    def deliver(self, action: str = "synchronize", secret: str = SECRET) -> int:
        self._count += 1
        payload = {"action": action, "pull_request": {"number": 7}, "repository": {"full_name": "o/r"}}
        body = json.dumps({**payload, "count": self._count}).encode()
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": "pull_request",
            "X-GitHub-Delivery": f"{os.getpid()}-{self._count}",
            "X-Hub-Signature-256": f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}",
        }
        request = urllib.request.Request(f"{self.url}/webhooks/github", body, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=240) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def wait_for(self, state: str) -> None:
        deadline = time.monotonic() + DEADLINE_S
        queue = self.data / "reviews" / "queue.sqlite"
        while states_of(queue) != {"github:o/r#7": state}:
            assert time.monotonic() < deadline, (
                states_of(queue),
                (self.data.parent / "serve.log").read_text(),
            )
            time.sleep(0.1)


@pytest.fixture
def server(tmp_path: Path, site: Site, github: Any, stand_in: Callable[[str], Any]) -> Iterator[Server]:
    ours = ("GITHUB_", "GIT_", "KIBITZ_", "GH_")
    outer = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    made = Server(
        tmp_path / "data",
        {
            **outer,
            "no_proxy": "127.0.0.1",
            "KIBITZ_GITHUB_WEBHOOK_SECRET": SECRET,
            "KIBITZ_GITHUB_API_URL": github.url,
            "KIBITZ_GITHUB_TOKEN": stand_in("fake_github").TOKEN,
            "KIBITZ_GITHUB_CLONE": f"file://{tmp_path}/{{repository}}.git",
        },
    )
    yield made
    made.end()


def test_a_push_is_reviewed_and_the_next_reviews_only_what_is_new(
    server: Server, github: Any, site: Site
) -> None:
    assert server.deliver("opened") == 202
    server.wait_for("done")
    first = len(github.comments)
    assert first >= 2
    assert {comment["path"] for comment in github.comments} == {"a.py"}
    with urllib.request.urlopen(f"{server.url}/reviews/findings", timeout=240) as page:
        shown = page.read().decode()
    assert "o/r#7" in shown
    assert "shell-command" in shown
    site.push("a.py", "# moved\n" + AFTER)
    github.head, github.files = site.head, site.patches()
    assert server.deliver() == 202
    server.wait_for("done")
    assert len(github.comments) == first


def test_what_is_not_signed_starts_nothing(server: Server, github: Any) -> None:
    assert server.deliver(secret="guess") == 401
    assert states_of(server.data / "reviews" / "queue.sqlite") == {}
    assert github.requests == []


def test_a_server_killed_with_work_in_hand_does_it_after_its_restart(server: Server, github: Any) -> None:
    assert server.deliver() == 202
    server.end(signal.SIGKILL)
    server.start()
    server.wait_for("done")
    assert len(github.comments) == len({comment["line"] for comment in github.comments}) >= 2


def test_code_of_the_change_never_runs(server: Server, github: Any, site: Site, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    spring = f"open({str(trap)!r}, 'w').write('x')\n"
    for name in ("conftest.py", "sitecustomize.py", "kibitz_reviewer.py", "pylint_plugin.py"):
        site.commit(name, spring)
    site.commit("pylintrc", f"[MAIN]\nload-plugins=pylint_plugin\ninit-hook={spring!r}\n")
    site.commit(".gitattributes", "*.py filter=trap diff=trap\n")
    site.push(
        "pyproject.toml",
        "[tool.kibitz]\nexclude = ['**']\n[tool.pylint.main]\nload-plugins = ['pylint_plugin']\n",
    )
    github.head, github.files = site.head, site.patches()
    assert server.deliver() == 202
    server.wait_for("done")
    assert not trap.exists()
    assert [comment for comment in github.comments if comment["path"] == "a.py"]
