"""Reporters and what they stand on: the spool, the identity, the revision."""

from __future__ import annotations

import http.server
import json
import logging
import os
import threading
from urllib.parse import parse_qs, urlsplit

import pytest

from kibitz_agent import revision, wire
from kibitz_agent.fleet import Identity, describe_host, identify
from kibitz_agent.profile import Frame, Header, ProfileBuilder
from kibitz_agent.reporters import ReportError
from kibitz_agent.reporters.file import FileReporter
from kibitz_agent.reporters.http import HttpReporter
from kibitz_agent.reporters.transport import HttpTransport
from kibitz_agent.spool import Spool


def profile(name="m:a", token="t"):
    builder = ProfileBuilder()
    builder.add_stack([Frame(name)], (2, 20, 10))
    return builder.build(Header(token=token, start_ns=1, end_ns=2))


class FakeCollector:
    """A real HTTP server whose answers are scripted: (status, headers, body) each, the last for ever."""

    def __init__(self, *script):
        self.script, self.requests = list(script), []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append((self.path, dict(self.headers), body))
                status, headers, answer = outer.script.pop(0) if len(outer.script) > 1 else outer.script[0]
                if status == 0:
                    self.close_connection = True
                    return
                self.send_response(status)
                for key, value in {"Content-Length": str(len(answer)), **headers}.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/prefix"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    @property
    def tokens(self):
        return [parse_qs(urlsplit(path).query)["profileToken"][0] for path, _, _ in self.requests]


def reporter(url, waits=None, now=None, **environ):
    waits = [] if waits is None else waits
    now = now or [0.0]

    def sleep(seconds):
        waits.append(seconds)
        now[0] += seconds

    return HttpReporter(
        url, Identity(group="g", instance="i"), HttpTransport(environ), sleep=sleep, clock=lambda: now[0]
    )


def test_profile_arrives_in_wire_form_under_its_token():
    with FakeCollector((204, {}, b"")) as collector:
        reporter(collector.url).report(profile())
    [(path, headers, body)] = collector.requests
    assert path == "/prefix/profilingGroups/g/agentProfile?profileToken=t"
    assert headers["Content-Type"] == wire.CONTENT_TYPE
    assert [frame.name for frames, _, _ in wire.decode(body).stacks() for frame in frames] == ["m:a"]


def test_configuration_is_asked_for_and_returned():
    answer = {"shouldProfile": True, "periodInSeconds": 60, "agentParameters": {}}
    with FakeCollector((200, {}, json.dumps(answer).encode())) as collector:
        assert reporter(collector.url).configure() == answer
    assert json.loads(collector.requests[0][2])["fleetInstanceId"] == "i"


@pytest.mark.parametrize(
    "script", [(500, {}, b""), (200, {}, b"<html>"), (200, {}, b"[]"), (404, {}, b""), (0, {}, b"")]
)
def test_configuration_that_cannot_be_had_is_none(script):
    with FakeCollector(script) as collector:
        assert reporter(collector.url).configure() is None


@pytest.mark.parametrize("status", [500, 502, 404, 408, 0])
def test_failure_is_tried_again_with_the_same_token(status):
    waits = []
    with FakeCollector((status, {}, b""), (status, {}, b""), (204, {}, b"")) as collector:
        reporter(collector.url, waits).report(profile())
    assert collector.tokens == ["t", "t", "t"]
    assert 0.25 <= waits[0] <= 0.5 <= waits[1] <= 1.0


def test_what_could_not_be_sent_goes_with_the_next_report_in_order():
    with FakeCollector((500, {}, b""), (500, {}, b""), (500, {}, b""), (204, {}, b"")) as collector:
        ours = reporter(collector.url)
        ours.report(profile(token="one"))
        ours.report(profile(token="two"))
    assert collector.tokens == ["one", "one", "one", "one", "two"]


