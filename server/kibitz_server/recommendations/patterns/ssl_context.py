"""TLS contexts made again and again."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="ssl_context",
    name="TLS contexts made again and again",
    description=(
        "A new TLS context reads and parses every trusted certificate: several milliseconds of CPU time."
    ),
    steps=(
        "Make one context at start and hand it to every connection.",
        "Use one HTTP session, which keeps its context and its connections.",
    ),
    frames=(
        ("ssl:create_default_context",),
        ("ssl:SSLContext.load_default_certs",),
        ("urllib3.util.ssl_:create_urllib3_context",),
        ("httpx._config:create_ssl_context",),
    ),
    threshold=0.05,
    matching={"app:main;app:serve;ssl:create_default_context": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;ssl:create_default_context": 5, "app:main;app:ssl_context": 990},
)
