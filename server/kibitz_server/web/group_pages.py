"""A group's summary and its settings: pages made here, which need no script."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from kibitz_server import costs, flamegraph, heap_growth, query, settings, sources
from kibitz_server.api import ApiError
from kibitz_server.heap_growth import ProcessHeap
from kibitz_server.recommendations import group as recommendations
from kibitz_server.store import Group, Span, Store, StoredFinding
from kibitz_server.vitals import Vitals, vitals_of, yearly_cost
from kibitz_server.web.groups_pages import status_of
from kibitz_server.web.views import known_group, page_store, pages

__all__ = ["Summary", "pages", "summarise"]

SUMMARY_S = 12 * 3600
_TOP = 5
_LATEST = 5
_HEAPS = 3
_ADVICE = 3
ADVICE_S = 86_400.0

LABELS = {
    "period_s": ("Reporting period", "seconds"),
    "sampling_interval_ms": ("Sampling interval", "milliseconds"),
    "minimum_reporting_ms": ("Least time for a report", "milliseconds"),
    "max_stack_depth": ("Deepest stack", "frames"),
    "cpu_limit_percent": ("CPU limit of the agent", "per cent of one CPU"),
}


@dataclass(frozen=True, slots=True)
class Summary:
    """A group's last `SUMMARY_S` seconds. ``states`` are (state, share of samples); ``hours`` (epoch seconds, samples).
    ``executing``, ``blocked`` and ``waiting``: shares of the time that was not idle.

    ``on_cpu``: CPU time over wall time of all threads, 0 to 1; None where either is not known. ``heaps``: those that
    leak, then the largest; ``cost``: of a year, where the group has a price; ``estimated``: what is said of states that are.
    """

    profiles: int
    instances: int
    samples: int
    states: list[tuple[str, float]]
    on_cpu: float | None
    functions: list[query.Function]
    hours: list[tuple[float, int]]
    notes: tuple[str, ...]
    vitals: Vitals
    executing: float | None
    blocked: float | None
    waiting: float | None
    heaps: list[ProcessHeap]
    cost: costs.YearlyCost | None
    estimated: str


def summarise(store: Store, group: str, now: float) -> Summary:
    """What the group did in the `SUMMARY_S` seconds before ``now``."""
    span = Span(group, now - SUMMARY_S, now + 1)
    tree = query.merged_tree(store, span)
    sums = {kind.name: int(tree.self_values[:, at].sum()) for at, kind in enumerate(tree.value_types)}
    by_state = query.samples_by_state(store, span)
    counts = by_state.counts.sum(axis=0).tolist()
    whole = sum(counts) or 1
    series = query.frame_series(store, span, 3600.0)
    first = "cpu" if sums.get("cpu") else tree.value_types[0].name if tree.value_types else ""
    vitals = vitals_of(store, [group], now).get(group, Vitals())
    return Summary(
        profiles=tree.profiles,
        instances=tree.instances,
        samples=sum(counts),
        states=[
            (state or "not told", count / whole)
            for state, count in zip(by_state.states, counts, strict=True)
            if count
        ],
        on_cpu=sums["cpu"] / sums["wall"] if sums.get("cpu") and sums.get("wall") else None,
        functions=query.top_functions(tree, first, _TOP) if first else [],
        hours=list(zip(series.starts.tolist(), series.samples.tolist(), strict=True)),
        notes=tree.limits,
        vitals=vitals,
        heaps=_heaps(store, span),
        cost=yearly_cost(vitals, costs.price(store.document(group, costs.DOCUMENT))),
        estimated=flamegraph.ESTIMATED_STATES if tree.estimated_states else "",
        **_working(dict(zip(by_state.states, counts, strict=True))),
    )


def _heaps(store: Store, span: Span) -> list[ProcessHeap]:
    keeper = heap_growth.keeps_heaps(store)
    return heap_growth.processes(keeper.heaps(span))[:_HEAPS] if keeper is not None else []


def latest_advice(store: Store, group: Group) -> list[recommendations.Advice]:
    """What the last `ADVICE_S` seconds of a group's profiles show to be wasteful, the largest share first."""
    if not group.last_seen:
        return []
    return recommendations.advice(store, Span(group.name, group.last_seen - ADVICE_S, group.last_seen + 1))


