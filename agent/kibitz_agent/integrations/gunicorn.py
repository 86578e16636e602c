"""gunicorn: profile the workers.

    gunicorn -c python:kibitz_agent.integrations.gunicorn app:app

or, in a configuration file of your own::

    from kibitz_agent.integrations.gunicorn import post_fork, worker_exit

The group is ``KIBITZ_GROUP``, else the application's name (``app:app`` gives ``app``).
"""

from __future__ import annotations

from typing import Any

import kibitz_agent
from kibitz_agent.config import group_name


def post_fork(server: Any, worker: Any) -> None:
    """A worker begins."""
    del worker
    kibitz_agent.start(group_name(None) or _application(server))


def worker_exit(server: Any, worker: Any) -> None:
    """A worker ends: what it saw is reported."""
    del server, worker
    kibitz_agent.stop()


def _application(server: Any) -> str | None:
    name = getattr(getattr(server, "cfg", None), "default_proc_name", None)
    return name.partition(":")[0] if isinstance(name, str) and name else None
