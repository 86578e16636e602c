"""Sub-interpreters beside the agent, and the agent in one of them, in real processes of every version."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import psutil
import pytest

import kibitz_agent

PATHS = os.pathsep.join(str(Path(module.__file__ or "").parent.parent) for module in (kibitz_agent, psutil))
PRELUDE = """
import sys
try: import _interpreters as interpreters
except ImportError: import _xxsubinterpreters as interpreters
if sys.version_info >= (3, 14): import concurrent.interpreters  # as whoever makes them there does
"""
BESIDE = """
import threading, time
from kibitz_agent import interpreters as ours
ended, looks = threading.Event(), []
def look():
    while not ended.is_set(): looks.append(len(ours.frames()))
watcher = threading.Thread(target=look)
watcher.start()
for _ in range(20):
    one = interpreters.create()
    interpreters.run_string(one, "import json; sum(range(50000))")
    interpreters.destroy(one)
before = len(looks)
while len(looks) < before + 100: time.sleep(0.001)
ended.set(); watcher.join()
print(looks[-1])
"""
WITHIN = """
one = interpreters.create()
interpreters.run_string(one, '''
import kibitz_agent
profiler = kibitz_agent.start("g", "http://127.0.0.1:9", sampling_interval_ms=1)
sum(range(1000000))
kibitz_agent.stop()
print("running", profiler.is_running(), flush=True)
''')
interpreters.destroy(one)
print("ended", flush=True)
"""


def execute(program: str, python: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-W", "ignore", "-c", PRELUDE + program],
        env={**os.environ, "PYTHONPATH": PATHS}, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


# 3.11 hangs on its own account, when any other thread is busy; all interpreters have one lock there.
@pytest.mark.parametrize("minor", [12, 13, 14])
def test_interpreters_that_come_and_go_are_not_crashed_by_looks(minor, interpreter):
    done = execute(BESIDE, interpreter(minor))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "0\n"


@pytest.mark.parametrize("minor", [11, 12, 13, 14])
def test_agent_within_one_neither_speaks_nor_holds_it_up(minor, interpreter):
    done = execute(WITHIN, interpreter(minor))
    assert (done.returncode, done.stdout, done.stderr) == (0, "running False\nended\n", "")


@pytest.mark.parametrize("minor", [11, 12, 13, 14])
def test_threads_are_looked_at_where_no_interpreters_can_be_made(minor, interpreter):
    program = (
        "import concurrent.futures, threading\n"
        "from kibitz_agent import interpreters as ours\n"
        "print(threading.get_ident() in ours.frames())"
    )
    done = subprocess.run(
        [interpreter(minor), "-c", program],
        env={**os.environ, "PYTHONPATH": PATHS}, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


BLIND = """
import time
from kibitz_agent.config import Settings
from kibitz_agent.fleet import Identity
from kibitz_agent.profiler import Profiler
taken = []
class Kept:
    def configure(self): return None
    def report(self, profile): taken.append(profile.header)
    def close(self, timeout_s): pass
profiler = Profiler(Kept(), Identity("g"), Settings(sampling_interval_ms=1))
kept = BESIDE and sys.modules.pop("_interpreters")
profiler.start()
time.sleep(0.3)
if BESIDE:
    sys.modules["_interpreters"] = kept
    one = interpreters.create()
time.sleep(0.3)
profiler.stop()
if BESIDE: interpreters.destroy(one)
print([header.limits for header in taken])
"""


@pytest.mark.parametrize(("beside", "limits"), [(False, "[()]\n"), (True, "[('SubInterpreters',)]\n")])
def test_profile_says_that_other_interpreters_hid_the_threads(beside, limits, interpreter):
    begin = "import os, sys; os.environ['KIBITZ_SAMPLER'] = 'python'"
    if not beside:
        begin += "; del sys.modules['_interpreters'], interpreters"
    done = execute(f"{begin}; BESIDE = {beside}\n{BLIND}", interpreter(13))
    assert (done.returncode, done.stdout, done.stderr) == (0, limits, "")
