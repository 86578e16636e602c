"""What CPU time costs in a year, always with the basis of the sum."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

DOCUMENT = "cost"
HOURS_A_YEAR = 8766.0
DOLLARS = "USD"
_HIGHEST = 1_000_000.0
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


class CostError(ValueError):
    """A price that makes no sense; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Price:
    """What one vCPU costs for one hour in ``currency`` (three letters, ISO 4217), and where that number is from."""

    per_vcpu_hour: float
    source: str
    currency: str = DOLLARS


@dataclass(frozen=True, slots=True)
class YearlyCost:
    """``amount`` of ``currency`` a year, and in ``basis`` the sum behind it in words."""

    amount: float
    basis: str
    currency: str = DOLLARS


@cache
def instance_prices() -> Mapping[str, float]:
    """US dollars per vCPU and hour by instance type, from prices.toml."""
    table = tomllib.loads(files("kibitz_server").joinpath("prices.toml").read_text("utf-8"))["instance_types"]
    return {name: row["usd_per_hour"] / row["vcpus"] for name, row in table.items()}


def price(document: Mapping[str, Any]) -> Price | None:
    """The price a group was given; None if it has none.

    Either ``per_vcpu_hour``, a number, with ``currency`` (US dollars unless told), or ``instance_type``.
    """
    number, kind = document.get("per_vcpu_hour"), document.get("instance_type")
    if number is not None:
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number <= _HIGHEST:
            raise CostError(f"per_vcpu_hour: expected a number above 0 and up to {_HIGHEST:.0f}")
        return Price(float(number), "set for this group", _currency(document.get("currency", DOLLARS)))
    if kind is None:
        return None
    if not isinstance(kind, str) or kind not in instance_prices():
        raise CostError(f"instance_type: expected one of {', '.join(instance_prices())}")
    return Price(instance_prices()[kind], f"{kind}, on demand, list price")


def yearly(cpu_s: float, period_s: float, given: Price) -> YearlyCost:
    """What ``cpu_s`` CPU-seconds in every ``period_s`` seconds cost in a year: up to that, if machines are let go."""
    vcpus = cpu_s / period_s if period_s > 0 else 0.0
    basis = (
        f"{cpu_s:,.1f} CPU-seconds measured in {period_s / 3600:,.2f} h = {vcpus:.4g} vCPU x {HOURS_A_YEAR:.0f} h a year"
        f" x {sign(given.currency)}{given.per_vcpu_hour:.5g} per vCPU-hour ({given.source})"
    )
    return YearlyCost(vcpus * HOURS_A_YEAR * given.per_vcpu_hour, basis, given.currency)


def sign(currency: str) -> str:
    """What stands before an amount: "$", or "CHF " for a currency without a sign of its own."""
    return _SIGNS.get(currency, f"{currency} ")


def money(cost: YearlyCost) -> str:
    """The amount for people; cents only where they matter."""
    digits = 0 if cost.amount >= 100 else 2
    return f"{sign(cost.currency)}{cost.amount:,.{digits}f}"


def _currency(text: object) -> str:
    if not isinstance(text, str) or not _CURRENCY.fullmatch(text):
        raise CostError("currency: expected three capital letters, as USD or EUR")
    return text
