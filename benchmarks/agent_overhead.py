"""What does the agent cost its host, beside no profiler, the official AWS agent, pyinstrument, py-spy and austin?

    python benchmarks/agent_overhead.py [--rounds 5] [--seconds 3] [--quick]

Four workloads (one busy thread; the same with 50 idle threads; work mixed with short waits; Flask's test client), three sampling
intervals (1 s, 10 ms, 1 ms). Every round runs each profiler once, in random order, each in a host process of its own. Per
cell, as medians over the rounds, each against the run without a profiler of the same round:

    slowdown_percent         fewer rounds of work done in the same time
    work_percent             more CPU time for a round of work, on the thread that works
    own_percent_of_core      CPU time of the profiler's own threads and process
    own_us_per_sample        the same per look that was asked for at a thread
    own_to_kibitz            the same beside Kibitz's, in the same round

The first two compare whole runs, and a busy machine makes noise of them; the others are measured by the kernel's clock of each
thread. pyinstrument has no thread of its own: what it takes, it takes in the work's. A profiler that cannot run here is
named once, with its reason.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HOST = Path(__file__).resolve().parent / "hosts" / "overhead.py"
WORKLOADS = ("busy", "threads", "mixed", "flask")
PROFILERS = ("none", "kibitz", "aws", "pyinstrument", "py-spy", "austin")
INTERVALS_MS = (1000, 10, 1)
FIGURES = ("slowdown_percent", "work_percent", "own_percent_of_core", "own_us_per_sample", "own_to_kibitz")

Figures = dict[str, float]


class CannotRunError(Exception):
    """The profiler does not work on this machine; the message is its own."""


def run(workload: str, profiler: str, interval_ms: int, seconds: float, folder: str) -> Figures:
    """One host's life."""
    command = [sys.executable, str(HOST), workload, profiler, str(interval_ms), str(seconds), folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds * 10 + 120)
    if done.returncode:
        raise CannotRunError((done.stderr.strip().splitlines() or ["no reason given"])[-1])
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def able(folder: str) -> list[str]:
    """The profilers that work here."""
    found = []
    for profiler in PROFILERS:
        try:
            run("busy", profiler, 10, 0.1, folder)
            found.append(profiler)
        except (CannotRunError, subprocess.TimeoutExpired) as error:
            print(
                json.dumps({"benchmark": "agent_overhead", "profiler": profiler, "left_out": str(error)}),
                flush=True,
            )
    return found


def own_s(cell: Figures) -> float:
    """CPU seconds a second that the profiler's own threads and process took."""
    return max(0.0, cell["cpu"] - cell["work_cpu"] + cell["outside_cpu"]) / cell["wall"]


def compared(cell: Figures, none: Figures, kibitz: Figures, looks_per_s: float) -> tuple[float, ...]:
    """The five figures of one run, against those of the same round without a profiler and under Kibitz."""
    speed, plain = cell["rounds"] / cell["wall"], none["rounds"] / none["wall"]
    work, plain_work = cell["work_cpu"] / cell["rounds"], none["work_cpu"] / none["rounds"]
    own = own_s(cell)
    ratio = own / own_s(kibitz) if own_s(kibitz) else 0.0
    return 100 * (plain / speed - 1), 100 * (work / plain_work - 1), 100 * own, 1e6 * own / looks_per_s, ratio


def measure(
    workload: str, interval_ms: int, profilers: list[str], rounds: int, seconds: float, folder: str
) -> None:
    """One cell of the table for each profiler."""
    cells: dict[str, list[Figures]] = {profiler: [] for profiler in profilers}
    for _ in range(rounds):
        for profiler in random.sample(profilers, len(profilers)):
            cells[profiler].append(run(workload, profiler, interval_ms, seconds, folder))
    threads = 51 if workload == "threads" else 1
    for profiler in profilers[1:]:
        of_round = zip(cells[profiler], cells["none"], cells["kibitz"], strict=True)
        figures = [compared(*runs, looks_per_s=threads * 1000 / interval_ms) for runs in of_round]
        medians = [round(statistics.median(column), 3) for column in zip(*figures, strict=True)]
        line = {
            "benchmark": "agent_overhead", "workload": workload, "interval_ms": interval_ms, "profiler": profiler,
            **dict(zip(FIGURES, medians, strict=True)), "rounds": rounds,
        }  # fmt: skip
        print(json.dumps(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a smoke run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of work in each run")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        profilers = able(folder)
        workloads = WORKLOADS[:1] if args.quick else WORKLOADS
        for workload in workloads:
            for interval_ms in (10,) if args.quick else INTERVALS_MS:
                measure(
                    workload, interval_ms, profilers, 1 if args.quick else args.rounds,
                    0.5 if args.quick else args.seconds, folder,
                )  # fmt: skip


if __name__ == "__main__":
    main()
