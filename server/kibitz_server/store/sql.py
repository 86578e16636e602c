"""The store in a SQL database, written once in SQLAlchemy Core. SQLite is the embedded default."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, RowMapping
from sqlalchemy.exc import DBAPIError, IntegrityError

from kibitz_agent.profile import AGENT_VALUE_TYPES, Frame, Profile, ValueType
from kibitz_agent.wire import header_from_fields, header_to_fields
from kibitz_server.store import (
    Change,
    Dictionary,
    Floats,
    Group,
    Samples,
    Span,
    StoredFinding,
    StoreError,
    codec,
    migrations,
    schema,
)
from kibitz_server.store.dictionary import GroupDictionary

_T = TypeVar("_T")
_BUSY_TIMEOUT_S = 30


class SqlStore:
    """Every group's profiles in one database. One transaction a report; what was acknowledged is on disk.

    The dictionaries are cached; several processes may share the database, each catches up inside its transaction.
    """

    def __init__(self, engine: Engine) -> None:
        """Use `open_sqlite` unless you bring an engine of your own."""
        self._engine = engine
        self._lock = threading.Lock()
        self._dictionaries: dict[int, GroupDictionary] = {}
        with self._write() as connection:
            migrations.prepare(connection)

    def add(self, group: str, profile: Profile, token: str, source: str) -> bool:
        """Keep ``profile`` durably; False if ``token`` was seen before in this group (nothing changes then)."""
        header = profile.header
        with self._lock, self._write() as connection:
            group_id = self._group_id(connection, group, create=True)
            if _token_known(connection, group_id, token):
                return False
            with self._interning(connection, group_id) as dictionary:
                node, labels = dictionary.intern(profile)
                values = np.array(profile.values, np.int64).reshape(len(profile.value_types), -1).T
                connection.execute(
                    schema.profiles.insert().values(
                        group_id=group_id,
                        token=token,
                        source=source,
                        started=header.start_ns / 1e9,
                        ended=header.end_ns / 1e9,
                        instance=header.instance,
                        revision=header.revision,
                        header=_header_json(profile),
                        samples=codec.encode(node, labels, values),
                    )
                )
        return True

    def create_group(self, name: str, now: float) -> bool:
        """Make an empty group; False if it exists."""
        with self._write() as connection:
            if self._group_id(connection, name) is not None:
                return False
            connection.execute(schema.groups.insert().values(name=name, created=now))
        return True

    def delete_group(self, name: str) -> bool:
        """Forget a group and all that belongs to it; False if there is none."""
        with self._lock, self._write() as connection:
            group_id = self._group_id(connection, name)
            if group_id is None:
                return False
            for table in (
                schema.documents,
                schema.findings,
                schema.profiles,
                schema.label_sets,
                schema.nodes,
                schema.frames,
            ):
                connection.execute(table.delete().where(table.c.group_id == group_id))
            connection.execute(schema.groups.delete().where(schema.groups.c.id == group_id))
            self._dictionaries.pop(group_id, None)
        return True

    def groups(self) -> list[Group]:
        """All groups, the most recently active first."""
        return self._groups(None)

    def group(self, name: str) -> Group | None:
        """One group, or None."""
        return next(iter(self._groups(name)), None)

    def _groups(self, name: str | None) -> list[Group]:
        groups, profiles = schema.groups, schema.profiles
        query = (
            sa.select(
                groups.c.name,
                groups.c.created,
                sa.func.coalesce(sa.func.min(profiles.c.started), 0.0).label("first_seen"),
                sa.func.coalesce(sa.func.max(profiles.c.ended), 0.0).label("last_seen"),
                sa.func.count(profiles.c.id).label("profiles"),
                sa.func.count(sa.distinct(profiles.c.instance)).label("instances"),
            )
            .select_from(groups.outerjoin(profiles, profiles.c.group_id == groups.c.id))
            .group_by(groups.c.id, groups.c.name, groups.c.created)
            .order_by(sa.desc("last_seen"), groups.c.name)
        )
        if name is not None:
            query = query.where(groups.c.name == name)
        with self._read() as connection:
            return [Group(**row) for row in connection.execute(query).mappings()]

    def samples(self, span: Span) -> Samples:
        """All samples of the span's profiles; empty arrays when there are none."""
        profiles = schema.profiles
        with self._read() as connection:
            group_id = self._group_id(connection, span.group)
            query = (
                sa.select(profiles.c.header, profiles.c.samples)
                .where(
                    profiles.c.group_id == group_id,
                    profiles.c.ended >= span.start,
                    profiles.c.ended < span.end,
                )
                .order_by(profiles.c.ended, profiles.c.id)
            )
            rows = connection.execute(query).mappings().all() if group_id is not None else []
        return _joined(rows)

    def dictionary(self, group: str) -> Dictionary:
        """The group's call tree and label sets; grows, never changes."""
        with self._lock, self._read() as connection:
            group_id = self._group_id(connection, group)
            if group_id is None:
                return GroupDictionary().snapshot()
            return self._caught_up(connection, group_id).snapshot()

    def watermark(self, group: str) -> int:
        """A number that grows with every profile added to the group."""
        with self._read() as connection:
            group_id = self._group_id(connection, group)
            top = sa.select(sa.func.max(schema.profiles.c.id)).where(schema.profiles.c.group_id == group_id)
            return int(connection.scalar(top) or 0)

    def save_findings(self, group: str, found: Sequence[StoredFinding]) -> None:
        """Add findings, or replace those of equal id."""
        findings = schema.findings
        with self._write() as connection:
            group_id = self._group_id(connection, group, create=True)
            for finding in found:
                connection.execute(findings.delete().where(findings.c.id == finding.id))
                connection.execute(
                    findings.insert().values(
                        id=finding.id,
                        group_id=group_id,
                        kind=finding.kind,
                        frame=finding.frame,
                        started=finding.start,
                        ended=finding.end,
                        reason=finding.reason,
                        details=json.dumps(dict(finding.details)),
                    )
                )

    def findings(self, group: str | None = None) -> list[StoredFinding]:
        """Findings of one group or of all, the latest first."""
        findings, groups = schema.findings, schema.groups
        query = (
            sa.select(findings, groups.c.name.label("group"))
            .join(groups, groups.c.id == findings.c.group_id)
            .order_by(findings.c.started.desc(), findings.c.id)
        )
        if group is not None:
            query = query.where(groups.c.name == group)
        with self._read() as connection:
            return [_finding(row) for row in connection.execute(query).mappings()]

    def document(self, group: str, kind: str) -> Mapping[str, Any]:
        """What is kept beside a group's profiles under ``kind``; empty when nothing is."""
        with self._read() as connection:
            return _document(connection, self._group_id(connection, group), kind)

    def change_document(self, group: str, kind: str, change: Change) -> Mapping[str, Any] | None:
        """Replace a document by what ``change`` makes of it, in one transaction; None if there is no such group."""
        documents = schema.documents
        with self._write() as connection:
            group_id = self._group_id(connection, group)
            if group_id is None:
                return None
            body = change(_document(connection, group_id, kind))
            connection.execute(
                documents.delete().where(documents.c.group_id == group_id, documents.c.kind == kind)
            )
            row = documents.insert().values(group_id=group_id, kind=kind, body=json.dumps(dict(body)))
            connection.execute(row)
        return body

    def ends(self, span: Span) -> Floats:
        """When the span's profiles ended, (n,) epoch seconds, ascending."""
        ended = schema.profiles.c.ended
        with self._read() as connection:
            query = sa.select(ended).where(
                schema.profiles.c.group_id == self._group_id(connection, span.group),
                ended >= span.start,
                ended < span.end,
            )
            return np.array(connection.scalars(query.order_by(ended)).all(), np.float64)

    def check(self) -> list[str]:
        """What is wrong with the store, in sentences; empty when it is sound."""
        problems = []
        with self._read() as connection:
            if self._engine.dialect.name == "sqlite":
                problems += [
                    f"SQLite: {row[0]}"
                    for row in connection.exec_driver_sql("PRAGMA integrity_check")
                    if row[0] != "ok"
                ]
            counts = {
                group_id: (nodes, labels)
                for group_id, nodes, labels in connection.execute(
                    sa.select(schema.groups.c.id, _size(schema.nodes), _size(schema.label_sets))
                )
            }
            for row in connection.execute(
                sa.select(schema.profiles.c.id, schema.profiles.c.group_id, schema.profiles.c.samples)
            ):
                problems += _profile_problems(row[0], row[2], *counts[row[1]])
        return problems

    def close(self) -> None:
        """Let go of files and connections."""
        self._engine.dispose()

    def _group_id(self, connection: Connection, name: str, create: bool = False) -> int | None:
        query = sa.select(schema.groups.c.id).where(schema.groups.c.name == name)
        found = connection.scalar(query)
        if found is None and create:
            connection.execute(schema.groups.insert().values(name=name, created=time.time()))
            found = connection.scalar(query)
        return None if found is None else int(found)

    def _caught_up(self, connection: Connection, group_id: int) -> GroupDictionary:
        """The cached dictionary, with what other processes have added since."""
        dictionary = self._dictionaries.setdefault(group_id, GroupDictionary())
        frames, nodes, label_sets = dictionary.sizes

        def rows(table: sa.Table, known: int) -> sa.Result[tuple[object, ...]]:
            query = (
                sa.select(table).where(table.c.group_id == group_id, table.c.id >= known).order_by(table.c.id)
            )
            return connection.execute(query)

        dictionary.load(
            (Frame(row.name, row.file, row.line) for row in rows(schema.frames, frames)),
            ((row.parent, row.frame, row.line) for row in rows(schema.nodes, nodes)),
            (
                tuple((key, value) for key, value in json.loads(row.labels))
                for row in rows(schema.label_sets, label_sets)
            ),
        )
        return dictionary

    @contextmanager
    def _interning(self, connection: Connection, group_id: int | None) -> Iterator[GroupDictionary]:
        """The dictionary to intern into: what is new goes to the tables, or is forgotten if that fails."""
        assert group_id is not None
        dictionary = self._caught_up(connection, group_id)
        sizes = dictionary.sizes
        try:
            yield dictionary
            frames, nodes, label_sets = dictionary.added_since(sizes)
            _insert(
                connection,
                schema.frames,
                [
                    {
                        "group_id": group_id,
                        "id": i,
                        "name": frame.name,
                        "file": frame.file,
                        "line": frame.line,
                    }
                    for i, frame in enumerate(frames, sizes[0])
                ],
            )
            _insert(
                connection,
                schema.nodes,
                [
                    {"group_id": group_id, "id": i, "parent": parent, "frame": frame, "line": line}
                    for i, (parent, frame, line) in enumerate(nodes, sizes[1])
                ],
            )
            _insert(
                connection,
                schema.label_sets,
                [
                    {"group_id": group_id, "id": i, "labels": json.dumps(labels)}
                    for i, labels in enumerate(label_sets, sizes[2])
                ],
            )
            connection.commit()
        except BaseException:
            dictionary.forget_beyond(sizes)
            raise

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with _explained(), self._engine.connect() as connection:
            # Take the write lock first: what is read inside must still hold when it is written.
            if self._engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.commit()

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with _explained(), self._engine.connect() as connection:
            yield connection


