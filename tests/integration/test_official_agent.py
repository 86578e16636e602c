"""The official AWS agent, unchanged, against our collector: only the endpoint is told to it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("codeguru_profiler_agent")

# Its own settings, as its documentation offers them; its floor of 30 s between reports is lowered the same way.
PROGRAM = """
import datetime, time
from codeguru_profiler_agent import Profiler

def spin(seconds):
    end = time.time() + seconds
    while time.time() < end:
        sum(range(1000))

def wait_a_little():
    time.sleep(0.4)

profiler = Profiler(
    profiling_group_name="official",
    environment_override={
        "sampling_interval": datetime.timedelta(milliseconds=50),
        "minimum_time_reporting": datetime.timedelta(seconds=1),
        "reporting_interval": datetime.timedelta(seconds=2),
        "initial_sampling_interval": datetime.timedelta(milliseconds=1),
    },
)
assert profiler.start()
for _ in range(4):
    spin(0.6)
    wait_a_little()
profiler.stop()
"""


@pytest.fixture
def environment(collector):
    return {
        **os.environ,
        "AWS_ENDPOINT_URL_CODEGURUPROFILER": collector.url,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def test_profile_of_the_official_agent_is_in_the_flame_graph(collector, environment, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(program)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    payload = collector.get("/api/groups/official/flamegraph?value=wall")
    names = {payload["strings"][index] for index in payload["frames"]["name"]}
    assert any(name.endswith(":spin") for name in names), names
    assert any(name.endswith("<Sleep>") for name in names), names
    wall = next(value for value in payload["values"] if value["name"] == "wall")
    # Four seconds of one thread, and what was seen of it: derived from period and tree, not from frozen metadata.
    assert 1.5e9 < sum(wall["self"]) < 8e9
    assert any("estimated" in note for note in payload["notes"])
