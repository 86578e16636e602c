"""Our JSON interface, for the pages and for scripts. Times in epoch seconds."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from flask import Blueprint, Response, current_app, jsonify, request

from kibitz_agent import flamegraph as renderer
from kibitz_server import costs, differences, feedback, flamegraph, heat, query, settings, slices, verify
from kibitz_server.api import checked_group_name, not_found, validation_error
from kibitz_server.findings import ANOMALY
from kibitz_server.recommendations import group as recommendations
from kibitz_server.store import Span, Store
from kibitz_server.timerange import parse_range
from kibitz_server.verify.blocks import blocks_of
from kibitz_server.verify.written import fields as judgement_fields

api = Blueprint("ours", __name__)

_DEFAULT_FUNCTIONS = 20
_MOST_FUNCTIONS = 10_000
_BUCKETS = 120
_TREND_BUCKETS = 24
_LEAST_GAPS = 4
_MOST_MARKS = 50


def _store() -> Store:
    store: Store = current_app.extensions["kibitz_store"]
    return store


@api.get("/healthz")
def healthz() -> Response:
    """The process is alive."""
    return jsonify(status="ok")


@api.get("/readyz")
def readyz() -> Response:
    """The store answers; 503 while it does not."""
    _store().watermark("readyz")
    return jsonify(status="ok")


@api.get("/api/groups")
def groups() -> Response:
    """All groups, the most recently active first."""
    return jsonify(groups=[asdict(group) for group in _store().groups()])


@api.get("/api/groups/<name>/watermark")
def watermark(name: str) -> Response:
    """A number that grows with every report: cheap to poll."""
    return jsonify(watermark=_store().watermark(_known(name)))


@api.get("/api/groups/<name>/flamegraph")
def flame_graph(name: str) -> Response:
    """The merged flame graph of ``from`` .. ``to`` (epoch seconds or relative, default the last hour).

    ``packed=1``: in the form of `kibitz_agent.flamegraph.packing`, a tenth of the size.
    """
    span = _span(name)
    nodes = _number("maxNodes", flamegraph.DEFAULT_NODES, 1, flamegraph.MOST_NODES)
    value = request.args.get("value", "wall")
    tree = _tree(span)
    names = [kind.name for kind in tree.value_types]
    # A group of pprof profiles may have neither wall nor samples: show what there is.
    chosen = value if value in names or "value" in request.args else names[0]
    price = costs.price(_store().document(span.group, costs.DOCUMENT))
    payload = flamegraph.payload(tree, span, chosen, nodes, price)
    return jsonify(renderer.pack(payload, chosen) if _number("packed", 0, 0, 1) else payload)


@api.get("/api/groups/<name>/functions")
def functions(name: str) -> Response:
    """The functions with the largest self value."""
    value = request.args.get("value", "wall")
    tree = _tree(_span(name))
    column = tree.column(value)
    limit = _number("limit", _DEFAULT_FUNCTIONS, 1, _MOST_FUNCTIONS)
    rows: list[dict[str, Any]] = [
        {**asdict(function.frame), "self": function.self_value, "total": function.total}
        for function in query.top_functions(tree, value, limit)
    ]
    total = int(tree.self_values[:, column].sum())
    return jsonify(functions=rows, unit=tree.value_types[column].unit, total=total)


@api.get("/api/groups/<name>/difference")
def difference(name: str) -> Response:
    """The functions whose share changed most from a baseline: ``baseFrom`` .. ``baseTo``, ``baseLabel``, ``baseGroup``.

    What is not given of the baseline is as in the range that is compared with it.
    """
    value = request.args.get("value", "wall")
    now = query.merged_tree(_store(), _span(name), slices.label_filter(request.args.getlist("label")))
    labels = request.args.getlist("baseLabel") or request.args.getlist("label")
    before = query.merged_tree(_store(), _base_span(name), slices.label_filter(labels))
    limit = _number("limit", _DEFAULT_FUNCTIONS, 1, _MOST_FUNCTIONS)
    rows = [
        {
            **asdict(one.frame), "self": one.self_value, "total": one.total,
            "baseSelf": one.base_self, "baseTotal": one.base_total, "change": round(one.change, 6),
        }
        for one in differences.differences(now, before, value, limit)
    ]  # fmt: skip
    column, base = now.column(value), before.column(value)
    return jsonify(
        functions=rows, unit=now.value_types[column].unit,
        total=int(now.self_values[:, column].sum()), baseTotal=int(before.self_values[:, base].sum()),
    )  # fmt: skip


@api.get("/api/groups/<name>/labels")
def labels(name: str) -> Response:
    """The labels of the range's samples: each key's values, the most frequent first."""
    return jsonify(labels=slices.label_values(_store(), _span(name)))


@api.get("/api/groups/<name>/series")
def series(name: str) -> Response:
    """Samples and reports over time, in buckets of ``step`` seconds; ``functions``: shares of the largest few."""
    span = _span(name)
    step_s = _number("step", 60 if "step" in request.args else _usual_step(span), 10, 86_400)
    found = query.frame_series(_store(), span, step_s, slices.label_filter(request.args.getlist("label")))
    shown = found.largest(_number("functions", 0, 0, 10))
    return jsonify(
        starts=found.starts.tolist(),
        step=step_s,
        samples=found.samples.tolist(),
        profiles=found.profiles.tolist(),
        functions=[{"name": one, "share": found.shares(one).tolist()} for one in shown],
        deploys=_deploys(found),
        findings=[
            {"start": one.start, "end": one.end, "frame": one.frame, "reason": one.reason}
            for one in _store().findings(span.group)
            if one.end > span.start and one.start < span.end
        ][:_MOST_MARKS],
    )


def _usual_step(span: Span) -> int:
    """As fine as `_BUCKETS` allow, in whole times of how often reports usually end: else they fill every other bucket."""
    fine_s = max(60, int((span.end - span.start) / _BUCKETS))
    gaps = np.diff(_store().ends(span, max(60, fine_s // 6)))
    if len(gaps) < _LEAST_GAPS:
        return fine_s
    usual_s = float(np.median(gaps))
    return int(min(86_400.0, -(-fine_s // usual_s) * usual_s))


def _deploys(found: query.FrameSeries) -> list[dict[str, Any]]:
    """Where a revision reported that had not before, though another had: when, which, and which there were before."""
    seen: dict[str, None] = {}
    marks: list[dict[str, Any]] = []
    for start, revisions in zip(found.starts.tolist(), found.revisions, strict=True):
        fresh = sorted(revisions - seen.keys())
        if seen:
            marks += [{"at": start, "revision": one, "before": next(reversed(seen))} for one in fresh]
        seen |= dict.fromkeys(fresh)
    return marks[:_MOST_MARKS]


@api.get("/api/groups/<name>/trends")
def trends(name: str) -> Response:
    """The largest functions' shares (0 to 1) of the samples in those of `_TREND_BUCKETS` parts of the range that have any, earliest first."""
    span = _span(name)
    step_s = max(60, int((span.end - span.start) / _TREND_BUCKETS) + 1)
    # Of a bucket without a report nothing is known: no share of it is 0.
    found = query.frame_series(_store(), span, step_s, slices.label_filter(request.args.getlist("label")))
    shares = found.largest_shares(_number("functions", 300, 1, 2000))
    seen = found.samples > 0
    rounded = [[round(share, 5) for share in column[seen].tolist()] for column in shares.values()]
    return jsonify(starts=found.starts[seen].tolist(), step=step_s, names=list(shares), shares=rounded)


