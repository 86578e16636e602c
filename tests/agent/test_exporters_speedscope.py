"""Speedscope JSON against the schema that Speedscope publishes."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz_agent.exporters import speedscope
from kibitz_agent.profile import Frame, ProfileBuilder

SCHEMA = json.loads(
    (Path(__file__).parent / "data" / "speedscope-file-format-schema.json").read_text("utf-8")
)
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)

frames = st.builds(Frame, st.text(max_size=6), st.text(max_size=6), st.integers(0, 99))
stacks = st.lists(st.tuples(st.lists(frames, min_size=1, max_size=4), st.integers(0, 9)), max_size=8)


@given(stacks)
def test_a_file_follows_the_schema_and_its_sums(given_stacks: list[tuple[list[Frame], int]]) -> None:
    builder = ProfileBuilder()
    for stack, weight in given_stacks:
        builder.add_stack(stack, (weight, weight * 10, 0))
    profile = builder.build()
    document = json.loads(speedscope.encode(profile))
    VALIDATOR.validate(document)
    assert [shown["name"] for shown in document["profiles"]] == ["samples", "wall", "cpu"]
    for shown in document["profiles"]:
        assert len(shown["samples"]) == len(shown["weights"])
        assert shown["endValue"] == sum(shown["weights"]) == profile.total(shown["name"])
        assert all(0 <= at < len(document["shared"]["frames"]) for stack in shown["samples"] for at in stack)


def test_stacks_are_root_first_and_wall_is_shown_first() -> None:
    builder = ProfileBuilder()
    builder.add_stack([Frame("app:main", "/srv/app.py", 3), Frame("app:work")], (1, 10, 0))
    document = json.loads(speedscope.encode(builder.build()))
    wall = document["profiles"][document["activeProfileIndex"]]
    assert (wall["name"], wall["unit"]) == ("wall", "nanoseconds")
    names = [document["shared"]["frames"][at]["name"] for at in wall["samples"][0]]
    assert names == ["app:main", "app:work"]
    assert document["shared"]["frames"][0] == {"name": "app:main", "file": "/srv/app.py", "line": 3}
    assert document["profiles"][2]["samples"] == []


@pytest.mark.parametrize(("key", "wrong"), [("unit", "fortnights"), ("samples", [[None]]), ("weights", None)])
def test_the_schema_refuses_what_speedscope_would(key: str, wrong: object) -> None:
    builder = ProfileBuilder()
    builder.add_stack([Frame("app:main")], (1, 10, 0))
    document = json.loads(speedscope.encode(builder.build()))
    assert VALIDATOR.is_valid(document)
    document["profiles"][0][key] = wrong
    assert not VALIDATOR.is_valid(document)
