"""Yearly costs: the sum, its basis, and prices that make no sense."""

from __future__ import annotations

import pytest

from kibitz_server import costs


def test_one_vcpu_busy_all_year_costs_its_price_times_the_hours() -> None:
    cost = costs.yearly(cpu_s=3600, period_s=3600, given=costs.Price(0.05, "set for this group"))
    assert cost.usd == pytest.approx(0.05 * 8766)
    assert "3,600.0 CPU-seconds measured in 1.00 h" in cost.basis
    assert "$0.05 per vCPU-hour (set for this group)" in cost.basis


def test_an_instance_types_price_is_shared_among_its_vcpus() -> None:
    given = costs.price({"instance_type": "m5.large"})
    assert given is not None
    assert given.usd_per_vcpu_hour == pytest.approx(0.048)


def test_without_a_price_there_is_no_cost() -> None:
    assert costs.price({}) is None


@pytest.mark.parametrize(
    "wanted", [{"usd_per_vcpu_hour": -1}, {"usd_per_vcpu_hour": True}, {"instance_type": "abacus"}]
)
def test_a_price_that_makes_no_sense_is_refused(wanted: dict[str, object]) -> None:
    with pytest.raises(costs.CostError, match="expected"):
        costs.price(wanted)
