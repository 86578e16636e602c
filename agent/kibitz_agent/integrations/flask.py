"""Flask: profile the application's process, requests told apart by their route.

::

    from kibitz_agent.integrations.flask import Kibitz

    Kibitz(app)                       # or: kibitz = Kibitz(); kibitz.init_app(app)

``app.config["KIBITZ"]`` may hold what `kibitz_agent.start` takes; the group is otherwise ``KIBITZ_GROUP`` or the
application's name.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import kibitz_agent
from kibitz_agent.config import group_name


class Kibitz:
    """The extension."""

    def __init__(self, app: Any = None) -> None:
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Any) -> None:
        """Start the agent for ``app``; where the application is made in a master and served by forks, in each."""
        options: dict[str, Any] = dict(app.config.get("KIBITZ") or {})
        group = options.pop("group", None)
        kibitz_agent.start(group_name(group) or app.name, **options)
        app.extensions["kibitz"] = self
        app.dispatch_request = _by_route(app.dispatch_request)


def _by_route(dispatch: Callable[..., Any]) -> Callable[..., Any]:
    """Flask's dispatch of one request, with its samples under the label ``endpoint``: the route, not the address."""

    def dispatch_request(*context: Any) -> Any:
        rule = sys.modules["flask"].request.url_rule
        with kibitz_agent.tag(endpoint="(no route)" if rule is None else rule.rule):
            return dispatch(*context)

    return dispatch_request
