"""The same data compressed again."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="gzip_in_request",
    name="The same data compressed again",
    description=(
        "Compression takes much of the time. Level 9, the default of the module `gzip`, costs several "
        "times level 1 for a few percent of size."
    ),
    steps=(
        "Compress what does not change once, and keep it.",
        "Use level 1 to 5, or zstandard; let the proxy compress.",
    ),
    frames=(
        ("gzip:compress",),
        ("gzip:GzipFile.write",),
        ("gzip:_GzipReader.*",),
        ("starlette.middleware.gzip:*",),
        ("flask_compress*:*",),
    ),
    threshold=0.1,
    matching={"app:main;app:serve;gzip:compress": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;gzip:compress": 10, "app:main;app:gzip_in_request": 990},
)
