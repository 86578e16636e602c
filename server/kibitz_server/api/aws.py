"""AWS's API, as far as agents need it: ConfigureAgent, PostAgentProfile and the groups themselves.

Only this module and its neighbours know AWS's CamelCase names.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request

from kibitz_agent.profile import Profile
from kibitz_server.api import ApiError, checked_group_name, not_found, validation_error
from kibitz_server.ingest import IngestError, TooLargeError, UnsupportedTypeError, decoder_for, inflate
from kibitz_server.store import Group, Store

api = Blueprint("aws", __name__)

MAX_FUTURE_S = 300.0
_ARN = "arn:aws:codeguru-profiler:us-east-1:000000000000:profilingGroup/"

# What the service answers by default, numbers as strings within agentParameters as its agents expect them.
_CONFIGURATION = {
    "shouldProfile": True,
    "periodInSeconds": 300,
    "agentParameters": {
        "SamplingIntervalInMilliseconds": "1000",
        "MinimumTimeForReportingInMilliseconds": "60000",
        "MaxStackDepth": "1000",
        "MemoryUsageLimitPercent": "10",
    },
}


def _store() -> Store:
    store: Store = current_app.extensions["kibitz_store"]
    return store


@api.post("/profilingGroups/<name>/configureAgent")
def configure_agent(name: str) -> Response:
    """What an agent asks before each period; an unknown group is made."""
    body = request.get_json(silent=True, force=True) if request.content_length else {}
    if not isinstance(body, Mapping):
        raise validation_error("the body must be a JSON object")
    _store().create_group(checked_group_name(name), time.time())
    return jsonify(_CONFIGURATION)


@api.post("/profilingGroups/<name>/agentProfile")
def post_agent_profile(name: str) -> tuple[str, int]:
    """Keep a profile; 204 once it is on disk, and again for a retry with the same token."""
    group = checked_group_name(name)
    profile, source = _decoded()
    header = profile.header
    now = time.time()
    if header.end_ns / 1e9 > now + MAX_FUTURE_S:
        ahead = header.end_ns / 1e9 - now
        raise validation_error(
            f"the profile ends {ahead:.0f} s in the future: set that machine's clock right"
        )
    if header.end_ns == 0:  # pprof from a tool that does not say when
        profile = profile.with_header(replace(header, start_ns=int(now * 1e9), end_ns=int(now * 1e9)))
    token = request.args.get("profileToken") or header.token or uuid.uuid4().hex
    if not 1 <= len(token) <= 64:
        raise validation_error("profileToken: expected 1 to 64 characters")
    _store().add(group, profile.with_header(replace(profile.header, group=group)), token, source)
    return "", 204


def _decoded() -> tuple[Profile, str]:
    try:
        body = request.get_data(cache=False)
        if request.headers.get("Content-Encoding", "").lower() == "gzip":
            body = inflate(body)
        decoder = decoder_for(request.content_type or "", body)
        return decoder.decode(body), decoder.name
    except TooLargeError as error:
        raise ApiError("ValidationException", 413, str(error)) from error
    except UnsupportedTypeError as error:
        raise ApiError("ValidationException", 415, str(error)) from error
    except IngestError as error:
        raise validation_error(str(error)) from error


@api.post("/profilingGroups")
def create_profiling_group() -> tuple[Response, int]:
    """Make a group; 409 if it exists."""
    body = request.get_json(silent=True, force=True)
    name = body.get("profilingGroupName") if isinstance(body, Mapping) else None
    if not isinstance(name, str):
        raise validation_error("profilingGroupName: expected a string")
    if not _store().create_group(checked_group_name(name), time.time()):
        raise ApiError("ConflictException", 409, f"the profiling group {name} exists already")
    return jsonify(_description(_need_group(name))), 201


@api.get("/profilingGroups")
def list_profiling_groups() -> Response:
    """All groups' names, with their descriptions when asked for."""
    groups = _store().groups()
    answer: dict[str, Any] = {"profilingGroupNames": [group.name for group in groups]}
    if request.args.get("includeDescription") == "true":
        answer["profilingGroups"] = [_description(group) for group in groups]
    return jsonify(answer)


@api.get("/profilingGroups/<name>")
def describe_profiling_group(name: str) -> Response:
    """One group."""
    return jsonify(_description(_need_group(name)))


@api.delete("/profilingGroups/<name>")
def delete_profiling_group(name: str) -> tuple[str, int]:
    """Forget a group with all its profiles."""
    if not _store().delete_group(checked_group_name(name)):
        raise not_found(f"no profiling group {name}")
    return "", 204


def _need_group(name: str) -> Group:
    group = _store().group(checked_group_name(name))
    if group is None:
        raise not_found(f"no profiling group {name}")
    return group


def _description(group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "arn": _ARN + group.name,
        "agentOrchestrationConfig": {"profilingEnabled": True},
        "computePlatform": "Default",
        "createdAt": _timestamp(group.created),
        "updatedAt": _timestamp(max(group.created, group.last_seen)),
        "profilingStatus": {"latestAgentProfileReportedAt": _timestamp(group.last_seen)}
        if group.profiles
        else {},
        "tags": {},
    }


def _timestamp(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
