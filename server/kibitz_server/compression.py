"""Answers made smaller for clients that ask for it: what is read (GET), is text, and is long enough to gain."""

from __future__ import annotations

import gzip

from flask import Flask, Response, request

LEAST_BYTES = 1000
_LEVEL = 6
_TYPES = frozenset({"application/json", "text/html", "text/css", "text/javascript", "image/svg+xml"})


def compress(app: Flask) -> None:
    """Compress the application's answers with gzip where the client accepts it.

    Answers to anything but GET may hold a secret beside what was sent (a new token), and stay as they are.
    """

    @app.after_request
    def smaller(response: Response) -> Response:
        if request.method != "GET" or response.status_code != 200 or response.mimetype not in _TYPES:
            return response
        response.vary.add("Accept-Encoding")
        if not request.accept_encodings["gzip"] or response.is_streamed or response.direct_passthrough:
            return response
        body = response.get_data()
        if len(body) >= LEAST_BYTES and "Content-Encoding" not in response.headers:
            response.set_data(gzip.compress(body, _LEVEL, mtime=0))
            response.headers["Content-Encoding"] = "gzip"
        return response
