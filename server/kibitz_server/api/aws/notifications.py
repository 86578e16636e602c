"""Where a group's findings are announced: at most two channels, each a topic's ARN or a web address."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from kibitz_server.api import not_found, validation_error
from kibitz_server.api.aws.collector import Collector, conflict, quota_exceeded

Params = Mapping[str, Any]

DOCUMENT = "channels"
MOST_CHANNELS = 2
_URI = re.compile(r"arn:aws[\w-]*:sns:[\w-]+:\d{12}:[\w.-]{1,256}|https?://[^\s/]+(/\S*)?", re.ASCII)
_LONGEST_URI = 2048


def add_notification_channels(collector: Collector, given: Params) -> Params:
    """Add channels; each gets an id."""
    for channel in given["channels"]:
        if len(channel["uri"]) > _LONGEST_URI or not _URI.fullmatch(channel["uri"]):
            raise validation_error(
                f"channels: expected the ARN of an SNS topic or a web address, found {channel['uri'][:120]!r}"
            )

    def add(document: Params) -> Params:
        channels = list(document.get("channels", []))
        for channel in given["channels"]:
            if any(channel["uri"] == known["uri"] for known in channels):
                raise conflict(f"the channel {channel['uri'][:120]} is there already")
            channels.append({**channel, "id": str(uuid.uuid4())})
        if len(channels) > MOST_CHANNELS:
            raise quota_exceeded(f"a profiling group has at most {MOST_CHANNELS} channels")
        return {"channels": channels}

    return {"notificationConfiguration": collector.change(given["profilingGroupName"], DOCUMENT, add)}


def get_notification_configuration(collector: Collector, given: Params) -> Params:
    """The channels."""
    group = collector.group(given["profilingGroupName"])
    document = collector.store.document(group.name, DOCUMENT)
    return {"notificationConfiguration": {"channels": document.get("channels", [])}}


def remove_notification_channel(collector: Collector, given: Params) -> Params:
    """Remove one channel by its id."""

    def remove(document: Params) -> Params:
        channels = document.get("channels", [])
        kept = [channel for channel in channels if channel["id"] != given["channelId"]]
        if len(kept) == len(channels):
            raise not_found(f"no channel {given['channelId']}")
        return {"channels": kept}

    return {"notificationConfiguration": collector.change(given["profilingGroupName"], DOCUMENT, remove)}
