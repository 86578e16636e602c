"""How much CPU does a sampler take, beside a thread that wakes as often and reads nothing?

    python benchmarks/sampler_cost.py [--quick] [--rounds 5] [--seconds 5] [--interval-us 10000]

Two programs: one busy thread 30 frames deep, and the same with 50 more that wait, as deep. A sampler's CPU time is what the
process used beyond its own threads (for one outside: what that process used), as a share of one core and per thread looked
at. pyinstrument works on the host's own thread, so that here it seems to cost nothing. CPython 3.15's `profiling.sampling`
(Tachyon) needs a python3.15 on the path or in KIBITZ_PYTHON315, and its host runs on that. Every round runs each sampler
once, in random order; medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "hosts"))

import outside

INSIDE = (
    "timer",
    "kibitz-native",
    "kibitz-python",
    "current-frames",
    "aws",
    "pyinstrument",
    "ddtrace",
    "pyroscope",
)
FROM_OUTSIDE = ("py-spy", "austin", "tachyon")
THREADS = {"busy": 1, "threads": 51}


def measure(peer: str, workload: str, interval_us: int, seconds: float) -> dict[str, float]:
    """One run: CPU share of a core in per cent, microseconds per thread-sample, start in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        run = outside.run if peer in FROM_OUTSIDE else outside.run_inside
        told = run(peer, workload, interval_us, seconds, folder)
    looks = told.get("looks") or told["wall_s"] * 1e6 / interval_us
    return {
        "cpu_percent": 100 * told["peer_cpu_s"] / told["wall_s"],
        "us_per_thread_sample": 1e6 * told["peer_cpu_s"] / looks / THREADS[workload],
        "start_ms": told["start_ms"],
    }


def main() -> None:
    """Print a line of JSON per sampler and program."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--interval-us", type=int, default=10000)
    args = parser.parse_args()
    peers = [*INSIDE, *FROM_OUTSIDE]
    if args.quick:
        args.rounds, args.seconds, peers = 1, 0.3, ["timer", "kibitz-native", "kibitz-python"]
    for workload in THREADS:
        found: dict[str, list[dict[str, float]]] = {peer: [] for peer in peers}
        missing: dict[str, str] = {}
        for _ in range(args.rounds):
            for peer in random.sample(peers, len(peers)):
                if peer not in missing:
                    try:
                        found[peer].append(measure(peer, workload, args.interval_us, args.seconds))
                    except outside.MissingError as error:
                        missing[peer] = str(error)
        ours = _median(found["kibitz-native"], "cpu_percent")
        for peer in peers:
            line: dict[str, object] = {
                "benchmark": "sampler_cost", "program": workload, "sampler": peer, "interval_us": args.interval_us
            }  # fmt: skip
            if peer in missing:
                line["missing"] = missing[peer]
            else:
                line |= {key: round(_median(found[peer], key), 3) for key in found[peer][0]}
                line["times_native"] = round(_median(found[peer], "cpu_percent") / max(ours, 1e-9), 2)
            print(json.dumps(line), flush=True)


def _median(results: list[dict[str, float]], key: str) -> float:
    return statistics.median(result[key] for result in results) if results else float("nan")


if __name__ == "__main__":
    main()
