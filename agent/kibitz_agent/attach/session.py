"""One attachment from the command's side: choose the way in, wait for the hello, collect profiles, say goodbye."""

from __future__ import annotations

import contextlib
import json
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kibitz_agent
from kibitz_agent import wire
from kibitz_agent.attach import canary, channel, injector, permissions, remote
from kibitz_agent.attach.errors import AttachError, HoldsGilError, QueuedError, RefusedError
from kibitz_agent.attach.target import Target
from kibitz_agent.profile import Profile

OLDEST_MINOR = 11
_ARRIVAL_S = 2.0
_HELLO_S = 60.0
_GOODBYE_S = 15.0

# Run on a new thread of the target, which may have neither the agent nor psutil on its path: both are found, and the
# path is as it was. It calls back before the first import from a file.
#
# `threading` takes the thread that imports it first for the main one, so that is left to the main thread. A thread that
# reads files beside a busy one gives the lock up at each read and waits a switch interval for it: with the usual 5 ms
# the imports take seconds (measured: 2.0 s; 0.3 s with 0.5 ms).
#
# The code may run twice, always on the main thread: the token tells the second time.
_BOOTSTRAP = """
def start():
    import sys, _socket
    line = _socket.socket(_socket.AF_UNIX)
    line.connect({socket!r})
    line.sendall(b"A" + bytes(4))
    added = [path for path in {paths!r} if path not in sys.path]
    sys.path.extend(added)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    try:
        import json
        from kibitz_agent.attach import guest
        try:
            import psutil
        except ImportError:
            pass
        options = json.loads({options!r})
    except BaseException as error:
        body = b'{{"error": "cannot import the agent: %s"}}' % type(error).__name__.encode()
        line.sendall(b"H" + len(body).to_bytes(4, sys.byteorder) + body)
        line.close()
        return
    finally:
        sys.setswitchinterval(interval)
        for path in added:
            sys.path.remove(path)
    guest.serve(options, line.detach())
import sys, threading, _thread
if getattr(sys, "_kibitz_attach", None) != {token!r}:
    sys._kibitz_attach = {token!r}
    _thread.start_new_thread(start, ())
"""


