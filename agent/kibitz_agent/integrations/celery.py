"""Celery: profile the workers, whatever their pool.

In the module of the Celery application::

    import kibitz_agent.integrations.celery

With the prefork pool each child is profiled; with threads, gevent or solo the worker itself.
"""

from __future__ import annotations

from typing import Any

import kibitz_agent
from kibitz_agent.config import log


def begin(**_: Any) -> None:
    """A worker's process begins."""
    kibitz_agent.start()


def end(**_: Any) -> None:
    """A worker's process ends: what it saw is reported."""
    kibitz_agent.stop()


def install() -> bool:
    """Connect to Celery's signals; False where Celery is not installed."""
    try:
        from celery import signals
    except ImportError:
        log.warning("kibitz is not started: Celery is not installed")
        return False
    # Weak references would be gone at once.
    signals.worker_init.connect(begin, weak=False)
    signals.worker_process_init.connect(begin, weak=False)
    signals.worker_process_shutdown.connect(end, weak=False)
    signals.worker_shutdown.connect(end, weak=False)
    return True


install()