@api.get("/api/groups/<name>/findings")
def findings(name: str) -> Response:
    """What was found in the group, the latest first."""
    return jsonify(findings=[asdict(finding) for finding in _store().findings(_known(name))])


@api.get("/api/groups/<name>/recommendations")
def group_recommendations(name: str) -> Response:
    """What the range's samples show to be wasteful, the largest share first, with what to do and its yearly cost."""
    return jsonify(recommendations=[one.fields() for one in recommendations.advice(_store(), _span(name))])


@api.get("/api/groups/<name>/verify")
def verify_revision(name: str) -> Response:
    """Whether ``candidate`` is slower than ``baseline`` in the last ``hours``; ``max_regression`` 0.05 allows 5 %."""
    baseline, candidate = request.args.get("baseline", ""), request.args.get("candidate", "")
    if not baseline or not candidate:
        raise validation_error("baseline and candidate: expected two revisions")
    now = time.time()
    span = Span(_known(name), now - 3600 * _decimal("hours", 24.0, 24.0 * 366), now + 1)
    limits = verify.Limits(max_regression=_decimal("max_regression", 0.05, 10.0))
    return jsonify(judgement_fields(verify.judge(blocks_of(_store(), span, baseline, candidate), limits)))


@api.get("/api/groups/<name>/heat")
def group_heat(name: str) -> Response:
    """The functions that took time in the range, with all they call, and the git blob ids of their files: for reviewers."""
    return jsonify(heat.heat(_store(), _span(name)))


