"""TOML parsed again and again."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="pure_toml",
    name="TOML parsed again and again",
    description=(
        "The standard library's TOML parser is written in Python; a settings file read in every request "
        "costs its whole parse."
    ),
    steps=(
        "Parse once at start and keep the result.",
        "Where it must be parsed often, rtoml does it in native code.",
    ),
    frames=(
        ("tomllib._parser:*",),
        ("tomli._parser:*",),
        ("toml.decoder:*",),
    ),
    threshold=0.05,
    matching={"app:main;app:serve;tomllib._parser:parse": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;tomllib._parser:parse": 5, "app:main;app:pure_toml": 990},
)
