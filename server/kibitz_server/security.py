"""What stands between the network and the collector: the bearer token, the Host header, the response headers."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from flask import Flask, Response, request

from kibitz_server.api import ApiError
from kibitz_server.config import Config, is_loopback

_OPEN_PATHS = frozenset({"/healthz"})

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def guard(app: Flask, config: Config, open_prefixes: tuple[str, ...] = ()) -> None:
    """Check every request before it is served, and seal every answer.

    Below ``open_prefixes`` no token is asked for: what is served there tells its callers by itself.
    """

    @app.before_request
    def check() -> None:
        # A web page elsewhere can make its visitor's browser call us under a name of its own that resolves to loopback.
        if config.on_loopback and not is_loopback(_host_name()):
            raise ApiError("AccessDeniedException", 403, "this collector answers to its own address only")
        is_open = request.path in _OPEN_PATHS or request.path.startswith(open_prefixes)
        if config.token and not is_open and not _token_is(config.token):
            raise ApiError(
                "AccessDeniedException", 401, "a bearer token is needed: Authorization: Bearer TOKEN"
            )

    @app.after_request
    def seal(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if response.status_code == 401:
            response.headers["WWW-Authenticate"] = 'Basic realm="Kibitz", charset="UTF-8"'
        return response


def _host_name() -> str:
    return urlsplit(f"//{request.host}").hostname or ""


def _token_is(token: str) -> bool:
    """Bearer for agents and scripts; for a browser, the token as the password of its own login dialog."""
    authorization = request.authorization
    given = ""
    if authorization is not None and authorization.type == "bearer":
        given = authorization.token or ""
    elif authorization is not None and authorization.type == "basic":
        given = authorization.password or ""
    return hmac.compare_digest(given.encode(), token.encode())
