"""Rows written one by one through the ORM."""

from kibitz_server.recommendations.pattern import WALL, Pattern

PATTERN = Pattern(
    id="orm_row_flush",
    name="Rows written one by one through the ORM",
    description=(
        "Each flush sorts the objects, makes its statements and refreshes state; for every row it costs "
        "many times the insert itself."
    ),
    steps=(
        "Add all, then flush or commit once.",
        "For many plain rows use one bulk statement: `session.execute(insert(T), rows)`, `bulk_create`.",
    ),
    frames=(
        ("sqlalchemy.orm.session:Session.flush",),
        ("django.db.models.base:Model.save",),
        ("sqlalchemy.orm.session:Session._flush",),
    ),
    threshold=0.2,
    measure=WALL,
    rule="query-in-loop",
    matching={"app:main;app:serve;sqlalchemy.orm.session:Session.flush": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;sqlalchemy.orm.session:Session.flush": 20, "app:main;app:orm_row_flush": 990},
)
