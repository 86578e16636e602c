"""Webhooks: only what is signed comes in, nothing comes in twice, each event asks for the right thing and waits on disk."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kibitz_reviewer.forges import ForgeError
from kibitz_reviewer.webhooks import clones, opened
from kibitz_reviewer.webhooks.events import Job, jobs_of
from kibitz_reviewer.webhooks.mount import Mount
from kibitz_reviewer.webhooks.queue import Queue
from kibitz_reviewer.webhooks.signatures import is_genuine
from kibitz_reviewer.webhooks.tokens import assertion, environment_for

SECRET = b"It's a Secret to Everybody"


class Idle:
    """Workers who only count how often they were called."""

    calls = 0

    def wake(self) -> None:
        self.calls += 1

    def stop(self) -> None:
        pass


@pytest.fixture(scope="module")
def examples(root: Path) -> list[tuple[str, dict[str, Any]]]:
    """GitHub's published example payloads: event and payload."""
    text = (root / "tests" / "stand_ins" / "github_webhooks.json").read_text("utf-8")
    return [(one["event"], one["payload"]) for one in json.loads(text)]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    queue = Queue(tmp_path / "queue.sqlite")
    made = Mount(
        queue, {"github": SECRET, "gitlab": SECRET, "bitbucket": SECRET}, Idle(), clock=lambda: 1000.0
    )
    yield made
    made.close()


def signed(body: bytes, secret: bytes = SECRET, **headers: str) -> dict[str, str]:
    digest = hmac.new(secret, body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}", "X-GitHub-Delivery": "d1", **headers}


def pull_event(number: int = 7, action: str = "opened") -> bytes:
    payload = {"action": action, "pull_request": {"number": number}, "repository": {"full_name": "o/r"}}
    return json.dumps(payload).encode()


def send(mount: Mount, body: bytes, delivery: str = "d1", secret: bytes = SECRET) -> int:
    headers = signed(body, secret)
    headers |= {"X-GitHub-Event": "pull_request", "X-GitHub-Delivery": delivery}
    return mount.handle("POST", "github", headers, body)[0]


def test_the_example_of_githubs_documentation_is_genuine() -> None:
    given = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert is_genuine("github", SECRET, {"x-hub-signature-256": given}, b"Hello, World!", 0)
    assert is_genuine("bitbucket", SECRET, {"x-hub-signature": given}, b"Hello, World!", 0)


def test_a_signed_event_is_queued_and_the_workers_are_woken(mount: Mount) -> None:
    assert send(mount, pull_event()) == 202
    assert mount.queue.states() == {"github:o/r#7": "due"}
    assert isinstance(mount.crew, Idle)
    assert mount.crew.calls == 1


@pytest.mark.parametrize("what", ["tampered", "wrong secret", "missing", "sha1 only", "empty"])
def test_what_is_not_signed_is_refused_and_leaves_no_trace(mount: Mount, what: str) -> None:
    body = pull_event()
    headers = signed(
        body, b"wrong" if what == "wrong secret" else SECRET, **{"X-GitHub-Event": "pull_request"}
    )
    if what == "tampered":
        body = body.replace(b"7", b"8")
    elif what != "wrong secret":
        signature = headers.pop("X-Hub-Signature-256")
        if what == "sha1 only":
            headers["X-Hub-Signature"] = signature
        elif what == "empty":
            headers["X-Hub-Signature-256"] = ""
    assert mount.handle("POST", "github", headers, body)[0] == 401
    assert mount.queue.states() == {}
    assert send(mount, pull_event()) == 202


def test_a_replayed_delivery_is_refused(mount: Mount) -> None:
    assert send(mount, pull_event()) == 202
    assert send(mount, pull_event()) == 409
    assert send(mount, pull_event(), delivery="another name") == 409
    assert send(mount, pull_event(action="reopened"), delivery="d1") == 409
    assert send(mount, pull_event(action="reopened"), delivery="d2") == 202


