"""Ticks on a grid, jittered, never in a burst; a wait that can be ended."""

from __future__ import annotations

import _thread

from hypothesis import given
from hypothesis import strategies as st

from kibitz_agent.scheduler import Alarm, Schedule, random_share

MS = 1_000_000


def run(schedule: Schedule, ticks: int, tick_ns: int = 0) -> list[int]:
    """Keep every tick as it falls due, each taking ``tick_ns``; return when they were due."""
    due = []
    for _ in range(ticks):
        due.append(schedule.due_ns)
        schedule.kept(schedule.due_ns + tick_ns)
    return due


def test_ticks_do_not_drift_however_long_each_takes():
    due = run(Schedule(10 * MS, 0, random=lambda: 0.5), 1000, tick_ns=7 * MS)
    assert due[-1] - due[0] == 999 * 10 * MS


def test_phase_is_random():
    assert Schedule(10 * MS, 0, random=lambda: 0.25).due_ns == 2.5 * MS


@given(st.lists(st.floats(0, 0.999999), min_size=3, max_size=50))
def test_jitter_stays_within_a_quarter_and_ticks_stay_in_order(numbers: list[float]):
    source = iter(numbers)
    schedule = Schedule(10 * MS, 0, random=lambda: next(source))
    origin = schedule.due_ns
    for index, due in enumerate(run(schedule, len(numbers) - 1)[1:], start=1):
        assert abs(due - origin - index * 10 * MS) <= 2.5 * MS


def test_missed_ticks_are_skipped_and_counted_not_made_up_for():
    schedule = Schedule(10 * MS, 0, random=lambda: 0.0)
    schedule.kept(55 * MS)
    assert schedule.missed_ticks == 5
    assert schedule.due_ns == 60 * MS - 2.5 * MS
    schedule.kept(60 * MS)
    assert schedule.missed_ticks == 5


@given(st.lists(st.integers(0, 100 * MS), max_size=60))
def test_next_tick_is_always_ahead_of_its_jitter(steps: list[int]):
    schedule, now = Schedule(10 * MS, 0, random_share), 0
    for kept, step in enumerate(steps, start=1):
        now = max(now, schedule.due_ns) + step
        schedule.kept(now)
        assert schedule.due_ns > now - 2.5 * MS
        # Every place on the grid was either kept or missed.
        assert kept + schedule.missed_ticks <= now // (10 * MS) + 2


def test_new_interval_holds_from_now_on():
    schedule = Schedule(1000 * MS, 0, random=lambda: 0.5)
    schedule.change(1 * MS, 5 * MS)
    assert schedule.due_ns == 5.5 * MS
    schedule.kept(6 * MS)
    assert schedule.due_ns == 6.5 * MS
    before = schedule.due_ns
    schedule.change(1 * MS, 50 * MS)
    assert schedule.due_ns == before


def test_rest_is_not_missed_ticks():
    schedule = Schedule(10 * MS, 0, random=lambda: 0.0)
    schedule.rest(5000 * MS)
    schedule.kept(5000 * MS)
    assert schedule.missed_ticks == 0


def test_random_share_is_a_share():
    assert all(0 <= random_share() < 1 for _ in range(100))


def test_wake_before_the_wait_ends_the_wait_at_once():
    alarm = Alarm()
    alarm.wake()
    alarm.wake()
    assert alarm.wait(3600)
    assert not alarm.wait(0)
    assert not alarm.wait(-1)


def test_wake_from_another_thread_ends_the_wait():
    alarm = Alarm()
    _thread.start_new_thread(alarm.wake, ())
    assert alarm.wait(3600)
