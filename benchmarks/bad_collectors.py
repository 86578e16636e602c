"""What do a host's requests feel of a bad collector, and does everything arrive once when it recovers?

    python benchmarks/bad_collectors.py [--rounds 5] [--seconds 4] [--quick]

A host answers requests of about a millisecond, is sampled every 10 ms and reports every 200 ms, to a collector that is
dead, slow (2 s), hanging, lying (a login page with status 200), or answers 404, 413, 429 or 500 to everything, until the host's
time is up. The peers are the same host with no agent and with a collector that is well. Every round runs each once,
in random order. Per collector, as medians over the rounds:

    p50_ms, p99_ms                     of a request's time
    p50_to_none, p99_to_none           the same beside the run without an agent of the same round
    held_profiles                      that waited in the spool at most (it has room for 64)
    arrived_percent, repeated          of the samples reported, at least; profiles that counted twice
    stop_s                             how long the stop took, at most

413 to every part of a profile, however small, is a refusal for good: such a profile is dropped, and does not arrive.
"""

from __future__ import annotations

import argparse
import http.server
import json
import random
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kibitz_agent import wire

HOST = Path(__file__).resolve().parent / "hosts" / "answering.py"
SLOW_S, HANGING_S = 2.0, 30.0
Figures = dict[str, Any]


class Collector:
    """One that misbehaves in the way of its name until it recovers, and counts what it took, by token."""

    def __init__(self, name: str) -> None:
        self.name, self.taken, self.repeated = name, dict[str, int](), 0
        self._recovered = threading.Event()
        self._server: http.server.ThreadingHTTPServer | None = None
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self._port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        if name == "well":
            self._recovered.set()
        if name != "dead":
            self._serve()

    def recover(self) -> None:
        self._recovered.set()
        if self._server is None:
            self._serve()

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def answer(self, path: str, body: bytes) -> tuple[int, dict[str, str], bytes] | None:
        """Status, headers and body; None hangs up."""
        if not self._recovered.is_set():
            if self.name == "hanging":
                self._recovered.wait(HANGING_S)
                return None
            if self.name == "lying":
                return 200, {"Content-Type": "text/html"}, b"<!doctype html><title>Please log in</title>"
            if self.name.isdigit():
                return int(self.name), {"Retry-After": "1"} if self.name == "429" else {}, b""
            self._recovered.wait(SLOW_S)
        for token in parse_qs(urlsplit(path).query).get("profileToken", []):
            self.repeated += token in self.taken
            self.taken[token] = wire.decode(body).total()
        return 204, {}, b""

    def _serve(self) -> None:
        answer_to = self.answer

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                answer = answer_to(self.path, self.rfile.read(int(self.headers["Content-Length"])))
                if answer is None:
                    return
                status, headers, body = answer
                with suppress(OSError):
                    self.send_response(status)
                    for name, value in {**headers, "Content-Length": str(len(body))}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()


NAMES = ("none", "well", "dead", "slow", "hanging", "lying", "404", "413", "429", "500")


def run(name: str, seconds: float) -> Figures:
    """One host's life with that collector."""
    collector = None if name == "none" else Collector(name)
    url = "none" if collector is None else collector.url
    with subprocess.Popen(
        [sys.executable, str(HOST), url, str(seconds)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as host:  # fmt: skip
        assert host.stdin is not None
        assert host.stdout is not None
        assert host.stdout.readline() == "worked\n"
        if collector is not None:
            collector.recover()
        host.stdin.write("\n")
        host.stdin.flush()
        told: Figures = json.loads(host.stdout.readline())
    time.sleep(0.1)
    took = sorted(told["took_ms"])
    arrived = 0 if collector is None else sum(collector.taken.values())
    repeated = 0 if collector is None else collector.repeated
    if collector is not None:
        collector.close()
    return {
        "p50": took[len(took) // 2], "p99": took[len(took) * 99 // 100], "held": told["held"], "stop_s": told["stop_s"],
        "arrived": 100 * arrived / told["samples"] if told["samples"] else None, "repeated": repeated,
    }  # fmt: skip


def figures_of(name: str, runs: list[Figures], none: list[Figures]) -> Figures:
    """The line that is printed."""

    def median(figure: Callable[[Figures, Figures], float]) -> float:
        return round(statistics.median(map(figure, runs, none)), 3)

    line: Figures = {"benchmark": "bad_collectors", "collector": name, "rounds": len(runs)}
    line["p50_ms"], line["p99_ms"] = median(lambda run, _: run["p50"]), median(lambda run, _: run["p99"])
    if name != "none":
        line["p50_to_none"] = median(lambda run, other: run["p50"] / other["p50"])
        line["p99_to_none"] = median(lambda run, other: run["p99"] / other["p99"])
        line["held_profiles"] = max(run["held"] for run in runs)
        line["arrived_percent"] = round(min(run["arrived"] for run in runs), 2)
        line["repeated"] = sum(run["repeated"] for run in runs)
        line["stop_s"] = round(max(run["stop_s"] for run in runs), 2)
    return line


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a smoke run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of requests in each run")
    args = parser.parse_args()
    names = ("none", "dead") if args.quick else NAMES
    cells: dict[str, list[Figures]] = {name: [] for name in names}
    for _ in range(1 if args.quick else args.rounds):
        for name in random.sample(names, len(names)):
            cells[name].append(run(name, 1.0 if args.quick else args.seconds))
    for name in names:
        print(json.dumps(figures_of(name, cells[name], cells["none"])), flush=True)


if __name__ == "__main__":
    main()
