"""How many reports a second does the collector make durable, and at what CPU cost?

    python benchmarks/ingest.py [--quick]

A running ``kibitz serve`` and, as the floor, a server of the same kind that reads each body and answers 204. Both get the
same reports (2,000 stacks each) from the same 32 clients, in alternating rounds. A second ``kibitz serve --workers 2``, on
two cores, gets them from 6 clients in batches of 32 (``POST /api/reports``). Reports are of two shapes: "service",
whose stacks share their beginnings as those of a program do (some 4,000 nodes), and "wide", random walks that share next
to nothing (some 20,000 nodes). Reported: reports per second, CPU milliseconds of the server per report, the ratio of both
to the floor, bytes on disk per report, the servers' memory; and the same reports put into DuckDB as rows, one transaction
for every 32, by this process, without HTTP.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil

from kibitz_agent import wire
from kibitz_agent.profile import Frame, Header, Profile, ProfileBuilder
from kibitz_server.ingest import batch

CLIENTS = 32
BATCH, BATCH_CLIENTS, BATCH_WORKERS = 32, 6, 2
BATCH_TIMES = (
    3  # a round is long enough that its beginning and its end, when a core waits for work, weigh little
)

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


def frame(place: int) -> Frame:
    return Frame(f"service.module{place % 20}:Class.method_{place}", f"service/module{place % 20}.py", place)


def wide_stacks(rng: random.Random, count: int) -> list[list[Frame]]:
    """Random walks over one call graph."""
    pool = []
    for _ in range(count):
        place, stack = 0, [Frame("__main__:<module>", "app.py", 1)]
        for _ in range(rng.randint(5, 30)):
            place = (place * 7 + rng.choice([1, 1, 1, 2, 3])) % 400
            stack.append(frame(place))
        pool.append(stack)
    return pool


def service_stacks(rng: random.Random, count: int) -> list[list[Frame]]:
    """Paths down one call tree that branches the more the deeper it is, after a common beginning."""
    pool = [[Frame("__main__:<module>", "app.py", 1), *(frame(place) for place in range(8))]]
    while len(pool) < count:
        above = pool[max(0, len(pool) - rng.randint(1, 200))]
        pool.append([*above, frame(rng.randrange(400))] if len(above) < 40 else above[: rng.randint(9, 30)])
    return pool


SHAPES = {"service": service_stacks, "wide": wide_stacks}


def profiles(count: int, stacks: int, shape: str, ended: list[float] | None = None) -> list[Profile]:
    """Reports of one service, most of whose stacks recur; ``ended`` gives their times, all now without it."""
    rng = random.Random(1)
    pool = SHAPES[shape](rng, stacks * 2)
    made = []
    for number in range(count):
        builder = ProfileBuilder()
        for stack in rng.sample(pool, stacks):
            builder.add_stack(
                stack,
                (rng.randint(1, 30), 10_000_000, 5_000_000),
                {"thread": "MainThread", "state": "running"},
            )
        end = int((ended[number] if ended else time.time()) * 1e9)
        header = Header(group="bench", instance=f"i-{number % 10}", start_ns=end - 10**9, end_ns=end)
        made.append(builder.build(header))
    return made


def start(command: list[str]) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    match = re.search(r"listening on http://127\.0\.0\.1:(\d+)", process.stdout.readline())
    assert match
    return process, int(match[1])


def one_by_one(
    process: subprocess.Popen[str], port: int, made: list[Profile], token: str
) -> tuple[float, float]:
    """Post reports from all clients; (reports a second, server CPU milliseconds a report)."""
    path = f"/profilingGroups/bench/agentProfile?profileToken={token}-"
    posts = [(f"{path}{number}", body) for number, body in enumerate(map(wire.encode, made))]
    return posted(process, port, posts, CLIENTS, wire.CONTENT_TYPE, len(made))


def in_batches(
    process: subprocess.Popen[str], port: int, made: list[Profile], token: str
) -> tuple[float, float]:
    """The same, many in a request."""
    bodies = [
        wire.encode(profile.with_header(replace(profile.header, token=f"{token}-{turn}-{number}")))
        for turn in range(BATCH_TIMES)
        for number, profile in enumerate(made)
    ]
    posts = [
        ("/api/reports", batch.joined(bodies[first : first + BATCH]))
        for first in range(0, len(bodies), BATCH)
    ]
    return posted(process, port, posts, BATCH_CLIENTS, batch.CONTENT_TYPE, len(bodies))


def posted(
    process: subprocess.Popen[str],
    port: int,
    posts: list[tuple[str, bytes]],
    clients: int,
    kind: str,
    reports: int,
) -> tuple[float, float]:
    def post(client: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for path, body in posts[client::clients]:
            connection.request("POST", path, body, {"Content-Type": kind})
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status in (200, 204), answer.status
            assert b'"report"' not in text, text
        connection.close()

    cpu, begun = cpu_s(process), time.perf_counter()
    threads = [threading.Thread(target=post, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return reports / (time.perf_counter() - begun), (cpu_s(process) - cpu) / reports * 1000


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    own = psutil.Process(process.pid)
    return [own, *own.children(recursive=True)]


def cpu_s(process: subprocess.Popen[str]) -> float:
    return sum(sum(one.cpu_times()[:2]) for one in family(process))


def on_two_cores(process: subprocess.Popen[str]) -> None:
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))[:2]
        for one in family(process):
            os.sched_setaffinity(one.pid, cores)
            for thread in one.threads():
                os.sched_setaffinity(thread.id, cores)


def duckdb_rate(made: list[Profile], folder: str) -> tuple[float, float] | None:
    """(reports a second, CPU milliseconds a report) of rows in DuckDB; None where it is not installed."""
    try:
        import duckdb
    except ImportError:
        return None
    rows = [
        [
            (number, ";".join(frame.name for frame in frames), dict(labels).get("state"), *values)
            for frames, labels, values in profile.stacks()
        ]
        for number, profile in enumerate(made)
    ]
    import pyarrow as pa

    with duckdb.connect(str(Path(folder) / "rows.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE samples (report INT, stack VARCHAR, state VARCHAR, samples BIGINT, wall BIGINT, cpu BIGINT)"
        )
        cpu, begun = time.process_time(), time.perf_counter()
        for first in range(0, len(rows), CLIENTS):
            together = [row for report in rows[first : first + CLIENTS] for row in report]
            names = ["report", "stack", "state", "samples", "wall", "cpu"]
            rows_of_reports = pa.table(dict(zip(names, zip(*together, strict=True), strict=True)))
            connection.execute("INSERT INTO samples SELECT * FROM rows_of_reports")
            del rows_of_reports
        wall = time.perf_counter() - begun
        return len(rows) / wall, (time.process_time() - cpu) / len(rows) * 1000


def measured(shape: str, rounds: int, count: int, stacks: int, *, quick: bool) -> None:
    made = profiles(count, stacks, shape)
    serve = [sys.executable, "-m", "kibitz_agent.cli", "serve", "--port", "0", "--data"]
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        servers = {
            "kibitz": start([*serve, folder]),
            "kibitz in batches": start([*serve, other, "--workers", str(BATCH_WORKERS)]),
            "stub": start([sys.executable, "-c", STUB]),
        }
        on_two_cores(servers["kibitz in batches"][0])
        try:
            results: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
            for number in range(rounds + 1):
                for name in random.sample(sorted(servers), len(servers)):
                    post = in_batches if name.endswith("batches") else one_by_one
                    figures = post(*servers[name], made, f"{name[:6]}-{number}")
                    if number or quick:  # the first fills the dictionary, as a service's first report does
                        results[name].append(figures)
            memory = {
                name: [one.memory_info().rss for one in family(server)]
                for name, (server, _) in servers.items()
            }
        finally:
            for process, _ in servers.values():
                process.terminate()
                process.wait()
                assert process.stdout is not None
                process.stdout.close()
        size = sum(path.stat().st_size for path in Path(folder).iterdir() if path.is_file())
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)]
        for name, rows in results.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        rows = duckdb_rate(made, folder)
    if rows:
        medians["duckdb rows"] = list(rows)
    for name, (rate, cpu_ms) in medians.items():
        line = {"benchmark": "ingest", "shape": shape, "server": name}
        print(json.dumps({**line, "reports_per_s": round(rate), "cpu_ms_per_report": round(cpu_ms, 2)}))
    summary = {
        "benchmark": "ingest",
        "shape": shape,
        "stacks_per_report": stacks,
        "nodes_per_report": round(statistics.mean(len(profile.node_parent) for profile in made)),
        "bytes_sent_per_report": round(statistics.mean(len(wire.encode(profile)) for profile in made)),
        "rate_of_stub": round(medians["kibitz"][0] / medians["stub"][0], 3),
        "cpu_over_stub": round(medians["kibitz"][1] / medians["stub"][1], 2) if medians["stub"][1] else None,
        "reports": (rounds + 1) * count,
        "bytes_on_disk_per_report": round(size / ((rounds + 1) * count)),
        "rss_mb": round(max(memory["kibitz"]) / 1e6),
        "rss_of_each_worker_mb": [round(size / 1e6) for size in memory["kibitz in batches"]],
    }
    print(json.dumps(summary))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a smoke run")
    args = parser.parse_args()
    rounds, count, stacks = (1, 40, 200) if args.quick else (9, 224, 2000)
    for shape in SHAPES:
        measured(shape, rounds, count, stacks, quick=args.quick)


if __name__ == "__main__":
    main()
