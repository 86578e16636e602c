"""Which threads are the agent's own: they are not sampled, and the host does not meet them.

They are not `threading.Thread` objects. A host that waits for all threads of ``threading.enumerate()`` would wait for these for
ever, and one that counts them would count wrongly.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from kibitz_agent.unpatched import get_ident, get_native_id


class OwnThreads:
    """The agent's living threads."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        """By the ident of the thread."""
        self.native_ids: dict[int, int] = {}
        """The kernel's, by the ident of the thread."""

    def enter(self, name: str) -> None:
        """The calling thread is one of the agent's from now on."""
        self.native_ids[get_ident()] = get_native_id()
        self.names[get_ident()] = name

    def leave(self) -> None:
        """It is one no longer."""
        self.names.pop(get_ident(), None)
        self.native_ids.pop(get_ident(), None)

    def forget(self) -> None:
        """After a fork: none of them is there."""
        self.names.clear()
        self.native_ids.clear()

    @contextmanager
    def introduced(self) -> Iterator[None]:
        """`threading` knows the calling thread by its name for a moment, if it is one of the agent's.

        For a line in the log: `logging` would else have it make a dummy, which stays in ``threading.enumerate()``.
        """
        name, ident = self.names.get(get_ident()), threading.get_ident()
        active = threading._active  # type: ignore[attr-defined]  # noqa: SLF001
        if name is None or ident in active:
            yield
            return
        # Without `daemon` it would ask what the calling thread is, and make the dummy.
        active[ident] = threading.Thread(name=f"kibitz-agent-{name}", daemon=True)
        try:
            yield
        finally:
            active.pop(ident, None)


OWN = OwnThreads()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=OWN.forget)


def is_abandoned() -> bool:
    """Whether the process's first thread has ended and no thread but the agent's is left. False where that cannot be told."""
    try:
        with open("/proc/self/stat", encoding="ascii", errors="replace") as file:
            # After the program's name, which may hold anything: the state of the first thread.
            if file.read().rpartition(")")[2].split()[0] not in "ZX":
                return False
        own = {os.getpid(), *OWN.native_ids.values()}
        return all(int(task) in own or _is_native_sampler(task) for task in os.listdir("/proc/self/task"))  # noqa: PTH208
    except (OSError, ValueError, IndexError):
        return False


def _is_native_sampler(task: str) -> bool:
    with open(f"/proc/self/task/{task}/comm", encoding="ascii", errors="replace") as file:
        return file.read().strip() == "kibitz-sampler"
