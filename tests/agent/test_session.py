"""A session on a clock of the test's own: ticks, periods, rests and brakes."""

from __future__ import annotations

import logging
import sys
from itertools import pairwise

import pytest

from kibitz_agent.aggregator import Batch
from kibitz_agent.calltree import CallTree
from kibitz_agent.config import Configuration
from kibitz_agent.limits import KillSwitch
from kibitz_agent.profile import Header
from kibitz_agent.sampler import AskedSampler, Run
from kibitz_agent.session import Session

MS = 1_000_000
S = 1000 * MS


class FakeClock:
    """Clocks that stand still; ``wall_ns`` is set apart from the monotonic one."""

    def __init__(self) -> None:
        self.now_ns, self.wall_ns, self.cpu_ns = 50 * S, 1_700_000_000 * S, 0

    def monotonic_ns(self) -> int:
        return self.now_ns

    def time_ns(self) -> int:
        return self.wall_ns

    def process_time_ns(self) -> int:
        return self.now_ns // 2

    def thread_time_ns(self) -> int:
        return self.cpu_ns


class OneThread(AskedSampler):
    """Sees one thread at one place at every tick, and costs what the test says."""

    name = "fake"
    estimates_cpu = False

    def __init__(self, clock: FakeClock) -> None:
        self.clock, self.cost_ns, self.memory_bytes = clock, 0, 1000
        self.elapsed: list[int] = []
        self.stalls_ns: list[int] = []
        self.tree = CallTree()

    def sample(self, elapsed_ns: int, max_depth: int) -> list[Run]:
        self.looks += 1
        self.elapsed.append(elapsed_ns)
        self.clock.cpu_ns += self.cost_ns
        node, cut = self.tree.walk(sys._getframe(), max_depth)
        return [Run("main", node, cut, True, 1, elapsed_ns, elapsed_ns)]

    def drain(self) -> tuple[CallTree, list[Run]]:
        stall_ns = self.stalls_ns.pop(0) if self.stalls_ns else 0
        self.clock.now_ns += stall_ns
        self.clock.wall_ns += stall_ns
        tree, self.tree = self.tree, CallTree()
        return tree, []


class Basket:
    """An outlet that keeps what it takes."""

    def __init__(self) -> None:
        self.cpu_ns = self.memory_bytes = self.asked = 0
        self.is_free = True
        self.taken: list[tuple[Batch, Header]] = []

    def take(self, batch: Batch, header: Header) -> None:
        self.taken.append((batch, header))

    def ask(self) -> None:
        self.asked += 1


class Bench:
    """A session and everything around it."""

    def __init__(
        self, environ: dict[str, str] | None = None, memory_bytes: int = 1 << 30, **settings: object
    ) -> None:
        self.environ = environ if environ is not None else {}
        self.clock, self.basket = FakeClock(), Basket()
        self.sampler = OneThread(self.clock)
        self.configuration = Configuration(settings, {})
        self.session = Session(
            self.sampler,
            self.configuration,
            self.basket,
            self.clock,
            memory_bytes,
            KillSwitch(self.environ),
            lambda: 0.5,
        )

    def run(self, seconds: float) -> None:
        """Turn the session as its owner would, until ``seconds`` have passed."""
        end_ns = self.clock.now_ns + int(seconds * S)
        while self.clock.now_ns < end_ns:
            wait_ns = int(self.session.turn() * S)
            assert wait_ns >= 0
            self.clock.now_ns = min(end_ns, self.clock.now_ns + max(1, wait_ns))
            self.clock.wall_ns += max(1, wait_ns)


def test_ticks_come_at_the_interval_and_profiles_at_the_period():
    bench = Bench(sampling_interval_ms=10, reporting_interval_ms=1000)
    bench.run(10.001)
    assert len(bench.basket.taken) == 10
    headers = [header for _, header in bench.basket.taken]
    assert all(header.overhead.ticks in (99, 100, 101) for header in headers)
    assert all(header.interval_ns == pytest.approx(10 * MS, rel=0.02) for header in headers)
    assert all(header.process_cpu_ns == pytest.approx(S / 2, rel=0.01) for header in headers)
    assert [b.start_ns - a.end_ns for a, b in pairwise(headers)] == [0] * 9


