"""`kibitz serve --workers`: several processes answer as one, and one that dies is replaced."""

from __future__ import annotations

import os
import signal
import time
import urllib.error
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psutil
import pytest

PATIENCE_S = 120.0


@pytest.fixture
def workers(collector, tmp_path):
    """A collector of three processes, and a function that tells which they are."""
    collector.stop()
    collector.start("--workers", "3")

    def running():
        return psutil.Process(collector.process.pid).children()

    return collector, running


def until(condition):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come to pass")


def test_all_of_them_answer_the_same(workers, make_profile):
    collector, running = workers
    assert len(running()) == 3

    def post(number):
        stacks = {"m:a;m:b": 1, f"m:a;m:f{number % 30}": 2, f"m:a;m:g{number};m:h": 1}
        assert collector.post(make_profile(stacks), token=f"{number // 2}") == 204

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(post, range(240)))
    answers = []
    for _ in range(12):
        found = collector.get("/api/groups/shop/functions?value=samples&limit=1000")
        answers.append({function["name"]: function["self"] for function in found["functions"]})
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["m:b"] == answers[0]["m:h"] == 120
    assert collector.stop() == 0


def test_one_that_is_killed_is_replaced_and_nothing_is_lost(workers, make_profile):
    collector, running = workers
    acknowledged = set()

    def post(number):
        for _ in range(200):
            with suppress(OSError, urllib.error.URLError):
                if collector.post(make_profile({"m:a": 1, f"m:a;m:f{number}": 1}), token=str(number)) == 204:
                    acknowledged.add(number)
                    return
            time.sleep(0.05)

    before = {process.pid for process in running()}
    with ThreadPoolExecutor(8) as pool:
        posts = [pool.submit(post, number) for number in range(150)]
        until(lambda: len(acknowledged) > 30)
        killed = min(before)
        os.kill(killed, signal.SIGKILL)
        for one in posts:
            one.result(PATIENCE_S)
    until(lambda: len(running()) == 3 and killed not in {process.pid for process in running()})
    assert acknowledged == set(range(150))
    found = collector.get("/api/groups/shop/functions?value=samples&limit=1000")["functions"]
    counts = {function["name"]: function["self"] for function in found}
    assert counts.pop("m:a") == 150
    assert counts == {f"m:f{number}": 1 for number in range(150)}


def test_when_it_ends_all_of_them_end(workers):
    collector, running = workers
    processes = running()
    assert collector.stop() == 0
    psutil.wait_procs(processes, timeout=PATIENCE_S)
    assert not any(process.is_running() for process in processes)


def test_killed_supervisor_takes_them_along(workers):
    collector, running = workers
    processes = running()
    collector.kill()
    _, left = psutil.wait_procs(processes, timeout=PATIENCE_S)
    assert left == []


def test_one_that_is_stopped_leaves_new_connections_to_the_others(workers):
    collector, running = workers
    until(lambda: all(process.num_threads() > 4 for process in running()))
    stopped = running()[0]
    stopped.suspend()
    try:
        for _ in range(30):
            assert collector.get("/healthz")
    finally:
        stopped.resume()
