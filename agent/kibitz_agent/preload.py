"""What the agent's threads import, imported beforehand on the thread that starts it.

An import on a thread of the agent's takes locks that gevent replaces by its own: where the host imports at the same moment, each
waits for the other for ever. So in a host that is patched already, or that has not come to its first line yet and may
be, nothing is left for the threads to import. Other hosts are not made to wait for it.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module

_SAMPLING = (
    "hashlib",
    "importlib.metadata",
    "json",
    "kibitz_agent._native._heap",
    "kibitz_agent._native._sampler",
    "kibitz_agent.census",
    "kibitz_agent.heap",
    "kibitz_agent.revision",
    "kibitz_agent.wire",
    "zlib",
)
_SENDING = ("http.client", "random")


def is_patched() -> bool:
    """Whether a library that replaces locks and sockets by its own is loaded."""
    return "gevent" in sys.modules or "eventlet" in sys.modules


def preload(sends: bool = True) -> None:
    """Import it all, without what it takes to send if it ``sends`` nothing. What is missing is missed where it is wanted."""
    for name in (*_SAMPLING, *(_SENDING if sends else ())):
        with suppress(ImportError):
            import_module(name)
    if sends:
        "localhost".encode("idna")
    gevent = sys.modules.get("gevent._config")
    if gevent is not None:
        with suppress(Exception):
            gevent.config.loop  # noqa: B018 - its event loop's module, which a connection under TLS asks for