def _working(counts: Mapping[str, int]) -> dict[str, float | None]:
    """What part of the time that was not idle threads ran, were blocked, and waited; None where nobody reports such a state."""
    known = {state.lower(): count for state, count in counts.items() if state and state.lower() != "idle"}
    whole = sum(known.values()) or 1
    told = {
        "executing": ("running", "runnable", "native"),
        "blocked": ("blocked", "blocking"),
        "waiting": ("waiting", "timed_waiting", "sleeping"),
    }
    return {
        name: sum(known[state] for state in states if state in known) / whole
        if known.keys() & set(states)
        else None
        for name, states in told.items()
    }


@pages.get("/groups/<name>/summary")
def summary_page(name: str) -> str:
    """A group's last hours at a glance."""
    group = known_group(name)
    now = time.time()
    summary = summarise(page_store(), group.name, now)
    latest: list[StoredFinding] = list(page_store().findings(group.name))[:_LATEST]
    return render_template(
        "summary.html",
        group=group,
        summary=summary,
        highest=max((count for _, count in summary.hours), default=0) or 1,
        shown=sum(function.self_value for function in summary.functions) or 1,
        findings=latest,
        advice=latest_advice(page_store(), group)[:_ADVICE],
        status=status_of(group, settings.stored(page_store().document(group.name, settings.DOCUMENT)), now),
        collector=request.host_url.rstrip("/"),
    )


@pages.get("/groups/<name>/settings")
def settings_page(name: str) -> str:
    """What the group's agents are told, as a form."""
    return settings_form(name)


@pages.post("/groups/<name>/settings")
def change_settings(name: str) -> AnyResponse | tuple[str, int]:
    """Keep the form's settings; one that could hurt an agent is explained beside what was entered."""
    group = known_group(name)
    refuse_other_sites()
    entered: dict[str, Any] = {key: _number(request.form.get(key, "")) for key in settings.BOUNDS}
    entered["profiling_enabled"] = "profiling_enabled" in request.form
    entered["heap_summary"] = "heap_summary" in request.form

    def change(document: Mapping[str, Any]) -> Mapping[str, Any]:
        return asdict(settings.parse(entered, settings.stored(document)))

    try:
        page_store().change_document(group.name, settings.DOCUMENT, change)
    except settings.SettingsError as error:
        return settings_form(name, entered, error=str(error)), 400
    return redirect(url_for("pages.settings_page", name=name, saved=1), 303)


def settings_form(
    name: str,
    entered: Mapping[str, Any] | None = None,
    links: Mapping[str, Any] | None = None,
    price: Mapping[str, Any] | None = None,
    error: str = "",
) -> str:
    """The group's settings as forms, with what was entered where that could not be kept."""
    group = known_group(name)
    document = page_store().document
    kept = sources.stored(document(group.name, sources.DOCUMENT))
    words = {"own": " ".join(kept.own), "library": " ".join(kept.library)}
    return render_template(
        "settings.html",
        group=group,
        values=entered or asdict(settings.stored(document(group.name, settings.DOCUMENT))),
        links=links or {**asdict(kept), **words},
        price=document(group.name, costs.DOCUMENT) if price is None else price,
        machines=costs.instance_prices(),
        bounds=settings.BOUNDS,
        labels=LABELS,
        error=error,
        saved="saved" in request.args,
    )


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else text


def refuse_other_sites() -> None:
    """`ApiError` where another site sent the form."""
    # A form on any page of the web can be sent here; the browser tells where it came from. Our pages name no referrer, so
    # that browsers call the origin of our own forms "null": what they say of the site goes before it.
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    ours = site in ("same-origin", "none") if site else not origin or urlsplit(origin).netloc == request.host
    if not ours or (origin not in (None, "null") and urlsplit(origin).netloc != request.host):
        raise ApiError(
            "AccessDeniedException", 403, "settings are changed from this collector's own page only"
        )
