"""An HTTP session for every request."""

from kibitz_server.recommendations.pattern import WALL, Pattern

PATTERN = Pattern(
    id="http_session",
    name="An HTTP session for every request",
    description=(
        "The functions of `requests` and `httpx` open a session, a connection and, for https, a TLS "
        "context for one request and throw them away."
    ),
    steps=("Keep one `requests.Session` (or `httpx.Client`) and call its methods: connections stay open.",),
    frames=(
        ("requests.api:request",),
        ("httpx._api:request",),
        ("httpx:get",),
        ("requests.sessions:Session.__init__",),
    ),
    threshold=0.1,
    measure=WALL,
    matching={"app:main;app:serve;requests.api:request": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;requests.api:request": 10, "app:main;app:http_session": 990},
)
