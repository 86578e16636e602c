"""Pyroscope: profiles go to its ``/ingest`` as pprof; what tells instances apart goes into the series' labels."""

from __future__ import annotations

from urllib.parse import urlencode

from kibitz_agent import wire
from kibitz_agent.exporters import pprof
from kibitz_agent.profile import Header
from kibitz_agent.reporters.transport import Answer, HttpTransport, Transport

_SECOND_NS = 1_000_000_000
# What the notation of a series gives a meaning to.
_RESERVED = str.maketrans(dict.fromkeys('{},="\n', "_"))


class PyroscopeChannel:
    """Sends to the server at ``url`` (which may carry a path). It has no configuration for us."""

    def __init__(self, url: str, transport: Transport | None = None) -> None:
        self._base, self._transport = url.rstrip("/"), transport

    def configure(self, timeout_s: float) -> Answer | None:  # noqa: ARG002 - there is nothing to ask
        return None

    def deliver(self, token: str, body: bytes, timeout_s: float) -> Answer:  # noqa: ARG002 - it knows no tokens
        profile = wire.decode(body)
        header = profile.header
        question = {
            "name": _series(header),
            "from": header.start_ns // _SECOND_NS,
            "until": -(-header.end_ns // _SECOND_NS),
            "format": "pprof",
            "sampleRate": max(1, round(_SECOND_NS / header.interval_ns)) if header.interval_ns else 100,
            "spyName": "kibitz",
        }
        if self._transport is None:
            self._transport = HttpTransport()
        return self._transport.post(
            f"{self._base}/ingest?{urlencode(question)}",
            pprof.encode(profile),
            "application/octet-stream",
            timeout_s,
        )


def labels(header: Header) -> dict[str, str]:
    """What is worth a label of its own: few values each, so that a server's index stays small."""
    given = {
        "instance": header.instance,
        "revision": header.revision,
        "host": str(header.host.get("name", "")),
    }
    return {name: value for name, value in given.items() if value}


def _series(header: Header) -> str:
    pairs = ",".join(f"{name}={value.translate(_RESERVED)}" for name, value in labels(header).items())
    return f"{header.group}{{{pairs}}}"
