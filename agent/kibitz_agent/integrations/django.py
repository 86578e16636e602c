"""Django: profile whatever serves the project.

In settings.py::

    INSTALLED_APPS = [..., "kibitz_agent.integrations.django.KibitzConfig"]
    KIBITZ = {"group": "shop", "collector": "http://127.0.0.1:8787"}  # or the environment

Management commands that only look at the project (``check``, ``migrate``, ``shell`` ...) are not profiled.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import kibitz_agent

if TYPE_CHECKING:
    AppConfig = object
else:
    try:
        from django.apps import AppConfig
    except ImportError:
        AppConfig = object

_SERVING = frozenset({"runserver", "runworker", "daphne"})


def is_serving(argv: list[str]) -> bool:
    """Whether a command line serves requests: every one but that of a management command that does not."""
    program = argv[0].rpartition("/")[2] if argv else ""
    return program not in ("manage.py", "django-admin") or (len(argv) > 1 and argv[1] in _SERVING)


class KibitzConfig(AppConfig):
    """Starts the agent once the project's applications are loaded."""

    name = "kibitz_agent.integrations.django"
    label = "kibitz_agent"
    verbose_name = "Kibitz"

    def ready(self) -> None:
        """Django calls this once a process."""
        from django.conf import settings

        options: dict[str, Any] = dict(getattr(settings, "KIBITZ", {}))
        if is_serving(sys.argv):
            kibitz_agent.start(**options)
