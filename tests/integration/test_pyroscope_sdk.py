"""Pyroscope's own Python SDK, unchanged: only the server's address is told to it."""

from __future__ import annotations

import subprocess
import sys

import pytest

if sys.version_info >= (3, 14):
    pytest.skip("the SDK has no wheel for this Python", allow_module_level=True)
pytest.importorskip("pyroscope")

PROGRAM = """
import sys, time, pyroscope
pyroscope.configure(application_name="their.app", server_address=sys.argv[1], sample_rate=100, tags={"region": "x"})

def spin_theirs(seconds):
    end = time.time() + seconds
    while time.time() < end:
        sum(range(1000))

spin_theirs(3)
pyroscope.shutdown()
time.sleep(2)
"""


def test_profile_of_the_sdk_is_in_the_functions(collector):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, collector.url],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names = [group["name"] for group in collector.get("/api/groups")["groups"]]
    assert names == ["their_app"]
    payload = collector.get("/api/groups/their_app/flamegraph")
    shown = {payload["strings"][index] for index in payload["frames"]["name"]}
    assert any("spin_theirs" in name for name in shown), shown
