"""FastAPI, Starlette and every other ASGI application: profile the process that serves it.

::

    from kibitz_agent.integrations.asgi import KibitzMiddleware

    app.add_middleware(KibitzMiddleware, group="shop")      # FastAPI, Starlette
    app = KibitzMiddleware(app, group="shop")               # any other

The agent starts with the application's lifespan, or with the first request where the server has none, so in each worker and
not in the process that only watches them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import kibitz_agent

_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], _Receive, _Send], Awaitable[None]]


class KibitzMiddleware:
    """An ASGI application around another one; requests pass untouched. ``options`` are those of `kibitz_agent.start`."""

    def __init__(self, app: Application, **options: Any) -> None:
        self._app, self._options = app, options
        self._started = False

    async def __call__(self, scope: MutableMapping[str, Any], receive: _Receive, send: _Send) -> None:
        """Serve one connection."""
        if not self._started:
            self._started = True
            kibitz_agent.start(**self._options)
        await self._app(scope, receive, send)
