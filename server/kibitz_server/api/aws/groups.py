"""Profiling groups and their tags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from kibitz_server import settings
from kibitz_server.api import GROUP_NAME, not_found, validation_error
from kibitz_server.api.aws import pages
from kibitz_server.api.aws.collector import (
    ARN_PREFIX,
    GROUP_DOCUMENT,
    Collector,
    conflict,
    quota_exceeded,
)
from kibitz_server.store import Group

Params = Mapping[str, Any]

MOST_GROUPS = 5000
MOST_TAGS = 50
_ARN = re.compile(
    r"arn:aws[\w-]*:codeguru-profiler:[\w-]*:\d*:profilingGroup/(" + GROUP_NAME.pattern + ")", re.ASCII
)


def create_profiling_group(collector: Collector, given: Params) -> Params:
    """Make a group; a retry with the same client token is answered like the first request."""
    name, tags = given["profilingGroupName"], _checked_tags(given.get("tags", {}))
    attributes = {
        "platform": given.get("computePlatform", "Default"),
        "tags": tags,
        "client_token": given["clientToken"],
    }
    known = collector.store.group(name)
    if known is None and len(collector.store.groups()) >= MOST_GROUPS:
        raise quota_exceeded(f"there are {MOST_GROUPS} profiling groups, no more can be made")
    if not collector.store.create_group(name, collector.clock()):
        if collector.store.document(name, GROUP_DOCUMENT).get("client_token") != given["clientToken"]:
            raise conflict(f"the profiling group {name} exists already")
    else:
        collector.change(name, GROUP_DOCUMENT, lambda _: attributes)
        _enable(collector, name, given)
    return {"profilingGroup": described(collector, collector.group(name))}


def delete_profiling_group(collector: Collector, given: Params) -> Params:
    """Forget a group with all its profiles."""
    if not collector.store.delete_group(given["profilingGroupName"]):
        raise not_found(f"no profiling group {given['profilingGroupName']}")
    return {}


def describe_profiling_group(collector: Collector, given: Params) -> Params:
    """One group."""
    return {"profilingGroup": described(collector, collector.group(given["profilingGroupName"]))}


def update_profiling_group(collector: Collector, given: Params) -> Params:
    """Switch a group's profiling on or off."""
    group = collector.group(given["profilingGroupName"])
    _enable(collector, group.name, given)
    return {"profilingGroup": described(collector, group)}


def list_profiling_groups(collector: Collector, given: Params) -> Params:
    """Groups in the order they were made, a page at a time; with descriptions when asked for."""
    groups, token = pages.page(
        collector.store.groups(),
        lambda group: (group.created, pages.tie(group.name)),
        dict(given),
        "groups",
    )
    answer: dict[str, Any] = {"profilingGroupNames": [group.name for group in groups], "nextToken": token}
    if given.get("includeDescription"):
        answer["profilingGroups"] = [described(collector, group) for group in groups]
    return answer


def list_tags_for_resource(collector: Collector, given: Params) -> Params:
    """A group's tags."""
    group = collector.group(_named(given["resourceArn"]))
    return {"tags": collector.store.document(group.name, GROUP_DOCUMENT).get("tags", {})}


def tag_resource(collector: Collector, given: Params) -> Params:
    """Add tags to a group, or change their values."""
    tags = _checked_tags(given["tags"])

    def add(document: Params) -> Params:
        return {**document, "tags": _checked_tags({**document.get("tags", {}), **tags})}

    collector.change(_named(given["resourceArn"]), GROUP_DOCUMENT, add)
    return {}


def untag_resource(collector: Collector, given: Params) -> Params:
    """Take tags off a group; those it does not have do no harm."""

    def remove(document: Params) -> Params:
        kept = {key: value for key, value in document.get("tags", {}).items() if key not in given["tagKeys"]}
        return {**document, "tags": kept}

    collector.change(_named(given["resourceArn"]), GROUP_DOCUMENT, remove)
    return {}


def described(collector: Collector, group: Group) -> Params:
    """A group in AWS's words."""
    attributes = collector.store.document(group.name, GROUP_DOCUMENT)
    status: dict[str, Any] = {"latestAgentOrchestratedAt": collector.heartbeats.latest(group.name)}
    if group.profiles:
        status["latestAgentProfileReportedAt"] = group.last_seen
        status["latestAggregatedProfile"] = {"period": "PT5M", "start": group.last_seen // 300 * 300}
    return {
        "name": group.name,
        "arn": ARN_PREFIX + group.name,
        "agentOrchestrationConfig": {"profilingEnabled": collector.settings(group.name).profiling_enabled},
        "computePlatform": attributes.get("platform", "Default"),
        "createdAt": group.created,
        "updatedAt": max(group.created, group.last_seen),
        "profilingStatus": status,
        "tags": attributes.get("tags", {}),
    }


def _enable(collector: Collector, name: str, given: Params) -> None:
    wanted = given.get("agentOrchestrationConfig", {}).get("profilingEnabled")
    if wanted is not None:
        collector.change(name, settings.DOCUMENT, lambda document: {**document, "profiling_enabled": wanted})


def _named(arn: str) -> str:
    match = _ARN.fullmatch(unquote(arn))
    if match is None:
        raise validation_error(f"resourceArn: expected {ARN_PREFIX}NAME, found {arn[:120]!r}")
    return match[1]


def _checked_tags(tags: Params) -> dict[str, str]:
    if len(tags) > MOST_TAGS:
        raise validation_error(f"tags: at most {MOST_TAGS}, found {len(tags)}")
    for key, value in tags.items():
        if not 1 <= len(key) <= 128 or len(value) > 256:
            raise validation_error(
                f"tags.{key[:40]}: expected a key of 1 to 128 characters, a value of up to 256"
            )
    return dict(tags)
