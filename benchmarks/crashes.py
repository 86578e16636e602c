"""Does the collector lose or repeat anything when it is killed? SIGKILL at random instants under load.

    python benchmarks/crashes.py [--quick] [--kills N]

Clients post reports, each with a function of its own, and send again what was not acknowledged, with the same token, as
agents do. Meanwhile the collector is killed and started again. In the end every acknowledged report must count exactly
once, and the store must be sound. Exit status 1 if not.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from kibitz_agent import wire
from kibitz_agent.profile import Frame, Header, ProfileBuilder
from kibitz_server import query
from kibitz_server.store import Span, maintenance
from kibitz_server.store.sql import open_sqlite

CLIENTS = 6
GROUP = "crash"


@dataclass
class Result:
    """What came of it: reports acknowledged, those lost, those counted more than once, and what the check says."""

    kills: int = 0
    acknowledged: set[int] = field(default_factory=set)
    lost: list[int] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Server:
    """A collector that is killed and started again, always on the same port."""

    def __init__(self, data: Path) -> None:
        self.data, self.port = data, 0
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "kibitz_agent.cli", "serve", "--data", str(self.data)]
        command += ["--port", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        match = re.search(r"http://127\.0\.0\.1:(\d+)", self.process.stdout.readline())
        assert match, "the collector did not start"
        self.port = int(match[1])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def body(number: int) -> bytes:
    builder = ProfileBuilder()
    for name in (f"report:r{number}", "shared:a", f"shared:b{number % 50}"):
        builder.add_stack([Frame("main:main"), Frame(name)], (1, 1, 1))
    now = time.time_ns()
    return wire.encode(builder.build(Header(group=GROUP, start_ns=now - 10**9, end_ns=now)))


def post_until_acknowledged(server: Server, number: int, content: bytes, stop: threading.Event) -> bool:
    path = f"/profilingGroups/{GROUP}/agentProfile?profileToken=token-{number}"
    while not stop.is_set():
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        try:
            connection.request("POST", path, content, {"Content-Type": wire.CONTENT_TYPE})
            if connection.getresponse().status == 204:
                return True
        except (OSError, http.client.HTTPException):
            stop.wait(0.02)
        finally:
            connection.close()
    return False


def crash(data: Path, kills: int, seed: int) -> Result:
    """Kill the collector ``kills`` times under load, then count."""
    rng, result = random.Random(seed), Result()
    server, stop, lock = Server(data), threading.Event(), threading.Lock()
    numbers = iter(range(10**9))

    def client() -> None:
        while not stop.is_set():
            with lock:
                number = next(numbers)
            if post_until_acknowledged(server, number, body(number), stop):
                with lock:
                    result.acknowledged.add(number)

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(kills):
            time.sleep(rng.uniform(0.02, 0.6))
            server.kill()
            result.kills += 1
            server.start()
        time.sleep(0.5)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        server.kill()
    _count(data, result)
    return result


def _count(data: Path, result: Result) -> None:
    path = data / "kibitz.sqlite"
    result.problems = maintenance.check(path)
    store = open_sqlite(str(path))
    now = time.time()
    for rolled in (False, True):
        if rolled:
            while store.roll_up(GROUP):
                pass
        tree = query.merged_tree(store, Span(GROUP, now - 86_400, now + 600))
        counts = {f.frame.name: f.self_value for f in query.top_functions(tree, "samples", 10**7)}
        result.lost += [n for n in result.acknowledged if not counts.get(f"report:r{n}")]
        result.repeated += [int(name[8:]) for name, n in counts.items() if name[:8] == "report:r" and n > 1]
    result.problems += store.check()
    store.close()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a smoke run")
    parser.add_argument("--kills", type=int, default=100)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = crash(Path(folder), 2 if args.quick else args.kills, seed=time.time_ns())
    figures = {
        "benchmark": "crashes",
        "kills": result.kills,
        "acknowledged": len(result.acknowledged),
        "lost": len(result.lost),
        "repeated": len(result.repeated),
        "problems": result.problems,
    }
    print(json.dumps(figures))
    return 1 if result.lost or result.repeated or result.problems else 0


if __name__ == "__main__":
    sys.exit(main())
