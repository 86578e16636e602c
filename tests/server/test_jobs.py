"""The background round: every group gets its turn, whatever happens to the others."""

from __future__ import annotations

import logging
import threading
from types import SimpleNamespace

from kibitz_server import anomalies
from kibitz_server.findings import anomaly
from kibitz_server.jobs import Jobs

NOW = 1_700_000_000.0


class Groups:
    """A store as far as jobs know it."""

    def __init__(self, *names):
        self.names, self.saved = names, {}

    def groups(self):
        return [SimpleNamespace(name=name) for name in self.names]

    def roll_up(self, group):
        return 0

    def expire(self, group):
        pass

    def save_findings(self, group, found):
        self.saved[group] = list(found)


def found_in(group):
    return anomaly(group=group, frame="m:f", start=0.0, end=3600.0, usual=0.1, seen=0.2)


def test_round_saves_what_is_found_at_the_time_of_the_clock(monkeypatch):
    asked = []

    def detect(store, group, now):
        asked.append((group, now))
        return [found_in(group)] if group == "shop" else []

    monkeypatch.setattr(anomalies, "detect_group", detect)
    store = Groups("shop", "quiet")
    Jobs(store, 60, clock=lambda: NOW).run_once()
    assert asked == [("shop", NOW), ("quiet", NOW)]
    assert store.saved == {"shop": [found_in("shop")]}


def test_group_that_fails_is_logged_and_the_next_one_still_judged(monkeypatch, caplog):
    def detect(store, group, now):
        if group == "broken":
            raise ValueError("damaged")
        return [found_in(group)]

    monkeypatch.setattr(anomalies, "detect_group", detect)
    store = Groups("broken", "shop")
    with caplog.at_level(logging.ERROR, "kibitz.server"):
        Jobs(store, 60, clock=lambda: NOW).run_once()
    assert "anomaly detection failed for group broken" in caplog.text
    assert list(store.saved) == ["shop"]


def test_store_that_cannot_list_its_groups_does_not_end_the_rounds(caplog):
    rounds = threading.Semaphore(0)

    class Failing(Groups):
        def groups(self):
            rounds.release()
            raise OSError("disk full")

    jobs = Jobs(Failing(), 0.001, clock=lambda: NOW)
    jobs.start()
    assert rounds.acquire(timeout=240)
    assert rounds.acquire(timeout=240), "a second round comes after a failed one"
    jobs.stop()
    assert "a background job failed" in caplog.text


def test_stop_ends_the_thread_and_lets_the_group_at_work_finish(monkeypatch):
    began, go_on = threading.Event(), threading.Event()

    def detect(store, group, now):
        began.set()
        assert go_on.wait(120)
        return [found_in(group)]

    monkeypatch.setattr(anomalies, "detect_group", detect)
    store = Groups("first", "second")
    jobs = Jobs(store, 0.001, clock=lambda: NOW)
    jobs.start()
    assert began.wait(120)
    stopping = threading.Thread(target=jobs.stop)
    stopping.start()
    while not jobs.stopping:
        threading.Event().wait(0.001)
    go_on.set()
    stopping.join(120)
    assert not stopping.is_alive()
    assert list(store.saved) == ["first"]


def test_stop_before_start_is_harmless():
    Jobs(Groups(), 60).stop()
