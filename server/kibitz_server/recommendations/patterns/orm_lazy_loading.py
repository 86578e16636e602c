"""One query for each row (N+1)."""

from kibitz_server.recommendations.pattern import WALL, Pattern

PATTERN = Pattern(
    id="orm_lazy_loading",
    name="One query for each row (N+1)",
    description=(
        "Related objects are fetched one at a time as attributes are read: a list of a hundred rows "
        "costs a hundred queries."
    ),
    steps=(
        "Load them with the list: `selectinload`/`joinedload` in SQLAlchemy, `select_related`/`prefetch_related` in Django.",
        "Set `lazy='raise'` to find the next one early.",
    ),
    frames=(
        ("sqlalchemy.orm.strategies:*LazyLoader._load_for_state",),
        ("django.db.models.fields.related_descriptors:*.__get__",),
        ("django.db.models.query_utils:DeferredAttribute.__get__",),
        ("peewee:ForeignKeyAccessor.get_rel_instance",),
    ),
    threshold=0.15,
    measure=WALL,
    rule="query-in-loop",
    matching={
        "app:main;app:serve;sqlalchemy.orm.strategies:LazyLoader._load_for_state": 60,
        "app:main;app:serve": 40,
    },
    other={
        "app:main;app:serve;sqlalchemy.orm.strategies:LazyLoader._load_for_state": 15,
        "app:main;app:orm_lazy_loading": 990,
    },
)
