"""Every address under its description: requests that fit AWS's own model and requests that do not, never a 500.

`test_surface.py` throws anything at all at the routes; here an OpenAPI description, made of the service model and the routing
table, has schemathesis send what looks right and what is wrong in one place only.
"""

from __future__ import annotations

import contextlib
import re
from functools import cache

import pytest

from kibitz_server.api.aws import PROFILER, PROFILER_OPERATIONS, agent_model, model
from kibitz_server.app import create_app
from kibitz_server.config import Config
from kibitz_server.store.sql import open_sqlite

schemathesis = pytest.importorskip("schemathesis")
hypothesis = pytest.importorskip("hypothesis")

OURS = {
    "from": {"type": "string", "enum": ["-1h", "0", "-3d"]},
    "to": {"type": "string"},
    "value": {"type": "string"},
    "maxNodes": {"type": "integer"},
    "limit": {"type": "integer"},
    "step": {"type": "integer"},
    "functions": {"type": "integer"},
    "label": {"type": "string"},
    "groupBy": {"type": "string"},
}
settings = hypothesis.settings(
    max_examples=10, deadline=None, suppress_health_check=list(hypothesis.HealthCheck), database=None
)
SETTINGS = {
    "type": "object",
    "properties": {
        "profiling_enabled": {"type": "boolean"},
        "period_s": {"type": "integer", "minimum": 60, "maximum": 86_400},
        "sampling_interval_ms": {"type": "integer", "minimum": 1, "maximum": 60_000},
        "max_stack_depth": {"type": "integer", "minimum": 1, "maximum": 10_000},
    },
}


def described(service, shape, depth=0):
    """A shape of the service model as JSON schema."""
    kind = shape["type"]
    if kind == "structure":
        members = {} if depth > 4 else shape["members"]
        made = {
            name: described(service, service.shape(member), depth + 1) for name, member in members.items()
        }
        return {
            "type": "object",
            "properties": made,
            "required": [n for n in shape.get("required", ()) if n in made],
        }
    if kind == "list":
        return {
            "type": "array",
            "items": described(service, service.shape(shape["member"]), depth + 1),
            "maxItems": 3,
        }
    if kind == "map":
        return {
            "type": "object",
            "additionalProperties": described(service, service.shape(shape["value"]), depth + 1),
        }
    if kind in ("integer", "long", "float", "double"):
        limits = {"minimum": shape["min"]} if "min" in shape else {}
        limits |= {"maximum": shape["max"]} if "max" in shape else {}
        return {"type": "integer" if kind in ("integer", "long") else "number", **limits}
    if kind == "boolean":
        return {"type": "boolean"}
    if kind == "timestamp":
        return {"type": "string", "format": "date-time"}
    if "enum" in shape:
        return {"type": "string", "enum": list(shape["enum"])}
    return {"type": "string", "minLength": shape.get("min", 0), "maxLength": min(shape.get("max", 64), 64)}


def parameters(service, operation):
    places = {"uri": "path", "querystring": "query", "header": "header"}
    for name, member in (operation.input or {"members": {}})["members"].items():
        place = places.get(member.get("location", ""))
        if place and member["locationName"].lower() not in ("accept", "content-type"):
            yield {
                "name": member.get("locationName", name),
                "in": place,
                "required": place == "path" or name in operation.input.get("required", ()),
                "schema": described(service, service.shape(member)),
            }


def aws_operation(service, operation):
    made = {"parameters": list(parameters(service, operation)), "responses": {"default": {"description": ""}}}
    shape = operation.input or {"members": {}}
    inside = {
        name: described(service, service.shape(member), 1)
        for name, member in shape["members"].items()
        if "location" not in member and service.shape(member)["type"] != "blob"
    }
    if inside and "payload" not in shape:
        required = [name for name in shape.get("required", ()) if name in inside]
        schema = {"type": "object", "properties": inside, "required": required}
        made["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    elif "payload" in shape and operation.name == "PostAgentProfile":
        body = {"type": "object", "properties": {"start": {"type": "integer"}, "end": {"type": "integer"},
                "agentMetadata": {"type": "object"}, "callgraph": {"type": "object"}}}  # fmt: skip
        made["requestBody"] = {"content": {"application/json": {"schema": body}}}
    return made


def our_operation(rule, method):
    inside = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in rule.arguments
    ]
    asked = [{"name": name, "in": "query", "schema": schema} for name, schema in OURS.items()]
    made = {"parameters": inside + asked, "responses": {"default": {"description": ""}}}
    if method == "put" and rule.rule.endswith("/settings"):
        made["requestBody"] = {"content": {"application/json": {"schema": SETTINGS}}}
    return made


@cache
def description():
    """The collector's addresses as an OpenAPI document."""
    service = model.load(PROFILER, agent_model.DESCRIPTION)
    paths = {}
    for operation in service.operations:
        if operation.name in PROFILER_OPERATIONS:
            path = operation.uri.split("?")[0]
            paths.setdefault(path, {})[operation.method.lower()] = aws_operation(service, operation)
    return paths


@pytest.fixture(scope="module")
def schema(tmp_path_factory, module_profile):
    folder = tmp_path_factory.mktemp("surface")
    store = open_sqlite(str(folder / "k.sqlite"))
    app = create_app(store, Config(data=folder))
    paths = {path: dict(operations) for path, operations in description().items()}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(("/api/", "/groups", "/metrics", "/healthz", "/readyz")):
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
            for method in sorted(rule.methods & {"GET", "PUT"}):
                paths.setdefault(path, {})[method.lower()] = our_operation(rule, method.lower())
    store.add("shop", module_profile, "1", "test")
    document = {"openapi": "3.0.3", "info": {"title": "collector", "version": "1"}, "paths": paths}
    loaded = schemathesis.openapi.from_dict(document)
    loaded.app = app
    statuses: set[int] = set()

    @app.after_request
    def remember(response):
        statuses.add(response.status_code)
        return response

    yield loaded
    store.close()
    assert {200, 400, 404} <= statuses, "requests of all kinds came in"


@pytest.fixture(scope="module")
def module_profile():
    import time

    from kibitz_agent.profile import Frame, Header, ProfileBuilder

    builder = ProfileBuilder()
    builder.add_stack([Frame("m:a", "a.py", 1), Frame("m:b", "b.py", 2)], (3, 30, 20), {"state": "running"})
    now = int(time.time() * 1e9)
    return builder.build(Header(group="shop", instance="i", start_ns=now - 10**9, end_ns=now))


def test_no_described_request_is_a_mistake_of_the_collector(schema):
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 30
    for operation in operations:

        @hypothesis.given(operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE))
        @settings
        def fits(case):
            ask(case)

        fits()


def test_no_request_that_is_wrong_in_one_place_is_a_mistake_of_the_collector(schema):
    for found in schema.get_all_operations():
        operation = found.ok()
        if not (operation.query or operation.body or operation.path_parameters):
            continue

        @hypothesis.given(operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE))
        @settings
        def wrong(case):
            ask(case)

        with contextlib.suppress(hypothesis.errors.Unsatisfiable):  # nothing of it can be wrong
            wrong()


def ask(case):
    case.call_and_validate(checks=[schemathesis.checks.not_a_server_error])
