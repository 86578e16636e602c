"""`kibitz serve` as a process: what it acknowledged survives, it ends when told, and says why when it cannot start."""

from __future__ import annotations

import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

PATIENCE_S = 120.0


def functions(collector, group="shop"):
    found = collector.get(f"/api/groups/{group}/functions?value=samples")
    return {function["name"]: function["self"] for function in found["functions"]}


def test_acknowledged_profile_survives_sigkill_and_its_retry_counts_once(collector, make_profile):
    profile = make_profile({"m:a;m:b": 3})
    assert collector.post(profile, token="t1") == 204
    collector.kill()
    collector.start()
    assert functions(collector) == {"m:a": 0, "m:b": 3}
    assert collector.post(profile, token="t1") == 204
    assert functions(collector) == {"m:a": 0, "m:b": 3}
    assert collector.post(profile, token="t2") == 204
    assert functions(collector)["m:b"] == 6


def test_sigterm_ends_it_with_status_0(collector):
    assert collector.stop() == 0


def test_what_was_being_kept_when_sigterm_came_is_kept_and_acknowledged(collector, make_profile):
    assert collector.post(make_profile({"m:a": 1}), token="first") == 204
    log = collector.data.parent / "serve.log"
    deadline = time.monotonic() + PATIENCE_S
    with (
        closing(sqlite3.connect(collector.data / "kibitz.sqlite", isolation_level=None)) as other,
        ThreadPoolExecutor(4) as threads,
    ):
        other.execute("BEGIN IMMEDIATE")  # so that nothing can be written
        posts = [
            threads.submit(collector.post, make_profile({"m:a": 1}), token=f"late-{number}")
            for number in range(4)
        ]
        while waiting(collector) < 1 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert collector.process is not None
        collector.process.send_signal(signal.SIGTERM)
        while "stopping" not in log.read_text() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not any(post.done() for post in posts), "nothing is acknowledged before it is kept"
        other.execute("ROLLBACK")
        # One was being written and one waited; others may not have been heard any more.
        acknowledged = sum(post.exception(PATIENCE_S) is None and post.result() == 204 for post in posts)
    assert acknowledged >= 2
    assert collector.stop() == 0
    collector.start()
    assert 1 + acknowledged <= functions(collector)["m:a"] <= 5


def waiting(collector):
    """How many reports the collector says wait to be written."""
    with urllib.request.urlopen(collector.url + "/metrics", timeout=PATIENCE_S) as answer:
        (line,) = re.findall(r"^kibitz_store_waiting ([\d.]+)$", answer.read().decode(), re.MULTILINE)
    return float(line)


def test_two_collectors_on_one_store_agree(collector, make_profile):
    other = type(collector)(collector.data)
    other.start()
    try:
        assert collector.post(make_profile({"m:a;m:b": 1}), token="one") == 204
        assert other.post(make_profile({"m:c;m:b": 2, "m:a;m:b": 1}), token="two") == 204
        assert collector.post(make_profile({"m:c;m:d": 4}), token="three") == 204
        expected = {"m:a": 0, "m:b": 4, "m:c": 0, "m:d": 4}
        assert functions(collector) == functions(other) == expected
    finally:
        assert other.stop() == 0


def serve(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kibitz_agent.cli", "serve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def test_taken_port_is_refused_with_advice(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = serve("--port", str(taken.getsockname()[1]), "--data", str(tmp_path))
    assert done.returncode == 2
    assert "is taken" in done.stderr
    assert "--port" in done.stderr


def test_address_others_can_reach_needs_a_token(tmp_path):
    done = serve("--host", "0.0.0.0", "--port", "0", "--data", str(tmp_path))
    assert done.returncode == 2
    assert "token" in done.stderr


def test_data_directory_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    done = serve("--port", "0", "--data", str(tmp_path / "file"))
    assert done.returncode == 2
    assert "data directory" in done.stderr


def test_damaged_store_is_refused_with_a_reason(tmp_path):
    (tmp_path / "kibitz.sqlite").write_bytes(b"not a database at all" * 100)
    done = serve("--port", "0", "--data", str(tmp_path))
    assert done.returncode == 2
    assert "damaged" in done.stderr


def test_foreign_host_header_is_refused(collector):
    request = urllib.request.Request(f"{collector.url}/api/groups", headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=240)
    with caught.value as error:
        assert error.code == 403


def test_what_is_older_than_it_may_get_is_let_go(collector, make_profile, tmp_path):
    from contextlib import closing

    from kibitz_server.store import Span
    from kibitz_server.store.sql import open_sqlite

    day_s, now = 86_400.0, time.time()
    for age in (1, 3, 8):
        assert collector.post(make_profile({"m:a": age}, end=now - age * day_s), token=str(age)) == 204
    assert collector.stop() == 0
    collector.start("--keep-reports", "2d", "--keep-5m", "2d", "--keep-1h", "2d", "--keep-1d", "5d")

    def kept():
        with closing(open_sqlite(str(collector.data / "kibitz.sqlite"))) as store:
            return store.samples(Span("shop", now - 30 * day_s, now)).values[:, 0].sum()

    end = time.monotonic() + 120
    while kept() != 4 and time.monotonic() < end:
        time.sleep(0.2)
    assert kept() == 4, "one of eight days is gone, three days are in the sum of their day"


def test_wrong_time_to_keep_is_refused_with_a_reason(tmp_path):
    done = serve("--port", "0", "--data", str(tmp_path), "--keep-5m", "soon")
    assert done.returncode == 2
    assert "15d" in done.stderr