def open_sqlite(path: str) -> SqlStore:
    """The embedded store in one file: WAL, so that reading and writing go on side by side, synced before each answer."""
    engine = sa.create_engine(
        f"sqlite:///{path}", connect_args={"timeout": _BUSY_TIMEOUT_S, "check_same_thread": False}
    )

    @sa.event.listens_for(engine, "connect")
    def configure(connection: object, record: object) -> None:
        del record
        # SQLAlchemy, not the driver, says when transactions begin.
        connection.isolation_level = None  # type: ignore[attr-defined]
        cursor = connection.cursor()  # type: ignore[attr-defined]
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return SqlStore(engine)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        raise StoreError(
            f"the store cannot be used: {error.orig}. Is the disk full, read-only or damaged?"
        ) from error


def _document(connection: Connection, group_id: int | None, kind: str) -> Mapping[str, Any]:
    documents = schema.documents
    query = sa.select(documents.c.body).where(documents.c.group_id == group_id, documents.c.kind == kind)
    body = connection.scalar(query)
    return {} if body is None else json.loads(body)


def _insert(connection: Connection, table: sa.Table, rows: list[dict[str, object]]) -> None:
    if rows:
        connection.execute(table.insert(), rows)


def _token_known(connection: Connection, group_id: int | None, token: str) -> bool:
    profiles = schema.profiles
    query = sa.select(profiles.c.id).where(profiles.c.group_id == group_id, profiles.c.token == token)
    return connection.scalar(query) is not None


