"""A long run at the highest rate: the agent's memory does not grow with time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_memory_stays_flat_while_threads_come_and_go_at_a_look_a_millisecond(root: Path):
    command = [sys.executable, str(root / "benchmarks" / "agent_soak.py"), "--seconds", "40"]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout
    figures = {figure["figure"]: figure for figure in map(json.loads, told.splitlines())}
    soak = figures["resident memory while profiling at 1 ms"]
    assert soak["reports"] >= 3
    assert soak["samples"] > 1000
    assert soak["growth_kib"] < 4096
    assert figures["import of kibitz_agent.profiler"]["bare_ms"] > 0