def test_every_published_example_is_understood_or_left_alone(
    mount: Mount, examples: list[tuple[str, dict[str, Any]]]
) -> None:
    asked = set()
    for number, (event, payload) in enumerate(examples):
        body = json.dumps(payload).encode()
        headers = signed(body, **{"X-GitHub-Event": event}) | {"X-GitHub-Delivery": f"d{number}"}
        status, answer = mount.handle("POST", "github", headers, body)
        assert status in (200, 202), (event, payload["action"])
        if answer["queued"]:
            asked.add((event, payload["action"]))
    assert asked >= {
        ("pull_request", action) for action in ("opened", "reopened", "synchronize", "ready_for_review")
    }
    assert not asked & {
        ("pull_request", "closed"),
        ("pull_request", "labeled"),
        ("check_run", "completed"),
        ("installation", "created"),
    }


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"[]", 400), (b"{", 400), (b"payload=%7B%7D", 400), (b"[" * 100_000, 400), (b"{}", 200)],
)
def test_odd_bodies_are_answered(mount: Mount, body: bytes, status: int) -> None:
    assert mount.handle("POST", "github", signed(body), body)[0] == status


def test_other_addresses_and_methods_are_refused(mount: Mount) -> None:
    assert mount.handle("POST", "sourceforge", {}, b"")[0] == 404
    assert mount.handle("GET", "github", {}, b"")[0] == 405


def test_a_repository_cannot_be_named_like_a_path(mount: Mount) -> None:
    for name in ("../../etc", "o/r\n", "-o/r;x", "o/r --upload-pack=x"):
        payload = {"action": "opened", "pull_request": {"number": 7}, "repository": {"full_name": name}}
        found = jobs_of("github", {"x-github-event": "pull_request"}, payload)
        assert found == [], name
    for name in ("o/.github", "o/r.x_y-z"):
        payload = {"action": "opened", "pull_request": {"number": 7}, "repository": {"full_name": name}}
        assert jobs_of("github", {"x-github-event": "pull_request"}, payload)


# Orders in comments


def comment(body: str, association: str = "MEMBER", kind: str = "User") -> dict[str, Any]:
    return {
        "action": "created",
        "comment": {"body": body, "author_association": association},
        "issue": {"number": 7, "pull_request": {}},
        "repository": {"full_name": "o/r"},
        "sender": {"type": kind},
    }


@pytest.mark.parametrize(
    ("payload", "heard"),
    [
        (comment("/kibitz rerun"), True),
        (comment("Thanks.\n/kibitz ignore because"), True),
        (comment("I like /kibitz rerun"), False),
        (comment("/kibitz rerun", association="NONE"), False),
        (comment("/kibitz rerun", association="CONTRIBUTOR"), False),
        (comment("/kibitz rerun", kind="Bot"), False),
    ],
)
def test_orders_count_from_people_with_a_say(payload: dict[str, Any], heard: bool) -> None:
    assert bool(jobs_of("github", {"x-github-event": "issue_comment"}, payload)) is heard


# GitLab and Bitbucket


def gitlab_event(**attributes: Any) -> bytes:
    payload = {"object_attributes": {"iid": 3, **attributes}, "project": {"path_with_namespace": "a/b/c"}}
    return json.dumps(payload).encode()


def test_gitlab_is_known_by_its_token(mount: Mount) -> None:
    body = gitlab_event(action="open")
    headers = {"X-Gitlab-Event": "Merge Request Hook", "X-Gitlab-Token": SECRET.decode()}
    assert mount.handle("POST", "gitlab", {**headers, "X-Gitlab-Token": "guess"}, body)[0] == 401
    assert mount.handle("POST", "gitlab", headers, body)[1] == {"queued": ["gitlab:a/b/c#3"]}


