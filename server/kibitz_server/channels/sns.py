"""SNS topics, where boto3 is installed; its credentials are those of the collector's own environment."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kibitz_server.channels import Channel, ChannelError, PermanentError
from kibitz_server.channels.message import encoded

TIMEOUT_S = 10.0
_LONGEST_SUBJECT = 99  # SNS takes fewer than a hundred characters
_FINAL = frozenset({"NotFound", "InvalidParameter", "ParameterValueInvalid"})


@dataclass(frozen=True, slots=True)
class Sns:
    """Publishes to topics. ``timeout_s``: for a connection, and again for its answer."""

    timeout_s: float = TIMEOUT_S

    def send(self, channel: Channel, message: Mapping[str, Any]) -> None:
        """Deliver: the JSON as the message, the sentence as the subject."""
        try:
            boto3 = importlib.import_module("boto3")
            settings = importlib.import_module("botocore.config").Config(
                connect_timeout=self.timeout_s, read_timeout=self.timeout_s, retries={"total_max_attempts": 1}
            )
        except ImportError as error:
            raise PermanentError("SNS needs boto3: pip install boto3") from error
        try:
            # A session of its own: the common one is not for threads, and keeps credentials that have been replaced.
            client = boto3.session.Session().client(
                "sns", region_name=channel.uri.split(":")[3], config=settings
            )
            client.publish(**_request(channel.uri, message))
        except Exception as error:  # boto3's errors are of many families
            code = str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))
            kind = PermanentError if code in _FINAL else ChannelError
            raise kind(f"SNS: {type(error).__name__} {code}".rstrip()) from error


def _request(topic: str, message: Mapping[str, Any]) -> dict[str, str]:
    request = {
        "TopicArn": topic,
        "Subject": _subject(str(message["text"])),
        "Message": encoded(message).decode(),
    }
    if topic.endswith(".fifo"):
        request |= {
            "MessageGroupId": str(message["group"])[:128],
            "MessageDeduplicationId": str(message["id"]),
        }
    return request


def _subject(text: str) -> str:
    """The sentence as SNS takes it: ASCII in one line, without control characters."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(plain.encode("ascii", "replace").decode().split())[:_LONGEST_SUBJECT]
