"""How true is what a sampler says, and how often does it get to look?

    python benchmarks/sampler_truth.py [--quick] [--rounds 5] [--seconds 5] [--interval-us 1000]

A program that spends 1.6 ms in three Python functions and 0.05 ms asleep, for ever, times each function itself. The error is
the largest difference, in points of per cent, between a function's share of that time and its share of the samples. The rate
is looks per second, as a share of what was asked for, on a program that is busy all the time. Every round runs each sampler
once, in random order, each over a process of its own; medians over the rounds. Samplers that are not installed are said to be
missing: pip install py-spy austin-dist pyinstrument; CPython 3.15's `profiling.sampling` (Tachyon) needs a python3.15 on the
path or in KIBITZ_PYTHON315, and its host runs on that.
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

INSIDE = ("kibitz-native", "kibitz-python", "kibitz-python-fair", "current-frames", "aws", "pyinstrument")
FROM_OUTSIDE = ("py-spy", "austin", "tachyon")


def error_points(truth: dict[str, list[float]], samples: dict[str, float], column: int) -> float | None:
    """The largest difference between two distributions over the functions, in points; None without samples."""
    spent, seen = sum(held[column] for held in truth.values()), sum(samples.values())
    if not spent or not seen:
        return None
    return max(abs(held[column] / spent - samples.get(name, 0) / seen) * 100 for name, held in truth.items())


def measure(peer: str, interval_us: int, seconds: float) -> dict[str, float | None]:
    """One run on each of the two programs; raises `outside.MissingError` where the peer is not installed."""
    with tempfile.TemporaryDirectory() as folder:
        run = outside.run if peer in FROM_OUTSIDE else outside.run_inside
        mixed = run(peer, "mixed", interval_us, seconds, folder)
    with tempfile.TemporaryDirectory() as folder:
        busy = run(peer, "busy", interval_us, seconds, folder)
    looks = busy.get("looks") or sum(busy["samples"].values())
    return {
        "wall_error_points": error_points(mixed["truth"], mixed["samples"], 0),
        "cpu_error_points": error_points(mixed["truth"], mixed.get("cpu_ns", {}), 1),
        "rate_percent": 100 * looks * interval_us / 1e6 / busy["wall_s"],
    }


def main() -> None:
    """Print a line of JSON per sampler."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--interval-us", type=int, default=1000)
    args = parser.parse_args()
    peers = [*INSIDE, *FROM_OUTSIDE]
    if args.quick:
        args.rounds, args.seconds, peers = 1, 0.3, ["kibitz-native", "kibitz-python"]
    found: dict[str, list[dict[str, float | None]]] = {peer: [] for peer in peers}
    missing: dict[str, str] = {}
    for _ in range(args.rounds):
        for peer in random.sample(peers, len(peers)):
            if peer not in missing:
                try:
                    found[peer].append(measure(peer, args.interval_us, args.seconds))
                except outside.MissingError as error:
                    missing[peer] = str(error)
    for peer in peers:
        line: dict[str, object] = {
            "benchmark": "sampler_truth",
            "sampler": peer,
            "interval_us": args.interval_us,
        }
        if peer in missing:
            line["missing"] = missing[peer]
        for key in ("wall_error_points", "cpu_error_points", "rate_percent"):
            values = [result[key] for result in found[peer] if result[key] is not None]
            line[key] = round(statistics.median(values), 2) if values else None  # type: ignore[type-var]
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
