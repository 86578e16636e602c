"""Reading a span: whole buckets of the sums inside, single reports at its edges, as in every store."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from kibitz_agent.profile import AGENT_VALUE_TYPES, ValueType
from kibitz_server.store import Ints, Part, Samples, codec, samples
from kibitz_server.store.clickhouse.connection import Connection
from kibitz_server.store.clickhouse.tree import GroupTree
from kibitz_server.store.samples import Cover


@dataclass(frozen=True, slots=True)
class Piece:
    """Samples of some parts: ``part`` (n,) is the row's part, ``series`` and ``stack`` its ids, ``values`` (n, most types)."""

    parts: list[Part]
    part: Ints
    series: np.ndarray
    stack: np.ndarray
    values: Ints


def parts_of(connection: Connection, tree: GroupTree, cover: Cover) -> list[Part]:
    """The parts alone."""
    found: list[Part] = []
    for low, high in cover.edges:
        found += _reports(connection, tree, low, high)[1]
    for step, low, high in cover.buckets:
        found += _buckets(connection, tree, step, low, high)[1]
    return found


def pieces(connection: Connection, tree: GroupTree, cover: Cover) -> list[Piece]:
    """What a cover is made of."""
    found = []
    for low, high in cover.edges:
        ids, parts = _reports(connection, tree, low, high)
        if parts:
            where = f"stack != 0 AND t >= {low!r} AND t < {high!r}"
            found.append(
                _piece(
                    connection,
                    tree,
                    f"SELECT series, stack, report AS of, vals AS v FROM samples WHERE {where}",
                    ids,
                    parts,
                )
            )
    for step, low, high in cover.buckets:
        ids, parts = _buckets(connection, tree, step, low, high)
        if parts:
            inner = (
                f"SELECT series, stack, bucket AS of, sumForEachMerge(vals) AS v FROM sums_{step} "
                f"WHERE bucket >= {low!r} AND bucket < {high!r}"
            )
            found.append(_piece(connection, tree, inner, ids, parts, "GROUP BY series, stack, bucket"))
    return found


def joined(found: list[Piece], tree: GroupTree) -> Samples:
    """Pieces end to end, ids and value types those of the group's tree, which knows all of them."""
    known = tree.known_series
    parts = [part for piece in found for part in piece.parts]
    types = codec.united(part.types for part in parts) if parts else AGENT_VALUE_TYPES
    empty = np.empty(0, np.int64)
    profile, node, labels, values = [empty], [empty], [empty], [np.empty((0, len(types)), np.int64)]
    first = 0
    for piece in found:
        series, place = np.unique(piece.series, return_inverse=True)
        described = [known[int(one)] for one in series]
        profile.append(piece.part + first)
        node.append(tree.nodes.find(piece.stack.astype(np.uint64)))
        labels.append(np.array([number for number, _ in described], np.int64).take(place.reshape(-1)))
        values.append(_widened(piece.values, place.reshape(-1), [kinds for _, kinds in described], types))
        first += len(piece.parts)
    return Samples(
        parts,
        np.concatenate(profile),
        np.concatenate(node),
        np.concatenate(labels),
        types,
        np.concatenate(values),
    )


def _widened(
    values: Ints, series: Ints, kinds: list[tuple[ValueType, ...]], types: tuple[ValueType, ...]
) -> Ints:
    """The values in the columns of ``types``; ``kinds`` are those of each series, ``series`` (n,) says which is a row's."""
    wide = np.zeros((len(values), len(types)), np.int64)
    for own in set(kinds):
        rows = np.flatnonzero(np.array([one == own for one in kinds]).take(series))
        for column, kind in enumerate(own):
            wide[rows, types.index(kind)] = values[rows, column]
    return wide


def _reports(
    connection: Connection, tree: GroupTree, low: float, high: float
) -> tuple[np.ndarray, list[Part]]:
    ids, ended, heads = connection.rows(
        f"SELECT report, t, head FROM samples WHERE series = {tree.group_id} AND stack = 0 AND t >= {low!r} AND t < {high!r} "
        "ORDER BY report",
        ("report", "t", "head"),
    )
    parts = []
    for end, head in zip(ended.tolist(), heads.tolist(), strict=True):
        fields = json.loads(head)
        parts.append(
            samples.report_part(fields["start"], end, fields["instance"], fields["revision"], fields["facts"])
        )
    return ids, parts


def _buckets(
    connection: Connection, tree: GroupTree, step: int, low: float, high: float
) -> tuple[np.ndarray, list[Part]]:
    names = ("bucket", "started", "ended", "profiles", "instances", "revisions", "facts")
    columns = connection.rows(
        f"""SELECT bucket, min(started) AS started, max(ended) AS ended, sum(profiles) AS profiles,
            groupUniqArrayArray(instances) AS instances, groupUniqArrayArray(revisions) AS revisions,
            groupUniqArrayArray(facts) AS facts
        FROM (SELECT * FROM parts_{step} WHERE grp = {tree.group_id} AND bucket >= {low!r} AND bucket < {high!r})
        GROUP BY bucket ORDER BY bucket""",
        names,
    )
    parts = []
    for _, started, ended, profiles, instances, revisions, facts in zip(*columns, strict=True):
        shared = samples.merged_part([samples.report_part(0.0, 0.0, "", "", one) for one in sorted(facts)])
        parts.append(
            Part(
                start=float(started),
                end=float(ended),
                profiles=int(profiles),
                instances=frozenset(instances),
                revisions=frozenset(revisions),
                types=shared.types,
                limits=shared.limits,
                samplers=shared.samplers,
                interval_ns=shared.interval_ns,
                runtime=shared.runtime,
            )
        )
    return columns[0], parts


def _piece(
    connection: Connection, tree: GroupTree, inner: str, ids: np.ndarray, parts: list[Part], grouped: str = ""
) -> Piece:
    """The rows that ``inner`` finds in the group's series; ``ids``, ascending, are those of the parts."""
    most = max((len(types) for _, types in tree.known_series.values()), default=1)
    series = ", ".join(map(str, tree.known_series))
    columns = [f"v{index}" for index in range(most)]
    values = ", ".join(f"v[{index + 1}] AS {name}" for index, name in enumerate(columns))
    names = ("series", "stack", "of", *columns)
    found = connection.rows(
        f"SELECT series, stack, of, {values} FROM ({inner} AND series IN ({series}) {grouped})", names
    )
    return Piece(
        parts,
        np.searchsorted(ids, found[2]),
        found[0],
        found[1],
        np.stack(found[3:], axis=1).astype(np.int64),
    )
