"""A store, an application over it, and profiles to put in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kibitz_agent.profile import Frame, Header, Profile, ProfileBuilder
from kibitz_server.app import create_app
from kibitz_server.config import Config
from kibitz_server.store.sql import SqlStore, open_sqlite


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
