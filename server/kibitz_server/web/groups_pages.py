"""The list of all groups: searched, sorted and paged here, so that thousands of groups are as quick as one."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import render_template, request

from kibitz_server import costs, settings
from kibitz_server.store import Group, Store
from kibitz_server.vitals import Vitals, vitals_of, yearly_cost
from kibitz_server.web.views import page_store, pages

__all__ = ["Row", "pages", "status_of"]

PAGE = 50
SILENT_PERIODS = 3
LEAST_SILENCE_S = 900.0

ORDERS: Mapping[str, tuple[str, Callable[[Group], Any], bool]] = {
    "name": ("Group", lambda group: group.name, False),
    "last": ("Last report", lambda group: group.last_seen, True),
    "instances": ("Instances", lambda group: group.instances, True),
    "profiles": ("Profiles", lambda group: group.profiles, True),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A group in the list. ``status``: pending, profiling, silent or off; ``cost``: of a year, where it has a price."""

    group: Group
    status: str
    vitals: Vitals
    findings: int
    cost: costs.YearlyCost | None


def status_of(group: Group, kept: settings.GroupSettings, now: float) -> str:
    """Whether reports come: pending (none yet), profiling, silent (some are missing), or off (nobody wants any)."""
    if not kept.profiling_enabled:
        return "off"
    if not group.profiles:
        return "pending"
    allowed_s = max(LEAST_SILENCE_S, SILENT_PERIODS * kept.period_s)
    return "profiling" if now - group.last_seen <= allowed_s else "silent"


@pages.get("/")
def groups_page() -> str:
    """All groups."""
    wanted, order = request.args.get("q", "").strip(), request.args.get("sort", "last")
    _, key, backwards = ORDERS.get(order, ORDERS["last"])
    everything = page_store().groups()
    found = [group for group in everything if wanted.lower() in group.name.lower()]
    found.sort(key=lambda group: group.name)
    found.sort(key=key, reverse=backwards)
    last = max(1, -(-len(found) // PAGE))
    number = min(last, _page_number())
    return render_template(
        "groups.html",
        rows=rows(page_store(), found[(number - 1) * PAGE : number * PAGE], time.time()),
        found=len(found),
        all=len(everything),
        q=wanted,
        order=order if order in ORDERS else "last",
        orders=ORDERS,
        number=number,
        last=last,
        address=_address,
        collector=request.host_url.rstrip("/"),
    )


def rows(store: Store, groups: list[Group], now: float) -> list[Row]:
    """The groups with how they are and what was found in them."""
    names = [group.name for group in groups]
    vitals = vitals_of(store, names, now) if names else {}
    findings = Counter(finding.group for finding in store.findings())
    return [
        Row(
            group,
            status_of(group, settings.stored(store.document(group.name, settings.DOCUMENT)), now),
            vitals.get(group.name, Vitals()),
            findings[group.name],
            yearly_cost(
                vitals.get(group.name, Vitals()), costs.price(store.document(group.name, costs.DOCUMENT))
            ),
        )
        for group in groups
    ]


def _page_number() -> int:
    text = request.args.get("page", "1")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 8 else 1


def _address(**changes: object) -> str:
    """The list's own address with some parameters changed."""
    kept = {key: request.args[key] for key in ("q", "sort") if request.args.get(key)}
    return f"/?{urlencode({**kept, **changes})}"
