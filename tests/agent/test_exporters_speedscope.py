"""Speedscope JSON against what its published schema asks of a file of sampled profiles."""

from __future__ import annotations

import json

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from kibitz_agent.exporters import speedscope
from kibitz_agent.profile import Frame, ProfileBuilder

NUMBER = {"type": "number"}
SCHEMA = {
    "type": "object",
    "required": ["$schema", "profiles", "shared"],
    "properties": {
        "$schema": {"const": "https://www.speedscope.app/file-format-schema.json"},
        "activeProfileIndex": NUMBER,
        "exporter": {"type": "string"},
        "name": {"type": "string"},
        "shared": {
            "type": "object",
            "required": ["frames"],
            "properties": {
                "frames": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {
                            "name": {"type": "string"},
                            "file": {"type": "string"},
                            "line": NUMBER,
                        },
                    },
                }
            },
        },
        "profiles": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["endValue", "name", "samples", "startValue", "type", "unit", "weights"],
                "properties": {
                    "type": {"const": "sampled"},
                    "name": {"type": "string"},
                    "unit": {
                        "enum": ["bytes", "microseconds", "milliseconds", "nanoseconds", "none", "seconds"]
                    },
                    "startValue": NUMBER,
                    "endValue": NUMBER,
                    "samples": {"type": "array", "items": {"type": "array", "items": NUMBER}},
                    "weights": {"type": "array", "items": NUMBER},
                },
            },
        },
    },
}

frames = st.builds(Frame, st.text(max_size=6), st.text(max_size=6), st.integers(0, 99))
stacks = st.lists(st.tuples(st.lists(frames, min_size=1, max_size=4), st.integers(0, 9)), max_size=8)


@given(stacks)
def test_a_file_follows_the_schema_and_its_sums(given_stacks: list[tuple[list[Frame], int]]) -> None:
    builder = ProfileBuilder()
    for stack, weight in given_stacks:
        builder.add_stack(stack, (weight, weight * 10, 0))
    profile = builder.build()
    document = json.loads(speedscope.encode(profile))
    jsonschema.validate(document, SCHEMA)
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
