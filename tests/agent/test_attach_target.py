"""What is learnt of a process without touching it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kibitz_agent.attach.errors import RefusedError
from kibitz_agent.attach.target import Target

if not sys.platform.startswith("linux"):
    pytest.skip("processes are looked at through /proc", allow_module_level=True)


@pytest.fixture
def sleeper():
    with subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); __import__('time').sleep(60)"], stdout=-1
    ) as process:
        process.stdout.readline()
        yield process
        process.kill()


def test_version_is_that_of_the_interpreter(sleeper):
    assert Target(sleeper.pid).python_minor() == sys.version_info.minor
    assert Target(os.getpid()).python_minor() == sys.version_info.minor


def test_process_that_is_no_python_has_no_version_and_is_refused():
    with subprocess.Popen(["sleep", "60"]) as process:
        assert Target(process.pid).python_minor() is None
        with pytest.raises(RefusedError, match="is not CPython"):
            Target(process.pid).resolve([])
        process.kill()


def test_parked_thread_is_told_from_a_running_one(sleeper):
    until_s, found = time.monotonic() + 120, None
    while found is None and time.monotonic() < until_s:
        found = Target(sleeper.pid).parked_in()
    assert found in ("clock_nanosleep", "select", "nanosleep")
    with subprocess.Popen([sys.executable, "-c", "print(flush=True)\nwhile True: pass"], stdout=-1) as busy:
        busy.stdout.readline()
        assert Target(busy.pid).parked_in() is None
        busy.kill()


def test_descendants_are_children_and_theirs_parents_first():
    code = "import subprocess, sys; p = subprocess.Popen(['sh', '-c', 'sleep 60 & echo; wait'], stdout=1); p.wait()"
    with subprocess.Popen([sys.executable, "-c", code], stdout=-1, start_new_session=True) as process:
        process.stdout.readline()
        shell, sleep = Target(process.pid).descendants()
        assert Path(f"/proc/{shell}/comm").read_text() in ("sh\n", "dash\n")
        until_s = time.monotonic() + 120
        while Path(f"/proc/{sleep}/comm").read_text() != "sleep\n":  # a fork of the shell at first
            assert time.monotonic() < until_s
        os.killpg(process.pid, 9)


def test_files_are_compared_as_the_target_finds_them(sleeper, tmp_path):
    (tmp_path / "here").touch()
    assert Target(sleeper.pid).sees(tmp_path / "here")
    assert not Target(sleeper.pid).sees(tmp_path / "nowhere")


def test_process_that_ended_is_refused():
    process = subprocess.Popen(["true"])
    process.wait()
    with pytest.raises(RefusedError, match=f"no process {process.pid}"):
        Target(process.pid).status()
