"""Channels: where a group's anomalies and growing heaps are announced. One sender a kind, one list for pages, commands and AWS's API.

A channel is a row of the group's document `DOCUMENT`. What is secret of it leaves this package in no other way than to
the place that it is for: `shown` is what pages and logs may say.
"""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from kibitz_server.store import Store

DOCUMENT = "channels"
WEBHOOK, SLACK, EMAIL, SNS = "webhook", "slack", "email", "sns"
KINDS = (WEBHOOK, SLACK, EMAIL, SNS)
MOST_CHANNELS = 10
MOST_URI = 2048
LEAST_SECRET = 16
_TOPIC = re.compile(r"arn:aws[\w-]*:sns:[\w-]+:\d{12}:[\w.-]{1,256}", re.ASCII)
_MAIL = re.compile(r"mailto:[\w.+-]{1,64}@[\w-]+(\.[\w-]+)*", re.ASCII)
_WEB = re.compile(r"https?://[^\s/@?#]+([/?]\S*)?", re.ASCII)


class ChannelError(ValueError):
    """A channel that cannot be, or that took no message; the message says why and holds no secret."""


class PermanentError(ChannelError):
    """The message will not be taken however often it is sent."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel. ``uri``: a web address, ``mailto:`` or a topic's ARN; ``secret``: what webhooks are signed with.

    ``since``: epoch seconds; what ended before is not announced.
    """

    id: str
    kind: str
    uri: str
    secret: str = field(default="", repr=False)
    since: float = 0.0


class Sender(Protocol):
    """What delivers to one kind of channel."""

    def send(self, channel: Channel, message: Mapping[str, Any]) -> None:
        """Deliver a message of `kibitz_server.channels.message`. `ChannelError` if it was not taken."""


def created(kind: str, uri: str, secret: str = "", now: float = 0.0) -> Channel:
    """A new channel, with a secret of its own where its messages are signed; `ChannelError` if it cannot be."""
    if kind not in KINDS:
        raise ChannelError(f"kind: expected one of {', '.join(KINDS)}, found {kind[:40]!r}")
    pattern = {SNS: _TOPIC, EMAIL: _MAIL}.get(kind, _WEB)
    if kind == EMAIL and not uri.startswith("mailto:"):
        uri = f"mailto:{uri}"
    if len(uri) > MOST_URI or not pattern.fullmatch(uri) or not uri.isprintable():
        expected = {SNS: "the ARN of an SNS topic", EMAIL: "an e-mail address"}.get(
            kind, "an http or https address"
        )
        raise ChannelError(f"address: expected {expected} without a password in it")
    if secret and len(secret) < LEAST_SECRET:
        raise ChannelError(f"secret: expected {LEAST_SECRET} or more characters")
    if kind == WEBHOOK:
        secret = secret or secrets.token_urlsafe(32)
    return Channel(str(uuid.uuid4()), kind, uri, secret if kind == WEBHOOK else "", now)


def kind_of(uri: str) -> str:
    """The kind of a channel of which only the address is known."""
    if uri.startswith("arn:"):
        return SNS
    if uri.startswith("https://hooks.slack.com/"):
        return SLACK
    return EMAIL if uri.startswith("mailto:") else WEBHOOK


def listed(document: Mapping[str, Any]) -> list[Channel]:
    """The channels that a group's document holds."""
    return [
        Channel(
            id=str(row["id"]),
            kind=str(row.get("kind") or kind_of(str(row["uri"]))),
            uri=str(row["uri"]),
            secret=str(row.get("secret", "")),
            since=float(row.get("since", 0.0)),
        )
        for row in document.get("channels", [])
    ]


def row(channel: Channel) -> dict[str, Any]:
    """The channel as the document holds it."""
    return {
        "id": channel.id,
        "kind": channel.kind,
        "uri": channel.uri,
        "secret": channel.secret,
        "since": channel.since,
        "eventPublishers": ["AnomalyDetection"],
    }


def add(store: Store, group: str, channel: Channel) -> None:
    """Add a channel to a group; `ChannelError` if its address is there already, or there are too many."""

    def change(document: Mapping[str, Any]) -> Mapping[str, Any]:
        rows = list(document.get("channels", []))
        if any(known["uri"] == channel.uri for known in rows):
            raise ChannelError(f"the channel {shown(channel)} is there already")
        if len(rows) >= MOST_CHANNELS:
            raise ChannelError(f"a profiling group has at most {MOST_CHANNELS} channels")
        return {"channels": [*rows, row(channel)]}

    if store.change_document(group, DOCUMENT, change) is None:
        raise ChannelError(f"no profiling group {group}")


def sign_anew(store: Store, group: str, identity: str, secret: str = "") -> str:
    """Give a webhook a secret, a new one where none is given; returns it. `ChannelError` if there is no such webhook.

    Messages are signed with it from now on, also by a collector that is running.
    """
    if secret and len(secret) < LEAST_SECRET:
        raise ChannelError(f"secret: expected {LEAST_SECRET} or more characters")
    chosen = secret or secrets.token_urlsafe(32)

    def change(document: Mapping[str, Any]) -> Mapping[str, Any]:
        rows = document.get("channels", [])
        signed = {known.id for known in listed(document) if known.kind == WEBHOOK}
        if identity not in signed:
            raise ChannelError(f"no webhook {identity}")
        return {
            "channels": [known | {"secret": chosen} if known["id"] == identity else known for known in rows]
        }

    store.change_document(group, DOCUMENT, change)
    return chosen


def remove(store: Store, group: str, identity: str) -> bool:
    """Remove a channel; False if there is none of that id."""
    found = False

    def change(document: Mapping[str, Any]) -> Mapping[str, Any]:
        nonlocal found
        rows = document.get("channels", [])
        kept = [known for known in rows if known["id"] != identity]
        found = len(kept) < len(rows)
        return {"channels": kept}

    store.change_document(group, DOCUMENT, change)
    return found


def shown(channel: Channel) -> str:
    """The address as pages and logs may have it: a Slack address is a secret, and so may be any query."""
    if channel.kind in (EMAIL, SNS):
        return channel.uri
    parts = urlsplit(channel.uri)
    if channel.kind == SLACK:
        return f"{parts.scheme}://{parts.netloc}/…"
    return f"{parts.scheme}://{parts.netloc}{parts.path}{'?…' if parts.query else ''}"