def test_periods_do_not_overlap_however_long_it_takes_to_hand_one_over():
    bench = Bench(sampling_interval_ms=10, reporting_interval_ms=1000)
    bench.sampler.stalls_ns = [300 * MS, 0, 100 * MS, 0]
    began_ns = bench.clock.wall_ns
    bench.run(5.5)
    headers = [header for _, header in bench.basket.taken]
    assert len(headers) == 5
    assert headers[0].start_ns == began_ns
    assert [b.start_ns - a.end_ns for a, b in pairwise(headers)] == [0] * 4


def test_wall_time_of_all_samples_is_the_time_that_passed():
    bench = Bench(sampling_interval_ms=10, reporting_interval_ms=1000)
    bench.run(5)
    assert sum(bench.sampler.elapsed) == pytest.approx(5 * S, abs=20 * MS)


def test_wall_clock_set_back_neither_ends_sampling_nor_turns_a_period_around():
    bench = Bench(sampling_interval_ms=10, reporting_interval_ms=1000)
    bench.run(0.5)
    bench.clock.wall_ns -= 3600 * S
    bench.run(2)
    assert len(bench.basket.taken) == 2
    assert all(header.duration_ns == pytest.approx(S, rel=0.02) for _, header in bench.basket.taken)


def test_stall_is_one_long_tick_and_missed_ones_not_a_burst():
    bench = Bench(sampling_interval_ms=10)
    bench.run(0.1)
    bench.clock.now_ns += 2 * S
    before = len(bench.sampler.elapsed)
    bench.run(0.05)
    assert bench.sampler.elapsed[before] > 2 * S
    assert len(bench.sampler.elapsed) - before <= 7
    bench.session.flush()
    assert bench.basket.taken[0][1].overhead.missed_ticks == pytest.approx(200, abs=2)


def test_period_waits_for_an_outlet_that_is_busy_and_loses_nothing():
    bench = Bench(sampling_interval_ms=10, reporting_interval_ms=1000)
    bench.basket.is_free = False
    bench.run(3.5)
    assert bench.basket.taken == []
    bench.basket.is_free = True
    bench.run(0.02)
    ((_, header),) = bench.basket.taken
    assert header.overhead.ticks == pytest.approx(350, abs=3)
    assert header.duration_ns == pytest.approx(3.5 * S, rel=0.02)


def test_settings_of_the_collector_take_effect_while_running():
    bench = Bench()
    bench.run(3)
    assert len(bench.sampler.elapsed) <= 4
    bench.configuration.accept(
        {"agentParameters": {"SamplingIntervalInMilliseconds": "10", "MaxStackDepth": "2"}}
    )
    bench.run(1)
    assert len(bench.sampler.elapsed) == pytest.approx(103, abs=3)
    bench.session.flush()
    assert bench.basket.taken[0][1].limits == ("MaxStackDepth",)


def test_collector_that_says_no_stops_samples_and_is_asked_again():
    bench = Bench(sampling_interval_ms=10, reporting_interval_ms=60_000)
    bench.run(1)
    bench.configuration.accept({"shouldProfile": False})
    taken = len(bench.sampler.elapsed)
    bench.run(200)
    assert len(bench.sampler.elapsed) == taken
    assert bench.basket.asked == 3
    assert bench.basket.taken == []
    bench.configuration.accept({"shouldProfile": True})
    bench.run(1)
    bench.session.flush()
    ((_, header),) = bench.basket.taken
    assert header.overhead.missed_ticks == 0
    assert header.overhead.ticks == len(bench.sampler.elapsed) - taken


def test_kill_switch_rests_sampling_keeps_what_was_seen_and_lets_go_again():
    bench = Bench(sampling_interval_ms=10)
    bench.run(1)
    bench.environ["KIBITZ_KILL_SWITCH"] = "1"
    bench.run(11)
    seen = len(bench.sampler.elapsed)
    assert len(bench.basket.taken) == 1
    bench.run(100)
    assert len(bench.sampler.elapsed) == seen
    del bench.environ["KIBITZ_KILL_SWITCH"]
    bench.run(12)
    assert len(bench.sampler.elapsed) > seen


