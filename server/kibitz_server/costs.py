"""What CPU time costs in a year, always with the basis of the sum."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

DOCUMENT = "cost"
HOURS_A_YEAR = 8766.0
_HIGHEST = 1000.0


class CostError(ValueError):
    """A price that makes no sense; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for one vCPU for one hour, and where that number is from."""

    usd_per_vcpu_hour: float
    source: str


@dataclass(frozen=True, slots=True)
class YearlyCost:
    """``usd`` a year, and in ``basis`` the sum behind it in words."""

    usd: float
    basis: str


@cache
def instance_prices() -> Mapping[str, float]:
    """US dollars per vCPU and hour by instance type, from prices.toml."""
    table = tomllib.loads(files("kibitz_server").joinpath("prices.toml").read_text("utf-8"))["instance_types"]
    return {name: row["usd_per_hour"] / row["vcpus"] for name, row in table.items()}


def price(document: Mapping[str, Any]) -> Price | None:
    """The price a group was given: ``usd_per_vcpu_hour``, a number, or ``instance_type``; None if it has neither."""
    number, kind = document.get("usd_per_vcpu_hour"), document.get("instance_type")
    if number is not None:
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number <= _HIGHEST:
            raise CostError(f"usd_per_vcpu_hour: expected a number above 0 and up to {_HIGHEST:.0f}")
        return Price(float(number), "set for this group")
    if kind is None:
        return None
    if not isinstance(kind, str) or kind not in instance_prices():
        raise CostError(f"instance_type: expected one of {', '.join(instance_prices())}")
    return Price(instance_prices()[kind], f"{kind}, on demand, list price")


def yearly(cpu_s: float, period_s: float, given: Price) -> YearlyCost:
    """What ``cpu_s`` CPU-seconds in every ``period_s`` seconds cost in a year: up to that, if machines are let go."""
    vcpus = cpu_s / period_s if period_s > 0 else 0.0
    usd = vcpus * HOURS_A_YEAR * given.usd_per_vcpu_hour
    basis = (
        f"{cpu_s:,.1f} CPU-seconds measured in {period_s / 3600:,.2f} h = {vcpus:.4g} vCPU x {HOURS_A_YEAR:.0f} h a year"
        f" x ${given.usd_per_vcpu_hour:.5g} per vCPU-hour ({given.source})"
    )
    return YearlyCost(usd, basis)
