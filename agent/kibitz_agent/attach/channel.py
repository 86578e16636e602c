"""The line between `kibitz attach` and the agent it put into a process: length-prefixed messages on a Unix socket.

Each message is a kind (one byte) and a body: ``A`` arrived (nothing; before anything is imported, which takes a while
in a busy process), ``H`` hello (JSON), ``P`` a profile in wire form, ``B`` goodbye, from the agent; ``S`` stop, from the
command. The end of the stream means the same as ``S``, or that the agent is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import struct
import tempfile
import time
from pathlib import Path
from typing import Any

ARRIVED, HELLO, PROFILE, GOODBYE, STOP = b"A", b"H", b"P", b"B", b"S"
_HEAD = struct.Struct("<cI")
_LARGEST = 64 << 20
_ARRIVAL_TIMEOUT_S = 2.0


def send(connection: socket.socket, kind: bytes, body: bytes = b"") -> None:
    """Send one message; `OSError` when the other side is gone."""
    connection.sendall(_HEAD.pack(kind, len(body)) + body)


def receive(connection: socket.socket) -> tuple[bytes, bytes] | None:
    """The next message, or None at the end of the stream; `TimeoutError` by the socket's own timeout."""
    head = _exactly(connection, _HEAD.size)
    if head is None:
        return None
    kind, size = _HEAD.unpack(head)
    if size > _LARGEST:
        raise ValueError(f"a message of {size} bytes, at most {_LARGEST} are accepted")
    body = _exactly(connection, size)
    return None if body is None else (kind, body)


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        part = connection.recv(min(size - len(parts), 1 << 20))
        if not part:
            return None
        parts += part
    return bytes(parts)


class Listener:
    """Where the agent calls back: a socket in a directory that only this user and the target's user may enter."""

    def __init__(self, user_id: int, group_id: int) -> None:
        """Make the directory and listen; close() removes both."""
        self.directory = Path(tempfile.mkdtemp(prefix="kibitz-attach-"))
        self.path = self.directory / "socket"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(self.path))
        self._socket.listen(16)
        for path in (self.path, self.directory):
            if os.geteuid() == 0:
                os.chown(path, user_id, group_id)
        self.connections: dict[int, socket.socket] = {}

    def wait_for(self, pid: int, timeout_s: float) -> bool:
        """Accept calls until code has arrived in process ``pid``; whether it did in time."""
        end = time.monotonic() + timeout_s
        while pid not in self.connections:
            left = end - time.monotonic()
            if left <= 0:
                return False
            self._socket.settimeout(left)
            with contextlib.suppress(TimeoutError, OSError, ValueError):
                self._accept()
        return True

    def hello(self, pid: int, timeout_s: float) -> dict[str, Any]:
        """What the agent that arrived in ``pid`` says of itself; `OSError` or `ValueError` when it says nothing."""
        connection = self.connections[pid]
        connection.settimeout(timeout_s)
        message = receive(connection)
        if message is None or message[0] != HELLO:
            raise ValueError("it hung up")
        hello = json.loads(message[1])
        if not isinstance(hello, dict):
            raise TypeError("its hello is no object")
        return hello

    def accept_waiting(self) -> None:
        """Accept whoever is calling at this moment: children that were forked since."""
        self._socket.settimeout(0.0)
        with contextlib.suppress(BlockingIOError, TimeoutError, OSError, ValueError):
            while True:
                self._accept()

    def _accept(self) -> None:
        connection, _ = self._socket.accept()
        connection.settimeout(_ARRIVAL_TIMEOUT_S)
        # The kernel's word, not a message's: another process must not speak for the target.
        pid = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        message = receive(connection)
        # The code may run twice; the first one serves.
        if message is None or message[0] != ARRIVED or pid in self.connections:
            connection.close()
            return
        self.connections[pid] = connection

    def close(self) -> None:
        """Hang up and remove the directory."""
        for connection in self.connections.values():
            connection.close()
        self._socket.close()
        shutil.rmtree(self.directory, ignore_errors=True)
