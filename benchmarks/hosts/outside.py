"""Runs a sampled host: with a sampler inside it, or with one that reads it from outside."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HOST = Path(__file__).parent / "sampled.py"
BEGINNING_S = 1.0
FUNCTIONS = ("add", "multiply", "divide", "nap", "spin")


class MissingError(Exception):
    """The sampler cannot be run here; the message says why."""


def run_inside(peer: str, workload: str, interval_us: int, seconds: float, folder: str) -> dict[str, Any]:
    """What the host tells of a sampler in its own process."""
    command = [sys.executable, str(HOST), peer, workload, str(interval_us), str(seconds), folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 120)
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        raise MissingError((done.stderr.strip().splitlines() or ["no word"])[-1])
    return dict(json.loads(lines[-1]))


def run(peer: str, workload: str, interval_us: int, seconds: float, folder: str) -> dict[str, Any]:
    """The same with a sampler that is a process of its own."""
    python, program = _programs(peer)
    host = subprocess.Popen(
        [python, str(HOST), "outside", workload, str(interval_us), str(seconds)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert host.stdin is not None
    assert host.stdout is not None
    host.stdout.readline()
    output = str(Path(folder, "stacks"))
    watcher = subprocess.Popen(
        _command(peer, program, host.pid, interval_us, seconds, output),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    # What it takes to begin, an interpreter's start perhaps, is not what sampling costs.
    time.sleep(BEGINNING_S)
    before = _cpu_s(watcher.pid)
    host.stdin.write("\n")
    host.stdin.flush()
    told = dict(json.loads(host.stdout.readline()))
    used = _cpu_s(watcher.pid) - before
    host.stdin.close()
    _, err = watcher.communicate(timeout=120)
    host.wait()
    if not os.path.exists(output):  # noqa: PTH110
        raise MissingError((err.decode(errors="replace").strip().splitlines() or ["it wrote nothing"])[-1])
    samples, looks = _collapsed(Path(output).read_text(errors="replace"))
    looks = looks if peer == "austin" else round(sum(samples.values()))
    return {**told, "samples": samples, "looks": looks, "peer_cpu_s": used}


def _programs(peer: str) -> tuple[str, str]:
    """The Python that runs the host, and the sampler's program."""
    if peer == "tachyon":  # it reads processes of its own version alone
        program = os.environ.get("KIBITZ_PYTHON315") or shutil.which("python3.15")
        if not program:
            raise MissingError("no python3.15 on the path, and KIBITZ_PYTHON315 names none")
        return program, program
    beside = Path(sys.executable).with_name(peer)
    program = str(beside) if beside.exists() else shutil.which(peer)
    if not program:
        raise MissingError(f"{peer} is not installed")
    return sys.executable, program


def _command(peer: str, program: str, pid: int, interval_us: int, seconds: float, output: str) -> list[str]:
    rate, duration = str(max(1, round(1e6 / interval_us))), str(round(seconds + 2 * BEGINNING_S) + 1)
    if peer == "tachyon":
        options = ["-a", "-r", rate, "-d", duration, "--collapsed", "-o", output, str(pid)]
        return [program, "-m", "profiling.sampling", "attach", *options]
    if peer == "py-spy":
        options = [
            "--rate",
            rate,
            "--duration",
            duration,
            "--format",
            "raw",
            "--output",
            output,
            "--nonblocking",
        ]
        return [program, "record", "--pid", str(pid), *options, "--idle"]
    return [program, "-i", str(interval_us), "-x", duration, "-o", output, "-p", str(pid)]


def _collapsed(text: str) -> tuple[dict[str, float], int]:
    """Weight by function of the innermost known frame, and the number of samples of the main thread."""
    samples: dict[str, float] = {}
    looks = 0
    for line in text.splitlines():
        stack, _, weight = line.rpartition(" ")
        if line.startswith("#") or not stack:
            continue
        value = float(weight.partition(",")[0] or 0)
        for frame in reversed(stack.split(";")):
            name = _function(frame)
            if name in FUNCTIONS:
                samples[name] = samples.get(name, 0) + value
                looks += 1
                break
    return samples, looks


def _function(frame: str) -> str:
    # py-spy: "add (sampled.py:24)"; austin and Tachyon: "/path/sampled.py:add:24".
    if " (" in frame:
        return frame.partition(" (")[0]
    parts = frame.split(":")
    return parts[-2] if len(parts) > 2 else frame


def _cpu_s(pid: int) -> float:
    """CPU seconds of a process's threads, 0 where it has ended: by the scheduler's own count of nanoseconds."""
    used = 0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):
            used += int(task.read_text().split()[0])
    return used / 1e9
