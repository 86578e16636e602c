"""A store whose samples are in ClickHouse; groups, settings, tokens and findings stay in a SQL store beside it.

Collectors keep nothing that another could not read: any number of them may stand behind a load balancer, if what is beside
is a database that they share. An insert is one report, whole or not at all, and its token makes a repeated one nothing.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy.engine import Engine

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
    samples,
)
from kibitz_server.store.clickhouse import heads, reading, tables
from kibitz_server.store.clickhouse.connection import Connection
from kibitz_server.store.clickhouse.tree import GroupTree, hashed
from kibitz_server.store.clickhouse.writing import Arrival, block, new_series, new_stacks
from kibitz_server.store.heaps import MOST, StoredHeap
from kibitz_server.store.nodes import DepthError, checked_depths
from kibitz_server.store.rollup import horizon
from kibitz_server.store.samples import Cover
from kibitz_server.store.sql import SqlStore
from kibitz_server.store.writer import GroupWriter

_REPORTS_AT_ONCE = 32


class ClickHouseStore:
    """Samples in one database of ClickHouse; ``beside`` keeps the rest, and is closed with it."""

    def __init__(
        self,
        connection: Connection,
        beside: SqlStore,
        retention: Retention | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``clock`` gives epoch seconds."""
        self._connection, self._beside, self._clock = connection, beside, clock
        self._retention = retention or Retention()
        self._lock = threading.RLock()  # over the trees in memory
        self._trees: dict[str, GroupTree] = {}
        self._writer: GroupWriter[Report] = GroupWriter(self._commit)
        self._secret = self._prepare()

    @property
    def waiting(self) -> int:
        """How many reports wait to be written."""
        return self._writer.waiting

    @property
    def folds(self) -> int:
        """How many label values the guards have folded since this process began."""
        return sum(tree.cardinality.folds for tree in list(self._trees.values()))

    @property
    def engine(self) -> Engine:
        """The database of all that is not samples."""
        return self._beside.engine

    @property
    def connection(self) -> Connection:
        """The way to the samples, for maintenance."""
        return self._connection

    def add(self, group: str, profile: Profile, token: str, source: str) -> bool:
        """Keep ``profile`` durably; False if ``token`` was seen before in this group (nothing changes then)."""
        (outcome,) = self.add_all([Report(group, profile, token, source)])
        if isinstance(outcome, ProfileError):
            raise outcome
        return outcome

    def add_all(self, reports: Iterable[Report]) -> list[bool | ProfileError]:
        """Keep many durably; for each what `add` would answer or raise."""
        outcomes: list[bool | ProfileError] = []
        chunk: list[tuple[int, Report]] = []

        def write() -> None:
            new = self._writer.write_all([report for _, report in chunk])
            for (place, _), is_new in zip(chunk, new, strict=True):
                outcomes[place] = is_new
            chunk.clear()

        for report in reports:
            try:
                checked_depths(np.array(report.profile.node_parent, np.int64))
                chunk.append((len(outcomes), report))
                outcomes.append(False)
            except DepthError as error:
                outcomes.append(ProfileError(str(error)))
            if len(chunk) == _REPORTS_AT_ONCE:
                write()
        write()
        return outcomes

    def _commit(self, reports: Sequence[Report]) -> list[bool]:
        new: set[int] = set()
        with self._lock:
            for name in dict.fromkeys(report.group for report in reports):
                tree = self._tree(name, make=True)
                assert tree is not None
                own = [report for report in reports if report.group == name]
                fresh = self._fresh(tree, own)  # of the others nothing is kept, not even their labels
                arrivals = [Arrival.of(report, tree) for report in fresh]
                self._describe(tree, arrivals)
                for arrival in arrivals:
                    # Where it is told to wait for another's, the token makes it nothing: both were the same report.
                    self._connection.insert(
                        "samples", block(tree, arrival), f"{tree.group_id}/{arrival.token}"
                    )
                new.update(map(id, fresh))
                self._beside.keep_heaps(name, [one.profile.header for one in fresh])
        return [id(report) in new for report in reports]

    def _fresh(self, tree: GroupTree, reports: Sequence[Report]) -> list[Report]:
        """The reports whose tokens were not seen before, the first of each token."""
        known = self._known(tree, [report.token for report in reports])
        first = {report.token: report for report in reversed(reports)}
        return [one for one in reports if one.token not in known and first[one.token] is one]

    def _describe(self, tree: GroupTree, arrivals: Sequence[Arrival]) -> None:
        """Stacks and series before the samples that name them: who sees these must find those."""
        stacks = new_stacks(tree, arrivals)
        if len(stacks["stack"]):
            self._connection.insert("stacks", stacks)
        series = new_series(tree, arrivals)
        if len(series["series"]):
            self._connection.insert("series", series)
        for arrival in arrivals:
            arrival.learned(tree)

    def _known(self, tree: GroupTree, tokens: Sequence[str]) -> set[str]:
        (found,) = self._connection.rows(
            f"SELECT token, 1 AS one FROM samples WHERE series = {tree.group_id} AND stack = 0 AND token IN %(tokens)s",
            ("token",),
            {"tokens": list(tokens)},
        )
        return set(found.tolist())

    def create_group(self, name: str, now: float) -> bool:
        """Make an empty group; False if it exists."""
        return self._beside.create_group(name, now)

    def delete_group(self, name: str) -> bool:
        """Forget a group and all that belongs to it; False if there is none. Its samples go in the background."""
        with self._lock:
            tree = self._tree(name)
            if not self._beside.delete_group(name):
                return False
            self._trees.pop(name, None)
        if tree is not None:
            ids = ", ".join(map(str, [tree.group_id, *tree.known_series]))
            for table in ("samples", *(f"sums_{step}" for step in samples.STEPS_S)):
                self._connection.run(f"ALTER TABLE {table} DELETE WHERE series IN ({ids})")
            for table in ("stacks", "series", *(f"parts_{step}" for step in samples.STEPS_S)):
                self._connection.run(f"ALTER TABLE {table} DELETE WHERE grp = {tree.group_id}")
        return True

    def groups(self) -> list[Group]:
        """All groups, the most recently active first."""
        groups = self._counted(self._beside.groups())
        return sorted(groups, key=lambda group: (-group.last_seen, group.name))

    def group(self, name: str) -> Group | None:
        """One group, or None."""
        found = self._beside.group(name)
        return None if found is None else self._counted([found])[0]

    def _counted(self, groups: Sequence[Group]) -> list[Group]:
        """The groups with what has arrived for them."""
        ids = {_id_of(group): group for group in groups}
        if not ids:
            return []
        names = ("grp", "first_seen", "last_seen", "n", "found")
        rows = self._connection.rows(
            f"""SELECT grp, min(started) AS first_seen, max(ended) AS last_seen, sum(profiles) AS n,
                length(arrayFilter(one -> one != '', groupUniqArrayArray(instances))) AS found
            FROM parts_{samples.STEPS_S[-1]} WHERE grp IN ({", ".join(map(str, ids))}) GROUP BY grp""",
            names,
        )
        counts = {int(row[0]): row[1:] for row in zip(*rows, strict=True)}
        counted = []
        for number, group in ids.items():
            first, last, profiles, instances = counts.get(number, (0.0, 0.0, 0, 0))
            at_least = 1 if profiles else 0
            counted.append(
                Group(
                    group.name,
                    group.created,
                    float(first),
                    float(last),
                    int(profiles),
                    max(int(instances), at_least),
                )
            )
        return counted

    def samples(self, span: Span, coarsest_s: float = 86_400.0) -> Samples:
        """All samples of the span's profiles; empty arrays when there are none."""
        with self._lock:
            tree = self._tree(span.group)
            if tree is None:
                return samples.joined([])
            cover = self._cover(span, coarsest_s)
            self._catch_up_series(tree)
            found = reading.pieces(self._connection, tree, cover)
            self._catch_up(tree, found)
            return reading.joined(found, tree)

    def ends(self, span: Span, step_s: float) -> Floats:
        """The starts of the aligned steps of ``step_s`` in which the span's profiles ended, (n,), ascending."""
        with self._lock:
            tree = self._tree(span.group)
            parts = (
                [] if tree is None else reading.parts_of(self._connection, tree, self._cover(span, step_s))
            )
        return np.unique(np.array([part.end // step_s * step_s for part in parts], np.float64))

    def _cover(self, span: Span, coarsest_s: float) -> Cover:
        now = self._clock()
        kept = {step: horizon(step, now, self._retention) for step in (0, *samples.STEPS_S)}
        return samples.cover(span.start, span.end, kept, coarsest_s)

    def _catch_up(self, tree: GroupTree, found: Sequence[reading.Piece]) -> None:
        """Read the stacks that other collectors have met, if any of these are among the samples."""
        if all((tree.nodes.find(piece.stack.astype(np.uint64)) >= 0).all() for piece in found):
            return
        names = ("stack", "parent", "depth", "name", "file", "first", "line")
        columns = self._connection.rows(
            f"SELECT {', '.join(names)} FROM stacks WHERE grp = {tree.group_id} ORDER BY depth", names
        )
        stack, parent, depth, name, file, first, line = columns
        frames = list(zip(name.tolist(), file.tolist(), first.tolist(), strict=True))
        keys = stack.astype(np.uint64), parent.astype(np.uint64)
        tree.learn(*keys, depth.astype(np.int64), line.astype(np.int64), frames)

    def _catch_up_series(self, tree: GroupTree) -> None:
        ids, bodies = self._connection.rows(
            f"SELECT series, body FROM series WHERE grp = {tree.group_id}", ("series", "body")
        )
        for series, body in zip(ids.tolist(), bodies.tolist(), strict=True):
            tree.learn_series(series, body)

    def dictionary(self, group: str) -> Dictionary:
        """The group's call tree and label sets; grows, never changes."""
        with self._lock:
            tree = self._tree(group) or GroupTree(0, self._secret)
            return tree.dictionary()

    def watermark(self, group: str) -> int:
        """A number that grows with every profile added to the group."""
        found = self.group(group)
        return 0 if found is None else found.profiles

    def save_findings(self, group: str, found: Sequence[StoredFinding]) -> None:
        """Add findings, or replace those of equal id."""
        self._beside.save_findings(group, found)

    def findings(self, group: str | None = None) -> list[StoredFinding]:
        """Findings of one group or of all, the latest first."""
        return self._beside.findings(group)

    def heaps(self, span: Span, most: int = MOST) -> list[StoredHeap]:
        """What the span's reports said of their heaps, in their order in time: about ``most`` of them."""
        return self._beside.heaps(span, most)

    def headers(self, groups: Sequence[str], start: float, end: float, most: int) -> list[tuple[str, Header]]:
        """(group, header without its large parts) of reports that ended in [start, end): about ``most`` of them."""
        return heads.headers(self._connection, self._ids(groups), start, end, most)

    def report_counts(self, groups: Sequence[str], start: float, end: float) -> dict[str, int]:
        """How many reports ended in [start, end), by group."""
        return heads.counts(self._connection, self._ids(groups), start, end)

    def blobs(self, span: Span, most: int) -> dict[str, set[str]]:
        """By file name, the git blob ids of what ran, from the newest ``most`` reports of the span."""
        (number,) = [*self._ids([span.group]), 0][:1]
        return heads.blobs(self._connection, number, span.start, span.end, most)

    def _ids(self, groups: Sequence[str]) -> dict[int, str]:
        wanted = set(groups)
        return {_id_of(group): group.name for group in self._beside.groups() if group.name in wanted}

    def document(self, group: str, kind: str) -> Mapping[str, Any]:
        """What is kept beside a group's profiles under ``kind``; empty when nothing is."""
        return self._beside.document(group, kind)

    def change_document(self, group: str, kind: str, change: Change) -> Mapping[str, Any] | None:
        """Replace a document by what ``change`` makes of it, in one transaction; None if there is no such group."""
        return self._beside.change_document(group, kind, change)

    def roll_up(self, group: str) -> int:
        """Nothing to do: ClickHouse adds up as reports come."""
        del group
        return 0

    def expire(self, group: str) -> None:
        """Let go of old heap summaries; ClickHouse does so with samples by itself."""
        self._beside.expire(group)

    def check(self) -> list[str]:
        """What is wrong with the store, in sentences; empty when it is sound."""
        problems = self._beside.check()
        (missing,) = self._connection.rows(
            "SELECT uniqExact(stack) AS n, 1.0 AS one FROM samples WHERE stack != 0 AND stack NOT IN (SELECT stack FROM stacks)",
            ("n",),
        )
        if int(missing[0]):
            problems.append(f"{int(missing[0])} stacks have samples and are not described")
        return problems

    def close(self) -> None:
        """Write what waits, let go of files and connections."""
        self._writer.close()
        self._connection.close()
        self._beside.close()

    def tree(self, name: str) -> GroupTree | None:
        """What this process knows of a group's stacks and series, for maintenance; None if there is no such group."""
        with self._lock:
            return self._tree(name)

    def _tree(self, name: str, *, make: bool = False) -> GroupTree | None:
        """What is known of a group; call with the lock held. None if there is no such group and none is to be made."""
        group = self._beside.group(name)
        if group is None and make:
            self._beside.create_group(name, self._clock())
            group = self._beside.group(name)
        if group is None:
            return None
        held = self._trees.get(name)
        if held is None or held.group_id != _id_of(group):
            held = self._trees[name] = GroupTree(_id_of(group), self._secret)
            self._catch_up_series(held)
        return held

    def _prepare(self) -> bytes:
        """Make the tables that are missing; the secret that all collectors of the database share."""
        for statement in tables.statements(self._retention):
            self._connection.run(statement)
        self._keep_for(self._retention)
        if not self._meta("secret"):
            self._connection.insert("meta", {"key": ["secret"], "value": [os.urandom(16).hex()]})
        return bytes.fromhex(
            min(self._meta("secret"))
        )  # two that began at once have made one each: all take the same

    def _keep_for(self, retention: Retention) -> None:
        wanted = json.dumps([retention.of(step) for step in (0, *samples.STEPS_S)])
        if self._meta("retention") == [wanted]:
            return
        for table, step in tables.expiring().items():
            self._connection.run(f"ALTER TABLE {table} MODIFY TTL {tables.ttl(step, retention)}")
        self._connection.run("ALTER TABLE meta DELETE WHERE key = 'retention' SETTINGS mutations_sync = 2")
        self._connection.insert("meta", {"key": ["retention"], "value": [wanted]})

    def _meta(self, key: str) -> list[str]:
        (found,) = self._connection.rows(f"SELECT value, 1 AS one FROM meta WHERE key = '{key}'", ("value",))
        return [str(one) for one in found]


def _id_of(group: Group) -> int:
    """A group's id; one that was deleted and made again has another."""
    return hashed(group.name, repr(group.created))
