"""The side of an attachment that lives in the target: starts the profiler, reports to the command, leaves on request.

Runs on a thread of its own. The target never waits for it and never sees an exception of it.
"""

from __future__ import annotations

import _thread
import contextlib
import json
import os
import socket
import sys
import threading
from collections.abc import Mapping
from typing import Any

import kibitz_agent
from kibitz_agent import wire
from kibitz_agent.attach import channel
from kibitz_agent.config import Configuration
from kibitz_agent.fleet import identify
from kibitz_agent.own_threads import OWN
from kibitz_agent.profile import Profile
from kibitz_agent.profiler import Profiler
from kibitz_agent.reporters import Reporter, ReportError
from kibitz_agent.reporters.choose import reporter_to
from kibitz_agent.unpatched import allocate_lock

_GRACE_S = 30.0
_CONNECT_TIMEOUT_S = 10.0

_lock = allocate_lock()
_attached: list[Profiler] = []
_following: Mapping[str, Any] | None = None
_hooked = False


class SocketReporter:
    """Hands profiles to the command that attached, which writes them where its user asked."""

    def __init__(self, connection: socket.socket) -> None:
        """``connection`` is shared with `serve`, which only reads from it while profiles are sent."""
        self._connection = connection

    def configure(self) -> Mapping[str, object] | None:
        """No collector, no configuration."""
        return None

    def report(self, profile: Profile) -> None:
        """Send one profile over the line."""
        try:
            channel.send(self._connection, channel.PROFILE, wire.encode(profile))
        except OSError as error:
            raise ReportError("the command that attached is gone") from error

    def close(self, timeout_s: float) -> None:
        """Nothing is held back."""


def serve(options: Mapping[str, Any], line: int | None = None) -> None:
    """Do what the command asked: ``action`` start or stop. Never raises.

    ``line`` is the descriptor of a connection to the command, and closed at the end; without one a new connection is
    made to the socket at ``options["socket"]``.
    """
    OWN.enter("attach")
    try:
        with contextlib.suppress(Exception), _connection(options, line) as connection:
            _obey(connection, options)
    finally:
        OWN.leave()


def _obey(connection: socket.socket, options: Mapping[str, Any]) -> None:
    try:
        if options["action"] == "stop":
            _hello(connection, stopped=stop())
        else:
            _profile(connection, options)
    except Exception as error:
        _hello(connection, error=f"{type(error).__name__}: {error}")


def _connection(options: Mapping[str, Any], line: int | None) -> socket.socket:
    if line is not None:
        connection = socket.socket(fileno=line)
        connection.settimeout(_CONNECT_TIMEOUT_S)
        return connection
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(_CONNECT_TIMEOUT_S)
        connection.connect(options["socket"])
        channel.send(connection, channel.ARRIVED)
    except OSError:
        connection.close()
        raise
    return connection


def stop() -> int:
    """Stop what was attached, sending what is held; returns how many profilers that were."""
    with _lock:
        stopping, _attached[:] = list(_attached), []
    for profiler in stopping:
        profiler.stop()
    return len(stopping)


def _profile(connection: socket.socket, options: Mapping[str, Any]) -> None:
    global _following
    with _lock:
        if any(profiler.is_running() for profiler in _attached):
            _hello(connection, error="a profiler is attached already: `kibitz detach` it first")
            return
        profiler = _profiler(connection, options)
        if not profiler.start():
            _hello(connection, error="the profiler did not start: its settings or a kill switch disable it")
            return
        _attached.append(profiler)
    _following = options if options["follow"] else None
    _follow_forks()
    _hello(connection, status="started")
    if options["stay"]:
        return
    connection.settimeout(float(options["duration_s"]) + _GRACE_S)
    # A stop, the end of the stream (the command was killed) or the time being up: each ends it.
    with contextlib.suppress(OSError, ValueError):
        channel.receive(connection)
    _following = None
    connection.settimeout(_CONNECT_TIMEOUT_S)
    stop()
    channel.send(connection, channel.GOODBYE, b"{}")


def _profiler(connection: socket.socket, options: Mapping[str, Any]) -> Profiler:
    identity = identify(options["group"])
    reporter: Reporter = SocketReporter(connection)
    if options["collector"]:
        reporter = reporter_to(options["collector"], identity)
    # A child would write to its parent's line: it calls for itself, in `_begin_in_child`.
    return Profiler(reporter, identity, Configuration(options["settings"]), follows_forks=False)


def _follow_forks() -> None:
    global _hooked
    if not _hooked:
        os.register_at_fork(after_in_child=_begin_in_child)
        _hooked = True


def _begin_in_child() -> None:
    """A child has none of its parent's threads; asked to, it attaches itself to the command that is listening."""
    global _lock
    _lock = allocate_lock()
    _attached.clear()
    if _following is not None:
        with contextlib.suppress(RuntimeError):
            _thread.start_new_thread(serve, (_following,))


def _hello(connection: socket.socket, **facts: object) -> None:
    known = {
        "pid": os.getpid(),
        "python": ".".join(map(str, sys.version_info[:3])),
        "agent": kibitz_agent.__version__,
        "threads": threading.active_count(),
    }
    channel.send(connection, channel.HELLO, json.dumps({**known, **facts}).encode())
