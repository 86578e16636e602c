"""`kibitz serve` over ClickHouse's engine: what it acknowledged survives SIGKILL, a retry counts once."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest


@pytest.fixture
def address(tmp_path, lacking):
    if importlib.util.find_spec("chdb") is None:
        if sys.version_info >= (3, 14):
            pytest.skip("chDB has no wheel for this Python")
        lacking("chdb")
    return f"chdb://{tmp_path}/engine/kibitz"


def functions(collector):
    found = collector.get("/api/groups/shop/functions?value=samples")["functions"]
    return {function["name"]: function["self"] for function in found}


def test_acknowledged_reports_survive_sigkill_and_their_retries_count_once(collector, make_profile, address):
    collector.stop()
    collector.start("--store", address)
    for number in range(3):
        assert collector.post(make_profile({"m:a;m:b": 3, f"m:f{number}": 1}), token=str(number)) == 204
    collector.kill()
    collector.start("--store", address)
    expected = {"m:a": 0, "m:b": 9, "m:f0": 1, "m:f1": 1, "m:f2": 1}
    assert functions(collector) == expected
    for number in range(3):
        assert collector.post(make_profile({"m:a;m:b": 3, f"m:f{number}": 1}), token=str(number)) == 204
    assert functions(collector) == expected
    assert collector.get("/api/groups")["groups"][0]["profiles"] == 3
    assert collector.get("/readyz") == {"status": "ok"}
    assert collector.stop() == 0


def test_store_is_copied_by_the_command(collector, make_profile, address):
    assert collector.post(make_profile({"m:a;m:b": 3}), token="1") == 204
    assert collector.stop() == 0
    command = [sys.executable, "-m", "kibitz_agent.cli", "store", "migrate", "--data", str(collector.data)]
    for _ in range(2):
        done = subprocess.run(
            [*command, "--to", address], capture_output=True, text=True, timeout=240, check=False
        )
        if not done.returncode:
            assert "copied" in done.stdout
    assert done.returncode == 2, "a second copy would count everything twice"
    assert "must be empty" in done.stderr
    collector.start("--store", address)
    assert functions(collector) == {"m:a": 0, "m:b": 3}
    assert collector.post(make_profile({"m:a;m:b": 3}), token="1") == 204
    assert functions(collector) == {"m:a": 0, "m:b": 3}
