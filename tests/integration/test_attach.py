"""Attaching to real processes, of every supported interpreter that is there, in each state a program can be in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

SUPPORTED = (11, 12, 13, 14)
if not sys.platform.startswith("linux"):
    pytest.skip("attaching works on Linux", allow_module_level=True)

MODES = {
    "busy": "work",
    "sleeping": "sleeping",
    "c_heavy": "loads",
    "blocked": "blocked",
    "asyncio": "BaseEventLoop._run_once",
    "threads": "work_until",
}
KIBITZ = [sys.executable, "-m", "kibitz_agent.cli"]


@contextmanager
def running(command: list[str], env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A target that said "ready"; killed if the test left it alive."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **(env or {})},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def end(process: subprocess.Popen[str]) -> dict[str, float]:
    """Tell the target to end, see that it lived on unharmed and silent, and return what it told."""
    out, err = process.communicate("\n", timeout=240)
    assert (process.returncode, err) == (0, "")
    told = json.loads(out)
    assert isinstance(told, dict)
    return told


def attach(pid: int, *arguments: str, timeout_s: float = 240) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*KIBITZ, "attach", str(pid), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("minor", SUPPORTED)
def test_attaches_to_a_program_of_any_version_in_any_state_and_leaves_it_unharmed(
    minor: int, mode: str, targets: Path, tmp_path: Path, interpreter: Callable[[int], str]
) -> None:
    with running([interpreter(minor), str(targets / "attach" / "modes.py"), mode]) as target:
        for round_ in (1, 2):
            output = tmp_path / f"{round_}.txt"
            done = attach(target.pid, "--duration", "0.5", "--output", str(output))
            assert done.returncode == 0, done.stderr
            assert f"attached to {target.pid} (Python 3.{minor}." in done.stderr
            assert f":{MODES[mode]}" in output.read_text()
        assert end(target)["beats"] > 10


def test_visit_that_is_over_before_the_first_look_brings_a_profile_all_the_same(
    targets: Path, tmp_path: Path
) -> None:
    output = tmp_path / "p.txt"
    with running([sys.executable, str(targets / "attach" / "modes.py"), "busy"]) as target:
        done = attach(
            target.pid, "--duration", "0.001", "--sampling-interval-ms", "500", "--output", str(output)
        )
        assert done.returncode == 0, done.stderr
        assert ":work" in output.read_text()
        end(target)


def test_leaves_no_threads_behind(targets: Path, tmp_path: Path) -> None:
    with running([sys.executable, str(targets / "attach" / "modes.py"), "sleeping"]) as target:
        before = len(list(Path(f"/proc/{target.pid}/task").iterdir()))
        assert attach(target.pid, "--duration", "0.2", "--output", str(tmp_path / "p.txt")).returncode == 0
        wait_until(lambda: len(list(Path(f"/proc/{target.pid}/task").iterdir())) == before)
        end(target)


def test_killed_command_takes_the_agent_out_of_the_target(targets: Path, tmp_path: Path) -> None:
    with running([sys.executable, str(targets / "attach" / "modes.py"), "sleeping"]) as target:
        tasks = Path(f"/proc/{target.pid}/task")
        before = len(list(tasks.iterdir()))
        command = subprocess.Popen(
            [*KIBITZ, "attach", str(target.pid), "--duration", "300", "--output", str(tmp_path / "p.txt")],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert command.stderr is not None
        assert "attached" in command.stderr.readline()
        assert len(list(tasks.iterdir())) > before
        command.kill()
        command.communicate()
        wait_until(lambda: len(list(tasks.iterdir())) == before)
        end(target)


def test_interrupted_command_still_writes_what_was_sampled(targets: Path, tmp_path: Path) -> None:
    output = tmp_path / "p.txt"
    with running([sys.executable, str(targets / "attach" / "modes.py"), "busy"]) as target:
        command = subprocess.Popen(
            [*KIBITZ, "attach", str(target.pid), "--duration", "300", "--output", str(output)],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert command.stderr is not None
        assert "attached" in command.stderr.readline()
        wait_until_worked(target.pid, 0.5)
        command.send_signal(signal.SIGINT)
        _, err = command.communicate(timeout=240)
        assert command.returncode == 0, err
        assert ":work" in output.read_text()
        end(target)


def test_target_that_ends_meanwhile_still_gives_its_profile(targets: Path, tmp_path: Path) -> None:
    output = tmp_path / "p.txt"
    with running([sys.executable, str(targets / "attach" / "modes.py"), "busy"]) as target:
        command = subprocess.Popen(
            [*KIBITZ, "attach", str(target.pid), "--duration", "300", "--output", str(output)],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert command.stderr is not None
        assert "attached" in command.stderr.readline()
        wait_until_worked(target.pid, 0.5)
        end(target)
        _, err = command.communicate(timeout=240)
        assert command.returncode == 0, err
        assert ":work" in output.read_text()


FORKING = """
import os, sys, time, select
def parent_work():
    while not select.select([sys.stdin], [], [], 0)[0]: sum(range(1000))
