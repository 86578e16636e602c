"""Runs a sampled host: with a sampler inside it, or with one that reads it from outside."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

HOST = Path(__file__).parent / "sampled.py"
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
    program = shutil.which(peer) or str(Path(sys.executable).with_name(peer))
    if not Path(program).exists():
        raise MissingError(f"{peer} is not installed")
    host = subprocess.Popen(
        [sys.executable, str(HOST), "outside", workload, str(interval_us), str(seconds)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert host.stdin is not None
    assert host.stdout is not None
    host.stdout.readline()
    output = str(Path(folder, "stacks"))
    before = _children_cpu()
    watcher = subprocess.Popen(
        _command(peer, program, host.pid, interval_us, seconds, output),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    host.stdin.write("\n")
    host.stdin.flush()
    told = dict(json.loads(host.stdout.readline()))
    _, err = watcher.communicate(timeout=120)
    used = _children_cpu() - before
    host.wait()
    if not os.path.exists(output):  # noqa: PTH110
        raise MissingError((err.decode(errors="replace").strip().splitlines() or ["it wrote nothing"])[-1])
    samples, looks = _collapsed(Path(output).read_text(errors="replace"))
    # The host has not ended yet: what ended children have used is the watcher's.
    looks = looks if peer == "austin" else round(sum(samples.values()))
    return {**told, "samples": samples, "looks": looks, "peer_cpu_s": used}


def _command(peer: str, program: str, pid: int, interval_us: int, seconds: float, output: str) -> list[str]:
    if peer == "py-spy":
        rate, duration = str(max(1, round(1e6 / interval_us))), str(max(1, round(seconds)))
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
    return [program, "-i", str(interval_us), "-x", str(max(1, round(seconds))), "-o", output, "-p", str(pid)]


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
    # py-spy: "add (sampled.py:24)"; austin: "/path/sampled.py:add:24".
    if " (" in frame:
        return frame.partition(" (")[0]
    parts = frame.split(":")
    return parts[-2] if len(parts) > 2 else frame


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
