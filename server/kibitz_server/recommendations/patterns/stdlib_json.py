"""Much time in the standard JSON module."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="stdlib_json",
    name="Much time in the standard JSON module",
    description=(
        "Where JSON is a large part of a program's time, a faster library is the cheapest gain: orjson "
        "and msgspec are several times as fast."
    ),
    steps=("Use orjson or msgspec.", "Do not parse or write the same document twice; keep the result."),
    frames=(
        ("json:loads",),
        ("json:dumps",),
        ("json:load",),
        ("json:dump",),
        ("json.encoder:JSONEncoder.*",),
        ("json.decoder:JSONDecoder.*",),
    ),
    threshold=0.1,
    rule="json-in-loop",
    matching={"app:main;app:serve;json:loads": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;json:loads": 10, "app:main;app:stdlib_json": 990},
)
