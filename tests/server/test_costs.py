"""Yearly costs: the sum, its basis, and prices that make no sense."""

from __future__ import annotations

import pytest

from kibitz_server import costs


def test_one_vcpu_busy_all_year_costs_its_price_times_the_hours() -> None:
    cost = costs.yearly(cpu_s=3600, period_s=3600, given=costs.Price(0.05, "set for this group"))
    assert cost.amount == pytest.approx(0.05 * 8766)
    assert "3,600.0 CPU-seconds measured in 1.00 h" in cost.basis
    assert "$0.05 per vCPU-hour (set for this group)" in cost.basis


def test_an_instance_types_price_is_shared_among_its_vcpus() -> None:
    given = costs.price({"instance_type": "m5.large"})
    assert given is not None
    assert given.per_vcpu_hour == pytest.approx(0.048)


def test_without_a_price_there_is_no_cost() -> None:
    assert costs.price({}) is None


@pytest.mark.parametrize(
    "wanted", [{"per_vcpu_hour": -1}, {"per_vcpu_hour": True}, {"instance_type": "abacus"}]
)
def test_a_price_that_makes_no_sense_is_refused(wanted: dict[str, object]) -> None:
    with pytest.raises(costs.CostError, match="expected"):
        costs.price(wanted)


def test_an_amount_is_told_in_the_currency_of_its_price() -> None:
    given = costs.price({"per_vcpu_hour": 0.05, "currency": "CHF"})
    assert given is not None
    cost = costs.yearly(3600, 3600, given)
    assert costs.money(cost) == "CHF 438"
    assert "x CHF 0.05 per vCPU-hour" in cost.basis
    assert costs.money(costs.YearlyCost(1.5, "", "EUR")) == "€1.50"


@pytest.mark.parametrize("currency", ["usd", "", "$", "USDX", 4, None])
def test_a_currency_without_a_code_is_refused(currency: object) -> None:
    with pytest.raises(costs.CostError, match="three capital letters"):
        costs.price({"per_vcpu_hour": 0.05, "currency": currency})
