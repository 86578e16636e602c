"""The collector's WSGI application: wiring only."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from functools import partial

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from kibitz_agent import flamegraph as renderer
from kibitz_server import logs, security
from kibitz_server.api import ApiError, aws, ours, pyroscope, reports
from kibitz_server.api.aws import reviews_edge
from kibitz_server.api.aws.collector import Collector
from kibitz_server.auth.tokens import Tokens
from kibitz_server.compression import compress
from kibitz_server.config import Config
from kibitz_server.ingest import MAX_COMPRESSED_BYTES
from kibitz_server.metrics import Gauge, Metrics
from kibitz_server.mounts import Mount
from kibitz_server.mounts import blueprint as mount_blueprint
from kibitz_server.query import QueryError
from kibitz_server.reviews import Reviews
from kibitz_server.settings import SettingsError
from kibitz_server.store import BusyError, Store, StoreError
from kibitz_server.web import login, review_pages, views

log = logging.getLogger("kibitz.server")

# The official agent does not compress: its JSON may be larger than anything our own sends.
MAX_REQUEST_BYTES = 4 * MAX_COMPRESSED_BYTES

_CODES = {401: "AccessDeniedException", 403: "AccessDeniedException", 404: "ResourceNotFoundException"}


def create_app(
    store: Store,
    config: Config,
    tokens: Tokens | None = None,
    mounts: Mapping[str, Mount] | None = None,
    reviews: Reviews | None = None,
    metrics: Metrics | None = None,
) -> Flask:
    """An application over ``store``, with ``mounts`` served beside it by their names, and ``reviews`` if it makes any.

    Without ``tokens`` only the configured one is known.
    """
    app = Flask(__name__, static_folder="web/static", template_folder="web/templates")
    app.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST_BYTES
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.extensions["kibitz_store"] = store
    app.extensions["kibitz_collector"] = Collector(store, auto_create=config.auto_create)
    app.extensions["kibitz_tokens"] = tokens
    mounts = mounts or {}
    app.secret_key = tokens.cookie_key if tokens is not None else os.urandom(32)
    logs.follow(app)
    # An upload's address is known only to who was given it.
    open_prefixes = (*(f"/{name}/" for name in mounts), *(("/uploads/",) if reviews else ()))
    security.guard(app, config, tokens, open_prefixes)
    observe(app, store, metrics or Metrics())
    compress(app)
    for blueprint in (
        aws.profiler(),
        ours.api,
        reports.api,
        pyroscope.api,
        review_pages.pages,
        login.pages,
    ):
        app.register_blueprint(blueprint)
    if reviews is not None:
        app.extensions["kibitz_reviews"] = reviews
        for blueprint in reviews_edge.blueprints():
            app.register_blueprint(blueprint)
    for name, mount in mounts.items():
        app.register_blueprint(mount_blueprint(name, mount))
    _handle_errors(app)
    _serve_renderer(app)
    return app


def _handle_errors(app: Flask) -> None:
    def answer(code: str, status: int, message: str) -> Response | tuple[str, int]:
        best = request.accept_mimetypes.best_match(("application/json", "text/html"))
        if views.wants_page(request.path, best):
            return views.error_page(status, message)
        response = jsonify(message=message)
        response.status_code = status
        response.headers["x-amzn-ErrorType"] = code
        return response

    @app.errorhandler(ApiError)
    def api_error(error: ApiError) -> Response | tuple[str, int]:
        return answer(error.code, error.status, error.message)

    @app.errorhandler(QueryError)
    def query_error(error: QueryError) -> Response | tuple[str, int]:
        return answer("ValidationException", 400, str(error))

    @app.errorhandler(SettingsError)
    def settings_error(error: SettingsError) -> Response | tuple[str, int]:
        return answer("ValidationException", 400, str(error))

    @app.errorhandler(BusyError)
    def busy(error: BusyError) -> Response | tuple[str, int]:
        response = jsonify(message=f"{error}: come back later")
        response.status_code = 429
        response.headers["x-amzn-ErrorType"] = "ThrottlingException"
        response.headers["Retry-After"] = str(error.retry_after_s)
        return response

    @app.errorhandler(StoreError)
    def store_error(error: StoreError) -> Response | tuple[str, int]:
        log.error("%s %s: %s", request.method, request.path, error)
        return answer("InternalServerException", 503, str(error))

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response | tuple[str, int]:
        status = error.code or 500
        code = _CODES.get(status, "ValidationException" if status < 500 else "InternalServerException")
        return answer(code, status, error.description or error.name)

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response | tuple[str, int]:
        log.error("%s %s failed", request.method, request.path, exc_info=error)
        return answer("InternalServerException", 500, "the collector made a mistake; its log says more")


def observe(app: Flask, store: Store, metrics: Metrics) -> None:
    """Count requests, and show the counts with the store's own at /metrics."""
    metrics.declare("kibitz_requests_total", "Requests answered, by endpoint and status.")
    for name, text in (("waiting", "Reports that wait to be written."), ("folds", "Label values folded.")):
        if hasattr(store, name):
            metrics.watch(Gauge(f"kibitz_store_{name}", text, partial(getattr, store, name)))

    @app.after_request
    def count(response: Response) -> Response:
        endpoint = request.endpoint or "none"
        metrics.count("kibitz_requests_total", {"endpoint": endpoint, "status": str(response.status_code)})
        return response

    @app.get("/metrics")
    def show() -> Response:
        return Response(metrics.text(), content_type="text/plain; version=0.0.4; charset=utf-8")


def _serve_renderer(app: Flask) -> None:
    """The agent's flame graph files, under the address the pages use: one renderer, two homes."""

    @app.get("/static/flamegraph/<name>")
    def flame_graph_file(name: str) -> Response:
        try:
            content = renderer.asset(name)
        except (KeyError, FileNotFoundError) as error:
            raise ApiError("ResourceNotFoundException", 404, f"no file {name}") from error
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        return Response(content, mimetype=kind, headers={"Cache-Control": "no-cache"})
