"""What stands between the network and the collector: who asks, how often, the Host header, the response headers."""

from __future__ import annotations

import hmac
import time
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, g, redirect, request, session
from werkzeug.wrappers import Response as AnyResponse

from kibitz_server.api import ApiError
from kibitz_server.auth import ADMIN, Principal, allowed, sigv4
from kibitz_server.auth.limits import RateLimit
from kibitz_server.auth.tokens import Tokens
from kibitz_server.config import Config, is_loopback
from kibitz_server.store import BusyError

_OPEN_PATHS = frozenset({"/healthz", "/readyz", "/login", "/logout"})
_OPEN_PREFIXES = ("/static/",)
LOCAL = Principal("local", ADMIN)
_SESSION_S = 12 * 3600
_FAILURES_PER_S, _FAILURES = 0.2, 10

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


def guard(app: Flask, config: Config, tokens: Tokens | None, open_prefixes: tuple[str, ...] = ()) -> None:
    """Check every request before it is served, and seal every answer.

    Below ``open_prefixes`` no token is asked for: what is served there tells its callers by itself.
    """
    open_prefixes += _OPEN_PREFIXES
    needed = config.needs_token
    requests_limit = RateLimit(config.rate_per_s, 4 * config.rate_per_s)
    failures = RateLimit(_FAILURES_PER_S, _FAILURES)
    app.config.update(
        SESSION_COOKIE_NAME="kibitz_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_SECURE=config.secure_cookies,
        PERMANENT_SESSION_LIFETIME=_SESSION_S,
    )
    app.extensions["kibitz_login"] = lambda text: _bearer(text, config, tokens)

    @app.before_request
    def check() -> AnyResponse | None:
        # A web page elsewhere can make its visitor's browser call us under a name of its own that resolves to loopback.
        # All browsers say the name; what does not (a load balancer's HTTP/1.0 question after our health) is none.
        if config.on_loopback and "Host" in request.headers and not is_loopback(_host_name()):
            raise ApiError("AccessDeniedException", 403, "this collector answers to its own address only")
        g.principal = LOCAL
        if not needed:
            return None
        asker = request.remote_addr or ""
        _wait(requests_limit.wait_s(asker), "too many requests")
        if request.path in _OPEN_PATHS or request.path.startswith(open_prefixes):
            if request.path == "/login" and request.method == "POST":
                _wait(failures.wait_s(asker), "too many attempts to log in")
            return None
        try:
            principal = _principal(config, tokens)
        except ApiError:
            _wait(failures.wait_s(asker), "too many requests without a valid token")
            if _is_page():
                return redirect("/login")
            raise
        if not allowed(principal.role, request.method, request.path):
            raise ApiError("AccessDeniedException", 403, f"the role {principal.role} may not do this")
        g.principal = principal
        return None

    @app.after_request
    def seal(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if response.status_code == 401:
            response.headers["WWW-Authenticate"] = 'Basic realm="Kibitz", charset="UTF-8"'
        return response


def _wait(seconds: int, message: str) -> None:
    if seconds:
        raise BusyError(message, seconds)


def _host_name() -> str:
    return urlsplit(f"//{request.host}").hostname or ""


def _is_page() -> bool:
    """Whether a person's browser asks for a page: it is sent to log in instead of being refused."""
    best = request.accept_mimetypes.best_match(("application/json", "text/html"))
    plain = "Authorization" not in request.headers and request.method == "GET"
    return plain and best == "text/html" and not request.path.startswith(("/api/", "/profilingGroups"))


def _principal(config: Config, tokens: Tokens | None) -> Principal:
    """Who asks: by SigV4, by a bearer token (for a browser also as a password), or by a session."""
    header = request.headers.get("Authorization", "")
    if header.startswith("AWS4-HMAC-SHA256") and tokens is not None:
        return _signed(tokens)
    found: Principal | None = None
    authorization = request.authorization
    if authorization is not None and authorization.type == "bearer":
        found = _bearer(authorization.token or "", config, tokens)
    elif authorization is not None and authorization.type == "basic":
        found = _bearer(authorization.password or "", config, tokens)
    elif not header:
        found = _of_session(config, tokens)
    if found is None:
        raise ApiError("AccessDeniedException", 401, "a bearer token is needed: Authorization: Bearer TOKEN")
    return found


def _bearer(text: str, config: Config, tokens: Tokens | None) -> Principal | None:
    if config.token and hmac.compare_digest(text.encode(), config.token.encode()):
        return Principal("file", ADMIN)
    return tokens.bearer(text) if tokens is not None else None


def _of_session(config: Config, tokens: Tokens | None) -> Principal | None:
    identity = session.get("token")
    if not isinstance(identity, str):
        return None
    if identity == "file":
        return Principal("file", ADMIN) if config.token else None
    role = tokens.role(identity) if tokens is not None else None
    return Principal(identity, role) if role else None


def _signed(tokens: Tokens) -> Principal:
    environ: dict[str, Any] = request.environ
    uri = environ.get("RAW_URI") or environ.get("REQUEST_URI") or request.full_path
    headers = {name.lower(): value for name, value in request.headers.items()}
    signed = sigv4.SignedRequest(request.method, uri, headers, request.get_data())

    def secret_of(key_id: str) -> str | None:
        return tokens.aws_secret(key_id) if tokens.role(key_id) else None

    try:
        key_id = sigv4.verify(signed, secret_of, time.time())
    except sigv4.SignatureError as error:
        raise ApiError(error.code, 403, str(error)) from error
    role = tokens.role(key_id)
    if role is None:  # revoked while it was checked
        raise ApiError("UnrecognizedClientException", 403, "the access key is unknown")
    return Principal(key_id, role)
