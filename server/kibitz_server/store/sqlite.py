"""SQLite's engine: one file, readers beside the writer, synced to disk before each answer."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Engine

_BUSY_TIMEOUT_S = 30
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "temp_store=MEMORY",
    "cache_size=-8192",
)


def sqlite_engine(path: str, *, read_only: bool = False) -> Engine:
    """An engine over the file; ``read_only`` neither creates nor changes it."""
    location = f"sqlite:///file:{path}?mode=ro&uri=true" if read_only else f"sqlite:///{path}"
    engine = sa.create_engine(
        location,
        connect_args={"timeout": _BUSY_TIMEOUT_S, "check_same_thread": False},
        pool_size=32,
        max_overflow=64,
    )

    @sa.event.listens_for(engine, "connect")
    def configure(connection: object, record: object) -> None:
        del record
        # SQLAlchemy, not the driver, says when transactions begin.
        connection.isolation_level = None  # type: ignore[attr-defined]
        cursor = connection.cursor()  # type: ignore[attr-defined]
        for pragma in _PRAGMAS[2:] if read_only else _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine
