"""A request that sleeps."""

from kibitz_server.recommendations.pattern import WALL, Pattern

# What runs a request, by server and framework; whatever sleeps below it keeps somebody waiting.
_REQUESTS = (
    "flask.app:Flask.wsgi_app",
    "django.core.handlers.*:*",
    "wsgiref.handlers:BaseHandler.run",
    "werkzeug.serving:WSGIRequestHandler.run_wsgi",
    "gunicorn.workers.*:*.handle_request",
    "waitress.task:*",
    "http.server:BaseHTTPRequestHandler.handle*",
    "socketserver:BaseServer.finish_request",
    "bottle:Bottle.*",
    "cherrypy.*:*.respond",
    "falcon.*:App.__call__",
    "pyramid.*:Router.*",
    "starlette.*:*",
    "tornado.web:RequestHandler.*",
    "anyio._backends._asyncio:WorkerThread.run",
    "grpc._server:_call_behavior",
    "awslambdaric.*:*",
    "mod_wsgi*:*",
)
_SLEEPS = ("time:sleep", "<Sleep>", "tenacity.nap:sleep", "gevent.hub:sleep", "eventlet.greenthread:sleep")

PATTERN = Pattern(
    id="sleep_in_request",
    name="A request that sleeps",
    description=(
        "A request waits for a clock, not for an event: its client waits longer than need be, and its worker serves nobody."
    ),
    steps=(
        "Wait for the thing itself: a condition, an event, a future, a notification of the database, with a timeout.",
        "Answer at once (202 and a place to ask), and let a background task do what takes time.",
        "Let the client wait between retries, by `Retry-After`, or keep the delays of retries few and short.",
    ),
    frames=tuple((request, "...", sleep) for request in _REQUESTS for sleep in _SLEEPS),
    threshold=0.05,
    measure=WALL,
    matching={
        "srv:run;flask.app:Flask.wsgi_app;shop:cart;shop:wait;time:sleep": 60,
        "srv:run;flask.app:Flask.wsgi_app;shop:cart": 40,
    },
    other={"srv:run;shop:janitor;time:sleep": 60, "srv:run;flask.app:Flask.wsgi_app;shop:sleep": 990},
)
