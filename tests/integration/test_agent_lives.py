"""However a program ends, with the agent it ends as without, and what was sampled is in the collector, once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Collector

WORK = """
import os, signal, sys, threading, time
def work(seconds=0.6):
    end = time.thread_time() + seconds
    while time.thread_time() < end: sum(range(300))
"""

ENDS = {
    "normally": "work()",
    "by exit in a thread": """
thread = threading.Thread(target=lambda: (work(), sys.exit(5)))
thread.start(); thread.join(); print("on")
""",
    "with daemon threads that compute": """
def forever():
    while True: sum(range(300))
for _ in range(4): threading.Thread(target=forever, daemon=True).start()
work()
""",
    "with daemon threads that wait": """
for _ in range(20): threading.Thread(target=threading.Event().wait, daemon=True).start()
work()
""",
    "with a thread that goes on after the main one": """
threading.Thread(target=work, args=(1.0,)).start()
work(0.3)
""",
    "with all threads waited for": """
work()
for thread in threading.enumerate():
    if thread is not threading.main_thread(): thread.join()
""",
    "by an exception": "work(); raise LookupError('lost')",
    "by sys.exit": "work(); sys.exit('sorry')",
    "by SIGTERM": "work(); os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)",
    "by SIGINT": "work(); signal.raise_signal(signal.SIGINT)",
    "by fork in a thread": """
def fork():
    work(0.3)
    child = os.fork()
    if child == 0:
        work(0.4)
        sys.exit(0)
    print(os.waitpid(child, 0)[1])
thread = threading.Thread(target=fork); thread.start(); thread.join()
""",
    "with a destructor that works at the very end": """
class Last:
    def __del__(self): sum(range(1000)); print("gone")
import builtins; builtins.kept = Last()
work()
""",
    "with sub-interpreters": """
try: import _interpreters as interpreters
except ImportError: import _xxsubinterpreters as interpreters
for _ in range(3):
    one = interpreters.create()
    interpreters.run_string(one, "sum(range(100000))")
    work(0.2)
    interpreters.destroy(one)
""",
}


def execute(program: str, flags: list[str], **environ: str) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("KIBITZ_", "AWS_"))}
    return subprocess.run(
        [sys.executable, *flags, "-c", program],
        env={**plain, **environ}, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip


def settings(url: str, **more: str) -> dict[str, str]:
    return {
        "KIBITZ_COLLECTOR": url, "KIBITZ_GROUP": "lives", "KIBITZ_SAMPLING_INTERVAL_MS": "5",
        "KIBITZ_REPORTING_INTERVAL_MS": "300000", "KIBITZ_MINIMUM_REPORTING_MS": "0", **more,
    }  # fmt: skip


def stored(collector: Collector) -> tuple[int, int]:
    """How many profiles and how many instances the collector knows."""
    groups: list[dict[str, Any]] = collector.get("/api/groups")["groups"]
    return sum(group["profiles"] for group in groups), sum(group["instances"] for group in groups)


def held(spool: Path) -> list[Path]:
    """The profiles that wait on the disk."""
    return list(spool.rglob("*.kibitz"))


def samples_of(collector: Collector, function: str) -> int:
    found = collector.get("/api/groups/lives/functions?value=samples&limit=1000")["functions"]
    return sum(one["total"] for one in found if one["name"] == f"__main__:{function}")


@pytest.mark.parametrize("sampler", ["native", "python"])
@pytest.mark.parametrize("way", ENDS)
def test_program_ends_as_without_the_agent_and_its_profile_arrives_once(
    way: str, sampler: str, collector: Collector
) -> None:
    flags = ["-W", "ignore", "-X", "faulthandler"]
    without = execute(WORK + ENDS[way], flags)
    start = "import kibitz_agent; kibitz_agent.start()\n"
    # In one line, so that tracebacks name the same lines.
    program = WORK.replace("\nimport os,", f"\n{start.strip()}; import os,") + ENDS[way]
    ours = execute(program, flags, **settings(collector.url, KIBITZ_SAMPLER=sampler))
    assert (ours.returncode, ours.stdout, ours.stderr) == (without.returncode, without.stdout, without.stderr)
    profiles, _ = stored(collector)
    assert profiles == (2 if "fork" in way else 1)
    assert samples_of(collector, "work") > 0


def test_program_that_ends_at_once_loses_its_last_period_and_nothing_else(collector: Collector) -> None:
    program = f"{WORK}import kibitz_agent; kibitz_agent.start(); work(2.5); os._exit(7)"
    more = {"KIBITZ_REPORTING_INTERVAL_MS": "500"}
    done = execute(program, [], **settings(collector.url, **more))
    assert (done.returncode, done.stdout, done.stderr) == (7, "", "")
    profiles, instances = stored(collector)
    assert profiles >= 1
    assert instances == 1


def test_what_a_killed_process_had_not_sent_is_sent_once_by_the_next_one(
    collector: Collector, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    away = settings("http://127.0.0.1:9", KIBITZ_SPOOL_DIR=str(spool), KIBITZ_REPORTING_INTERVAL_MS="300")
    program = f"{WORK}import kibitz_agent; kibitz_agent.start(); work(600)"
    killed = subprocess.Popen([sys.executable, "-c", program], env={**os.environ, **away})
    try:
        until_s = time.monotonic() + 120
        while len(held(spool)) < 2:
            assert time.monotonic() < until_s
            time.sleep(0.05)
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.wait(120)
    left = held(spool)
    assert left
    for _ in range(2):
        done = execute(
            f"{WORK}import kibitz_agent; kibitz_agent.start(); work(1.5)", [],
            **settings(collector.url, KIBITZ_SPOOL_DIR=str(spool)),
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
    # Those that were held when it was killed, and one of each of the others.
    assert stored(collector)[0] == len(left) + 2
    assert held(spool) == []
