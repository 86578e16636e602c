"""Reports to Kibitz's collector over HTTP, by the standard library alone."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from urllib.parse import quote, urlencode

from kibitz_agent import unpatched, wire
from kibitz_agent.fleet import Identity
from kibitz_agent.reporters.delivery import Delivery
from kibitz_agent.reporters.transport import Answer, HttpTransport, Transport
from kibitz_agent.spool import Spool


class HttpReporter(Delivery):
    """Reports to the collector at ``url`` (which may carry a path) for the group of ``identity``."""

    def __init__(
        self,
        url: str,
        identity: Identity,
        transport: Transport | None = None,
        spool: Spool | None = None,
        sleep: Callable[[float], None] = unpatched.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``transport`` is made at the first request, so that a host pays nothing for it before."""
        super().__init__(_Channel(url, identity, transport), spool, sleep, clock)


class _Channel:
    """ConfigureAgent and PostAgentProfile, the latter with a body in our wire form."""

    def __init__(self, url: str, identity: Identity, transport: Transport | None) -> None:
        self._base = f"{url.rstrip('/')}/profilingGroups/{quote(identity.group, safe='')}"
        self._identity, self._transport = identity, transport

    def configure(self, timeout_s: float) -> Answer | None:
        body = json.dumps({"fleetInstanceId": self._identity.instance, "metadata": {}}).encode()
        return self._post("configureAgent", body, "application/json", timeout_s)

    def deliver(self, token: str, body: bytes, timeout_s: float) -> Answer:
        path = f"agentProfile?{urlencode({'profileToken': token})}"
        return self._post(path, body, wire.CONTENT_TYPE, timeout_s)

    def _post(self, path: str, body: bytes, content_type: str, timeout_s: float) -> Answer:
        if self._transport is None:
            self._transport = HttpTransport()
        return self._transport.post(f"{self._base}/{path}", body, content_type, timeout_s)


def spool_of(group: str, environ: Mapping[str, str] | None = None) -> Spool:
    """A spool in the folder that ``KIBITZ_SPOOL_DIR`` names, or one in memory."""
    folder = (os.environ if environ is None else environ).get("KIBITZ_SPOOL_DIR")
    if not folder:
        return Spool()
    from pathlib import Path

    from kibitz_agent.disk_spool import DiskSpool

    return DiskSpool(Path(folder), group)
