"""What a group wastes its time on, over a range: the merged profile held against the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from kibitz_server import costs
from kibitz_server.recommendations.calls import calls_of_samples
from kibitz_server.recommendations.catalogue import catalogue
from kibitz_server.recommendations.matching import Recommendation, recommend
from kibitz_server.recommendations.pattern import Pattern
from kibitz_server.recommendations.written import fields
from kibitz_server.store import Span, Store

_NS = 1e9


@dataclass(frozen=True, slots=True)
class Advice:
    """A recommendation, and its yearly cost where the group has a price and CPU time was measured."""

    recommendation: Recommendation
    cost: costs.YearlyCost | None

    def fields(self) -> dict[str, Any]:
        """As plain data."""
        return {**fields(self.recommendation), "cost": asdict(self.cost) if self.cost else None}


@cache
def _patterns() -> tuple[Pattern, ...]:
    return tuple(catalogue())


def advice(store: Store, span: Span) -> list[Advice]:
    """The patterns that speak about the span's samples, the largest share first."""
    samples = store.samples(span)
    if not samples.parts:
        return []
    calls = calls_of_samples(samples, store.dictionary(span.group))
    price = costs.price(store.document(span.group, costs.DOCUMENT))
    period_s = max(part.end for part in samples.parts) - min(part.start for part in samples.parts)
    return [Advice(one, _cost(one, price, period_s)) for one in recommend(calls, _patterns())]


def _cost(one: Recommendation, price: costs.Price | None, period_s: float) -> costs.YearlyCost | None:
    if price is None or one.unit != "nanoseconds" or period_s <= 0:
        return None
    return costs.yearly(one.cpu_value / _NS, period_s, price)


def change_price(store: Store, group: str, wanted: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Keep the group's price; an empty mapping takes it away. `costs.CostError` if it makes no sense."""
    unknown = set(wanted) - {"per_vcpu_hour", "currency", "instance_type"}
    if unknown:
        raise costs.CostError(f"{min(unknown)[:40]}: expected per_vcpu_hour with currency, or instance_type")
    costs.price(wanted)
    return store.change_document(group, costs.DOCUMENT, lambda _before: dict(wanted))
