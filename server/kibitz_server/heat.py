"""How hot each function was: its share of a span's time with all it calls, and which texts of its file ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Protocol, runtime_checkable

import numpy as np

from kibitz_server.query import Tree, function_values, merged_tree
from kibitz_server.store import Span, Store

LEAST_SHARE = 0.001
MOST_FUNCTIONS = 5_000
MOST_REPORTS = 100


@runtime_checkable
class KeepsBlobs(Protocol):
    """A store that can tell which texts its reports' programs ran."""

    def blobs(self, span: Span, most: int) -> Mapping[str, set[str]]:
        """By file name, the git blob ids that about ``most`` of the span's reports name."""


def heat(store: Store, span: Span) -> dict[str, Any]:
    """The span's hot functions as plain data, the hottest first. ``value``: cpu where it was measured, else wall, else the first.

    ``total`` of a function counts recursion once, in ``unit``; ``total`` beside them is that of the whole span.
    """
    tree = merged_tree(store, span)
    column = _chosen(tree)
    kind = tree.value_types[column] if tree.value_types else None
    whole = int(tree.self_values[:, column].sum()) if kind else 0
    rows = _hot(tree, kind.name, whole) if kind and whole else []
    named = {row["file"] for row in rows}
    blobs = store.blobs(span, MOST_REPORTS) if isinstance(store, KeepsBlobs) else {}
    return {
        "group": span.group,
        "from": span.start,
        "to": span.end,
        "value": kind.name if kind else "",
        "unit": kind.unit if kind else "",
        "total": whole,
        "functions": rows,
        "blobs": {file: sorted(ids) for file, ids in blobs.items() if file in named},
    }


def _chosen(tree: Tree) -> int:
    names = [kind.name for kind in tree.value_types]
    for wanted in ("cpu", "wall"):
        if wanted in names and tree.self_values[:, names.index(wanted)].any():
            return names.index(wanted)
    return 0


def _hot(tree: Tree, value: str, whole: int) -> list[dict[str, Any]]:
    own, totals = function_values(tree, value)
    order = np.argsort(-totals, kind="stable")[:MOST_FUNCTIONS]
    frames = tree.dictionary.frames
    return [
        {**asdict(frames[i]), "self": int(own[i]), "total": int(totals[i])}
        for i in order.tolist()
        if totals[i] >= LEAST_SHARE * whole
    ]