@pytest.mark.parametrize("status", [400, 413, 415])
def test_profile_refused_for_good_is_dropped_and_said(status):
    with FakeCollector((status, {}, b""), (204, {}, b"")) as collector:
        ours = reporter(collector.url)
        with pytest.raises(ReportError, match=str(status)):
            ours.report(profile(token="bad"))
        ours.report(profile(token="good"))
    assert collector.tokens == ["bad", "good"]


def test_retry_after_is_respected():
    now = [0.0]
    with FakeCollector((429, {"Retry-After": "120"}, b""), (204, {}, b"")) as collector:
        ours = reporter(collector.url, now=now)
        ours.report(profile(token="one"))
        ours.report(profile(token="two"))
        assert collector.tokens == ["one"]
        now[0] = 121.0
        ours.report(profile(token="three"))
    assert collector.tokens == ["one", "one", "two", "three"]


def test_close_tries_once_more_and_then_lets_go():
    with FakeCollector((500, {}, b"")) as collector:
        ours = reporter(collector.url)
        ours.report(profile())
        before = len(collector.requests)
        ours.close(1.0)
    assert len(collector.requests) == before + 1


def test_outage_costs_one_line_and_the_token_is_in_none(caplog):
    caplog.set_level(logging.INFO, "kibitz")
    secret = "very-secret-token"
    with FakeCollector((500, {}, b"")) as collector:
        ours = reporter(collector.url, KIBITZ_TOKEN=secret)
        ours.configure()
        ours.report(profile(token="one"))
        ours.report(profile(token="two"))
    assert collector.requests[0][1]["Authorization"] == f"Bearer {secret}"
    assert len(caplog.records) == 1
    assert secret not in caplog.text


def test_redirect_is_not_followed_with_the_token():
    with (
        FakeCollector((204, {}, b"")) as elsewhere,
        FakeCollector((302, {"Location": elsewhere.url}, b"")) as collector,
    ):
        reporter(collector.url, KIBITZ_TOKEN="secret-token-secret").report(profile())
    assert elsewhere.requests == []


def test_token_file_is_read_each_time(tmp_path):
    path = tmp_path / "token"
    with FakeCollector((204, {}, b"")) as collector:
        ours = reporter(collector.url, KIBITZ_TOKEN_FILE=str(path))
        for text in ("first", "second"):
            path.write_text(f"{text}\n")
            ours.report(profile(token=text))
    assert [headers["Authorization"] for _, headers, _ in collector.requests] == [
        "Bearer first",
        "Bearer second",
    ]


def test_child_sends_nothing_of_its_parents(monkeypatch):
    with FakeCollector((500, {}, b""), (500, {}, b""), (500, {}, b""), (204, {}, b"")) as collector:
        ours = reporter(collector.url)
        ours.report(profile(token="parent"))
        monkeypatch.setattr(os, "getpid", lambda: -1)
        ours.report(profile(token="child"))
    assert collector.tokens == ["parent"] * 3 + ["child"]


def test_spool_is_bounded_and_drops_the_oldest():
    spool = Spool(max_profiles=3, max_bytes=100)
    for number in range(5):
        spool.add(str(number), b"x" * 10)
    assert len(spool) == 3
    assert spool.first()[0] == "2"
    assert spool.dropped == 2
    spool.add("large", b"x" * 95)
    assert spool.first()[0] == "large"
    spool.add("large", b"other")
    assert spool.size_bytes == 95
    spool.remove("large")
    spool.remove("large")
    with pytest.raises(IndexError):
        spool.first()


