"""Database engines made again and again."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="orm_engine",
    name="Database engines made again and again",
    description=(
        "An engine holds the connection pool and the cache of compiled statements; a new one has neither."
    ),
    steps=("Make one engine for each database and process.",),
    frames=(
        ("sqlalchemy.engine.create:create_engine",),
        ("sqlalchemy:create_engine",),
    ),
    threshold=0.05,
    matching={"app:main;app:serve;sqlalchemy.engine.create:create_engine": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;sqlalchemy.engine.create:create_engine": 5, "app:main;app:orm_engine": 990},
)
