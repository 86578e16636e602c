"""A group's heaps over time: a page drawn here, which needs no script, and the same as JSON."""

from __future__ import annotations

import time
from typing import Any

from flask import Response, jsonify, render_template, request

from kibitz_server import heap_growth
from kibitz_server.heap_growth import ProcessHeap
from kibitz_server.store import Floats, Span
from kibitz_server.timerange import parse_range
from kibitz_server.web.channel_pages import pages
from kibitz_server.web.views import RANGES, known_group, page_store

__all__ = ["pages"]

_TYPES = 30
_SITES = 20
_PROCESSES = 8


@pages.get("/groups/<name>/heap")
def heap_page(name: str) -> str:
    """The group's heaps: size over time, types by growth, allocation sites."""
    group = known_group(name)
    chosen = request.args.get("from", "-1d")
    found = _processes(group.name)
    return render_template(
        "heap.html",
        group=group,
        ranges=RANGES,
        chosen=chosen,
        processes=[(one, _line(one.times, one.rss, one), _line(one.times, one.live, one)) for one in found],
        most_types=_TYPES,
        most_sites=_SITES,
    )


@pages.get("/api/groups/<name>/heap")
def heap(name: str) -> Response:
    """The group's heaps of ``from`` .. ``to`` (default the last day), one a process, those that leak first."""
    return jsonify(processes=[_fields(one) for one in _processes(known_group(name).name)])


def _processes(group: str) -> list[ProcessHeap]:
    start, end = parse_range(request.args.get("from", "-1d"), request.args.get("to"), time.time())
    keeper = heap_growth.keeps_heaps(page_store())
    return (
        heap_growth.processes(keeper.heaps(Span(group, start, end)))[:_PROCESSES]
        if keeper is not None
        else []
    )


def _fields(one: ProcessHeap) -> dict[str, Any]:
    return {
        "instance": one.instance,
        "leaks": one.leaks,
        "times": one.times.tolist(),
        "rss_bytes": one.rss.tolist(),
        "live_bytes": one.live.tolist(),
        "pause_ns": one.last.summary.pause_ns,
        "types": [
            {
                "name": kind.name,
                "count": kind.count,
                "bytes": kind.bytes,
                "bytes_per_hour": kind.bytes_per_hour,
                "objects_per_hour": kind.counts.per_hour if kind.counts else 0.0,
                "steady": kind.steady,
            }
            for kind in one.types[:_TYPES]
        ],
    }


def _line(times: Floats, values: Floats, one: ProcessHeap) -> str:
    """The points of a line in a box of 100 by 24, its top the largest of both lines."""
    wide = float(times[-1] - times[0]) or 1.0
    top = float(max(one.rss.max(), one.live.max())) or 1.0
    return " ".join(
        f"{100 * (at - times[0]) / wide:.1f},{23 - 22 * value / top:.1f}"
        for at, value in zip(times.tolist(), values.tolist(), strict=True)
    )


@pages.app_template_filter("mebibytes")
def mebibytes(size: float) -> str:
    """A size for people, with its sign where it is a change."""
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if abs(size) >= scale:
            return f"{size / scale:,.1f} {unit}"
    return f"{size:,.0f} B"