@pytest.mark.parametrize(
    ("at", "status"), [("1000", 202), ("701", 202), ("699", 401), ("1301", 401), ("x", 401), ("", 401)]
)
def test_gitlabs_signature_covers_its_time(mount: Mount, at: str, status: int) -> None:
    body = gitlab_event(action="open")
    digest = hmac.new(SECRET, f"id1.{at}.".encode() + body, hashlib.sha256).digest()
    headers = {
        "X-Gitlab-Event": "Merge Request Hook",
        "webhook-id": "id1",
        "webhook-timestamp": at,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        "X-Gitlab-Token": SECRET.decode(),
    }
    assert mount.handle("POST", "gitlab", headers, body)[0] == status


@pytest.mark.parametrize(
    ("attributes", "asked"),
    [
        ({"action": "open"}, True),
        ({"action": "update", "oldrev": "ab"}, True),
        ({"action": "update"}, False),
        ({"action": "merge"}, False),
    ],
)
def test_gitlab_pushes_are_reviewed_and_edits_are_not(attributes: dict[str, str], asked: bool) -> None:
    payload = json.loads(gitlab_event(**attributes))
    assert bool(jobs_of("gitlab", {"x-gitlab-event": "Merge Request Hook"}, payload)) is asked


def test_bitbucket_signs_under_the_old_name(mount: Mount) -> None:
    body = json.dumps({"pullrequest": {"id": 9}, "repository": {"full_name": "w/r"}}).encode()
    digest = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    headers = {"X-Event-Key": "pullrequest:updated", "X-Hub-Signature": f"sha256={digest}"}
    assert mount.handle("POST", "bitbucket", headers, body)[1] == {"queued": ["bitbucket:w/r#9"]}


# The queue


def test_the_queue_survives_its_process(tmp_path: Path) -> None:
    first = Queue(tmp_path / "q")
    first.put(["a"], [Job("github", "o/r", 7), Job("github", "o/r", 8)])
    assert first.take() is not None
    first.close()
    second = Queue(tmp_path / "q")
    assert second.states() == {"github:o/r#7": "due", "github:o/r#8": "due"}
    assert second.put(["a"], [Job("github", "o/r", 9)]) is False
    second.close()


def test_many_pushes_are_one_review_of_the_newest(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "q")
    for name in "abc":
        queue.put([name], [Job("github", "o/r", 7)])
    taken = queue.take()
    assert taken is not None
    assert queue.take() is None
    assert queue.is_current(taken)
    queue.put(["d"], [Job("github", "o/r", 7)])
    assert not queue.is_current(taken)
    queue.finish(taken)
    assert queue.states() == {"github:o/r#7": "due"}
    queue.close()


def test_a_failure_is_tried_again_later_and_then_given_up(tmp_path: Path) -> None:
    now = [0.0]
    queue = Queue(tmp_path / "q", clock=lambda: now[0])
    queue.put(["a"], [Job("github", "o/r", 7)])
    tries = 0
    for _ in range(10):
        taken = queue.take()
        if taken is not None:
            tries += 1
            queue.finish(taken, "no network")
            assert queue.take() is None
        now[0] += 100_000
    assert tries == 3
    assert queue.states() == {"github:o/r#7": "failed"}
    queue.put(["b"], [Job("github", "o/r", 7)])
    assert queue.take() is not None
    queue.close()


# Tokens


def test_a_review_sees_its_own_token_and_no_other_secret() -> None:
    environ = {
        "PATH": "/bin",
        "KIBITZ_GITHUB_TOKEN": "t1",
        "KIBITZ_GITLAB_TOKEN": "t2",
        "KIBITZ_GITHUB_WEBHOOK_SECRET": "s",
        "AWS_SECRET_ACCESS_KEY": "a",
        "KIBITZ_TOKEN_FILE": "/x",
        "KIBITZ_WRITE_INTERVAL_S": "0.5",
    }
    seen = environment_for(Job("github", "o/r", 7), environ)
    assert seen["GITHUB_TOKEN"] == "t1"
    assert seen["KIBITZ_WRITE_INTERVAL_S"] == "0.5"
    assert not {"t2", "s", "a", "/x"} & set(seen.values())


