"""The tables, for every SQL store. Ids of frames, nodes and label sets are dense within their group."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

VERSION = 5

metadata = MetaData()

meta = Table(
    "meta", metadata, Column("key", String(64), primary_key=True), Column("value", Text, nullable=False)
)

# What arrived is counted here, so that a list of groups reads one row each. Sizes are those of the dictionary.
groups = Table(
    "profiling_groups",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("created", Double, nullable=False),
    Column("first_seen", Double, nullable=False, server_default="0"),
    Column("last_seen", Double, nullable=False, server_default="0"),
    Column("profiles", BigInteger, nullable=False, server_default="0"),
    Column("instances", Integer, nullable=False, server_default="0"),
    Column("frames", Integer, nullable=False, server_default="0"),
    Column("nodes", Integer, nullable=False, server_default="0"),
    Column("label_sets", Integer, nullable=False, server_default="0"),
)


def _group_id(**options: bool) -> Column[int]:
    return Column("group_id", ForeignKey("profiling_groups.id", ondelete="CASCADE"), **options)  # type: ignore[arg-type]


# The dictionary: frames, nodes and label sets from id `first` on.
chunks = Table(
    "chunks",
    metadata,
    _group_id(primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("first", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)

profiles = Table(
    "profiles",
    metadata,
    Column("id", Integer, primary_key=True),
    _group_id(nullable=False),
    Column("token", String(255), nullable=False),
    Column("source", String(32), nullable=False),
    Column("received", Double, nullable=False),
    Column("started", Double, nullable=False),
    Column("ended", Double, nullable=False),
    Column("instance", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("rolled", Integer, nullable=False),
    Column("facts", Text, nullable=False),
    Column("header", LargeBinary, nullable=False),
    Column("samples", LargeBinary, nullable=False),
    UniqueConstraint("group_id", "token"),
    Index("profiles_by_time", "group_id", "ended"),
)
Index(
    "profiles_to_roll_up",
    profiles.c.group_id,
    profiles.c.ended,
    sqlite_where=profiles.c.rolled == 0,
    postgresql_where=profiles.c.rolled == 0,
)

# Rollups: the samples of all reports that ended in [start, start + step), added up by node and label set.
buckets = Table(
    "buckets",
    metadata,
    _group_id(primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("start", Double, primary_key=True),
    Column("summary", Text, nullable=False),
    Column("samples", LargeBinary, nullable=False),
)

findings = Table(
    "findings",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("group_id", ForeignKey("profiling_groups.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("frame", Text, nullable=False),
    Column("started", Double, nullable=False),
    Column("ended", Double, nullable=False),
    Column("reason", Text, nullable=False),
    Column("details", Text, nullable=False),
)

# What reports said of their process's heap, beside them: it is charted over longer than single reports are kept.
heaps = Table(
    "heaps",
    metadata,
    Column("id", Integer, primary_key=True),
    _group_id(nullable=False),
    Column("taken", Double, nullable=False),
    Column("instance", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("heaps_by_time", "group_id", "taken"),
)

documents = Table(
    "documents",
    metadata,
    _group_id(primary_key=True),
    Column("kind", String(64), primary_key=True),
    Column("body", Text, nullable=False),
)

# Of bearer tokens the hash, of AWS access keys nothing: their secret is derived from a key that is not in the database.
tokens = Table(
    "tokens",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", String(16), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("created", Double, nullable=False),
)

OF_GROUP = (heaps, documents, findings, buckets, profiles, chunks)
