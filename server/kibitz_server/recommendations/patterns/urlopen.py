"""A connection for every request."""

from kibitz_server.recommendations.pattern import WALL, Pattern

PATTERN = Pattern(
    id="urlopen",
    name="A connection for every request",
    description=("`urllib.request.urlopen` opens a connection for each request and closes it."),
    steps=(
        "Use a client that keeps connections open: `http.client.HTTPConnection` for one host, `requests.Session` or `httpx.Client` for many.",
    ),
    frames=(
        ("urllib.request:urlopen",),
        ("urllib.request:OpenerDirector.open",),
    ),
    threshold=0.1,
    measure=WALL,
    matching={"app:main;app:serve;urllib.request:urlopen": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;urllib.request:urlopen": 10, "app:main;app:urlopen": 990},
)
