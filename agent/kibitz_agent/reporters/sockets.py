"""Connections by the interpreter's own sockets, where the host has put others in their place (gevent, eventlet).

Those would make an event loop on the agent's thread. Where that meets the host's own making of one, each waits for a lock on
a module that the other imports, and the host hangs.
"""

from __future__ import annotations

import _socket
import socket

from kibitz_agent.unpatched import original


def connect(
    address: tuple[str, int], timeout: float | None = None, source_address: tuple[str, int] | None = None
) -> socket.socket:
    """What `socket.create_connection` does; a ``timeout`` of None waits as long as it takes."""
    own = original("socket", "socket")
    failed: OSError | None = None
    for family, kind, protocol, _, where in _socket.getaddrinfo(*address, 0, _socket.SOCK_STREAM):
        connected: socket.socket = own(family, kind, protocol)
        try:
            connected.settimeout(timeout)
            if source_address:
                connected.bind(source_address)
            connected.connect(where)
            return connected
        except OSError as error:
            connected.close()
            failed = error
    raise failed or OSError("the name stands for no address")