def child_work():
    while not select.select([gone], [], [], 0)[0]: sum(range(1000))
gone, held = os.pipe()
if os.fork() == 0:
    os.close(held)
    child_work()
    os._exit(0)
print("ready", flush=True)
sys.stdin.readline() if len(sys.argv) > 1 else None
if len(sys.argv) > 1 and os.fork() == 0:
    os.close(held)
    child_work()
    os._exit(0)
parent_work()
print("{}")
"""


def test_children_are_attached_to_as_well(tmp_path: Path) -> None:
    output = tmp_path / "p.txt"
    with running([sys.executable, "-c", FORKING]) as target:
        alone = attach(target.pid, "--duration", "0.5", "--output", str(output))
        assert alone.returncode == 0, alone.stderr
        assert "child_work" not in output.read_text()
        done = attach(target.pid, "--children", "--duration", "0.5", "--output", str(output))
        assert done.returncode == 0, done.stderr
        assert "attached to child" in done.stderr
        assert ":child_work" in output.read_text()
        assert ":parent_work" in output.read_text()
        end(target)


@pytest.mark.parametrize("minor", SUPPORTED)
def test_children_forked_while_attached_call_in_by_themselves(
    minor: int, tmp_path: Path, interpreter: Callable[[int], str]
) -> None:
    output = tmp_path / "p.txt"
    program = [interpreter(minor), "-W", "ignore::DeprecationWarning", "-c", FORKING, "later"]
    with running(program) as target:
        command = subprocess.Popen(
            [*KIBITZ, "attach", str(target.pid), "--children", "--duration", "300", "--output", str(output)],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert command.stderr is not None
        assert target.stdin is not None
        assert "attached" in command.stderr.readline()
        assert "attached to child" in command.stderr.readline()
        target.stdin.write("\n")
        target.stdin.flush()
        children = psutil.Process(target.pid).children
        # Each with the attachment's thread and the two of the profiler that it started.
        wait_until(lambda: sorted(child.num_threads() >= 4 for child in children()) == [True, True])
        for child in children():
            wait_until_worked(child.pid, 0.3)
        command.send_signal(signal.SIGINT)
        _, err = command.communicate(timeout=240)
        assert command.returncode == 0, err
        assert "2 children" in err
        end(target)


def test_agent_that_stays_reports_to_the_collector_until_detached(targets: Path, collector: Any) -> None:
    url = collector.url
    with running([sys.executable, str(targets / "attach" / "modes.py"), "busy"]) as target:
        done = attach(
            target.pid,
            "--group",
            "attached",
            "--collector",
            url,
            "--duration",
            "0",
            "--sampling-interval-ms",
            "10",
        )
        assert done.returncode == 0, done.stderr
        again = attach(target.pid, "--group", "attached", "--collector", url, "--duration", "0")
        assert again.returncode == 1
        assert "attached already" in again.stderr
        wait_until_worked(target.pid, 1.0)
        detached = subprocess.run(
            [*KIBITZ, "detach", str(target.pid)], capture_output=True, text=True, timeout=240, check=False
        )
        assert detached.returncode == 0, detached.stderr
        twice = subprocess.run(
            [*KIBITZ, "detach", str(target.pid)], capture_output=True, text=True, timeout=240, check=False
        )
        assert (twice.returncode, "no agent was attached" in twice.stderr) == (1, True)
        end(target)
    found = collector.get("/api/groups/attached/functions?value=samples")
    assert any(function["name"].endswith(":work") for function in found["functions"])


def refused(pid: int) -> str:
    done = attach(pid, "--duration", "1")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_refuses_a_process_that_is_not_there() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    assert f"no process {process.pid}" in refused(process.pid)


def test_refuses_what_is_not_python() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        wait_until(lambda: Path(f"/proc/{process.pid}/comm").read_text() == "sleep\n")
        assert "is not CPython" in refused(process.pid)
        assert process.poll() is None
        process.kill()


def test_refuses_a_stopped_process_and_says_how_to_go_on(targets: Path) -> None:
    with running([sys.executable, str(targets / "attach" / "modes.py"), "busy"]) as target:
        target.send_signal(signal.SIGSTOP)
        wait_until(lambda: "stopped" in Path(f"/proc/{target.pid}/status").read_text())
        assert f"kill -CONT {target.pid}" in refused(target.pid)
        target.send_signal(signal.SIGCONT)
        end(target)


TRACER = """
import sys, time
from kibitz_agent.attach.ptrace import StoppedThread
from kibitz_agent.attach.target import Target
with StoppedThread(Target(int(sys.argv[1]))):
    print("ready", flush=True)
    sys.stdin.readline()
