"""Shipping: short profiles wait and join, failures end nothing, the last one always goes."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping
from dataclasses import replace

import pytest

from kibitz_agent.aggregator import Batch
from kibitz_agent.calltree import CallTree
from kibitz_agent.config import Configuration
from kibitz_agent.fleet import Identity
from kibitz_agent.profile import Header, Overhead, Profile
from kibitz_agent.reporters import ReportError
from kibitz_agent.shipping import Shipping

S = 1_000_000_000


class Collector:
    """A reporter that remembers, and fails when told to."""

    def __init__(self) -> None:
        self.profiles: list[Profile] = []
        self.answer: Mapping[str, object] | None = None
        self.fails: Exception | None = None
        self.asked = 0

    def configure(self) -> Mapping[str, object] | None:
        self.asked += 1
        if self.fails:
            raise self.fails
        return self.answer

    def report(self, profile: Profile) -> None:
        if self.fails:
            raise self.fails
        self.profiles.append(profile)

    def close(self, timeout_s: float) -> None:
        pass


def batch(ticks: int = 5) -> Batch:
    tree = CallTree()
    node, _ = tree.walk(sys._getframe(), 100)
    return Batch(tree, {(node, 0): [ticks, ticks * 10, ticks]}, (("main", True, 0, 0, False, False),), ticks)


def header(start_s: int, end_s: int, **more: object) -> Header:
    return Header(
        start_ns=start_s * S,
        end_ns=end_s * S,
        interval_ns=10,
        process_cpu_ns=7,
        overhead=Overhead(1, 2, 5, 3, 4),
        **more,
    )


def shipping(collector: Collector, **settings: object) -> Shipping:
    identity = Identity("shop", "i-1", 42, "abc", {"name": "box"})
    return Shipping(collector, identity, Configuration(settings, {}), time)


def test_profile_carries_who_where_and_a_token_of_its_own():
    collector = Collector()
    ship = shipping(collector)
    for start in (0, 60):
        ship.take(batch(), header(start, start + 60))
    ship.do_all()
    first, second = (profile.header for profile in collector.profiles)
    assert (first.group, first.instance, first.process_id, first.revision) == ("shop", "i-1", 42, "abc")
    assert first.host == {"name": "box"}
    assert first.agent_version
    assert len(first.token) == 36
    assert first.token != second.token


def test_profile_under_the_minimum_joins_the_next_one():
    collector = Collector()
    ship = shipping(collector, minimum_reporting_ms=60_000)
    ship.take(batch(5), header(0, 20, limits=("MaxStackDepth",)))
    ship.do_all()
    assert collector.profiles == []
    assert ship.memory_bytes > 0
    ship.take(batch(7), header(20, 70, limits=("CpuUsageLimitPercent",)))
    ship.do_all()
    (joined,) = collector.profiles
    assert joined.total() == 12
    assert (joined.header.start_ns, joined.header.end_ns) == (0, 70 * S)
    assert joined.header.limits == ("CpuUsageLimitPercent", "MaxStackDepth")
    assert joined.header.overhead == Overhead(2, 2, 10, 6, 8)
    assert (joined.header.process_cpu_ns, joined.header.interval_ns) == (14, 10)
    assert ship.memory_bytes == 0


def test_last_profile_is_sent_however_short():
    collector = Collector()
    ship = shipping(collector)
    ship.take(batch(), header(0, 1))
    ship.end()
    ship.run()
    assert [profile.total() for profile in collector.profiles] == [5]


def test_profile_without_samples_is_not_sent():
    collector = Collector()
    ship = shipping(collector)
    ship.take(Batch(CallTree(), {}, (), 9), header(0, 90))
    ship.do_all()
    assert collector.profiles == []


def test_failing_reporter_is_logged_once_and_the_next_profile_goes(caplog: pytest.LogCaptureFixture):
    collector = Collector()
    ship = shipping(collector)
    with caplog.at_level(logging.WARNING, "kibitz"):
        for error in (ReportError("503"), ReportError("503"), ZeroDivisionError("bug")):
            collector.fails = error
            ship.take(batch(), header(0, 90))
            ship.do_all()
    collector.fails = None
    ship.take(batch(), header(90, 180))
    ship.do_all()
    assert len(collector.profiles) == 1
    assert ship.is_free
    assert [record.message for record in caplog.records] == [
        "kibitz: a profile could not be reported: 503",
        "kibitz: reporting failed unexpectedly: ZeroDivisionError: bug",
    ]


def test_answer_of_the_collector_is_asked_for_with_every_report_and_taken_over():
    collector, woken = Collector(), []
    configuration = Configuration({}, {})
    ship = Shipping(collector, Identity("shop"), configuration, time, lambda: woken.append(1))
    collector.answer = {"agentParameters": {"SamplingIntervalInMilliseconds": "20"}}
    ship.ask()
    ship.do_all()
    assert configuration.settings.sampling_interval_ms == 20
    ship.take(batch(), header(0, 90))
    ship.do_all()
    assert collector.asked == len(woken) == 2


def test_outlet_is_free_only_when_every_job_is_done():
    ship = shipping(Collector())
    assert ship.is_free
    ship.take(batch(), header(0, 90))
    assert not ship.is_free
    ship.ask()
    ship.do_all()
    assert ship.is_free


def test_report_carries_a_heap_summary_when_that_is_asked_for() -> None:
    collector = Collector()
    for asked in (False, True):
        settings = Configuration({"heap_summary": asked, "minimum_reporting_ms": 0}, {})
        shipping = Shipping(collector, Identity("shop"), settings, time)
        shipping.take(batch(), header(0, 300))
        shipping.do_all()
    without, with_heap = (profile.header.heap for profile in collector.profiles)
    assert without is None
    assert with_heap is not None
    assert with_heap.rss_bytes > 1 << 20
    assert with_heap.pause_ns > 0


def test_collector_may_ask_for_heap_summaries() -> None:
    configuration = Configuration({}, {})
    parameters = {"HeapSummary": "true", "HeapPauseLimitInMilliseconds": "20"}
    settings = configuration.accept({"agentParameters": parameters})
    assert (settings.heap_summary, settings.heap_pause_limit_ms) == (True, 20)
    assert not configuration.accept({"agentParameters": {}}).heap_summary


def test_retries_of_joined_profiles_add_up() -> None:
    collector = Collector()
    shipping = Shipping(
        collector, Identity("shop"), Configuration({"minimum_reporting_ms": 60_000}, {}), time
    )
    for start_s in (0, 40):
        shipping.take(batch(), replace(header(start_s, start_s + 40), overhead=Overhead(retries=3)))
        shipping.do_all()
    assert [profile.header.overhead.retries for profile in collector.profiles] == [6]
