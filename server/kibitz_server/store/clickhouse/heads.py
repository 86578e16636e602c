"""A report's head: the one of its rows that is no sample, and says what the report is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from kibitz_agent.profile import Header
from kibitz_agent.wire import header_from_fields
from kibitz_server.store import Part, samples
from kibitz_server.store.clickhouse.connection import Connection

Fields = Mapping[str, Any]

_LARGE = ("blobs", "heap")  # read for itself, or kept elsewhere


def text_of(part: Part, header: Fields) -> str:
    """What is known of one report, as it is kept; ``header``: its fields."""
    (instance,), (revision,) = part.instances, part.revisions
    fields = {
        "start": part.start,
        "instance": instance,
        "revision": revision,
        "facts": samples.facts_json(part),
        "header": {name: value for name, value in header.items() if name != "heap"},
    }
    return json.dumps(fields, separators=(",", ":"))


def headers(
    connection: Connection, groups: Mapping[int, str], start: float, end: float, most: int
) -> list[tuple[str, Header]]:
    """(group, header without its large parts) of reports that ended in [start, end), in their order in time.

    ``groups``: names by id. Where there are more reports than ``most``, an even choice of about so many.
    """
    step = -(-sum(counts(connection, groups, start, end).values()) // max(1, most))
    chosen = f"AND report % {step} = 0" if step > 1 else ""
    found = []
    for group, fields in _read(connection, groups, start, end, f"{chosen} ORDER BY t"):
        small = {name: value for name, value in fields.items() if name not in _LARGE}
        found.append((groups[group], header_from_fields(small)))
    return found


def counts(connection: Connection, groups: Mapping[int, str], start: float, end: float) -> dict[str, int]:
    """How many reports ended in [start, end), by group; those without any are left out."""
    if not groups:
        return {}
    query = f"SELECT series, count() AS n FROM samples WHERE {_of(groups, start, end)} GROUP BY series"
    ids, numbers = connection.rows(query, ("series", "n"))
    return {groups[int(one)]: int(number) for one, number in zip(ids, numbers, strict=True)}


def blobs(connection: Connection, group: int, start: float, end: float, most: int) -> dict[str, set[str]]:
    """By file name, the blob ids that the newest ``most`` reports which ended in [start, end) name."""
    found: dict[str, set[str]] = {}
    newest = f"ORDER BY t DESC LIMIT {int(most)}"
    for _, fields in _read(connection, {group: ""}, start, end, newest):
        for file, blob in fields.get("blobs", {}).items():
            found.setdefault(file, set()).add(blob)
    return found


def _read(
    connection: Connection, groups: Mapping[int, str], start: float, end: float, rest: str
) -> Iterator[tuple[int, Fields]]:
    if not groups:
        return
    header = "JSONExtractRaw(head, 'header') AS header"
    query = f"SELECT series, t, {header} FROM samples WHERE {_of(groups, start, end)} {rest}"
    ids, _, texts = connection.rows(query, ("series", "t", "header"))
    for group, text in zip(ids.tolist(), texts.tolist(), strict=True):
        if text:  # those of an older Kibitz have none
            yield int(group), json.loads(text)


def _of(groups: Mapping[int, str], start: float, end: float) -> str:
    ids = ", ".join(map(str, groups))
    return f"series IN ({ids}) AND stack = 0 AND t >= {float(start)!r} AND t < {float(end)!r}"
