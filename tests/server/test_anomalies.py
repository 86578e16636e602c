"""The anomaly detector over planted and flat series, and over stored profiles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kibitz_agent.profile import Frame, Header, ProfileBuilder
from kibitz_server.anomalies import (
    Deviation,
    Thresholds,
    common_factor,
    detect_group,
    deviations,
    innermost,
    unusual,
)
from kibitz_server.store.sql import SqlStore, open_sqlite

HOUR = 3600
NOW = 1_800_000_000 // HOUR * HOUR + 900.0
SAMPLES = 3600
FRAMES = 60


def noisy(seed, hours=336, step=None, samples=SAMPLES):
    """(self shares, samples): an application of FRAMES leaves with slow noise, a daily swing and chance.

    ``step``: (rank of the frame by size, hour, factor). Returns the frame's index too, -1 without a step.
    """
    rng = np.random.default_rng(seed)
    weight = rng.dirichlet(np.full(FRAMES, 0.5))
    drift = np.zeros((FRAMES, hours))
    for hour in range(1, hours):  # AR(1), 3 %
        drift[:, hour] = 0.3 * drift[:, hour - 1] + rng.normal(0, 0.03 * np.sqrt(1 - 0.3**2), FRAMES)
    phase = rng.uniform(0, 2 * np.pi, (FRAMES, 1))
    daily = 1 + 0.05 * np.sin(2 * np.pi * np.arange(hours) / 24 + phase)
    load = np.maximum(weight[:, None] * (1 + drift) * daily, 0)
    frame = -1
    if step:
        rank, hour, times = step
        frame = int(np.argsort(-weight)[rank])
        load[frame, hour:] *= times
    counts = np.stack([rng.multinomial(samples, column / column.sum()) for column in load.T], axis=1)
    return counts / counts.sum(axis=0), counts.sum(axis=0), frame


def shares_of(*rows):
    return np.array(rows, float), np.full(len(rows[0]), SAMPLES)


def test_a_step_is_found_from_its_first_hour_to_its_last():
    shares, samples = shares_of([0.1] * 20 + [0.3] * 4, [0.4] * 20 + [0.4] * 4, [0.5] * 20 + [0.3] * 4)
    rose, fell = deviations(shares, shares, samples)
    assert (rose.frame, rose.first, rose.last) == (0, 20, 23)
    assert (rose.usual, rose.seen) == (pytest.approx(0.1), pytest.approx(0.3))
    assert (fell.frame, fell.change) == (2, pytest.approx(-0.2))


def test_a_flat_series_says_nothing():
    shares, samples = shares_of([0.1] * 48, [0.9] * 48)
    assert deviations(shares, shares, samples) == []


@pytest.mark.parametrize("hours", [8, 12, 24, 336])
def test_noise_raises_no_alarm(hours):
    false = sum(len(deviations(s, s, n)) for s, n, _ in (noisy(seed, hours) for seed in range(20)))
    assert false == 0  # in up to 20 seeds x 60 frames x 2 weeks = 2,400 frame-weeks


def test_one_step_in_noise_is_one_alarm_although_every_other_share_shrank():
    for seed in range(20):
        shares, samples, frame = noisy(seed, step=(2, 320, 3.0))
        found = deviations(shares, shares, samples)
        assert [(d.frame, d.first, d.last) for d in found] == [(frame, 320, 335)], seed


def test_a_step_down_is_found_too():
    shares, samples, frame = noisy(7, step=(1, 330, 0.3))
    (found,) = deviations(shares, shares, samples)
    assert found.frame == frame
    assert found.change < 0


def test_the_common_factor_is_what_the_others_lost():
    shares, samples = shares_of([0.1, 0.1, 0.1, 0.4], *[[0.3, 0.3, 0.3, 0.2]] * 3)
    assert common_factor(shares, samples) == pytest.approx([1, 1, 1, 2 / 3])


def test_two_frames_have_no_common_factor_for_either_may_have_moved():
    shares, samples = shares_of([0.5, 0.5, 0.9], [0.5, 0.5, 0.1])
    assert common_factor(shares, samples) == pytest.approx([1, 1, 1])


def test_callers_of_everything_are_not_blamed_for_keeping_their_share():
    steady = [0.1] * 20 + [0.05] * 4
    total, samples = shares_of([1.0] * 24, [0.1] * 20 + [0.55] * 4, *[steady] * 9)
    own = total.copy()
    own[0] = 0
    assert [d.frame for d in deviations(total, own, samples)] == [1]


def test_hours_with_few_samples_neither_make_nor_break_a_run():
    shares, samples = shares_of(
        [0.1] * 10 + [0.3, 0.0, 0.3], [0.5] * 10 + [0.5, 1, 0.5], [0.4] * 10 + [0.2, 0, 0.2]
    )
    samples[11] = 10
    assert [(d.frame, d.first, d.last) for d in deviations(shares, shares, samples)] == [
        (0, 10, 12),
        (2, 10, 12),
    ]


def test_too_little_history_says_nothing():
    shares, samples = shares_of([0.1] * 5 + [0.9], [0.9] * 5 + [0.1])
    assert deviations(shares, shares, samples) == []
    assert deviations(np.zeros((3, 0)), np.zeros((3, 0)), np.zeros(0, int)) == []
    assert deviations(np.zeros((0, 9)), np.zeros((0, 9)), np.full(9, 5000)) == []
    silent = np.zeros((2, 24))
    assert deviations(silent, silent, np.zeros(24, int)) == []


def test_the_hours_before_a_lasting_step_are_not_called_unusual():
    shares, samples = shares_of([0.1] * 8 + [0.3] * 14, [0.9] * 8 + [0.7] * 14)
    assert deviations(shares, shares, samples) == []


@pytest.mark.parametrize(
    ("usual", "seen", "samples"),
    [
        (0.100, 0.104, 10**7),  # far beyond chance, but under half a per cent of the whole
        (0.500, 0.520, 10**7),  # 2 %, but only a twenty-fifth of itself
        (0.010, 0.040, 301),  # 9 samples more than usual: 5 standard errors
    ],
)
def test_changes_that_do_not_matter_or_may_be_chance_are_left_out(usual, seen, samples):
    shares = np.array([[usual] * 20 + [seen], [1 - usual] * 20 + [1 - seen]])
    assert not unusual(shares, np.full(21, float(samples))).any()


def test_thresholds_can_be_set():
    shares, samples = shares_of([0.1] * 20 + [0.15], [0.9] * 20 + [0.85])
    assert deviations(shares, shares, samples)
    assert not deviations(shares, shares, samples, Thresholds(least_change=0.1))


def test_a_frame_that_was_never_seen_before_is_found():
    shares, samples = shares_of(
        [0.0] * 12 + [0.2] * 2, [0.3] * 12 + [0.24] * 2, *[[0.35] * 12 + [0.28] * 2] * 2
    )
    assert [d.frame for d in deviations(shares, shares, samples)] == [0]


def deviation(frame, change, first=10, last=12):
    return Deviation(frame, first, last, 0.2, 0.2 + change)


@pytest.mark.parametrize(
    ("found", "named"),
    [
        ([deviation(0, 0.3), deviation(1, 0.29), deviation(2, 0.27)], [2]),  # a chain: main > handler > leaf
        ([deviation(0, 0.3), deviation(2, 0.27)], [2]),  # the one between them just missed the threshold
        ([deviation(1, 0.2), deviation(2, 0.1), deviation(3, 0.1)], [2, 3]),  # together they explain it
        ([deviation(1, 0.3), deviation(2, 0.1)], [1, 2]),  # most of it is the caller's own
        ([deviation(1, 0.3), deviation(2, -0.3)], [1, 2]),  # work moved, another matter
        ([deviation(1, 0.3), deviation(2, 0.3, 20, 22)], [1, 2]),  # another time
    ],
)
def test_the_innermost_frame_that_explains_the_change_is_named(found, named):
    callers = np.array([-1, 0, 1, 1])
    assert [d.frame for d in innermost(found, callers)] == named


def test_functions_that_call_each_other_do_not_keep_it_going_round():
    found = [deviation(0, 0.3), deviation(1, 0.3)]
    assert len(innermost(found, np.array([1, 0]))) <= 2


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 6).flatmap(
        lambda frames: st.lists(
            st.lists(st.integers(0, 10**6), min_size=frames, max_size=frames), min_size=1, max_size=40
        )
    )
)
def test_any_series_gives_runs_inside_it_in_one_direction(columns):
    counts = np.array(columns, float).T
    samples = counts.sum(axis=0)
    shares = counts / np.maximum(samples, 1)
    for found in deviations(shares, shares, samples.astype(np.int64)):
        assert 0 <= found.first <= found.last < len(columns)
        assert 0 <= found.usual <= 1
        assert 0 <= found.seen <= 1
        assert np.isfinite(found.change)
        assert found.change != 0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    store = open_sqlite(str(tmp_path / "kibitz.sqlite"))
    yield store
    store.close()


def keep(store, back, stacks, revision="", line=1, group="shop"):
    """One profile that ended half way through the ``back``-th whole hour before NOW."""
    end = (NOW // HOUR - back) * HOUR + HOUR / 2
    builder = ProfileBuilder()
    for text, count in stacks.items():
        builder.add_stack([Frame(name, "shop.py", line) for name in text.split(";")], (count, count, count))
    header = Header(group=group, start_ns=int((end - 60) * 1e9), end_ns=int(end * 1e9), revision=revision)
    assert store.add(group, builder.build(header), f"{group}-{back}", "test")


USUAL = {"m:main;m:serve;m:slow": 100, "m:main;m:serve;m:a": 500, "m:main;m:b": 400, "m:main;m:c": 300}
AFTER = USUAL | {"m:main;m:serve;m:slow": 500}


def plant(store, hours=24, changed=3, **after):
    for back in range(hours, 0, -1):
        keep(store, back, AFTER if back <= changed else USUAL, **(after if back <= changed else {}))


def test_a_planted_step_in_a_stored_series_is_the_one_finding(store):
    plant(store)
    (found,) = detect_group(store, "shop", NOW)
    assert found.frame == "m:slow"
    assert found.start == (NOW // HOUR - 3) * HOUR
    assert found.end == NOW // HOUR * HOUR
    assert found.reason == "m:slow rose from 7.7% to 29.4% of all samples."
    assert found.details["usual_share"] == pytest.approx(100 / 1300)


def test_a_flat_stored_series_has_no_finding(store):
    plant(store, changed=0)
    assert detect_group(store, "shop", NOW) == []


def test_an_unknown_or_empty_group_has_no_finding(store):
    store.create_group("empty", NOW)
    assert detect_group(store, "empty", NOW) == []


def test_the_revision_that_came_with_the_change_is_named(store):
    for back in range(24, 0, -1):
        keep(store, back, AFTER if back <= 3 else USUAL, revision="new" if back <= 3 else "old")
    (found,) = detect_group(store, "shop", NOW)
    assert found.reason.endswith(", as revision new appeared.")


def test_an_edit_that_moves_lines_is_no_change(store):
    for back in range(24, 0, -1):
        keep(store, back, USUAL, line=7 if back <= 3 else 1)
    assert detect_group(store, "shop", NOW) == []


def test_an_anomaly_that_goes_on_keeps_its_id_and_grows(store):
    plant(store)
    first = detect_group(store, "shop", NOW - HOUR)
    store.save_findings("shop", first)
    second = detect_group(store, "shop", NOW)
    store.save_findings("shop", second)
    assert [finding.id for finding in second] == [finding.id for finding in first]
    (kept,) = store.findings("shop")
    assert kept.end == first[0].end + HOUR


def test_the_hour_still_filling_is_not_judged(store):
    for back in range(24, 0, -1):
        keep(store, back, USUAL)
    keep(store, 0, AFTER)
    assert detect_group(store, "shop", NOW) == []
    assert [found.frame for found in detect_group(store, "shop", NOW + HOUR)] == ["m:slow"]


def test_what_was_over_two_days_ago_is_not_news(store):
    for back in range(100, 0, -1):
        keep(store, back, AFTER if 60 <= back < 63 else USUAL)
    assert detect_group(store, "shop", NOW) == []


@pytest.mark.parametrize("hours", [12, 336])
def test_few_samples_an_hour_raise_no_alarm_though_counts_of_rare_frames_jump(hours: int) -> None:
    samples = np.full(hours, 300)
    for seed in range(10):
        random = np.random.default_rng(seed)
        usual = random.dirichlet(np.full(200, 0.15))
        shares = random.multinomial(300, usual, size=hours).T / 300
        assert deviations(shares, shares, samples) == []
