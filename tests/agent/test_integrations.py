"""Integrations without their frameworks: what they do is seen on stand-ins, and none of them fails where there is none."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import sys
from types import SimpleNamespace

import pytest

import kibitz_agent
from kibitz_agent import integrations
from kibitz_agent.integrations import asgi, aws_lambda, django, flask, gunicorn, uwsgi
from kibitz_agent.tags import CURRENT, REGISTRY

NAMES = [module.name for module in pkgutil.iter_modules(integrations.__path__)]


@pytest.fixture
def started(monkeypatch):
    """What `kibitz_agent.start` was called with; nothing is started."""
    calls, flushed = [], []

    def start(*arguments, **options):
        calls.append((arguments, options))
        return SimpleNamespace(flush=flushed.append)

    monkeypatch.setattr(kibitz_agent, "start", start)
    return SimpleNamespace(calls=calls, flushed=flushed)


@pytest.mark.parametrize("name", NAMES)
def test_every_integration_is_imported_without_its_framework(name, monkeypatch):
    for framework in ("gunicorn", "uwsgi", "celery", "django", "flask", "starlette", "fastapi"):
        for module in [module for module in sys.modules if module.partition(".")[0] == framework]:
            monkeypatch.delitem(sys.modules, module)
        monkeypatch.setitem(sys.modules, framework, None)
    importlib.reload(importlib.import_module(f"kibitz_agent.integrations.{name}"))


def test_gunicorns_application_is_the_group_unless_one_is_set(started, monkeypatch):
    monkeypatch.delenv("KIBITZ_GROUP", raising=False)
    server = SimpleNamespace(cfg=SimpleNamespace(default_proc_name="shop.wsgi:app"))
    gunicorn.post_fork(server, None)
    monkeypatch.setenv("KIBITZ_GROUP", "set")
    gunicorn.post_fork(server, None)
    assert [arguments for arguments, _ in started.calls] == [("shop.wsgi",), ("set",)]


def test_uwsgi_keeps_the_hook_that_was_there_and_needs_threads(started):
    ran = []
    module = SimpleNamespace(opt={"enable-threads": True}, post_fork_hook=lambda: ran.append("theirs"))
    assert uwsgi.install(module)
    assert started.calls == []
    module.post_fork_hook()
    assert (ran, len(started.calls)) == (["theirs"], 1)
    assert not uwsgi.install(SimpleNamespace(opt={}))


@pytest.mark.parametrize(
    ("argv", "serving"),
    [
        (["/bin/gunicorn", "app"], True),
        (["manage.py", "runserver"], True),
        (["manage.py", "migrate"], False),
        (["/x/django-admin", "check"], False),
        (["manage.py"], False),
    ],
)
def test_django_management_commands_that_do_not_serve_are_left_alone(argv, serving):
    assert django.is_serving(argv) == serving


def test_flask_application_may_bring_its_settings(started, monkeypatch):
    monkeypatch.delenv("KIBITZ_GROUP", raising=False)
    app = SimpleNamespace(
        name="shop", config={"KIBITZ": {"collector": "http://c"}}, extensions={}, dispatch_request=None
    )
    flask.Kibitz(app)
    assert started.calls == [(("shop",), {"collector": "http://c"})]
    assert isinstance(app.extensions["kibitz"], flask.Kibitz)


def test_flask_requests_are_tagged_with_their_route(started, lacking):
    try:
        from flask import Flask
    except ImportError:
        lacking("flask")
        raise
    app = Flask("shop")
    flask.Kibitz(app)
    seen = []

    @app.get("/cart/<int:number>")
    def cart(number):
        seen.append(dict(REGISTRY.labels(CURRENT.get())))
        return str(number)

    client = app.test_client()
    assert client.get("/cart/7").data == b"7"
    assert client.get("/nowhere").status_code == 404
    assert seen == [{"endpoint": "/cart/<int:number>"}]
    assert REGISTRY.frames == {}


def test_asgi_middleware_starts_once_and_passes_everything_on(started):
    seen = []

    async def app(scope, receive, send):
        seen.append(scope)

    wrapped = asgi.KibitzMiddleware(app, group="g")
    for kind in ("lifespan", "http", "websocket"):
        asyncio.run(wrapped({"type": kind}, None, None))
    assert [scope["type"] for scope in seen] == ["lifespan", "http", "websocket"]
    assert started.calls == [((), {"group": "g"})]


def test_lambda_reports_when_it_is_due_and_never_into_the_last_second(started):
    now = [0.0]

    @aws_lambda.profiled(flush_s=2.0, clock=lambda: now[0], group="g")
    def handler(event, context):
        return event + 1

    def context(left_ms):
        return SimpleNamespace(get_remaining_time_in_millis=lambda: left_ms)

    assert handler(1, context(9000)) == 2
    assert started.flushed == []
    for left_ms in (9000, 1500, 200):
        now[0] += 61
        handler(1, context(left_ms))
    now[0] += 61
    handler(1, None)
    assert started.flushed == [2.0, 0.5, 0.0, 2.0]


def test_lambda_that_fails_reports_and_raises(started):
    now = [0.0]

    @aws_lambda.profiled(clock=lambda: now[0])
    def handler(event, context):
        raise KeyError(event)

    now[0] = 100.0
    with pytest.raises(KeyError):
        handler("x", None)
    assert len(started.flushed) == 1
