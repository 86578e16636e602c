"""SNS topics, where boto3 is installed; its credentials are those of the collector's own environment."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kibitz_server.channels import Channel, ChannelError, PermanentError
from kibitz_server.channels.message import encoded

_LONGEST_SUBJECT = 100


@dataclass(frozen=True, slots=True)
class Sns:
    """Publishes to topics."""

    def send(self, channel: Channel, message: Mapping[str, Any]) -> None:
        """Deliver: the JSON as the message, the sentence as the subject."""
        try:
            boto3 = importlib.import_module("boto3")
        except ImportError as error:
            raise PermanentError("SNS needs boto3: pip install boto3") from error
        subject = " ".join(str(message["text"]).encode("ascii", "replace").decode().split())
        try:
            client = boto3.client("sns", region_name=channel.uri.split(":")[3])
            client.publish(
                TopicArn=channel.uri, Subject=subject[:_LONGEST_SUBJECT], Message=encoded(message).decode()
            )
        except Exception as error:  # boto3's errors are of many families
            raise ChannelError(f"SNS: {type(error).__name__}") from error
