"""A SQL store's samples into ClickHouse: its single reports, and of its sums what those reports do not make up."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sqlalchemy as sa

from kibitz_agent.profile import ValueType
from kibitz_server.store import Dictionary, Group, Part, StoreError, codec, samples, schema
from kibitz_server.store.clickhouse import heads
from kibitz_server.store.clickhouse.connection import Connection
from kibitz_server.store.clickhouse.store import ClickHouseStore
from kibitz_server.store.clickhouse.tree import GroupTree
from kibitz_server.store.clickhouse.writing import report_block
from kibitz_server.store.codec import Block
from kibitz_server.store.nodes import Keys
from kibitz_server.store.sql import SqlStore

_ROWS_AT_ONCE = 100_000
_STAGING = "arriving"


@dataclass(frozen=True, slots=True)
class _Names:
    """What a group's dense ids are called in ClickHouse."""

    connection: Connection
    tree: GroupTree
    dictionary: Dictionary
    stacks: Keys
    series: dict[tuple[int, tuple[ValueType, ...]], int]

    def of(self, block: Block) -> tuple[Keys, Keys]:
        """The series and the stack of each of the block's rows; series that are new are written down."""
        numbers, place = np.unique(block.labels, return_inverse=True)
        ids, new = [], {}
        for number in numbers.tolist():
            if (number, block.types) not in self.series:
                one, body = self.tree.series(self.dictionary.label_sets[number], block.types)
                self.series[number, block.types], new[one] = one, body
            ids.append(self.series[number, block.types])
        if new:
            columns: dict[str, list[Any]] = {
                "grp": [self.tree.group_id] * len(new),
                "series": list(new),
                "body": list(new.values()),
            }
            self.connection.insert("series", columns)
        return np.array(ids, np.uint64).take(place.reshape(-1)), self.stacks.take(block.node)


def copy_samples(source: SqlStore, target: ClickHouseStore) -> int:
    """Copy the samples of all groups, which ``target`` must know already; how many reports and sums they were.

    ``source`` is rolled up first. What was interrupted is done again from the beginning, in an empty database.
    """
    connection = target.connection
    (there,) = connection.rows("SELECT count() AS n, 1.0 AS one FROM samples", ("n",))
    if int(there[0]):
        raise StoreError("the database to copy into has samples already: it must be empty")
    connection.run(
        f"CREATE OR REPLACE TABLE {_STAGING} (series UInt64, stack UInt64, bucket Int64, vals Array(Int64)) "
        "ENGINE = MergeTree ORDER BY (series, stack, bucket)"
    )
    count = 0
    for group in source.groups():
        while source.roll_up(group.name):
            pass
        count += _copy_group(source, target, group)
    connection.run(f"DROP TABLE {_STAGING}")
    return count


def _copy_group(source: SqlStore, target: ClickHouseStore, group: Group) -> int:
    dictionary, tree = source.dictionary(group.name), target.tree(group.name)
    if tree is None:
        raise StoreError(f"the database beside ClickHouse has no group {group.name}: copy into it first")
    frames = [(frame.name, frame.file, frame.line) for frame in dictionary.frames]
    stacks = tree.stack_keys(dictionary.parent, dictionary.line, dictionary.frame, frames)
    _write_stacks(target.connection, tree, dictionary, stacks)
    names = _Names(target.connection, tree, dictionary, stacks, {})
    groups = schema.groups
    with source.engine.connect() as reader:
        group_id = reader.execute(sa.select(groups.c.id).where(groups.c.name == group.name)).scalar_one()
        count = 0
        for token, part, block, header in _reports(reader, group_id):
            head = heads.text_of(part, header)
            rows = report_block(tree, token, head, part.end, *names.of(block), block.values)
            target.connection.insert("samples", rows, f"{tree.group_id}/{token}")
            count += 1
        for step in samples.STEPS_S:
            for start, part, block in _sums(reader, group_id, step):
                _write_sum(names, step, start, part, block)
                count += 1
    return count


def _write_stacks(connection: Connection, tree: GroupTree, dictionary: Dictionary, stacks: Keys) -> None:
    parents = np.append(stacks, np.uint64(0))[dictionary.parent]  # -1 is the last: no parent
    for first in range(0, len(stacks), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        frames = [dictionary.frames[one] for one in dictionary.frame[rows].tolist()]
        columns = {
            "grp": [tree.group_id] * len(frames),
            "stack": stacks[rows].tolist(),
            "parent": parents[rows].tolist(),
            "depth": dictionary.depth[rows].tolist(),
            "name": [frame.name for frame in frames],
            "file": [frame.file for frame in frames],
            "first": [frame.line for frame in frames],
            "line": dictionary.line[rows].tolist(),
        }
        connection.insert("stacks", columns)


def _reports(
    reader: sa.Connection, group_id: int, low: float = 0.0, high: float = float("inf")
) -> Iterator[tuple[str, Part, Block, Mapping[str, Any]]]:
    """The single reports that ended in [low, high): token, facts, samples, the header's fields."""
    table = schema.profiles
    query = sa.select(table).where(table.c.group_id == group_id, table.c.ended >= low)
    if high != float("inf"):
        query = query.where(table.c.ended < high)
    for row in reader.execute(query).yield_per(100):
        part = samples.report_part(row.started, row.ended, row.instance, row.revision, row.facts)
        header = json.loads(zlib.decompress(row.header))
        yield row.token, part, Block(*codec.decode(row.samples), part.types), header


def _sums(reader: sa.Connection, group_id: int, step: int) -> Iterator[tuple[int, Part, Block]]:
    """The buckets of a step without what their single reports, where they are kept, make up again by themselves."""
    table = schema.buckets
    query = sa.select(table.c.start).where(table.c.group_id == group_id, table.c.step == step)
    for start in reader.scalars(query.order_by(table.c.start)).all():
        here = sa.and_(table.c.group_id == group_id, table.c.step == step, table.c.start == start)
        row = reader.execute(sa.select(table.c.summary, table.c.samples).where(here)).one()
        part = samples.part_from_json(row.summary)
        blocks = [Block(*codec.decode(row.samples), part.types)]
        single = list(_reports(reader, group_id, start, start + step))
        blocks += [replace(block, values=-block.values) for _, _, block, _ in single]
        left = codec.merge(blocks)
        kept = left.values.any(axis=1)
        part = replace(part, profiles=part.profiles - len(single))
        if part.profiles:
            yield int(start), part, Block(left.node[kept], left.labels[kept], left.values[kept], left.types)


def _write_sum(names: _Names, step: int, start: int, part: Part, block: Block) -> None:
    series, stacks = names.of(block)
    columns: dict[str, list[Any]] = {
        "series": series.tolist(),
        "stack": stacks.tolist(),
        "bucket": [start] * len(stacks),
        "vals": block.values.tolist(),
    }
    connection = names.connection
    if len(stacks):
        connection.insert(_STAGING, columns)
        connection.run(
            f"INSERT INTO sums_{step} SELECT series, stack, bucket, sumForEachState(vals) FROM {_STAGING} "
            "GROUP BY series, stack, bucket"
        )
        connection.run(f"TRUNCATE TABLE {_STAGING}")
    known: dict[str, list[Any]] = {
        "grp": [names.tree.group_id],
        "bucket": [start],
        "started": [part.start],
        "ended": [part.end],
        "profiles": [part.profiles],
        "instances": [sorted(part.instances)],
        "revisions": [sorted(part.revisions)],
        "facts": [[samples.facts_json(part)]],
    }
    connection.insert(f"parts_{step}", known)
