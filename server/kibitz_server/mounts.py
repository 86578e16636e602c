"""Parts of other packages that are served beside the collector: found by entry point, so that neither imports the other.

The entry point ``NAME`` of the group ``kibitz.mounts`` is a function ``(data, environ)`` that gives an object with
``handle(method, name, headers, body) -> (status, JSON object)`` and ``close()``, or None if it has nothing to serve. It answers
at ``/NAME/...`` and is asked without the collector's bearer token: whoever calls there proves itself otherwise.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol

from flask import Blueprint, Response, jsonify, request

log = logging.getLogger("kibitz.server")

GROUP = "kibitz.mounts"


class Mount(Protocol):
    """Something that answers requests at its own address."""

    def handle(
        self, method: str, name: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, object]]:
        """The status and the JSON object that answer a request to ``/MOUNT/name``."""
        ...

    def close(self) -> None:
        """Let go of files and threads."""
        ...


def opened(data: Path, environ: Mapping[str, str] = os.environ) -> dict[str, Mount]:
    """Everything there is to mount, by its name; what cannot be opened is logged and left out."""
    found: dict[str, Mount] = {}
    for point in entry_points(group=GROUP):
        try:
            mount = point.load()(data, environ)
        except ImportError:
            continue  # an extra that is not installed
        except Exception:
            log.exception("%s cannot be served", point.name)
            continue
        if mount is not None:
            found[point.name] = mount
    return found


def blueprint(prefix: str, mount: Mount) -> Blueprint:
    """The routes of one mount."""
    made = Blueprint(f"mount_{prefix}", __name__)

    @made.route(f"/{prefix}/<name>", methods=["GET", "POST"])
    def answer(name: str) -> Response:
        body = request.get_data(cache=False)
        status, said = mount.handle(request.method, name, dict(request.headers), body)
        response = jsonify(said)
        response.status_code = status
        return response

    return made
