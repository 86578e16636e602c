"""The detector over series that it was not tuned on: what programs do that synthetic noise does not."""

from __future__ import annotations

import numpy as np
import pytest

from kibitz_server.anomalies import deviations
from kibitz_server.anomalies.baseline import baseline, of_hours
from kibitz_server.anomalies.deviations import is_habit

WEEKS = 14 * 24
FRAMES = 40


def program(rng, hours, samples, load, least=0.0):
    """Counts (frames, hours) of a program with ``FRAMES`` leaves; ``load`` (frames, hours) multiplies what each does.

    Frames 4 and 10, which tests change, have at least the share ``least``.
    """
    level = rng.dirichlet(np.full(FRAMES, 0.7))
    level[[4, 10]] = np.maximum(level[[4, 10]], least)
    drift = np.zeros((FRAMES, hours))
    for hour in range(1, hours):
        drift[:, hour] = 0.3 * drift[:, hour - 1] + rng.normal(0, 0.03, FRAMES)
    rate = level[:, None] * np.maximum(1 + drift, 0) * load
    samples = np.broadcast_to(samples, hours).astype(int)
    counts = [rng.multinomial(n, column / column.sum()) for n, column in zip(samples, rate.T, strict=True)]
    return np.stack(counts, axis=1), level


def alarms(counts, recent=48):
    """Deviations that reach into the last ``recent`` hours."""
    samples = counts.sum(axis=0)
    shares = counts / np.maximum(samples, 1)
    return [one for one in deviations(shares, shares, samples) if one.last >= counts.shape[1] - recent]


def ones(hours):
    return np.ones((FRAMES, hours))


def weekly(rng, hours):
    """Two functions work by half less at weekends, others a little more; the last two days begin a weekend or end it."""
    load = ones(hours)
    first = int(rng.integers(0, 7))
    weekend = ((np.arange(hours) // 24 + first) % 7) >= 5
    load[:2, weekend] *= 0.9
    load[2:4, weekend] *= 1.05
    return load, 50_000


def traffic_jump(rng, hours):
    """Ten times the samples from one hour on, with the same work in each."""
    return ones(hours), np.where(np.arange(hours) < hours - 20, 5_000, 50_000)


def traffic_collapse(rng, hours):
    return ones(hours), np.where(np.arange(hours) < hours - 20, 50_000, 1_000)


def night_and_day(rng, hours):
    """Hardly any samples at night."""
    of_day = np.arange(hours) % 24
    return ones(hours), np.where((of_day >= 8) & (of_day < 20), 30_000, 400)


def twice_the_instances(rng, hours):
    """And with each of them a start-up that costs a little for an hour."""
    load = ones(hours)
    load[5, hours - 12] *= 1.5
    return load, np.where(np.arange(hours) < hours - 12, 20_000, 40_000)


def hour_a_day(rng, hours):
    """A job that runs for an hour each day, always at the same one."""
    load = ones(hours)
    load[7] *= 0.001
    load[7, int(rng.integers(0, 24)) :: 24] *= 20_000
    return load, 50_000


def few_samples(rng, hours):
    return ones(hours), 320


def gaps(rng, hours):
    """A third of the hours is missing, whole days among them."""
    samples = np.where(rng.random(hours) < 0.25, 0, 30_000)
    day = int(rng.integers(0, 12)) * 24
    samples[day : day + 24] = 0
    return ones(hours), samples


def deploys_that_come_back(rng, hours):
    """For ten minutes of an hour, every day at another hour, a deployment makes one function heavier."""
    load = ones(hours)
    for day in range(0, hours, 24):
        load[3, min(day + int(rng.integers(0, 24)), hours - 1)] *= 1.6
    return load, 50_000


def batch_days(rng, hours):
    """Every other day for six hours one function does twice the work, for as long as anybody remembers."""
    load = ones(hours)
    for day in range(0, hours, 48):
        load[4, day + 2 : day + 8] *= 2
    return load, 50_000


QUIET = [
    weekly, traffic_jump, traffic_collapse, night_and_day, twice_the_instances, hour_a_day, few_samples, gaps,
    deploys_that_come_back,
]  # fmt: skip


@pytest.mark.parametrize("case", QUIET)
@pytest.mark.parametrize("hours", [WEEKS, 60, 12])
def test_what_programs_usually_do_raises_no_alarm(case, hours):
    for seed in range(6):
        rng = np.random.default_rng(seed)
        load, samples = case(rng, hours)
        counts, _ = program(rng, hours, samples, load)
        assert alarms(counts) == [], seed


# Of few samples, or hardly any at night, two days and a half are too few to learn from.
@pytest.mark.parametrize(
    ("case", "hours"),
    [(case, WEEKS) for case in QUIET]
    + [(case, 60) for case in QUIET if case not in (few_samples, night_and_day)],
)
def test_a_function_that_doubles_is_found_among_what_programs_usually_do(case, hours):
    found = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        load, samples = case(rng, hours)
        load[10, hours - 12 :] *= 2
        counts, _ = program(rng, hours, samples, load, least=0.05)
        found += 10 in {one.frame for one in alarms(counts) if one.change > 0}
    assert found >= 5, found


def test_a_job_of_every_other_day_is_known_after_a_week():
    found = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        load, samples = batch_days(rng, WEEKS)
        found += len(alarms(program(rng, WEEKS, samples, load, least=0.02)[0]))
    assert found <= 2  # of five times that it ran, or not, in each of ten programs


def test_a_job_of_every_other_day_that_does_not_end_is_found():
    for seed in range(6):
        rng = np.random.default_rng(seed)
        load, samples = batch_days(rng, WEEKS)
        load[4, WEEKS - 46 :] = 2
        counts, _ = program(rng, WEEKS, samples, load, least=0.05)
        assert 4 in {one.frame for one in alarms(counts) if one.change > 0}, seed


@pytest.mark.parametrize(("times", "habit"), [(2, False), (3, True), (6, True)])
def test_what_came_and_went_three_times_is_a_habit(times, habit):
    above = np.zeros(200)
    for time in range(times):
        above[20 * time : 20 * time + 5] = 1.0
    above[180:185] = 1.1
    assert is_habit(above, 180, 184, 3) is habit
    longer = np.where(np.arange(200) >= 180, 1.1, above)
    assert not is_habit(longer, 180, 195, 3)  # never that long
    assert not is_habit(np.where(above > 0.5, above * (np.arange(200) >= 180), 0), 180, 184, 3)
    assert not is_habit(above * np.where(np.arange(200) < 180, 0.5, 1), 180, 184, 3)  # never that far


def test_spikes_of_an_hour_do_not_make_a_step_of_several_a_habit():
    above = np.zeros(200)
    above[10:170:8] = 5.0
    above[180:186] = 1.0
    assert not is_habit(above, 180, 185, 3)


def test_hours_of_few_samples_are_given_more_room():
    weights = np.array([40_000.0, 400.0] * 200)
    rng = np.random.default_rng(1)
    shares = np.stack([rng.binomial(int(n), 0.1) / n for n in weights])[None, :]
    known = baseline(shares, np.arange(400), weights)
    scale = of_hours(known, weights)[0]
    assert scale[1] >= 0.9 * np.sqrt(0.1 * 0.9 / 400)
    assert scale[0] == pytest.approx(known.scale[0, 0], rel=0.5)
    even = np.full(400, 40_000.0)
    assert of_hours(known, even) is known.scale
