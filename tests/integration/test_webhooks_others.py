"""`kibitz serve` reviews on the call of GitLab and of Bitbucket: real server, real repository, each forge's stand-in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
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
AFTER = "import subprocess\n\n\ndef run(word, words=[]):\n    return subprocess.call('ls ' + word, *words, shell=True)\n"
OURS = ("GITHUB_", "GITLAB_", "BITBUCKET_", "CI_", "GIT_", "KIBITZ_", "GH_")


class Case:
    """A forge's stand-in, its repository, and a collector that it calls."""

    def __init__(self, name: str, site: Any, server: Any, module: Any) -> None:
        self.name, self.site, self.server, self.module = name, site, server, module
        self.repository = {"gitlab": "o/r", "bitbucket": "w/r"}[name]
        self.collector: Any = None

    def push(self, text: str) -> None:
        """Push, and let the forge see it."""
        self.site.push({"a.py": text})
        self.site.run(
            "push", "-q", "-f", "origin", "HEAD:refs/merge-requests/7/head", "HEAD:refs/heads/topic"
        )
        if self.name == "gitlab":
            self.server.merge_request |= {"sha": self.site.head, "diff_refs": {"base_sha": self.site.base}}
            self.server.diffs = {path: (path, patch) for path, patch in self.site.patches().items()}
        else:
            self.server.head = self.site.head
            self.server.pull["destination"] = {"commit": {"hash": self.site.base}}
            self.server.paths = list(self.site.patches())

    def event(self) -> tuple[dict[str, str], bytes]:
        """What the forge sends on a push, and the headers that prove it."""
        if self.name == "gitlab":
            attributes = {
                "iid": 7,
                "action": "update",
                "oldrev": "ab" * 20,
                "last_commit": {"id": self.site.head},
            }
            payload = {"project": {"path_with_namespace": self.repository}, "object_attributes": attributes}
            body, stamp = json.dumps(payload).encode(), str(int(time.time()))
            digest = hmac.new(
                SECRET.encode(), f"{self.site.head}.{stamp}.".encode() + body, hashlib.sha256
            ).digest()
            proof = f"v1,{base64.b64encode(digest).decode()}"
            names = {"webhook-id": self.site.head, "webhook-timestamp": stamp, "webhook-signature": proof}
            return {"X-Gitlab-Event": "Merge Request Hook", **names}, body
        commit = {"commit": {"hash": self.site.head}}
        pull = {"id": 7, "source": commit}
        body = json.dumps({"pullrequest": pull, "repository": {"full_name": self.repository}}).encode()
        digest_hex = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        return {"X-Event-Key": "pullrequest:updated", "X-Hub-Signature": f"sha256={digest_hex}"}, body

    def deliver(self, headers: dict[str, str], body: bytes) -> int:
        address = f"{self.collector.url}/webhooks/{self.name}"
        named = {"Content-Type": "application/json", **headers}
        request = urllib.request.Request(address, body, named, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=240) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def wait(self) -> None:
        """Until the review is done."""
        deadline = time.monotonic() + DEADLINE_S
        queue = self.collector.data / "reviews" / "queue.sqlite"
        while states_of(queue) != {f"{self.name}:{self.repository}#7": "done"}:
            assert time.monotonic() < deadline, (
                states_of(queue),
                (self.collector.data.parent / "serve.log").read_text(),
            )
            time.sleep(0.1)

    @property
    def inline(self) -> int:
        return len(self.server.comments if self.name == "gitlab" else self.server.inline)


@pytest.fixture(params=["gitlab", "bitbucket"])
def case(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    need: Callable[[str], str],
    stand_in: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Case]:
    name = request.param
    site = stand_in("bare_repository").BareRepository(tmp_path, need("git"), {"a.py": "import json\n"})
    (tmp_path / "w").symlink_to(tmp_path / "o")
    module = stand_in(f"fake_{name}")
    with module.FakeGitLab({}) if name == "gitlab" else module.FakeBitbucket([]) as server:
        for key in [key for key in os.environ if key.startswith(OURS)]:
            monkeypatch.delenv(key)
        prefix = f"KIBITZ_{name.upper()}"
        for key, value in (
            ("WEBHOOK_SECRET", SECRET),
            ("API_URL", server.url),
            ("TOKEN", module.TOKEN),
            ("CLONE", f"file://{tmp_path}/{{repository}}.git"),
        ):
            monkeypatch.setenv(f"{prefix}_{key}", value)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        made = Case(name, site, server, module)
        made.push(AFTER)
        made.collector = request.getfixturevalue("collector")
        yield made


def test_pushes_are_reviewed_once_each_and_seen_on_the_collectors_page(case: Case) -> None:
    headers, body = case.event()
    assert case.deliver(headers, body) == 202
    case.wait()
    first = case.inline
    assert first >= 2
    assert case.deliver(headers, body) == 409, "replayed"
    case.push("# A line more.\n" + AFTER)
    assert case.deliver(*case.event()) == 202
    case.wait()
    assert case.inline == first
    with urllib.request.urlopen(f"{case.collector.url}/reviews", timeout=240) as page:
        assert f"{case.repository}#7" in page.read().decode()


@pytest.mark.parametrize("what", ["tampered", "without a signature", "another secret's"])
def test_what_is_not_the_forges_is_refused_and_leaves_no_trace(case: Case, what: str) -> None:
    headers, body = case.event()
    signature = "webhook-signature" if case.name == "gitlab" else "X-Hub-Signature"
    if what == "tampered":
        body = body.replace(b"7", b"8")
    elif what == "without a signature":
        del headers[signature]
    else:
        headers[signature] = headers[signature][:-8] + "AAAAAAA="
    assert case.deliver(headers, body) == 401
    assert states_of(case.collector.data / "reviews" / "queue.sqlite") == {}
    assert case.server.requests == []
