"""A host that serves requests, for bad_collectors.py: ``python answering.py URL SECONDS``; URL ``none`` leaves the agent out.

Prints "worked" when the time is up and reads a line, by which the collector has recovered. Then it waits until everything
held has been sent, stops, and prints one line of JSON: each request's milliseconds, what was reported and held, how long
the stop took.
"""

import json
import logging
import sys
import time

URL, SECONDS = sys.argv[1], float(sys.argv[2])
PATIENCE_S = 60.0


def request():
    total = 0
    for number in range(20_000):
        total += number * number
    return total


class Counting:
    """The real reporter; counts what the profiler gave it."""

    def __init__(self, reporter):
        self.reporter, self.samples = reporter, 0
        self.configure, self.close = reporter.configure, reporter.close

    def report(self, profile):
        self.samples += profile.total()
        self.reporter.report(profile)


def profiled():
    from kibitz_agent.config import Settings
    from kibitz_agent.fleet import Identity
    from kibitz_agent.profiler import Profiler
    from kibitz_agent.reporters.http import HttpReporter
    from kibitz_agent.reporters.transport import HttpTransport
    from kibitz_agent.spool import Spool

    logging.getLogger("kibitz").setLevel(logging.CRITICAL)
    spool, identity = Spool(), Identity("bench", "host", 1)
    reporter = Counting(HttpReporter(URL, identity, HttpTransport({}), spool))
    settings = Settings(sampling_interval_ms=10, reporting_interval_ms=200, minimum_reporting_ms=0)
    profiler = Profiler(reporter, identity, settings)
    profiler.start()
    return profiler, reporter, spool


def main():
    profiler, reporter, spool = (None, None, ()) if URL == "none" else profiled()
    took_ms, held = [], 0
    until = time.perf_counter() + SECONDS
    while (begun := time.perf_counter()) < until:
        request()
        took_ms.append(1000 * (time.perf_counter() - begun))
        held = max(held, len(spool))
        time.sleep(0.001)
    print("worked", flush=True)
    sys.stdin.readline()
    until = time.perf_counter() + PATIENCE_S
    while len(spool) and time.perf_counter() < until:
        time.sleep(0.01)
    begun = time.perf_counter()
    if profiler is not None:
        profiler.stop()
    stop_s = time.perf_counter() - begun
    samples = reporter.samples if reporter else 0
    print(
        json.dumps(
            {"took_ms": took_ms, "held": held, "left": len(spool), "samples": samples, "stop_s": stop_s}
        )
    )


main()
