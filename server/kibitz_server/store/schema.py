"""The tables, for every SQL store. Ids of frames, nodes and label sets are dense within their group."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Float,
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

VERSION = 2

metadata = MetaData()

meta = Table(
    "meta", metadata, Column("key", String(64), primary_key=True), Column("value", Text, nullable=False)
)

groups = Table(
    "profiling_groups",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("created", Float, nullable=False),
)

frames = Table(
    "frames",
    metadata,
    Column("group_id", ForeignKey("profiling_groups.id", ondelete="CASCADE"), primary_key=True),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("line", Integer, nullable=False),
)

nodes = Table(
    "nodes",
    metadata,
    Column("group_id", ForeignKey("profiling_groups.id", ondelete="CASCADE"), primary_key=True),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("parent", Integer, nullable=False),
    Column("frame", Integer, nullable=False),
    Column("line", Integer, nullable=False),
)

label_sets = Table(
    "label_sets",
    metadata,
    Column("group_id", ForeignKey("profiling_groups.id", ondelete="CASCADE"), primary_key=True),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("labels", Text, nullable=False),
)

profiles = Table(
    "profiles",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("group_id", ForeignKey("profiling_groups.id", ondelete="CASCADE"), nullable=False),
    Column("token", String(255), nullable=False),
    Column("source", String(32), nullable=False),
    Column("started", Float, nullable=False),
    Column("ended", Float, nullable=False),
    Column("instance", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("header", Text, nullable=False),
    Column("samples", LargeBinary, nullable=False),
    UniqueConstraint("group_id", "token"),
    Index("profiles_by_time", "group_id", "ended"),
)

findings = Table(
    "findings",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("group_id", ForeignKey("profiling_groups.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("frame", Text, nullable=False),
    Column("started", Float, nullable=False),
    Column("ended", Float, nullable=False),
    Column("reason", Text, nullable=False),
    Column("details", Text, nullable=False),
)

documents = Table(
    "documents",
    metadata,
    Column("group_id", ForeignKey("profiling_groups.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(64), primary_key=True),
    Column("body", Text, nullable=False),
)
