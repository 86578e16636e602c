"""The official AWS agent's whole life against our collector: 404, configure, post, retry, reconfigure, deletion, and on."""

from __future__ import annotations

import http.client
import http.server
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from urllib.parse import parse_qs, urlsplit

import pytest

pytest.importorskip("codeguru_profiler_agent")

PATIENCE_S = 120.0

# What the test cannot wait for is shortened by the agent's own means; its sampling interval and depth are the collector's.
PROGRAM = """
import datetime, pathlib, sys, threading, time
from codeguru_profiler_agent import Profiler

def spin(below=12):
    if below:
        return spin(below - 1)
    while not pathlib.Path(sys.argv[1]).exists():
        sum(range(1000))
        time.sleep(0.001)
    return None

profiler = Profiler(
    profiling_group_name="life",
    environment_override={
        "minimum_time_reporting": datetime.timedelta(milliseconds=200),
        "reporting_interval": datetime.timedelta(milliseconds=500),
        "initial_sampling_interval": datetime.timedelta(milliseconds=1),
    },
)
assert profiler.start()
spin()
profiler.stop()
"""


class Relay:
    """Stands between agent and collector: passes everything on, remembers it, and can lose an answer."""

    def __init__(self, target):
        self.asked, self.posts, self.lose = [], [], 0
        self.acknowledged = Counter()
        relay = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                connection = http.client.HTTPConnection(urlsplit(target).netloc, timeout=PATIENCE_S)
                headers = {key: value for key, value in self.headers.items() if key.lower() != "host"}
                connection.request("POST", self.path, body, headers)
                answer = connection.getresponse()
                status, kept = answer.status, answer.read()
                connection.close()
                status = relay.remember(self.path, body, status, kept)
                self.send_response(status)
                for name, value in answer.getheaders():
                    if name.lower().startswith("x-amzn") or name.lower() == "content-type":
                        self.send_header(name, value)
                kept = kept if status != 500 else b"{}"
                self.send_header("Content-Length", str(len(kept)))
                self.end_headers()
                self.wfile.write(kept)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def remember(self, path, body, status, kept):
        """What the agent is to be answered."""
        place = urlsplit(path)
        if place.path.endswith("/configureAgent"):
            self.asked.append((status, json.loads(kept or b"{}")))
            return status
        token = parse_qs(place.query)["profileToken"][0]
        self.posts.append((token, status, json.loads(body)))
        if status == 204 and self.lose:
            self.lose -= 1
            return 500
        if status == 204:
            self.acknowledged[token] += 1
        return status

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def life(collector, tmp_path):
    """(collector, relay): the agent runs behind the relay; the collector makes no groups by itself."""
    collector.stop()
    collector.start("--no-auto-create")
    relay, end = Relay(collector.url), tmp_path / "end"
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL_CODEGURUPROFILER": relay.url,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with (tmp_path / "agent.log").open("w") as log:
        agent = subprocess.Popen(
            [sys.executable, str(program), str(end)], env=environment, stdout=log, stderr=log
        )
    yield collector, relay
    end.touch()
    try:
        assert agent.wait(PATIENCE_S) == 0, (tmp_path / "agent.log").read_text()
    finally:
        agent.kill()
        relay.close()


def until(condition):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come to pass")


def depth(node):
    return 1 + max((depth(child) for child in node.get("children", {}).values()), default=0)


def create(collector):
    body = json.dumps({"profilingGroupName": "life"}).encode()
    status, _, answer = collector.request("/profilingGroups?clientToken=t", body, "application/json")
    assert status == 201, answer


def change(collector, **settings):
    request = urllib.request.Request(
        f"{collector.url}/api/groups/life/settings",
        json.dumps(settings).encode(),
        {"Content-Type": "application/json"},
        method="PUT",
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        assert answer.status == 200


def test_from_its_first_question_to_its_last_report(life):
    collector, relay = life
    until(lambda: len(relay.asked) >= 2)
    assert {status for status, _ in relay.asked} == {404}
    assert relay.posts == []

    relay.lose = 1
    create(collector)
    change(collector, sampling_interval_ms=50, cpu_limit_percent=100)  # by default too long for its period
    until(lambda: sum(relay.acknowledged.values()) >= 2)
    sent = Counter(token for token, status, _ in relay.posts if status == 204)
    assert sorted(sent.values())[-1] == 2, "the lost answer was asked for again, with the same token"
    assert max(depth(body["callgraph"]) for _, _, body in relay.posts) > 12

    change(collector, max_stack_depth=5)
    until(lambda: depth(relay.posts[-1][2]["callgraph"]) <= 7)  # its root, and a note that it cut the rest

    change(collector, profiling_enabled=False)
    until(lambda: relay.asked[-1][1].get("shouldProfile") is False)
    asked, quiet = len(relay.asked), len(relay.posts)
    until(lambda: len(relay.asked) >= asked + 3)
    assert len(relay.posts) == quiet, "told not to profile, it reports nothing"

    change(collector, profiling_enabled=True)
    until(lambda: len(relay.posts) > quiet)
    found = collector.get("/api/groups")["groups"][0]["profiles"]
    posts = list(relay.posts)
    assert found <= len({token for token, status, _ in posts if status == 204}) < len(posts), (
        "each token counts once"
    )

    request = urllib.request.Request(f"{collector.url}/profilingGroups/life", method="DELETE")
    urllib.request.urlopen(request, timeout=PATIENCE_S).close()
    until(lambda: relay.asked[-1][0] == 404)
    create(collector)
    change(collector, sampling_interval_ms=50, cpu_limit_percent=100)
    posted = len(relay.posts)
    until(lambda: any(status == 204 for _, status, _ in relay.posts[posted:]))
    names = {
        name for name in collector.get("/api/groups/life/flamegraph")["strings"] if name.endswith(":spin")
    }
    assert names
