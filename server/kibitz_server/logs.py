"""Logs for people or for programs: plain lines, or one JSON object a line; each request with an id of its own."""

from __future__ import annotations

import json
import logging
import re
import time
import uuid

from flask import Flask, Response, g, has_request_context, request

access = logging.getLogger("kibitz.access")
_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)


class JsonFormatter(logging.Formatter):
    """One JSON object a line; what a record has in ``fields`` joins it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        entry = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if has_request_context():
            entry.setdefault("request_id", g.get("request_id", ""))
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def configure(form: str) -> None:
    """Log to standard error as ``text`` or ``json``."""
    handler = logging.StreamHandler()
    plain = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(JsonFormatter() if form == "json" else plain)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # A line for each request is for programs; people have the pages.
    access.setLevel(logging.INFO if form == "json" else logging.WARNING)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # bursts are expected


def follow(app: Flask) -> None:
    """Give each request an id (a proxy's own is kept), answer it, and log the request with it."""

    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        g.begun = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.get("request_id", "")
        fields = {
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "duration_ms": round((time.perf_counter() - g.get("begun", time.perf_counter())) * 1000, 2),
            "remote": request.remote_addr,
            "principal": principal.id if (principal := g.get("principal")) else "",
        }
        access.info("%s %s", request.method, request.path, extra={"fields": fields})
        return response
