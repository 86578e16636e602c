"""Who may act for a group, as a policy document with revisions. Kept and answered as AWS does."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

from kibitz_server.api import not_found, validation_error
from kibitz_server.api.aws.collector import ARN_PREFIX, Collector, conflict

Params = Mapping[str, Any]

DOCUMENT = "policy"
_PRINCIPAL = re.compile(r"\d{12}|arn:aws[\w-]*:[\w.:/=,@+-]{1,2000}", re.ASCII)
_ACTIONS = ("codeguru-profiler:ConfigureAgent", "codeguru-profiler:PostAgentProfile")


def get_policy(collector: Collector, given: Params) -> Params:
    """The policy and its revision; not found while none was ever put."""
    group = collector.group(given["profilingGroupName"])
    document = collector.store.document(group.name, DOCUMENT)
    if not document:
        raise not_found(f"the profiling group {group.name} has no policy")
    return _answer(group.name, document)


def put_permission(collector: Collector, given: Params) -> Params:
    """Set an action group's principals; the current revision must be given once there is one."""
    name = given["profilingGroupName"]
    for principal in given["principals"]:
        if not _PRINCIPAL.fullmatch(principal):
            raise validation_error(f"principals: expected ARNs or account numbers, found {principal[:80]!r}")

    def put(document: Params) -> Params:
        _at_revision(document, given.get("revisionId"))
        groups = {**document.get("groups", {}), given["actionGroup"]: sorted(set(given["principals"]))}
        return {"revision": str(uuid.uuid4()), "groups": groups}

    return _answer(name, collector.change(name, DOCUMENT, put))


def remove_permission(collector: Collector, given: Params) -> Params:
    """Take an action group's principals away."""
    name = given["profilingGroupName"]

    def remove(document: Params) -> Params:
        if given["actionGroup"] not in document.get("groups", {}):
            raise not_found(f"the profiling group {name} has no permission {given['actionGroup']}")
        _at_revision(document, given["revisionId"])
        groups = {key: value for key, value in document["groups"].items() if key != given["actionGroup"]}
        return {"revision": str(uuid.uuid4()), "groups": groups}

    return _answer(name, collector.change(name, DOCUMENT, remove))


def _at_revision(document: Params, revision: str | None) -> None:
    if document and revision != document["revision"]:
        raise conflict("revisionId: the policy was changed since, get it again")


def _answer(name: str, document: Params) -> Params:
    statements = [
        {
            "Sid": f"{group}-statement",
            "Effect": "Allow",
            "Principal": {"AWS": principals},
            "Action": list(_ACTIONS),
            "Resource": ARN_PREFIX + name,
        }
        for group, principals in document["groups"].items()
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    return {"policy": policy, "revisionId": document["revision"]}
