"""Makes a running CPython 3.14 or newer run a script, by the interpreter's own `sys.remote_exec`.

It works between interpreters of the same minor version only, so the target's own program file is run as the client.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from kibitz_agent.attach.errors import AttachError, RefusedError
from kibitz_agent.attach.target import Target

FIRST_MINOR = 14
_TIMEOUT_S = 15.0
_CLIENT = "import sys; sys.remote_exec(int(sys.argv[1]), sys.argv[2])"
_NOT_ENABLED = "Remote debugging is not enabled"


def run_script(target: Target, minor: int, script: Path) -> None:
    """Ask the target, a Python 3.``minor``, to run ``script`` (readable by it) when it next runs Python.

    `RefusedError` where remote debugging was switched off, `PermissionError` where it may not be touched.
    """
    if minor == sys.version_info.minor and hasattr(sys, "remote_exec"):
        try:
            sys.remote_exec(target.pid, str(script))
        except RuntimeError as error:
            raise _refusal(target, str(error)) from error
        return
    done = subprocess.run(
        [*_own_interpreter(target), "-I", "-S", "-c", _CLIENT, str(target.pid), str(script)],
        env=_environment(target),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise _refusal(target, last)


def _refusal(target: Target, message: str) -> Exception:
    if _NOT_ENABLED in message:
        return RefusedError(
            f"process {target.pid} was started with remote debugging switched off (PYTHON_DISABLE_REMOTE_DEBUG or "
            "-X disable-remote-debug): start it without, or with `kibitz run`"
        )
    if message.startswith("PermissionError"):
        return PermissionError(message)
    return AttachError(f"process {target.pid}: its interpreter answered: {message}")


def _own_interpreter(target: Target) -> list[str]:
    """Command that runs the target's own interpreter, also one that was started through its dynamic loader."""
    executable = target.executable()
    if not Path(executable).name.startswith("ld-"):
        return [f"/proc/{target.pid}/exe"]
    command = target.argv()
    for at, argument in enumerate(command):
        if Path(argument).name.startswith("python"):
            return command[: at + 1]
    raise AttachError(f"process {target.pid}: no interpreter found on its command line {command[:3]}")


def _environment(target: Target) -> dict[str, str]:
    theirs = target.environ()
    kept: dict[str, str] = {
        name: theirs[name] for name in ("PYTHONHOME", "LD_LIBRARY_PATH", "PATH") if name in theirs
    }
    return {"LANG": "C.UTF-8", **kept}
