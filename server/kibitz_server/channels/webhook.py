"""Webhooks: the message as JSON, signed; and Slack's form of it, which others understand too."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kibitz_server.channels import Channel
from kibitz_server.channels.message import DELIVERY_HEADER, SIGNATURE_HEADER, encoded, signature
from kibitz_server.channels.reach import Web


@dataclass(frozen=True, slots=True)
class Webhook:
    """Posts the message as it is. ``clock`` gives epoch seconds."""

    web: Web = field(default_factory=Web)
    clock: Callable[[], float] = time.time

    def send(self, channel: Channel, message: Mapping[str, Any]) -> None:
        """Deliver; the delivery's id is the same each time it is tried."""
        body = encoded(message)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "kibitz",
            DELIVERY_HEADER: str(message["id"]),
        }
        if channel.secret:
            headers[SIGNATURE_HEADER] = signature(channel.secret, int(self.clock()), body)
        self.web.post(channel.uri, body, headers)


@dataclass(frozen=True, slots=True)
class Slack:
    """Posts the message's text as Slack, Mattermost, Rocket.Chat and Teams workflows take it."""

    web: Web = field(default_factory=Web)

    def send(self, channel: Channel, message: Mapping[str, Any]) -> None:
        """Deliver."""
        text = str(message["text"])
        for plain, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            text = text.replace(plain, escaped)
        self.web.post(channel.uri, encoded({"text": text}), {"Content-Type": "application/json"})
