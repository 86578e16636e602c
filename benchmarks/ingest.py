"""How many reports a second does the collector make durable, and at what CPU cost?

    python benchmarks/ingest.py [--quick]

A running ``kibitz serve`` and, as the floor, a server of the same kind that reads each body and answers 204. Both get the
same reports (2,000 stacks each) from the same two clients, in alternating batches. Reported: reports per second, CPU
milliseconds of the server per report, the ratio of both to the floor, and bytes on disk per report.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from kibitz_agent import wire
from kibitz_agent.profile import Frame, Header, ProfileBuilder

CLIENTS = 2

STUB = """
import socket, sys
from waitress.server import create_server

def app(environ, start_response):
    environ["wsgi.input"].read()
    start_response("204 No Content", [])
    return [b""]

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(512)
print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
create_server(app, sockets=[listener], threads=8).run()
"""


def reports(count: int, stacks: int) -> list[bytes]:
    """Reports of one service: random walks over one call graph, so that most stacks recur."""
    rng = random.Random(1)
    pool = []
    for _ in range(stacks * 2):
        place, stack = 0, [Frame("__main__:<module>", "app.py", 1)]
        for _ in range(rng.randint(5, 30)):
            place = (place * 7 + rng.choice([1, 1, 1, 2, 3])) % 400
            stack.append(
                Frame(
                    f"service.module{place % 20}:Class.method_{place}",
                    f"service/module{place % 20}.py",
                    place,
                )
            )
        pool.append(stack)
    bodies = []
    now = time.time_ns()
    for number in range(count):
        builder = ProfileBuilder()
        for stack in rng.sample(pool, stacks):
            builder.add_stack(
                stack,
                (rng.randint(1, 30), 10_000_000, 5_000_000),
                {"thread": "MainThread", "state": "running"},
            )
        header = Header(group="bench", instance=f"i-{number % 10}", start_ns=now - 10**9, end_ns=now)
        bodies.append(wire.encode(builder.build(header)))
    return bodies


def start(command: list[str]) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    match = re.search(r"listening on http://127\.0\.0\.1:(\d+)", process.stdout.readline())
    assert match
    return process, int(match[1])


def batch(process: subprocess.Popen[str], port: int, bodies: list[bytes], token: str) -> tuple[float, float]:
    """Post ``bodies`` from all clients; (reports a second, server CPU milliseconds a report)."""

    def post(client: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for number in range(client, len(bodies), CLIENTS):
            path = f"/profilingGroups/bench/agentProfile?profileToken={token}-{number}"
            connection.request("POST", path, bodies[number], {"Content-Type": wire.CONTENT_TYPE})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 204, answer.status
        connection.close()

    times = psutil.Process(process.pid).cpu_times
    cpu, begun = sum(times()[:2]), time.perf_counter()
    threads = [threading.Thread(target=post, args=(client,)) for client in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(bodies) / (time.perf_counter() - begun), (sum(times()[:2]) - cpu) / len(bodies) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a smoke run")
    args = parser.parse_args()
    rounds, count, stacks = (1, 10, 200) if args.quick else (8, 100, 2000)
    bodies = reports(count, stacks)
    with tempfile.TemporaryDirectory() as folder:
        servers = {
            "kibitz": start(
                [sys.executable, "-m", "kibitz_agent.cli", "serve", "--port", "0", "--data", folder]
            ),
            "stub": start([sys.executable, "-c", STUB]),
        }
        try:
            results: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
            for number in range(rounds + 1):
                for name in random.sample(sorted(servers), len(servers)):
                    figures = batch(*servers[name], bodies, f"{name}-{number}")
                    if (
                        number or args.quick
                    ):  # the first fills the dictionary, as a service's first report does
                        results[name].append(figures)
            size = sum(path.stat().st_size for path in Path(folder).iterdir())
        finally:
            for process, _ in servers.values():
                process.terminate()
                process.wait()
                assert process.stdout is not None
                process.stdout.close()
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)]
        for name, rows in results.items()
    }
    for name, (rate, cpu_ms) in medians.items():
        print(
            json.dumps(
                {
                    "benchmark": "ingest",
                    "server": name,
                    "reports_per_s": round(rate),
                    "cpu_ms_per_report": round(cpu_ms, 2),
                }
            )
        )
    ratios = {
        "benchmark": "ingest",
        "stacks_per_report": stacks,
        "bytes_sent_per_report": round(statistics.mean(map(len, bodies))),
        "rate_of_stub": round(medians["kibitz"][0] / medians["stub"][0], 3),
        "cpu_over_stub": round(medians["kibitz"][1] / medians["stub"][1], 2) if medians["stub"][1] else None,
        "bytes_on_disk_per_report": round(size / ((rounds + 1) * count)),
    }
    print(json.dumps(ratios))


if __name__ == "__main__":
    main()
