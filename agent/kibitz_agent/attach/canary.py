"""Tries the injection on a throw-away child first: if that dies, the process that matters is never touched."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from contextlib import suppress

from kibitz_agent.attach.errors import AttachError, RefusedError
from kibitz_agent.attach.injector import add_pending_call
from kibitz_agent.attach.target import Target

_WAIT_S = 5.0
_CHILD = "import os, time\nos.write(1, b'r')\nwhile True: time.sleep(0.001)\n"
_PROOF = "__import__('os').write(1, b'i')"


def sing(command: list[str] | None = None, env: dict[str, str] | None = None) -> None:
    """Inject into a fresh interpreter (default: this one) and see that it lives on; `RefusedError` if not."""
    child = subprocess.Popen(
        [*(command or [sys.executable]), "-I", "-S", "-c", _CHILD],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert child.stdout is not None
        _expect(child, b"r", "start")
        add_pending_call(Target(child.pid), _PROOF)
        _expect(child, b"i", "run what was injected")
        if child.poll() is not None:
            raise RefusedError(_died(child))
    except (AttachError, OSError) as error:
        raise RefusedError(
            f"a trial on a throw-away interpreter failed, so your process was not touched: {error}"
        ) from error
    finally:
        with suppress(ProcessLookupError):
            child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


def _expect(child: subprocess.Popen[bytes], proof: bytes, what: str) -> None:
    assert child.stdout is not None
    ready, _, _ = select.select([child.stdout], [], [], _WAIT_S)
    if not ready or os.read(child.stdout.fileno(), 1) != proof:
        raise RefusedError(
            _died(child) if child.poll() is not None else f"it did not {what} within {_WAIT_S:g} s"
        )


def _died(child: subprocess.Popen[bytes]) -> str:
    return f"it ended with status {child.returncode}"
