"""Findings in the tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from kibitz_server.store import StoredFinding, schema


def save(connection: Connection, group_id: int, found: Sequence[StoredFinding]) -> None:
    """Add findings, or replace those of equal id."""
    findings = schema.findings
    for finding in found:
        connection.execute(findings.delete().where(findings.c.id == finding.id))
        connection.execute(findings.insert().values(_row(group_id, finding)))


def read(connection: Connection, group: str | None) -> list[StoredFinding]:
    """Findings of one group or of all, the latest first."""
    findings, groups = schema.findings, schema.groups
    query = (
        sa.select(findings, groups.c.name.label("group"))
        .join(groups, groups.c.id == findings.c.group_id)
        .order_by(findings.c.started.desc(), findings.c.id)
    )
    if group is not None:
        query = query.where(groups.c.name == group)
    return [_finding(row) for row in connection.execute(query).mappings()]


def _row(group_id: int, finding: StoredFinding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "group_id": group_id,
        "kind": finding.kind,
        "frame": finding.frame,
        "started": finding.start,
        "ended": finding.end,
        "reason": finding.reason,
        "details": json.dumps(dict(finding.details)),
    }


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
