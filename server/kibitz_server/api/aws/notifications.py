"""Where a group's findings are announced, in AWS's words: at most two channels, each a topic's ARN or a web address.

They are the channels of our own pages and commands; of those with a secret in their address AWS's clients see the host.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kibitz_server import channels
from kibitz_server.api import not_found, validation_error
from kibitz_server.api.aws.collector import Collector, conflict, quota_exceeded

Params = Mapping[str, Any]

MOST_CHANNELS = 2


def add_notification_channels(collector: Collector, given: Params) -> Params:
    """Add channels; each gets an id."""
    wanted = []
    for channel in given["channels"]:
        try:
            kind = channels.kind_of(channel["uri"])
            wanted.append(channels.created(kind, channel["uri"], now=collector.clock()))
        except channels.ChannelError as error:
            raise validation_error(
                f"channels: expected the ARN of an SNS topic or a web address, found {channel['uri'][:120]!r}"
            ) from error

    def add(document: Params) -> Params:
        rows = list(document.get("channels", []))
        for channel in wanted:
            if any(channel.uri == known["uri"] for known in rows):
                raise conflict(f"the channel {channels.shown(channel)[:120]} is there already")
            rows.append(channels.row(channel))
        if len(rows) > MOST_CHANNELS:
            raise quota_exceeded(f"a profiling group has at most {MOST_CHANNELS} channels")
        return {"channels": rows}

    return _configuration(collector.change(given["profilingGroupName"], channels.DOCUMENT, add))


def get_notification_configuration(collector: Collector, given: Params) -> Params:
    """The channels."""
    group = collector.group(given["profilingGroupName"])
    return _configuration(collector.store.document(group.name, channels.DOCUMENT))


def remove_notification_channel(collector: Collector, given: Params) -> Params:
    """Remove one channel by its id."""
    group = collector.group(given["profilingGroupName"])
    if not channels.remove(collector.store, group.name, given["channelId"]):
        raise not_found(f"no channel {given['channelId']}")
    return _configuration(collector.store.document(group.name, channels.DOCUMENT))


def _configuration(document: Params) -> Params:
    rows = [
        {"id": channel.id, "uri": channels.shown(channel), "eventPublishers": ["AnomalyDetection"]}
        for channel in channels.listed(document)
    ]
    return {"notificationConfiguration": {"channels": rows}}
