"""Parca: profiles go to its profile store as pprof, through the JSON gateway of its ``WriteRaw``."""

from __future__ import annotations

import json
from base64 import b64encode

from kibitz_agent import wire
from kibitz_agent.exporters import pprof
from kibitz_agent.reporters.pyroscope import labels
from kibitz_agent.reporters.transport import Answer, HttpTransport, Transport


class ParcaChannel:
    """Sends to the server at ``url`` (which may carry a path). It has no configuration for us."""

    def __init__(self, url: str, transport: Transport | None = None) -> None:
        self._base, self._transport = url.rstrip("/"), transport

    def configure(self, timeout_s: float) -> Answer | None:  # noqa: ARG002 - there is nothing to ask
        return None

    def deliver(self, token: str, body: bytes, timeout_s: float) -> Answer:  # noqa: ARG002 - it knows no tokens
        profile = wire.decode(body)
        named = {"__name__": "kibitz", "job": profile.header.group, **labels(profile.header)}
        pairs = [{"name": name, "value": value} for name, value in named.items()]
        samples = [{"rawProfile": b64encode(pprof.encode(profile)).decode()}]
        question = {"series": [{"labels": {"labels": pairs}, "samples": samples}], "normalized": True}
        if self._transport is None:
            self._transport = HttpTransport()
        return self._transport.post(
            f"{self._base}/api/profiles/writeraw",
            json.dumps(question).encode(),
            "application/json",
            timeout_s,
        )
