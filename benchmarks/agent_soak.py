"""Does the agent's memory stay flat, and what does importing it cost?

    python benchmarks/agent_soak.py [--seconds 600] [--quick]

A host that is busy, with twenty threads that come and go, is profiled every millisecond and reports every two seconds to
nowhere; its resident memory is read every second. Reported: resident memory after three tenths of the time, when what any
program's allocator keeps has been kept, and at the end, the growth between the two (medians of a tenth each), and reports made. Then the time a bare interpreter takes to import the
agent, beside one that imports nothing, in pairs (median of the differences).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

HOST = r"""
import json, sys, threading, time
from kibitz_agent.config import Configuration
from kibitz_agent.fleet import Identity
from kibitz_agent.profiler import Profiler
import psutil

class Nowhere:
    reports = samples = 0
    def configure(self): return None
    def report(self, profile):
        self.reports += 1
        self.samples += profile.total()
    def close(self, timeout_s): pass

def work(n):
    return n if n < 2 else work(n - 1) + work(n - 2)

seconds, nowhere = float(sys.argv[1]), Nowhere()
settings = {"sampling_interval_ms": 1, "reporting_interval_ms": 2000, "minimum_reporting_ms": 0}
profiler = Profiler(nowhere, Identity("g"), Configuration(settings, {}))
profiler.start()
process, sizes, end = psutil.Process(), [], time.monotonic() + seconds
while time.monotonic() < end:
    second = time.monotonic() + 1
    threads = [threading.Thread(target=time.sleep, args=(0.5,), name=f"worker-{i}-{len(sizes)}") for i in range(20)]
    for thread in threads: thread.start()
    while time.monotonic() < second: work(14)
    for thread in threads: thread.join()
    sizes.append(process.memory_info().rss)
profiler.stop()
print(json.dumps({"sizes": sizes, "reports": nowhere.reports, "samples": nowhere.samples}))
"""


def soak(seconds: float) -> dict[str, object]:
    """A profiled host's resident memory over ``seconds``."""
    command = [sys.executable, "-c", HOST, str(seconds)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    sizes = told["sizes"]
    tenth = max(1, len(sizes) // 10)
    early, late = statistics.median(sizes[3 * tenth : 4 * tenth]), statistics.median(sizes[-tenth:])
    return {
        "figure": "resident memory while profiling at 1 ms",
        "seconds": seconds,
        "early_mib": round(early / 2**20, 2),
        "late_mib": round(late / 2**20, 2),
        "growth_kib": round((late - early) / 1024),
        "reports": told["reports"],
        "samples": told["samples"],
    }


def import_ms(rounds: int) -> dict[str, object]:
    """What importing the profiler adds to starting Python."""

    def run_ms(code: str) -> float:
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return 1000 * (time.perf_counter() - begun)

    pairs = [(run_ms("pass"), run_ms("import kibitz_agent.profiler")) for _ in range(rounds)]
    return {
        "figure": "import of kibitz_agent.profiler",
        "bare_ms": round(statistics.median(bare for bare, _ in pairs), 1),
        "added_ms": round(statistics.median(full - bare for bare, full in pairs), 1),
        "added_at_best_ms": round(min(full for _, full in pairs) - min(bare for bare, _ in pairs), 1),
    }


def main() -> None:
    """Run both and print a JSON line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--quick", action="store_true", help="a smoke run")
    options = parser.parse_args()
    print(json.dumps(import_ms(3 if options.quick else 31)), flush=True)
    print(json.dumps(soak(5.0 if options.quick else options.seconds)), flush=True)


if __name__ == "__main__":
    main()
