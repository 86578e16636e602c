"""What does the agent cost its host, beside the official AWS agent and beside no profiler?

    python benchmarks/agent_overhead.py [--quick]

Three workloads (one busy thread; the same with 50 idle threads; work mixed with short waits), two sampling intervals.
Every round runs each profiler once, in random order, each in a process of its own. Reported per cell: CPU time the host
needed for a fixed amount of work, as a ratio to no profiler in the same round (median over rounds); and the profiler's own
CPU time per thread-sample, in microseconds.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys

WORKLOADS = ("busy", "threads", "mixed")
PROFILERS = ("none", "kibitz", "aws")
INTERVALS_MS = (1000, 10)

HOST = r'''
import datetime, json, logging, sys, threading, time
workload, profiler, interval_ms, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])

def deep(n, call):
    return deep(n - 1, call) if n else call()

def work():
    total = 0
    for i in range(20000):
        total += i * i
    if workload == "mixed":
        time.sleep(0.001)

release = threading.Event()
if workload == "threads":
    for _ in range(50):
        threading.Thread(target=deep, args=(28, release.wait), daemon=True).start()

def profiler_cpu():
    """CPU time beyond the host's own work: a native thread of a profiler has no name to be found by."""
    return time.process_time() - time.thread_time()

stop = lambda: None
if profiler == "kibitz":
    from kibitz_agent.config import Settings
    from kibitz_agent.fleet import Identity
    from kibitz_agent.profiler import Profiler

    class Nowhere:
        def configure(self): return None
        def report(self, profile): pass
        def close(self, timeout_s): pass

    agent = Profiler(Nowhere(), Identity("bench"), Settings(sampling_interval_ms=interval_ms, cpu_limit_percent=100))
    agent.start()
elif profiler == "aws":
    from codeguru_profiler_agent import Profiler as Official

    agent = Official(profiling_group_name="bench", region_name="us-east-1", environment_override={
        "reporting_mode": "file", "file_prefix": sys.argv[5], "cpu_limit_percentage": 100,
        "sampling_interval": datetime.timedelta(milliseconds=interval_ms),
        "initial_sampling_interval": datetime.timedelta(milliseconds=interval_ms),
        "minimum_time_reporting": datetime.timedelta(minutes=10), "reporting_interval": datetime.timedelta(minutes=10)})
    agent.start()

deep(20, work)
time.sleep(0.2)
before_profiler = profiler_cpu()
begun, begun_cpu, rounds = time.perf_counter(), time.thread_time(), 0
def loop():
    global rounds
    while time.perf_counter() - begun < seconds:
        work()
        rounds += 1
deep(20, loop)
wall, cpu = time.perf_counter() - begun, time.thread_time() - begun_cpu
print(json.dumps({"cpu_per_round": cpu / rounds, "wall_per_round": wall / rounds, "profiler_cpu": profiler_cpu() - before_profiler,
                  "wall": wall, "threads": threading.active_count()}))
sys.stdout.flush()
import os
os._exit(0)
'''


def run(workload: str, profiler: str, interval_ms: int, seconds: float) -> dict[str, float]:
    command = [
        sys.executable,
        "-c",
        HOST,
        workload,
        profiler,
        str(interval_ms),
        str(seconds),
        "/tmp/kibitz-bench-",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds * 10 + 60)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def measure(workload: str, interval_ms: int, rounds: int, seconds: float) -> None:
    cells: dict[str, list[dict[str, float]]] = {profiler: [] for profiler in PROFILERS}
    for _ in range(rounds):
        for profiler in random.sample(PROFILERS, len(PROFILERS)):
            cells[profiler].append(run(workload, profiler, interval_ms, seconds))
    for profiler in PROFILERS[1:]:
        pairs = list(zip(cells[profiler], cells["none"], strict=True))
        cost = statistics.median(cell["profiler_cpu"] / cell["wall"] * 100 for cell, _ in pairs)
        print(
            json.dumps(
                {
                    "benchmark": "agent_overhead",
                    "workload": workload,
                    "interval_ms": interval_ms,
                    "profiler": profiler,
                    "host_cpu_ratio": round(
                        statistics.median(a["cpu_per_round"] / b["cpu_per_round"] for a, b in pairs), 4
                    ),
                    "host_wall_ratio": round(
                        statistics.median(a["wall_per_round"] / b["wall_per_round"] for a, b in pairs), 4
                    ),
                    "profiler_percent_of_core": round(cost, 3),
                    "rounds": rounds,
                }
            ),
            flush=True,
        )
    ours, theirs = (
        statistics.median(c["profiler_cpu"] / c["wall"] for c in cells[p]) for p in ("kibitz", "aws")
    )
    ratio = round(theirs / ours, 2) if ours else None
    line = {
        "benchmark": "agent_overhead",
        "workload": workload,
        "interval_ms": interval_ms,
        "aws_over_kibitz_cpu": ratio,
    }
    print(json.dumps(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a smoke run")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0, help="of work in each run")
    args = parser.parse_args()
    if args.quick:
        measure("mixed", 10, 1, 0.5)
        return
    for interval_ms in INTERVALS_MS:
        for workload in WORKLOADS:
            measure(workload, interval_ms, args.rounds, args.seconds)


if __name__ == "__main__":
    main()
