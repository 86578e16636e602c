"""Makes a running CPython run a line of Python, on 3.11 to 3.13, without a debugger.

The main thread is stopped for about a millisecond and made to call ``Py_AddPendingCall(PyRun_SimpleString, code)``,
which allocates nothing and may be called without the interpreter's lock. The code itself runs later, at the
interpreter's own safe point. A main thread that is parked in a system call never gets to that point: on it the code
is run directly, once it is certain that it does not hold the lock.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kibitz_agent.attach.errors import AttachError, HoldsGilError, RefusedError
from kibitz_agent.attach.ptrace import StoppedThread
from kibitz_agent.attach.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterator

_FUNCTIONS = (
    "Py_AddPendingCall",
    "PyRun_SimpleString",
    "PyGILState_Ensure",
    "PyGILState_Release",
    "PyGILState_Check",
    "Py_IsInitialized",
)


def check(target: Target) -> None:
    """`RefusedError` when injecting into ``target`` would fail or do harm; it is only looked at."""
    status = target.status()
    if status.get("State", "").startswith("Z"):
        raise RefusedError(f"process {target.pid} has ended and waits for its parent to notice")
    if status.get("State", "").startswith(("T", "t")) and status.get("TracerPid", "0") == "0":
        raise RefusedError(f"process {target.pid} is stopped: let it go on first (kill -CONT {target.pid})")
    tracer = int(status.get("TracerPid", "0"))
    if tracer:
        raise RefusedError(
            f"process {target.pid} is traced already, by process {tracer}: stop that debugger or strace first"
        )
    if "shstk" in status.get("x86_Thread_features", ""):
        raise RefusedError(
            f"process {target.pid} runs with a shadow stack, which forbids calls from outside: start it with `kibitz run`"
        )


def add_pending_call(target: Target, code: str) -> None:
    """Have the target's main thread run ``code`` when it next reaches a safe point."""
    functions = target.resolve(_FUNCTIONS)
    with _undisturbed(), StoppedThread(target) as thread:
        _need_initialised(target, thread, functions)
        page = thread.place(code.encode() + b"\0")
        if thread.call(functions["Py_AddPendingCall"], functions["PyRun_SimpleString"], page) != 0:
            raise AttachError(f"process {target.pid} has too many pending calls: try again")


def run_parked(target: Target, code: str) -> None:
    """Run ``code`` now, on a main thread that is blocked in a system call; `HoldsGilError` if it is not idle."""
    functions = target.resolve(_FUNCTIONS)
    with _undisturbed(), StoppedThread(target) as thread:
        _need_initialised(target, thread, functions)
        if thread.call(functions["PyGILState_Check"]) != 0:
            raise HoldsGilError(f"process {target.pid}: the main thread is running Python")
        page = thread.place(code.encode() + b"\0")
        state = thread.call(functions["PyGILState_Ensure"])
        failed = thread.call(functions["PyRun_SimpleString"], page)
        thread.call(functions["PyGILState_Release"], state)
    if failed:
        raise AttachError(
            f"process {target.pid}: the code raised an exception (printed on its standard error)"
        )


def _need_initialised(target: Target, thread: StoppedThread, functions: dict[str, int]) -> None:
    if thread.call(functions["Py_IsInitialized"]) == 0:
        raise RefusedError(f"process {target.pid}: its interpreter is starting up or has ended")


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait until the target has its own registers back."""
    numbers = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


Acknowledged = Callable[[float], bool]
"""``acknowledged(timeout_s)``: wait that long for the target's hello; whether it came."""


def inject(
    target: Target, code: str, acknowledged: Acknowledged, patience_s: float = 1.0, tries: int = 5
) -> str:
    """Have ``code`` run in the target and return how. The code may run twice: it must be idempotent.

    `RefusedError` before anything is touched; otherwise the answer names the way: ``pending call``, ``parked in
    accept4``, or ``queued`` when the main thread is in C code that does not come back to Python.
    """
    check(target)
    add_pending_call(target, code)
    if acknowledged(patience_s):
        return "pending call"
    for _ in range(tries):
        call = target.parked_in()
        if call is not None:
            try:
                run_parked(target, code)
            except HoldsGilError:
                continue
            if acknowledged(patience_s):
                return f"parked in {call}"
        if acknowledged(0.1):
            return "pending call"
    return "queued"