@dataclass(slots=True)
class Session:
    """The processes attached to in one run of the command: ``profiles`` by process id, ``entered`` those that answered.

    Use as a context manager.
    """

    listener: channel.Listener
    options: Mapping[str, Any]
    profiles: dict[int, list[Profile]] = field(default_factory=dict)
    entered: set[int] = field(default_factory=set)
    _tried: set[str] = field(default_factory=set)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self.listener.close()

    def enter(self, target: Target) -> dict[str, Any]:
        """Start (or stop) the agent in ``target``; its hello, with ``how`` it got in and ``took_s``.

        `RefusedError`: nothing was touched. `QueuedError`: it will start when the target next runs Python.
        """
        begun = time.monotonic()
        try:
            how = self._enter(target)
        except PermissionError as error:
            raise RefusedError(
                f"may not attach to process {target.pid}: {permissions.explain(target)}"
            ) from error
        except ProcessLookupError as error:
            raise AttachError(f"process {target.pid} ended meanwhile") from error
        if how == "queued":
            raise QueuedError(
                f"process {target.pid} is in C code that does not return to Python: the agent starts when it does"
            )
        try:
            hello = self.listener.hello(target.pid, _HELLO_S)
        except (OSError, ValueError, TypeError) as error:
            raise AttachError(
                f"process {target.pid}: the agent arrived there but does not answer: {error}"
            ) from error
        if "error" in hello:
            raise AttachError(f"process {target.pid}: {hello['error']}")
        self.entered.add(target.pid)
        return {**hello, "how": how, "took_s": time.monotonic() - begun}

    def _enter(self, target: Target) -> str:
        if not sys.platform.startswith("linux"):
            raise RefusedError("attaching works on Linux: start the program with `kibitz run`")
        injector.check(target)
        minor = target.python_minor()
        if minor is None:
            target.resolve(())  # says whether it is no Python at all
            raise RefusedError(f"process {target.pid}: cannot tell which version of Python it runs")
        if minor < OLDEST_MINOR:
            raise RefusedError(
                f"process {target.pid} runs Python 3.{minor}; Kibitz needs 3.{OLDEST_MINOR} or newer"
            )
        if not target.sees(Path(kibitz_agent.__file__)):
            raise RefusedError(
                f"process {target.pid} has another file system (a container?) without this agent: install kibitz "
                "there and attach from inside, or start the program with `kibitz run`"
            )
        code = self._code()
        if minor >= remote.FIRST_MINOR:
            return self._by_script(target, minor, code)
        self._try_first(target)
        line = f"exec({code!r}, {{}})"
        return injector.inject(target, line, lambda timeout_s: self.listener.wait_for(target.pid, timeout_s))

    def _by_script(self, target: Target, minor: int, code: str) -> str:
        script = self.listener.directory / "start.py"
        script.write_text(code)
        remote.run_script(target, minor, script)
        if self.listener.wait_for(target.pid, _ARRIVAL_S):
            return "remote_exec"
        call = target.parked_in()
        if call is not None:
            with contextlib.suppress(HoldsGilError):
                injector.run_parked(target, f"exec({code!r}, {{}})")
            if self.listener.wait_for(target.pid, _ARRIVAL_S):
                return f"parked in {call}"
        return "remote_exec" if self.listener.wait_for(target.pid, _ARRIVAL_S) else "queued"

    def _try_first(self, target: Target) -> None:
        executable = target.executable()
        if executable in self._tried:
            return
        is_python = Path(executable).name.startswith("python")
        canary.sing([f"/proc/{target.pid}/exe"] if is_python else None)
        self._tried.add(executable)

    def _code(self) -> str:
        paths = [str(Path(kibitz_agent.__file__).parent.parent)]
        psutil = sys.modules.get("psutil")
        if psutil is not None and psutil.__file__:
            paths.append(str(Path(psutil.__file__).parent.parent))
        socket_path = str(self.listener.path)
        options = {**self.options, "socket": socket_path}
        return _BOOTSTRAP.format(
            paths=list(dict.fromkeys(paths)),
            options=json.dumps(options),
            socket=socket_path,
            token=uuid.uuid4().hex,
        )

    def wait(self, duration_s: float, tick: Callable[[float], None]) -> None:
        """Let the agents work for ``duration_s``, calling ``tick(seconds left)`` now and then; ends early with them."""
        end = time.monotonic() + duration_s
        while (left := end - time.monotonic()) > 0 and self.listener.connections:
            tick(left)
            self._collect(min(left, 0.5))
            self.listener.accept_waiting()

    def finish(self) -> None:
        """Ask every agent to stop and take in what it still sends."""
        self.listener.accept_waiting()
        for pid, connection in list(self.listener.connections.items()):
            try:
                channel.send(connection, channel.STOP)
            except OSError:
                self._hang_up(pid)
        end = time.monotonic() + _GOODBYE_S
        while self.listener.connections and time.monotonic() < end:
            self._collect(0.2)

    def _collect(self, timeout_s: float) -> None:
        share = timeout_s / len(self.listener.connections)
        for pid, connection in list(self.listener.connections.items()):
            connection.settimeout(max(share, 0.01))
            try:
                message = channel.receive(connection)
            except TimeoutError:
                continue
            except (OSError, ValueError):
                message = None
            if message is None or message[0] == channel.GOODBYE:
                self._hang_up(pid)
            elif message[0] == channel.HELLO:
                self.entered.add(pid)  # a child that was forked meanwhile
            elif message[0] == channel.PROFILE:
                self.profiles.setdefault(pid, []).append(wire.decode(message[1]))

    def _hang_up(self, pid: int) -> None:
        self.listener.connections.pop(pid).close()


def open_session(target: Target, options: Mapping[str, Any]) -> Session:
    """A session whose line the user of ``target`` can reach; ``options`` go to the agent as they are."""
    status = target.status()
    user, group = (int(status[name].split()[1]) for name in ("Uid", "Gid"))
    return Session(channel.Listener(user, group), options)
