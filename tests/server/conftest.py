"""A store, an application over it, and profiles to put in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kibitz_agent.profile import Frame, Header, Profile, ProfileBuilder
from kibitz_server import query
from kibitz_server.app import create_app
from kibitz_server.config import Config
from kibitz_server.store import Span, Store
from kibitz_server.store.sql import SqlStore, open_sqlite

ALL = Span("g", 0, 10_000_000)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = open_sqlite(str(tmp_path / "kibitz.sqlite"))
    yield opened
    opened.close()


@pytest.fixture
def client(store: SqlStore, tmp_path: Path) -> Any:
    app = create_app(store, Config(data=tmp_path))
    return app.test_client()


@pytest.fixture
def make() -> Callable[..., Profile]:
    """``make({"a;b": 3}, end_ns=...)``: a profile from collapsed text."""

    def build(stacks: dict[str, int], **header: Any) -> Profile:
        builder = ProfileBuilder()
        for text, count in stacks.items():
            builder.add_stack([Frame(name) for name in text.split(";")], (count, 10 * count, 5 * count))
        facts = {"instance": "i", "start_ns": 90 * 10**9, "end_ns": 100 * 10**9, **header}
        return builder.build(Header(**facts))

    return build


@pytest.fixture
def report() -> Callable[..., Profile]:
    """``report([("a;b", 3)], ended)``: a profile of stacks that ended then, epoch seconds."""
    return _report


@pytest.fixture
def answers() -> Callable[..., Any]:
    """``answers(store, span)``: what a store says of a span, in a form that can be compared."""
    return _answers


def _report(stacks: list[tuple[str, int]], ended: float, **header: Any) -> Profile:
    builder = ProfileBuilder()
    for text, count in stacks:
        builder.add_stack([Frame(name) for name in text.split(";")], (count, count, 1), {"state": "running"})
    facts = {"instance": "i", "start_ns": int((ended - 1) * 1e9), "end_ns": int(ended * 1e9), **header}
    return builder.build(Header(**facts))


def _answers(store: Store, span: Span = ALL) -> Any:
    tree = query.merged_tree(store, span)
    functions = [(f.frame.name, f.self_value, f.total) for f in query.top_functions(tree, "samples", 9999)]
    group = store.group(span.group)
    counts = None if group is None else (group.profiles, group.instances, group.first_seen, group.last_seen)
    return sorted(functions), counts, store.ends(span, 300.0).tolist(), store.watermark(span.group)
