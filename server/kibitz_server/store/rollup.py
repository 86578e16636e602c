"""Rolling reports up into buckets of 5 minutes, an hour and a day, and letting go of what is kept long enough.

A report goes into its three buckets and is marked as rolled up in one transaction: it is in each exactly once, however
late it came. Samples are added up by node and label set in integers: a bucket equals the sum of its reports exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from kibitz_server.retention import Retention
from kibitz_server.store import Part, codec, samples, schema
from kibitz_server.store.codec import Block

MOST_REPORTS = 200


def roll_up(connection: Connection, group_id: int) -> int:
    """Put up to `MOST_REPORTS` of a group's reports into their buckets; how many there were."""
    profiles = schema.profiles
    query = (
        sa.select(profiles)
        .where(profiles.c.group_id == group_id, profiles.c.rolled == 0)
        .order_by(profiles.c.ended)
        .limit(MOST_REPORTS)
    )
    rows = connection.execute(query).all()
    found: list[tuple[float, Part, Block]] = []
    for row in rows:
        part = samples.report_part(row.started, row.ended, row.instance, row.revision, row.facts)
        found.append((row.ended, part, Block(*codec.decode(row.samples), part.types)))
    for step in samples.STEPS_S:
        found = _added_up(found, step)  # hours are made of the five minutes just made, days of the hours
        for start, part, block in found:
            _add(connection, group_id, step, start, part, block)
    done = [row.id for row in rows]
    connection.execute(profiles.update().where(profiles.c.id.in_(done)).values(rolled=1))
    return len(rows)


def _added_up(found: Sequence[tuple[float, Part, Block]], step: int) -> list[tuple[float, Part, Block]]:
    """(start, part, block) of each bucket of ``step`` seconds that something of ``found``, with its times, falls into."""
    by_start: dict[float, list[tuple[Part, Block]]] = {}
    for at, part, block in found:
        by_start.setdefault(at // step * step, []).append((part, block))
    return [
        (
            start,
            samples.merged_part([part for part, _ in inside]),
            codec.merge([block for _, block in inside]) if len(inside) > 1 else inside[0][1],
        )
        for start, inside in by_start.items()
    ]


def _add(connection: Connection, group_id: int, step: int, start: float, part: Part, block: Block) -> None:
    """Add to a bucket, or make it."""
    buckets = schema.buckets
    here = sa.and_(buckets.c.group_id == group_id, buckets.c.step == step, buckets.c.start == start)
    row = connection.execute(sa.select(buckets.c.summary, buckets.c.samples).where(here)).one_or_none()
    if row is not None:
        before = samples.part_from_json(row.summary)
        block = codec.merge([Block(*codec.decode(row.samples), before.types), block])
        part = samples.merged_part([before, part])
    values = {
        "summary": samples.part_to_json(part),
        "samples": codec.encode(block.node, block.labels, block.values),
    }
    if row is not None:
        connection.execute(buckets.update().where(here).values(**values))
    else:
        connection.execute(buckets.insert().values(group_id=group_id, step=step, start=start, **values))


def horizon(step: int, now: float, retention: Retention) -> float:
    """From when on a step (0: single reports) is kept, epoch seconds: at a whole bucket of the next coarser one."""
    coarser = next((other for other in samples.STEPS_S if other > step), step)
    return max(0.0, (now - retention.of(step)) // coarser * coarser)


def expire(connection: Connection, group_id: int, now: float, retention: Retention) -> dict[int, float]:
    """Delete what is older than ``retention`` allows; from when on each step is kept now, epoch seconds.

    Reports that are not rolled up yet are never deleted. Horizons lie on whole buckets of the next coarser step, so
    that no coarser bucket is half covered by finer ones.
    """
    profiles, buckets = schema.profiles, schema.buckets
    horizons: dict[int, float] = {}
    for step in (0, *samples.STEPS_S):
        oldest = horizons[step] = horizon(step, now, retention)
        if step == 0:
            # One that came late is kept as long as others after it came: its sender may send it again.
            old = sa.and_(
                profiles.c.group_id == group_id,
                profiles.c.rolled == 1,
                profiles.c.ended < oldest,
                profiles.c.received < oldest,
            )
            connection.execute(profiles.delete().where(old))
        else:
            connection.execute(
                buckets.delete().where(
                    buckets.c.group_id == group_id, buckets.c.step == step, buckets.c.start < oldest
                )
            )
    return horizons
