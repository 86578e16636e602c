"""Names resolved again and again."""

from kibitz_server.recommendations.pattern import WALL, Pattern

PATTERN = Pattern(
    id="name_resolution",
    name="Names resolved again and again",
    description=("Each new connection asks for its host's address, and Python remembers none."),
    steps=(
        "Keep connections open (a session, a pool).",
        "Run a caching resolver on the host, or remember addresses for a short while.",
    ),
    frames=(
        ("socket:getaddrinfo",),
        ("socket:gethostbyname",),
        ("socket:getfqdn",),
        ("dns.resolver:*",),
    ),
    threshold=0.05,
    measure=WALL,
    matching={"app:main;app:serve;socket:getaddrinfo": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;socket:getaddrinfo": 5, "app:main;app:name_resolution": 990},
)
