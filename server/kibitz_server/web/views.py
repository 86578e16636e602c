"""The pages: a view parses the request, asks, and renders."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from flask import Blueprint, Response, current_app, render_template, request
from markupsafe import Markup

from kibitz_agent import exporters
from kibitz_agent import flamegraph as renderer
from kibitz_server import costs, query, sources
from kibitz_server.api import checked_group_name, not_found, validation_error
from kibitz_server.store import Group, Span, Store
from kibitz_server.timerange import DEFAULT_FROM, parse_range

pages = Blueprint("pages", __name__)

RANGES = (("-15m", "15 min"), ("-1h", "1 hour"), ("-12h", "12 hours"), ("-1d", "1 day"), ("-7d", "7 days"))
COMPARISONS = (
    ("", "nothing"),
    ("previous", "the time before"),
    ("day", "a day earlier"),
    ("week", "a week earlier"),
)
_COMPARED = frozenset({"compare", "base_group", "base_from", "base_to", "base_label", "by"})
_MOST_OFFERED = 200
_EXPORT_TYPES = {
    "pb.gz": "application/octet-stream",
    "txt": "text/plain; charset=utf-8",
    "json": "application/json",
    "html": "text/html; charset=utf-8",
}


def page_store() -> Store:
    """The collector's store."""
    store: Store = current_app.extensions["kibitz_store"]
    return store


def known_group(name: str) -> Group:
    """The group of an address; an error page where there is none."""
    group = page_store().group(checked_group_name(name))
    if group is None:
        raise not_found(f"no profiling group {name}")
    return group


@pages.app_template_filter("ago")
def ago(epoch_s: float) -> str:
    """A time as people say it: "12 s ago"."""
    passed = max(0.0, time.time() - epoch_s)
    for unit, seconds in (("d", 86_400), ("h", 3600), ("min", 60)):
        if passed >= seconds:
            return f"{passed / seconds:.0f} {unit} ago"
    return f"{passed:.0f} s ago"


@pages.app_template_filter("utc")
def utc(epoch_s: float) -> str:
    """A time in full, UTC."""
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%d %H:%M UTC")


@pages.app_template_filter("iso")
def iso(epoch_s: float) -> str:
    """A time for programs that read the page, UTC."""
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pages.app_template_filter("percent")
def percent(share: float | None) -> str:
    """A share (1.0: all) as people read it; "–" where it is not known."""
    if share is None:
        return "–"
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2f} %"


@pages.app_template_filter("money")
def money(cost: costs.YearlyCost) -> str:
    """An amount with its currency."""
    return costs.money(cost)


@pages.app_template_filter("ticks")
def ticks(text: str) -> Markup:
    """A text whose parts between backticks are code."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else part for number, part in enumerate(parts)
    )


def range_label(start: str, end: str | None) -> str:
    """A range of the address for people: epoch seconds as times, anything else as it is."""
    first, last = (_time_label(text) for text in (start, end or "now"))
    return f"{first} to {last}"


def _time_label(text: str) -> str:
    try:
        return utc(float(text))
    except (ValueError, OverflowError, OSError):
        return text[:40]


@pages.get("/groups/<name>")
def group_page(name: str) -> str:
    """A group's flame graph."""
    chosen = request.args.get("from", DEFAULT_FROM)
    group = known_group(name)
    return render_template(
        "group.html",
        group=group,
        modules=[name for name in renderer.ASSETS if name.endswith(".js")],
        sources=sources.stored(page_store().document(group.name, sources.DOCUMENT)),
        ranges=RANGES,
        comparisons=_comparisons(),
        compare="custom" if request.args.get("base_from") else request.args.get("compare", ""),
        chosen=chosen,
        chosen_label=range_label(chosen, request.args.get("to")),
        value=request.args.get("value", "wall"),
        query=request.query_string.decode("ascii", "replace"),
        exports=_EXPORT_TYPES,
        collector=request.host_url.rstrip("/"),
        others=[other.name for other in page_store().groups()[:_MOST_OFFERED] if other.name != group.name],
        kept=[(key, text) for key, text in request.args.items(multi=True) if key not in _COMPARED],
    )


def _comparisons() -> tuple[tuple[str, str], ...]:
    if not request.args.get("base_from"):
        return COMPARISONS
    label = range_label(request.args["base_from"], request.args.get("base_to"))
    return (*COMPARISONS, ("custom", label))


@pages.get("/groups/<name>/profile.<suffix>")
def export(name: str, suffix: str) -> Response:
    """The merged profile of a range as a file."""
    if suffix not in _EXPORT_TYPES:
        raise validation_error(f"no format .{suffix[:20]}: there are {', '.join(_EXPORT_TYPES)}")
    group = known_group(name)
    start, end = parse_range(request.args.get("from"), request.args.get("to"), time.time())
    profile = query.merged_profile(page_store(), Span(group.name, start, end))
    content = exporters.by_suffix(f"profile.{suffix}")(profile)
    disposition = f'attachment; filename="{group.name}.{suffix}"'
    return Response(content, content_type=_EXPORT_TYPES[suffix], headers={"Content-Disposition": disposition})


def wants_page(path: str, best: str | None) -> bool:
    """Whether a person asked: a browser that prefers HTML (``best``) to JSON, and not for an API's address."""
    return best == "text/html" and not path.startswith(("/api/", "/profilingGroups", "/static/", "/healthz"))


def error_page(status: int, message: str) -> tuple[str, int]:
    """An error for a person."""
    return render_template("error.html", status=status, message=message.rstrip(".")), status
