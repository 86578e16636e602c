"""The flame graph: a profile as the renderer's payload, and the renderer itself.

The renderer is a handful of ES modules and one style sheet. A server serves each of `ASSETS` under one folder and
imports ``flamegraph.js``; a page of its own holds them inline (`inline_script`). Standard library only.

The payload is a JSON-ready dict of columns; node 0 is the synthetic root ``all``, a parent precedes its children and
``values[k].self[n]`` is what node ``n`` spent itself, in the value's unit::

    {"version": 1, "title": str, "subtitle": str, "start": epoch_s, "end": epoch_s, "strings": [str],
     "frames": {"name": [string], "file": [string], "line": [int]},
     "nodes": {"parent": [node], "frame": [frame]},
     "values": [{"name": str, "unit": str, "self": [int]}], "notes": [str],
     "revision": str}

`pack` writes the same in a twelfth of the bytes; the renderer takes either.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

from kibitz_agent.flamegraph.packing import pack as pack
from kibitz_agent.flamegraph.tree import CallTree, fold, prune
from kibitz_agent.profile import TRUNCATED, Profile

ASSETS = (
    "flamegraph.css",
    "packing.js",
    "model.js",
    "search.js",
    "format.js",
    "compare.js",
    "origins.js",
    "colour.js",
    "boxes.js",
    "painter.js",
    "table.js",
    "functions.js",
    "minimap.js",
    "outline.js",
    "amounts.js",
    "tooltip.js",
    "source.js",
    "picture.js",
    "menu.js",
    "actions.js",
    "views.js",
    "state.js",
    "surroundings.js",
    "shell.js",
    "input.js",
    "spans.js",
    "neighbours.js",
    "scene.js",
    "travel.js",
    "flamegraph.js",
)
"""The renderer's files; scripts stand in an order in which each imports only what precedes it."""

MAX_NODES = 16_384
PAYLOAD_VERSION = 1

_IMPORT = re.compile(r"^import \{[^}]*\} from \"\./([a-z]+\.js)\";\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const|let) )", re.MULTILINE)


@cache
def asset(name: str) -> str:
    """The text of one of `ASSETS`; `KeyError` for any other name, so that a server may pass what it was asked."""
    if name not in ASSETS:
        raise KeyError(f"no renderer file {name!r}: there are {', '.join(ASSETS)}")
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


@cache
def inline_script() -> str:
    """All modules as one, for a page without a server: imports drop out, since what they name stands above."""
    scripts = [name for name in ASSETS if name.endswith(".js")]
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", asset(name))) for name in scripts)


def payload(
    profile: Profile, title: str = "", subtitle: str = "", max_nodes: int = MAX_NODES
) -> dict[str, Any]:
    """``profile`` for the renderer, its lines folded away, with at most ``max_nodes`` nodes (2 or more).

    What is pruned stays as nodes named "(N small frames)", so that widths add up. The value named wall comes first.
    """
    whole = fold(profile)
    tree = prune(whole, max_nodes)
    header = profile.header
    return {
        "version": PAYLOAD_VERSION,
        "title": title or header.group or "Profile",
        "subtitle": subtitle or _subtitle(profile),
        "start": header.start_ns / 1e9,
        "end": header.end_ns / 1e9,
        **_columns(tree),
        "notes": _notes(profile, len(whole.parent) - len(tree.parent)),
        "revision": header.revision,
    }


def _columns(tree: CallTree) -> dict[str, Any]:
    strings: dict[str, int] = {"": 0}
    frames: dict[tuple[str, str, int], int] = {}
    nodes = [
        frames.setdefault((frame.name, frame.file, frame.line), len(frames))
        for frame in map(tree.frames.__getitem__, tree.frame)
    ]
    names = [strings.setdefault(name, len(strings)) for name, _, _ in frames]
    paths = [strings.setdefault(file, len(strings)) for _, file, _ in frames]
    order = {"wall": 0, "cpu": 1, "samples": 2}
    values = sorted(
        zip(tree.value_types, tree.self, strict=True), key=lambda pair: order.get(pair[0].name, 3)
    )
    return {
        "strings": list(strings),
        "frames": {"name": names, "file": paths, "line": [line for _, _, line in frames]},
        "nodes": {"parent": tree.parent, "frame": nodes},
        "values": [{"name": kind.name, "unit": kind.unit, "self": column} for kind, column in values],
    }


def _subtitle(profile: Profile) -> str:
    header = profile.header
    counts = [k for k, kind in enumerate(profile.value_types) if kind.unit == "count"]
    parts = [f"{header.duration_ns / 1e9:,.1f} s"] if header.duration_ns else []
    if counts:
        parts.append(f"{sum(profile.values[counts[0]]):,} samples")
    if header.interval_ns:
        parts.append(f"every {header.interval_ns / 1e6:g} ms")
    if header.process_id:
        parts.append(f"process {header.process_id}")
    return " · ".join([*parts, *filter(None, (header.runtime, header.revision))])


def _notes(profile: Profile, pruned: int) -> list[str]:
    header = profile.header
    notes = [f"A limit struck while sampling: {limit}." for limit in header.limits]
    if any(key == TRUNCATED for labels in profile.label_sets for key, _ in labels):
        notes.append("Some stacks were deeper than the limit: their innermost frames are missing.")
    if header.overhead.dropped_samples:
        notes.append(f"{header.overhead.dropped_samples:,} samples were dropped.")
    if pruned > 0:
        notes.append(f'{pruned:,} of the smallest frames are drawn together as "small frames".')
    return notes
