"""Two collectors on one PostgreSQL database, one of them killed under load: nothing is lost, nothing counts twice."""

from __future__ import annotations

import http.client
import itertools
import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

REPORTS, AGENTS = 240, 8
PATIENCE_S = 120.0


@pytest.fixture
def pair(collector, new_database, tmp_path):
    """Two collectors on one database; the one that the fixture brings has a store of its own and is stopped."""
    collector.stop()
    address = new_database()
    both = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        both.append(type(collector)(tmp_path / name / "data"))
        both[-1].start("--store", address)
    yield both, address
    for one in both:
        if one.process.poll() is None:
            assert one.stop() == 0


def functions(collector):
    found = collector.get("/api/groups/shop/functions?value=samples&limit=10000")
    return {function["name"]: function["self"] for function in found["functions"]}


def test_one_is_killed_under_load_and_each_report_counts_once(pair, make_profile):
    (one, other), address = pair
    acknowledged: set[int] = set()
    turns = itertools.cycle([one, other])
    lock, refusals = threading.Lock(), []

    def post(number):
        """As an agent does: again, with the same token, to whoever answers, until one says it is kept."""
        rng = random.Random(number)
        profile = make_profile({"m:a;m:b": 1, f"m:a;m:f{number}": 2, f"m:a;m:g{number % 20};m:h": 1})
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            with lock:
                target = next(turns)
            try:
                status = target.post(profile, token=f"token-{number}")
            except (OSError, http.client.HTTPException) as error:
                refusals.append(error)
                time.sleep(0.01 * rng.random())
                continue
            if status == 204:
                acknowledged.add(number)
                if rng.random() < 0.3:  # an answer that got lost: the same report comes to the other one too
                    with suppress(OSError, http.client.HTTPException):
                        other.post(profile, token=f"token-{number}")
                return
        raise AssertionError(f"report {number} was never acknowledged")

    with ThreadPoolExecutor(AGENTS) as pool:
        posts = [pool.submit(post, number) for number in range(REPORTS)]
        end = time.monotonic() + PATIENCE_S
        while len(acknowledged) < REPORTS // 4 and time.monotonic() < end:
            time.sleep(0.005)
        os.kill(one.process.pid, signal.SIGKILL)
        for each in posts:
            each.result(PATIENCE_S)
    one.kill()  # it is dead: this only tidies up after it
    assert refusals, "it was killed while reports were coming"
    expected = {"m:a": 0, "m:b": REPORTS, "m:h": REPORTS, **{f"m:f{number}": 2 for number in range(REPORTS)}}
    found = functions(other)
    assert {name: count for name, count in found.items() if not name.startswith("m:g")} == expected
    assert other.get("/api/groups")["groups"][0]["profiles"] == REPORTS
    one.start("--store", address)
    assert functions(one) == found
    assert one.post(make_profile({"m:a;m:b": 1}), token="token-1") == 204
    assert functions(one) == found


def test_store_is_sound_after_a_collector_was_killed(pair, make_profile):
    from contextlib import closing

    from kibitz_server.store.opening import open_store

    (one, other), address = pair
    stop = threading.Event()

    def load(target, name):
        number = 0
        while not stop.is_set():
            number += 1
            stacks = {f"m:{name};m:{name}{number};m:x{number % 7}": 1}
            with suppress(OSError, http.client.HTTPException):
                target.post(make_profile(stacks), token=f"{name}{number}")

    threads = [
        threading.Thread(target=load, args=(one, "p")),
        threading.Thread(target=load, args=(other, "q")),
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            before = other.get("/api/groups")["groups"]
            end = time.monotonic() + PATIENCE_S
            while other.get("/api/groups")["groups"] == before and time.monotonic() < end:
                time.sleep(0.01)
            one.kill()
            one.start("--store", address)
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE_S)
    with closing(open_store(address)) as store:
        assert store.check() == []
        assert store.group("shop").profiles > 3