def test_file_holds_all_reports_after_each_of_them(tmp_path):
    path = tmp_path / "p.txt"
    ours = FileReporter(path)
    ours.report(profile("m:a"))
    assert path.read_text() == "m:a 2\n"
    ours.report(profile("m:b"))
    ours.report(profile("m:a"))
    ours.close(1)
    ours.close(1)
    assert sorted(path.read_text().splitlines()) == ["m:a 4", "m:b 2"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["p.txt"]


def test_forked_childs_profile_ends_up_in_the_parents_file(tmp_path, monkeypatch):
    path = tmp_path / "p.txt"
    ours = FileReporter(path)
    ours.report(profile("m:parent"))
    monkeypatch.setattr(os, "getpid", lambda: 99_999_999)
    ours.report(profile("m:child"))
    ours.close(1)
    assert path.read_text() == "m:parent 2\n"
    monkeypatch.undo()
    ours.report(profile("m:late"))
    ours.close(1)
    assert sorted(path.read_text().splitlines()) == ["m:child 2", "m:late 2", "m:parent 2"]


def test_profiles_of_an_id_that_comes_again_are_all_kept(tmp_path, monkeypatch):
    path = tmp_path / "p.txt"
    ours = FileReporter(path)
    for name, process_id in (("m:first", 99_999_999), ("m:between", 99_999_998), ("m:second", 99_999_999)):
        monkeypatch.setattr(os, "getpid", lambda process_id=process_id: process_id)
        ours.report(profile(name))
    monkeypatch.undo()
    ours.close(1)
    assert sorted(path.read_text().splitlines()) == ["m:between 2", "m:first 2", "m:second 2"]


def test_file_that_cannot_be_written_is_a_report_error(tmp_path):
    ours = FileReporter(tmp_path / "gone" / "p.txt")
    with pytest.raises(ReportError, match="cannot write"):
        ours.report(profile())
    with pytest.raises(ReportError):
        ours.close(1)


def test_identity_says_what_the_environment_knows():
    identity = identify(
        "g", {"KIBITZ_INSTANCE": "web-1", "KIBITZ_REVISION": "abc", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    )
    assert (identity.group, identity.instance, identity.revision) == ("g", "web-1", "abc")
    assert identity.process_id == os.getpid()
    assert identity.host["kubernetes"] == 1
    assert identity.host["cpus"] >= 1
    assert identify("g", {}).instance == identify("g", {}).instance, "drawn once a process"


def test_host_facts_are_bounded():
    assert len(describe_host({"AWS_EXECUTION_ENV": "x" * 10_000})["execution"]) == 256


COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_revision_is_read_from_a_branch_packed_or_loose_and_from_a_detached_head(tmp_path):
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "packed-refs").write_text(f"# pack-refs\n{COMMIT} refs/heads/main\n")
    inner = tmp_path / "src" / "pkg"
    inner.mkdir(parents=True)
    assert revision.find({}, inner) == COMMIT
    loose = COMMIT[::-1].replace("f", "e")
    (git / "refs" / "heads" / "main").write_text(f"{loose}\n")
    assert revision.find({}, inner) == loose
    (git / "HEAD").write_text(f"{COMMIT}\n")
    assert revision.find({}, inner) == COMMIT


def test_revision_of_a_worktree_is_its_own(tmp_path):
    main, tree = tmp_path / "main", tmp_path / "tree"
    own = main / ".git" / "worktrees" / "tree"
    own.mkdir(parents=True)
    tree.mkdir()
    (main / ".git" / "packed-refs").write_text(f"{COMMIT} refs/heads/side\n")
    (own / "HEAD").write_text("ref: refs/heads/side\n")
    (own / "commondir").write_text("../..\n")
    (tree / ".git").write_text(f"gitdir: {own}\n")
    assert revision.find({}, tree) == COMMIT


@pytest.mark.parametrize(
    "head", ["", "ref: refs/heads/none", "ref: ../../etc/passwd", "garbage", "ref: refs/../../x"]
)
def test_revision_is_empty_when_nothing_says(tmp_path, head, monkeypatch):
    monkeypatch.setattr(revision, "_from_installation", lambda: "")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text(head)
    assert revision.find({}, tmp_path) == ""


def test_variables_come_first_and_must_be_printable(tmp_path):
    assert revision.find({"GITHUB_SHA": "b", "KIBITZ_REVISION": "a"}, tmp_path) == "a"
    assert revision.find({"KIBITZ_REVISION": "x\ny", "GITHUB_SHA": "b"}, tmp_path) == "b"