def _size(table: sa.Table) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).where(table.c.group_id == schema.groups.c.id).scalar_subquery()


def _profile_problems(profile_id: int, blob: bytes, nodes: int, label_sets: int) -> list[str]:
    try:
        node, labels, _ = codec.decode(blob)
    except StoreError as error:
        return [f"profile {profile_id}: {error}"]
    if len(node) and (node.max() >= nodes or labels.max() >= label_sets):
        return [f"profile {profile_id}: it refers to nodes or labels that its group does not have"]
    return []


def _header_json(profile: Profile) -> str:
    types = [[value_type.name, value_type.unit] for value_type in profile.value_types]
    return json.dumps({**header_to_fields(profile.header), "value_types": types})


def _finding(row: RowMapping) -> StoredFinding:
    return StoredFinding(
        id=row["id"],
        group=row["group"],
        kind=row["kind"],
        frame=row["frame"],
        start=row["started"],
        end=row["ended"],
        reason=row["reason"],
        details=json.loads(row["details"]),
    )


def _joined(rows: Sequence[RowMapping]) -> Samples:
    """Profiles end to end. Their value types are united by name; one that lacks a type counts 0 in it."""
    headers, blobs, types = [], [], []
    for row in rows:
        fields = json.loads(row["header"])
        headers.append(header_from_fields(fields))
        types.append([ValueType(name, unit) for name, unit in fields["value_types"]])
        blobs.append(codec.decode(row["samples"]))
    united = tuple(dict.fromkeys(kind for kinds in types for kind in kinds)) or AGENT_VALUE_TYPES
    values = [_widen(blob[2], kinds, united) for blob, kinds in zip(blobs, types, strict=True)]
    empty = np.empty(0, np.int64)
    return Samples(
        headers=headers,
        profile=np.repeat(np.arange(len(blobs)), [len(blob[0]) for blob in blobs]) if blobs else empty,
        node=_concatenated([blob[0] for blob in blobs], lambda: empty),
        labels=_concatenated([blob[1] for blob in blobs], lambda: empty),
        value_types=united,
        values=_concatenated(values, lambda: np.empty((0, len(united)), np.int64)),
    )


def _concatenated(parts: list[np.ndarray], empty: Callable[[], np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else empty()


def _widen(values: np.ndarray, kinds: list[ValueType], united: tuple[ValueType, ...]) -> np.ndarray:
    if tuple(kinds) == united:
        return values
    wide = np.zeros((len(values), len(united)), np.int64)
    for column, kind in enumerate(kinds):
        wide[:, united.index(kind)] = values[:, column]
    return wide
