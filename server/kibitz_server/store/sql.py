"""The store in a SQL database, written once in SQLAlchemy Core. SQLite is the embedded default."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, Row
from sqlalchemy.exc import IntegrityError

from kibitz_agent.profile import Header, Profile, ProfileError
from kibitz_server.retention import Retention
from kibitz_server.store import (
    Change,
    Dictionary,
    Floats,
    Group,
    Report,
    Samples,
    Span,
    StoredFinding,
    audit,
    dictionaries,
    documents,
    findings,
    heaps,
    intake,
    migrations,
    report_headers,
    rollup,
    samples,
    schema,
)
from kibitz_server.store.dictionaries import HeldDictionaries
from kibitz_server.store.dictionary import INSTANCE, GroupDictionary
from kibitz_server.store.heaps import StoredHeap
from kibitz_server.store.intake import Interned
from kibitz_server.store.sqlite import sqlite_engine
from kibitz_server.store.transactions import WRITING, reading, writing
from kibitz_server.store.writer import GroupWriter

_HORIZONS = "horizons"
REPORTS_AT_ONCE = 32

# Made once: building a statement takes as long as SQLite does to answer it.
_GROUP = sa.select(schema.groups).where(schema.groups.c.name == sa.bindparam("group"))
_GROUP_TO_CHANGE = _GROUP.with_for_update()  # a no-op on SQLite, whose writers are alone anyway
_KNOWN_TOKENS = sa.select(schema.profiles.c.token).where(
    schema.profiles.c.group_id == sa.bindparam("group"),
    schema.profiles.c.token.in_(sa.bindparam("tokens", expanding=True)),
)
_NEW_PROFILE = schema.profiles.insert()
_GROWN_GROUP = schema.groups.update().where(schema.groups.c.id == sa.bindparam("group"))


class SqlStore:
    """Every group's profiles in one database. Reports that come together share a transaction, and its sync to disk.

    Several processes may share the database: each keeps its dictionaries and catches up inside its transactions.
    """

    def __init__(
        self, engine: Engine, retention: Retention | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        """Use `open_sqlite` or `open_store` unless you bring an engine of your own. ``clock`` gives epoch seconds."""
        self._engine = engine
        self._retention = retention or Retention()
        self._clock = clock
        self._held = HeldDictionaries()  # its lock is never held while the disk is waited for
        self._turn = threading.Lock()  # of batches, to be read
        self._writer: GroupWriter[Interned] = GroupWriter(self._commit)
        with writing(self._engine) as connection:
            migrations.prepare(connection)

    @property
    def waiting(self) -> int:
        """How many reports wait to be written."""
        return self._writer.waiting

    @property
    def folds(self) -> int:
        """How many label values the guards have folded since this process began."""
        return self._held.folds

    def add(self, group: str, profile: Profile, token: str, source: str) -> bool:
        """Keep ``profile`` durably; False if ``token`` was seen before in this group (nothing changes then)."""
        return self._writer.write(self._interned(Report(group, profile, token, source)))

    def add_all(self, reports: Iterable[Report]) -> list[bool | ProfileError]:
        """Keep many durably, with as few syncs as it takes; for each what `add` would answer or raise."""
        outcomes: list[bool | ProfileError] = []
        coming = iter(reports)
        while chunk := self._read(coming, outcomes):
            new = self._writer.write_all([report for _, report in chunk])
            for (place, _), is_new in zip(chunk, new, strict=True):
                outcomes[place] = is_new
        return outcomes

    def _read(
        self, coming: Iterator[Report], outcomes: list[bool | ProfileError]
    ) -> list[tuple[int, Interned]]:
        """The next few with their places, each of which begins as False in ``outcomes``, or as what is wrong with it."""
        chunk: list[tuple[int, Interned]] = []
        # numpy and zlib let go of the GIL at every step; threads that compute at once hand it to and fro, sixty times a report.
        with self._turn:
            for report in coming:
                try:
                    chunk.append((len(outcomes), self._interned(report)))
                    outcomes.append(False)
                except ProfileError as error:
                    outcomes.append(error)
                if len(chunk) == REPORTS_AT_ONCE:  # their call trees are held until they are written
                    break
        return chunk

    def _interned(self, report: Report) -> Interned:
        with self._held.lock:
            # One that has fallen behind another collector's is noticed, and caught up with, when the report is written.
            dictionary = self._held.get(report.group) or self._dictionary(report.group)
            return intake.interned(report, dictionary)

    def _commit(self, reports: Sequence[Interned]) -> list[bool]:
        by_group: dict[str, list[int]] = {}
        for index, report in enumerate(reports):
            by_group.setdefault(report.group, []).append(index)
        new = [False] * len(reports)
        persisted = []
        with writing(self._engine) as connection:
            for name in sorted(by_group):  # always in this order: two collectors cannot lock each other out
                row = self._group_row(connection, name) or self._made_group(connection, name)
                known = _known_tokens(connection, row.id, [reports[i].token for i in by_group[name]])
                chosen: list[Interned] = []
                for index in by_group[name]:
                    if reports[index].token not in known:
                        known.add(reports[index].token)
                        chosen.append(reports[index])
                        new[index] = True
                self._take_back([reports[i] for i in by_group[name] if not new[i]])
                if chosen:
                    persisted.append(self._insert_reports(connection, row, chosen))
            connection.commit()
        for dictionary, sizes in persisted:
            dictionary.persisted = sizes
        return new

    def _take_back(self, seen: Sequence[Interned]) -> None:
        with self._held.lock:
            for report in seen:
                report.take_back()

    def _insert_reports(
        self, connection: Connection, row: Row[Any], reports: list[Interned]
    ) -> tuple[GroupDictionary, tuple[int, int, int]]:
        with self._held.lock:
            dictionary = self._held.current(connection, row)
            for report in reports:
                report.use(dictionary)  # another collector may have given ids meanwhile
            sizes = dictionaries.persist(connection, row.id, dictionary)
            instances = dictionary.cardinality.count(INSTANCE)
        now = self._clock()
        connection.execute(_NEW_PROFILE, [intake.row(row.id, report, now) for report in reports])
        headers = [report.profile.header for report in reports]
        heaps.insert(connection, row.id, headers)
        first = min(header.start_ns for header in headers) / 1e9
        last = max(header.end_ns for header in headers) / 1e9
        values = {
            "group": row.id,
            "profiles": row.profiles + len(reports),
            "instances": max(instances, 1),
            "first_seen": min(row.first_seen, first) if row.profiles else first,
            "last_seen": max(row.last_seen, last),
            **dict(zip(("frames", "nodes", "label_sets"), sizes, strict=True)),
        }
        connection.execute(_GROWN_GROUP, values)
        return dictionary, sizes

    def create_group(self, name: str, now: float) -> bool:
        """Make an empty group; False if it exists."""
        with reading(self._engine) as connection:
            if self._group_row(connection, name) is not None:
                return False
        try:
            with writing(self._engine) as connection:
                if self._group_row(connection, name) is not None:
                    return False
                connection.execute(schema.groups.insert().values(name=name, created=now))
                connection.commit()
        except IntegrityError:  # another collector was faster
            return False
        return True

    def delete_group(self, name: str) -> bool:
        """Forget a group and all that belongs to it; False if there is none."""
        with writing(self._engine) as connection:
            row = self._group_row(connection, name)
            if row is None:
                return False
            for table in schema.OF_GROUP:
                connection.execute(table.delete().where(table.c.group_id == row.id))
            connection.execute(schema.groups.delete().where(schema.groups.c.id == row.id))
            connection.commit()
        self._held.drop(name)
        return True

    def groups(self) -> list[Group]:
        """All groups, the most recently active first."""
        return self._groups(None)

    def group(self, name: str) -> Group | None:
        """One group, or None."""
        return next(iter(self._groups(name)), None)

    def _groups(self, name: str | None) -> list[Group]:
        groups = schema.groups
        columns = (getattr(groups.c, field) for field in Group.__slots__)
        query = sa.select(*columns).order_by(groups.c.last_seen.desc(), groups.c.name)
        if name is not None:
            query = query.where(groups.c.name == name)
        with reading(self._engine) as connection:
            return [Group(**row) for row in connection.execute(query).mappings()]

    def samples(self, span: Span, coarsest_s: float = 86_400.0) -> Samples:
        """All samples of the span's profiles; empty arrays when there are none."""
        with reading(self._engine) as connection:
            row = self._group_row(connection, span.group)
            if row is None:
                return samples.joined([])
            horizons = _horizons(connection, row.id)
            pieces = samples.cover(span.start, span.end, horizons, coarsest_s)
            return samples.read(connection, row.id, span, pieces)

    def dictionary(self, group: str) -> Dictionary:
        """The group's call tree and label sets; grows, never changes."""
        with self._held.lock:
            return self._dictionary(group).snapshot()

    def watermark(self, group: str) -> int:
        """A number that grows with every profile added to the group."""
        with reading(self._engine) as connection:
            row = self._group_row(connection, group)
            return 0 if row is None else int(row.profiles)

    def roll_up(self, group: str) -> int:
        """Put some of a group's reports into their buckets, in one short transaction; how many there were."""
        with writing(self._engine) as connection:
            row = self._group_row(connection, group)
            if row is None:
                return 0
            done = rollup.roll_up(connection, row.id)
            connection.commit()
        return done

    def expire(self, group: str) -> None:
        """Let go of what is kept long enough."""
        with writing(self._engine) as connection:
            row = self._group_row(connection, group)
            if row is None:
                return
            horizons = rollup.expire(connection, row.id, self._clock(), self._retention)
            heaps.expire(connection, row.id, self._clock() - self._retention.five_minutes_s)
            # A clock that jumped back must not bring back what is gone.
            before = _horizons(connection, row.id)
            kept = {str(step): max(start, before.get(step, 0.0)) for step, start in horizons.items()}
            documents.save(connection, row.id, _HORIZONS, kept)
            connection.commit()

    def save_findings(self, group: str, found: Sequence[StoredFinding]) -> None:
        """Add findings, or replace those of equal id."""
        with writing(self._engine) as connection:
            row = self._group_row(connection, group) or self._made_group(connection, group)
            findings.save(connection, row.id, found)
            connection.commit()

    def findings(self, group: str | None = None) -> list[StoredFinding]:
        """Findings of one group or of all, the latest first."""
        with reading(self._engine) as connection:
            return findings.read(connection, group)

    def document(self, group: str, kind: str) -> Mapping[str, Any]:
        """What is kept beside a group's profiles under ``kind``; empty when nothing is."""
        with reading(self._engine) as connection:
            row = self._group_row(connection, group)
            return {} if row is None else documents.read(connection, row.id, kind)

    def change_document(self, group: str, kind: str, change: Change) -> Mapping[str, Any] | None:
        """Replace a document by what ``change`` makes of it, in one transaction; None if there is no such group."""
        with writing(self._engine) as connection:
            row = self._group_row(connection, group, lock=True)
            if row is None:
                return None
            body = change(documents.read(connection, row.id, kind))
            documents.save(connection, row.id, kind, body)
            connection.commit()
        return body

    def ends(self, span: Span, step_s: float) -> Floats:
        """The starts of the aligned steps of ``step_s`` in which the span's profiles ended, (n,), ascending."""
        parts = self.samples(span, coarsest_s=step_s).parts
        return np.unique(np.array([part.end // step_s * step_s for part in parts], np.float64))

    def headers(self, groups: Sequence[str], start: float, end: float, most: int) -> list[tuple[str, Header]]:
        """(group, header without its large parts) of reports that ended in [start, end): about ``most`` of them."""
        with reading(self._engine) as connection:
            return report_headers.read(connection, groups, start, end, most)

    def report_counts(self, groups: Sequence[str], start: float, end: float) -> dict[str, int]:
        """How many reports ended in [start, end), by group."""
        with reading(self._engine) as connection:
            return report_headers.counts(connection, groups, start, end)

    def blobs(self, span: Span, most: int) -> dict[str, set[str]]:
        """By file name, the git blob ids of what ran, from the newest ``most`` reports of the span."""
        with reading(self._engine) as connection:
            row = self._group_row(connection, span.group)
            if row is None:
                return {}
            return report_headers.blobs(connection, row.id, span.start, span.end, most)

    def heaps(self, span: Span, most: int = heaps.MOST) -> list[StoredHeap]:
        """What the span's reports said of their heaps, in their order in time: about ``most`` of them."""
        with reading(self._engine) as connection:
            row = self._group_row(connection, span.group)
            return [] if row is None else heaps.read(connection, row.id, span, most)

    def keep_heaps(self, group: str, headers: Sequence[Header]) -> None:
        """Keep what the headers of a known group's reports, which are kept elsewhere, say of heaps."""
        if any(header.heap is not None for header in headers):
            with writing(self._engine) as connection:
                row = self._group_row(connection, group)
                if row is not None:
                    heaps.insert(connection, row.id, headers)
                    connection.commit()

    def check(self) -> list[str]:
        """What is wrong with the store, in sentences; empty when it is sound."""
        with reading(self._engine) as connection:
            return audit.problems(connection)

    def close(self) -> None:
        """Write what waits, let go of files and connections."""
        self._writer.close()
        self._engine.dispose()

    @property
    def engine(self) -> Engine:
        """The database, for maintenance."""
        return self._engine

    def _dictionary(self, group: str) -> GroupDictionary:
        """The group's dictionary, up to date with the tables; call with the lock held."""
        with reading(self._engine) as connection:
            row = self._group_row(connection, group)
            return self._held.empty(group) if row is None else self._held.current(connection, row)

    def _group_row(self, connection: Connection, name: str, *, lock: bool = False) -> Row[Any] | None:
        query = _GROUP_TO_CHANGE if lock or connection.info.get(WRITING) else _GROUP
        return connection.execute(query, {"group": name}).one_or_none()

    def _made_group(self, connection: Connection, name: str) -> Row[Any]:
        connection.execute(schema.groups.insert().values(name=name, created=self._clock()))
        row = self._group_row(connection, name)
        assert row is not None
        return row


def open_sqlite(
    path: str, retention: Retention | None = None, clock: Callable[[], float] = time.time
) -> SqlStore:
    """The embedded store in one file."""
    return SqlStore(sqlite_engine(path), retention, clock)


def _known_tokens(connection: Connection, group_id: int, tokens: list[str]) -> set[str]:
    return set(connection.scalars(_KNOWN_TOKENS, {"group": group_id, "tokens": tokens}))


def _horizons(connection: Connection, group_id: int) -> dict[int, float]:
    return {int(step): start for step, start in documents.read(connection, group_id, _HORIZONS).items()}
