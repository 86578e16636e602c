"""Which reporter a collector's address asks for."""

from __future__ import annotations

from collections.abc import Mapping

from kibitz_agent.fleet import Identity
from kibitz_agent.reporters import Reporter
from kibitz_agent.reporters.delivery import Channel, Delivery
from kibitz_agent.reporters.http import HttpReporter, spool_of


def reporter_to(url: str, identity: Identity, environ: Mapping[str, str] | None = None) -> Reporter:
    """A reporter to ``http(s)://``, ``pyroscope+http(s)://``, ``parca+http(s)://`` or ``aws://region``.

    What cannot be sent waits in ``KIBITZ_SPOOL_DIR`` where that is set, in memory else. No network is asked.
    """
    spool = spool_of(identity.group, environ)
    kind, _, address = url.partition("+") if "+" in url.partition("://")[0] else ("", "", url)
    channel: Channel
    if kind == "pyroscope":
        from kibitz_agent.reporters.pyroscope import PyroscopeChannel

        channel = PyroscopeChannel(address)
    elif kind == "parca":
        from kibitz_agent.reporters.parca import ParcaChannel

        channel = ParcaChannel(address)
    elif url.partition(":")[0] == "aws":
        from kibitz_agent.reporters.aws import AwsChannel

        channel = AwsChannel(url.removeprefix("aws:").strip("/"), identity)
    else:
        return HttpReporter(url, identity, spool=spool)
    return Delivery(channel, spool)
