"""The anomaly detector over planted and flat series, and over stored profiles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kibitz_server.anomalies import (
    Deviation,
    Thresholds,
    callees_moved,
    deviations,
    innermost,
)
from kibitz_server.anomalies.baseline import baseline, common_factor

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
    shares, samples = shares_of([0.1] * 20 + [0.3] * 6, [0.4] * 26, [0.5] * 20 + [0.3] * 6)
    rose, fell = deviations(shares, shares, samples)
    assert (rose.frame, rose.first, rose.last) == (0, 20, 25)
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
        assert [d.frame for d in found] == [frame], seed
        assert abs(found[0].first - 320) <= 2, seed
        assert found[0].last == 335, seed


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
    steady = [0.1] * 20 + [0.05] * 6
    total, samples = shares_of([1.0] * 26, [0.1] * 20 + [0.55] * 6, *[steady] * 9)
    own = total.copy()
    own[0] = 0
    assert [d.frame for d in deviations(total, own, samples)] == [1]


def test_hours_with_few_samples_neither_make_nor_break_a_run():
    rose, flat, fell = [0.3, 0.0] + [0.3] * 6, [0.5, 1.0] + [0.5] * 6, [0.2, 0.0] + [0.2] * 6
    shares, samples = shares_of([0.1] * 20 + rose, [0.5] * 20 + flat, [0.4] * 20 + fell)
    samples[21] = 10
    assert [(d.frame, d.first, d.last) for d in deviations(shares, shares, samples)] == [
        (0, 20, 27),
        (2, 20, 27),
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
        (0.005, 0.00519, 10**7),  # far beyond chance, but under a fiftieth of a per cent of the whole
        (0.500, 0.513, 10**7),  # 2.6 % of itself
        (0.010, 0.016, 301),  # 20 samples more than usual in two days
    ],
)
def test_changes_that_do_not_matter_or_may_be_chance_are_left_out(usual, seen, samples):
    shares = np.array([[usual] * 60 + [seen] * 10, [1 - usual] * 60 + [1 - seen] * 10])
    assert deviations(shares, shares, np.full(70, samples)) == []


def test_a_spike_of_an_hour_is_no_anomaly():
    shares, samples = shares_of([0.1] * 20 + [0.5] + [0.1] * 4, [0.9] * 20 + [0.5] + [0.9] * 4)
    assert deviations(shares, shares, samples) == []


def test_what_happens_every_day_at_that_hour_is_usual():
    shares = np.full((4, 336), 0.2)
    shares[0, 3::24] = 0.4
    shares[1] = 0.4 - shares[0] + 0.2
    assert deviations(shares, shares, np.full(336, SAMPLES)) == []


def test_noise_that_lasts_is_given_more_room_than_noise_that_does_not():
    rng = np.random.default_rng(3)
    white = rng.normal(0, 0.01, 336)
    slow = white.copy()
    for hour in range(1, 336):
        slow[hour] = 0.6 * slow[hour - 1] + 0.8 * white[hour]
    scale = baseline(0.3 + np.stack([white, slow]), np.arange(336), np.full(336, 1e6)).scale[:, 0]
    assert 1.4 < scale[1] / scale[0] < 2.8  # sqrt(1.6 / 0.4) = 2


def test_thresholds_can_be_set():
    shares, samples = shares_of([0.1] * 20 + [0.15] * 6, [0.9] * 20 + [0.85] * 6)
    assert deviations(shares, shares, samples)
    assert not deviations(shares, shares, samples, Thresholds(least_change=0.1))


def test_a_frame_that_was_never_seen_before_is_found():
    shares, samples = shares_of(
        [0.0] * 16 + [0.2] * 6, [0.3] * 16 + [0.24] * 6, *[[0.35] * 16 + [0.28] * 6] * 2
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


def test_what_went_with_its_moved_caller_is_left_out():
    callers = np.array([-1, 0, 0, 1, 3])
    found = [Deviation(1, 9, 14, 0.3, 0.2, -0.1), Deviation(2, 9, 14, 0.0, 0.1, 0.1)]
    below = Deviation(4, 9, 14, 0.2, 0.1, -0.1)
    assert callees_moved([*found, below], callers) == []
    assert callees_moved([found[1], below], callers) == [found[1], below]


def test_what_a_large_caller_lost_is_set_against_what_its_neighbour_gained():
    callers = np.array([-1, 0, 1, 0])
    lost, gained = Deviation(2, 9, 14, 0.02, 0.01, -0.01), Deviation(3, 9, 14, 0.0, 0.01, 0.01)
    assert callees_moved([lost, gained], callers) == []
    grown = Deviation(1, 9, 14, 0.4, 0.45, 0.05)
    assert callees_moved([grown, gained], callers) == [grown, gained]


@pytest.mark.parametrize("hours", [12, 336])
def test_few_samples_an_hour_raise_no_alarm_though_counts_of_rare_frames_jump(hours: int) -> None:
    samples = np.full(hours, 300)
    for seed in range(10):
        random = np.random.default_rng(seed)
        usual = random.dirichlet(np.full(200, 0.15))
        shares = random.multinomial(300, usual, size=hours).T / 300
        assert deviations(shares, shares, samples) == []