@api.get("/api/groups/<name>/price")
def group_price(name: str) -> Response:
    """What the group's CPU time is reckoned at."""
    return jsonify(_store().document(_known(name), costs.DOCUMENT))


@api.put("/api/groups/<name>/price")
def change_group_price(name: str) -> Response:
    """Set the price: ``{"per_vcpu_hour": 0.04, "currency": "USD"}`` or ``{"instance_type": "m5.large"}``; ``{}`` for none."""
    wanted = request.get_json(silent=True)
    if not isinstance(wanted, dict):
        raise validation_error("the body must be a JSON object, sent as application/json")
    try:
        return jsonify(recommendations.change_price(_store(), _known(name), wanted))
    except costs.CostError as error:
        raise validation_error(str(error)) from error


@api.get("/api/groups/<name>/anomalies")
def anomalies(name: str) -> Response:
    """The group's anomalies, in the order to show them; ``all=1``: those judged useless too.

    With each: start, end, the reason in a sentence, and what was said of it, "" if nothing was.
    """
    found = [one for one in _store().findings(_known(name)) if one.kind == ANOMALY]
    said = _store().document(name, feedback.DOCUMENT)
    chosen = found if _number("all", 0, 0, 1) else feedback.shown(found, said)
    rows = [
        {
            **asdict(one),
            "id": feedback.instance_id(one),
            "feedback": said.get(feedback.instance_id(one), {}).get("type", ""),
        }
        for one in chosen
    ]
    return jsonify(anomalies=rows)


@api.post("/api/groups/<name>/anomalies/<identity>/feedback")
def say_of_anomaly(name: str, identity: str) -> Response:
    """Keep what is said of an anomaly: a JSON object with ``type``, Positive or Negative, and perhaps ``comment``."""
    wanted = request.get_json(silent=True)
    if not isinstance(wanted, dict) or not all(isinstance(value, str) for value in wanted.values()):
        raise validation_error("the body must be a JSON object of texts, sent as application/json")
    found = [one for one in _store().findings(_known(name)) if feedback.instance_id(one) == identity]
    if not found:
        raise not_found(f"no anomaly {identity[:40]} in the profiling group {name}")
    try:
        feedback.judge(_store(), found[0], wanted.get("type", ""), time.time(), wanted.get("comment", ""))
    except feedback.FeedbackError as error:
        raise validation_error(str(error)) from error
    return jsonify(feedback=wanted["type"])


@api.get("/api/groups/<name>/settings")
def group_settings(name: str) -> Response:
    """What the group's agents are told."""
    return jsonify(asdict(settings.stored(_store().document(_known(name), settings.DOCUMENT))))


@api.put("/api/groups/<name>/settings")
def change_group_settings(name: str) -> Response:
    """Change what is named in the body, a JSON object; the rest stays. Answers the settings as they are then."""
    wanted = request.get_json(silent=True)
    if not isinstance(wanted, dict):
        raise validation_error("the body must be a JSON object, sent as application/json")

    def change(document: Mapping[str, Any]) -> Mapping[str, Any]:
        return asdict(settings.parse(wanted, settings.stored(document)))

    changed = _store().change_document(_known(name), settings.DOCUMENT, change)
    return jsonify(changed)


def _tree(span: Span) -> query.Tree:
    """The samples with the labels asked for (``label=key:value``), set apart by ``groupBy`` where that is asked for."""
    keep = slices.label_filter(request.args.getlist("label"))
    key = request.args.get("groupBy", "")
    if key:
        return slices.branched_tree(_store(), span, key, keep)
    return query.merged_tree(_store(), span, keep)


def _known(name: str) -> str:
    if _store().group(checked_group_name(name)) is None:
        raise not_found(f"no profiling group {name}")
    return name


def _span(name: str) -> Span:
    start, end = parse_range(request.args.get("from"), request.args.get("to"), time.time())
    return Span(_known(name), start, end)


def _base_span(name: str) -> Span:
    start = request.args.get("baseFrom", request.args.get("from"))
    end = request.args.get("baseTo", request.args.get("to"))
    return Span(_known(request.args.get("baseGroup", name)), *parse_range(start, end, time.time()))


def _number(name: str, default: int, low: int, high: int) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not low <= int(text[:12]) <= high:
        raise query.QueryError(f"{name}={text[:40]!r}: expected a whole number from {low} to {high}")
    return int(text)


def _decimal(name: str, default: float, high: float) -> float:
    text = request.args.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= high:
        raise query.QueryError(f"{name}={text[:40]!r}: expected a number from 0 to {high:g}")
    return value
