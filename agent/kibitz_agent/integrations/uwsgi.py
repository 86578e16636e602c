"""uWSGI: profile the workers.

Put this in the application's module, before anything is forked::

    import kibitz_agent.integrations.uwsgi

and start uWSGI with ``--enable-threads``: without it no thread of Python's runs, the agent's neither. uWSGI forks without
telling Python, so its own hook is used; a hook that the application has set runs as before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import kibitz_agent
from kibitz_agent.config import log


def install(module: Any) -> bool:
    """Have each worker of ``module`` (uWSGI's own) start the agent; False where threads are switched off."""
    options: dict[str, Any] = getattr(module, "opt", {})
    if not any(name in options for name in ("enable-threads", "threads", b"enable-threads", b"threads")):
        log.warning("kibitz is not started: uWSGI needs --enable-threads for it")
        return False
    before: Callable[[], Any] | None = getattr(module, "post_fork_hook", None)

    def begin() -> None:
        if before is not None:
            before()
        kibitz_agent.start()

    module.post_fork_hook = begin
    if getattr(module, "worker_id", int)() and not getattr(module, "masterpid", int)():
        kibitz_agent.start()  # no master: this process serves itself, and forks nothing
    return True


try:
    import uwsgi
except ImportError:
    log.info("kibitz: this process is not uWSGI's")
else:
    install(uwsgi)
