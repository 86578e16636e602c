"""The tables. A report is one block of one insert: its samples, and a head (stack 0) that says what it is.

Sorted by (series, stack, t): what one stack costs over time lies together. Series, stacks and reports have content-hashed
ids, so that any number of collectors give the same ones without asking each other. Sums of 5 minutes, an hour and a day are
materialised views of the same block: it is in all of them or, after its retry, in all of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from kibitz_server.retention import Retention
from kibitz_server.store.samples import STEPS_S

VERSION = "1"

# A block is remembered by its token for as long as 10,000 others have not come; the head row remembers it for longer.
_DURABLE = "non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1"
_DAY_S = 86_400

_HEAD = "JSONExtractString(head, '{}')"


def statements(retention: Retention) -> Iterator[str]:
    """What makes the tables that are not there."""
    yield """CREATE TABLE IF NOT EXISTS meta (key String, value String)
        ENGINE = ReplacingMergeTree ORDER BY (key, value)"""
    yield f"""CREATE TABLE IF NOT EXISTS stacks (
            grp UInt64, stack UInt64, parent UInt64, depth UInt32,
            name LowCardinality(String), file LowCardinality(String), first UInt32, line UInt32)
        ENGINE = ReplacingMergeTree ORDER BY (grp, stack) SETTINGS {_DURABLE}"""
    yield f"""CREATE TABLE IF NOT EXISTS series (grp UInt64, series UInt64, body String)
        ENGINE = ReplacingMergeTree ORDER BY (grp, series) SETTINGS {_DURABLE}"""
    yield f"""CREATE TABLE IF NOT EXISTS samples (
            series UInt64, stack UInt64, t Float64, report UInt64, token String, head String, vals Array(Int64))
        ENGINE = MergeTree ORDER BY (series, stack, t)
        PARTITION BY toYYYYMMDD(toDateTime(t, 'UTC')) TTL {ttl(0, retention)} SETTINGS {_DURABLE}"""
    for step in STEPS_S:
        yield from _rollup(step, retention)


def _rollup(step: int, retention: Retention) -> Iterator[str]:
    bucket = f"intDiv(toInt64(floor(t)), {step}) * {step}"
    month = "PARTITION BY toYYYYMM(toDateTime(bucket, 'UTC'))"
    yield f"""CREATE TABLE IF NOT EXISTS sums_{step} (
            series UInt64, stack UInt64, bucket Int64, vals AggregateFunction(sumForEach, Array(Int64)))
        ENGINE = AggregatingMergeTree ORDER BY (series, stack, bucket)
        {month} TTL {ttl(step, retention)} SETTINGS {_DURABLE}"""
    yield f"""CREATE MATERIALIZED VIEW IF NOT EXISTS sums_{step}_of_samples TO sums_{step} AS
        SELECT series, stack, {bucket} AS bucket, sumForEachState(vals) AS vals
        FROM samples WHERE stack != 0 GROUP BY series, stack, bucket"""
    texts = "SimpleAggregateFunction(groupUniqArrayArray, Array(String))"
    yield f"""CREATE TABLE IF NOT EXISTS parts_{step} (
            grp UInt64, bucket Int64,
            started SimpleAggregateFunction(min, Float64), ended SimpleAggregateFunction(max, Float64),
            profiles SimpleAggregateFunction(sum, UInt64), instances {texts}, revisions {texts}, facts {texts})
        ENGINE = AggregatingMergeTree ORDER BY (grp, bucket) {month} TTL {ttl(step, retention)} SETTINGS {_DURABLE}"""
    yield f"""CREATE MATERIALIZED VIEW IF NOT EXISTS parts_{step}_of_samples TO parts_{step} AS
        SELECT series AS grp, {bucket} AS bucket, min(JSONExtractFloat(head, 'start')) AS started, max(t) AS ended,
            count() AS profiles,
            groupUniqArrayArray([{_HEAD.format("instance")}]) AS instances,
            groupUniqArrayArray([{_HEAD.format("revision")}]) AS revisions,
            groupUniqArrayArray([{_HEAD.format("facts")}]) AS facts
        FROM samples WHERE stack = 0 GROUP BY grp, bucket"""


def expiring() -> dict[str, int]:
    """The tables whose rows are let go of, and the step in seconds whose retention is theirs (0: single reports)."""
    steps = {f"{kind}_{step}": step for step in STEPS_S for kind in ("sums", "parts")}
    return {"samples": 0, **steps}


def ttl(step: int, retention: Retention) -> str:
    """When rows of a table of that step go. A day longer than asked: what is asked for begins at whole buckets."""
    at = "t" if step == 0 else "bucket"
    days = min(int(retention.of(step) // _DAY_S) + 1, 25_000)
    return f"toDateTime({at}, 'UTC') + INTERVAL {days} DAY"
