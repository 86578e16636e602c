"""Amazon CodeGuru Profiler: ConfigureAgent and PostAgentProfile of the real service, through boto3 where that is installed."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from typing import Any

from kibitz_agent import wire
from kibitz_agent.exporters import codeguru
from kibitz_agent.fleet import Identity
from kibitz_agent.reporters.transport import Answer, retry_seconds

_TIMEOUT_S = 10.0


class AwsChannel:
    """Sends to the service in ``region`` (empty: where boto3's own settings say), under boto3's own credentials.

    ``client`` makes a client whose connecting and reading take no longer than its argument, in seconds.
    """

    def __init__(self, region: str, identity: Identity, client: Callable[[float], Any] | None = None) -> None:
        self._identity, self._region = identity, region
        self._new_client = client or self._boto3_client
        self._client: Any = None

    def configure(self, timeout_s: float) -> Answer | None:
        given = self._ask(
            "configure_agent",
            timeout_s,
            fleetInstanceId=self._identity.instance,
            metadata={},
        )
        return (
            given if isinstance(given, Answer) else Answer(200, json.dumps(given["configuration"]).encode())
        )

    def deliver(self, token: str, body: bytes, timeout_s: float) -> Answer:
        given = self._ask(
            "post_agent_profile",
            timeout_s,
            agentProfile=codeguru.encode(wire.decode(body)),
            contentType="application/json",
            profileToken=token,
        )
        return given if isinstance(given, Answer) else Answer(204)

    def _ask(self, operation: str, timeout_s: float, **given: object) -> Any:
        """What the operation returns, or an `Answer` that says why not; `OSError` when no answer came."""
        client = self._client_within(timeout_s)
        exceptions = importlib.import_module("botocore.exceptions")
        try:
            return getattr(client, operation)(profilingGroupName=self._identity.group, **given)
        except exceptions.ClientError as error:
            told = error.response.get("ResponseMetadata", {})
            wait_s = retry_seconds(told.get("HTTPHeaders", {}).get("retry-after"))
            return Answer(int(told.get("HTTPStatusCode", 500)), b"", wait_s)
        except exceptions.BotoCoreError as error:
            # Not its text: what boto3 has to say may hold more than is ours to log.
            raise OSError(f"the AWS client failed ({type(error).__name__})") from error

    def _client_within(self, timeout_s: float) -> Any:
        if timeout_s < _TIMEOUT_S:  # the host is about to end
            return self._new_client(timeout_s)
        if self._client is None:
            self._client = self._new_client(_TIMEOUT_S)
        return self._client

    def _boto3_client(self, timeout_s: float) -> Any:
        try:
            boto3 = importlib.import_module("boto3")
        except ImportError as error:
            raise OSError("boto3 is not installed, which aws:// needs; pip install boto3") from error
        config = importlib.import_module("botocore.config").Config(
            connect_timeout=timeout_s, read_timeout=timeout_s, retries={"total_max_attempts": 1}
        )
        return boto3.Session(region_name=self._region or None).client("codeguruprofiler", config=config)