print("{}")
"""


def test_refuses_a_process_that_a_debugger_holds_and_names_it(targets: Path) -> None:
    with running([sys.executable, str(targets / "attach" / "modes.py"), "busy"]) as target:
        with running([sys.executable, "-c", TRACER, str(target.pid)]) as tracer:
            assert f"traced already, by process {tracer.pid}" in refused(target.pid)
            end(tracer)
        end(target)


def test_refuses_where_remote_debugging_is_switched_off(
    targets: Path, interpreter: Callable[[int], str]
) -> None:
    command = [interpreter(14), str(targets / "attach" / "modes.py"), "busy"]
    with running(command, {"PYTHON_DISABLE_REMOTE_DEBUG": "1"}) as target:
        assert "PYTHON_DISABLE_REMOTE_DEBUG" in refused(target.pid)
        end(target)


def test_refuses_another_users_process_and_names_the_command_that_may(targets: Path, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can play another user")
    with running([sys.executable, str(targets / "attach" / "modes.py"), "busy"]) as target:
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, str(target.pid)],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 1, done.stderr
        assert f"sudo -u '#0' kibitz attach {target.pid}" in done.stderr
        end(target)


# The agent is imported first: the other user may not be able to read where it lies.
AS_NOBODY = """
import os, sys, argparse, json, socket
from kibitz_agent import exporters, fleet, wire
from kibitz_agent.attach import canary, channel, errors, injector, permissions, ptrace, remote, session, target
from kibitz_agent.commands import attach
parser = argparse.ArgumentParser()
attach.add_arguments(parser)
args = parser.parse_args([sys.argv[1], "--duration", "1"])
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
sys.exit(attach.run(args))
"""


def wait_until_worked(pid: int, cpu_s: float) -> None:
    """Until the process has used that much CPU time from now on, however long a busy machine takes to give it."""
    before = sum(psutil.Process(pid).cpu_times()[:2])
    wait_until(lambda: sum(psutil.Process(pid).cpu_times()[:2]) - before >= cpu_s)


def wait_until(condition: Callable[[], bool], timeout_s: float = 240) -> None:
    until_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until_s, "it did not come to pass"
        time.sleep(0.02)