def test_cpu_limit_stretches_the_interval_and_is_named_in_the_profile():
    bench = Bench(sampling_interval_ms=10, cpu_limit_percent=5)
    bench.sampler.cost_ns = 2 * MS
    bench.run(30)
    bench.session.flush()
    ((_, header),) = bench.basket.taken
    assert "CpuUsageLimitPercent" in header.limits
    assert header.interval_ns > 25 * MS
    assert header.overhead.cpu_ns / header.duration_ns < 0.08


def test_memory_over_half_the_limit_is_handed_over_early():
    bench = Bench(sampling_interval_ms=10, memory_bytes=10 << 20)
    bench.run(0.5)
    bench.sampler.memory_bytes = 600 << 10
    bench.run(0.3)
    assert bench.basket.taken
    assert "MemoryUsageLimitPercent" in bench.basket.taken[0][1].limits
    assert not bench.session.stopped


def test_memory_near_the_limit_that_nobody_takes_makes_looks_rarer_until_it_is_taken():
    bench = Bench(sampling_interval_ms=10, memory_bytes=10 << 20)
    bench.run(1)
    bench.basket.is_free = False
    bench.sampler.memory_bytes = 700 << 10
    before = len(bench.sampler.elapsed)
    bench.run(20)
    assert len(bench.sampler.elapsed) - before < 200
    assert not bench.session.stopped
    bench.basket.is_free = True
    bench.sampler.memory_bytes = 1000
    bench.run(5)
    before = len(bench.sampler.elapsed)
    bench.run(2)
    assert len(bench.sampler.elapsed) - before == pytest.approx(200, abs=5)
    bench.session.flush()
    assert any("MemoryUsageLimitPercent" in header.limits for _, header in bench.basket.taken)


def test_memory_over_the_limit_that_nobody_takes_stops_sampling_with_a_reason(
    caplog: pytest.LogCaptureFixture,
):
    bench = Bench(sampling_interval_ms=10, memory_bytes=10 << 20)
    bench.run(0.5)
    bench.basket.is_free = False
    bench.sampler.memory_bytes = 2 << 20
    with caplog.at_level(logging.WARNING, "kibitz"):
        bench.run(30)
    assert bench.session.stopped.startswith("MemoryUsageLimitPercent: the agent holds")
    seen = len(bench.sampler.elapsed)
    bench.basket.is_free = True
    bench.run(30)
    assert len(bench.sampler.elapsed) == seen
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    ((batch, header),) = bench.basket.taken
    assert "MemoryUsageLimitPercent" in header.limits
    assert batch.profile(header).total() == 1


def test_day_of_sampling_holds_no_more_than_an_hour_of_it():
    bench = Bench(sampling_interval_ms=1000)
    bench.run(3600)
    after_hour = bench.session._aggregator.memory_bytes
    bench.run(23 * 3600)
    assert len(bench.basket.taken) == 288 or len(bench.basket.taken) == 287
    assert bench.session._aggregator.memory_bytes <= after_hour + 1000


def test_session_too_short_for_its_first_look_takes_it_at_the_end():
    bench = Bench(sampling_interval_ms=1000)
    bench.session.finish()
    ((batch, header),) = bench.basket.taken
    assert (len(batch.samples), header.overhead.ticks) == (1, 1)


def test_session_that_has_looked_takes_no_more_than_its_ticks():
    bench = Bench(sampling_interval_ms=1000, reporting_interval_ms=2000)
    bench.run(2.001)
    bench.session.finish()
    assert sum(header.overhead.ticks for _, header in bench.basket.taken) == bench.sampler.looks == 2


def test_session_that_rests_takes_no_last_look():
    bench = Bench({"KIBITZ_KILL_SWITCH": "1"}, sampling_interval_ms=1000)
    bench.run(1)
    bench.session.finish()
    assert bench.basket.taken == []