def test_a_missing_token_is_explained() -> None:
    with pytest.raises(ForgeError, match="KIBITZ_GITHUB_APP_ID"):
        environment_for(Job("github", "o/r", 7), {})


def test_an_app_gets_a_token_for_the_one_repository(
    tmp_path: Path, need: Callable[[str], str], stand_in: Callable[[str], Any]
) -> None:
    import subprocess

    openssl, key = need("openssl"), tmp_path / "key.pem"
    subprocess.run([openssl, "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    subprocess.run(
        [openssl, "rsa", "-in", str(key), "-pubout", "-out", str(tmp_path / "public.pem")],
        check=True,
        capture_output=True,
    )
    head, claims, signature = assertion("Iv1.app", str(key), 1000.0).split(".")
    (tmp_path / "signature").write_bytes(base64.urlsafe_b64decode(signature + "=="))
    verify = [
        "dgst",
        "-sha256",
        "-verify",
        str(tmp_path / "public.pem"),
        "-signature",
        str(tmp_path / "signature"),
    ]
    done = subprocess.run(
        [openssl, *verify], input=f"{head}.{claims}".encode(), capture_output=True, check=False
    )
    assert done.returncode == 0
    assert json.loads(base64.urlsafe_b64decode(claims + "==")) == {"iss": "Iv1.app", "iat": 940, "exp": 1540}
    with stand_in("fake_github").FakeGitHub({}) as github:
        github.takes_any_token = True
        seen = environment_for(
            Job("github", "o/r", 7, installation=5),
            {
                "KIBITZ_GITHUB_API_URL": github.url,
                "KIBITZ_GITHUB_APP_ID": "Iv1.app",
                "KIBITZ_GITHUB_APP_KEY_FILE": str(key),
                "no_proxy": "127.0.0.1",
            },
        )
    assert seen["GITHUB_TOKEN"] == stand_in("fake_github").TOKEN
    (asked,) = [body for method, _, body in github.requests if method == "POST"]
    assert asked["repositories"] == ["r"]


def test_without_a_secret_there_are_no_webhooks(tmp_path: Path) -> None:
    assert opened(tmp_path, {}) is None
    assert list(tmp_path.iterdir()) == []


# Clones


def test_clones_that_nobody_used_for_long_are_deleted(tmp_path: Path) -> None:
    jobs = [Job("github", "o/r", number) for number in range(1, 7)]
    folders = [clones.folder_of(tmp_path, job) for job in jobs]
    assert len(set(folders)) == 6
    for folder in folders:
        (folder / ".git").mkdir()
        (folder / ".git" / "pack").write_text("x")
    now = time.time()
    for age_days, folder in zip((0, 1, 13, 15, 20, 90), folders, strict=True):
        os.utime(folder, (now - age_days * 86_400, now - age_days * 86_400))
    (tmp_path / "done").mkdir()
    (tmp_path / "queue.sqlite").write_text("x")
    os.utime(tmp_path / "done", (0, 0))
    assert clones.prune(tmp_path, in_use=2, now=now) == 3
    assert [folder.exists() for folder in folders] == [True, True, True, False, False, False]
    assert (tmp_path / "done").exists()


def test_no_more_clones_than_a_hundred_are_kept_but_those_in_use_always(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clones, "MOST", 3)
    folders = [clones.folder_of(tmp_path, Job("gitlab", "g/p", number)) for number in range(5)]
    for age, folder in enumerate(folders):
        os.utime(folder, (1_000_000 - age, 1_000_000 - age))
    assert clones.prune(tmp_path, in_use=4, now=1_000_000.0) == 1
    assert [folder.exists() for folder in folders] == [True, True, True, True, False]
