"""The interpreter's own threads, locks and sleep, where the host has put others in their place (gevent, eventlet).

The agent's threads must be threads: a greenlet in their stead would sample nothing but itself, at the host's convenience.
Names are bound when this module is imported; a host that is patched later no longer changes them.
"""

from __future__ import annotations

import _thread
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, cast


def original(module: str, name: str) -> Any:
    """What the module's attribute was before anything was patched."""
    gevent = sys.modules.get("gevent.monkey")
    if gevent is not None:
        return gevent.get_original(module, name)
    eventlet = sys.modules.get("eventlet.patcher")
    if eventlet is not None and eventlet.is_monkey_patched("thread"):
        return getattr(eventlet.original(module), name)
    return getattr(import_module(module), name)


start_new_thread = cast("Callable[..., int]", original("_thread", "start_new_thread"))
allocate_lock = cast("type[_thread.LockType]", original("_thread", "allocate_lock"))
get_ident = cast("Callable[[], int]", original("_thread", "get_ident"))
get_native_id = cast("Callable[[], int]", original("_thread", "get_native_id"))
sleep = cast("Callable[[float], None]", original("time", "sleep"))
monotonic = time.monotonic
