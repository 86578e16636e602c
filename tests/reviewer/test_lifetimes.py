"""Paths on which something stays open."""

from __future__ import annotations

import ast
import textwrap

import pytest

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.lifetimes import stays_open


def is_left_open(body: str) -> bool:
    module = Module(
        "def work(path, other):\n" + textwrap.indent(textwrap.dedent(body).strip(), "    ") + "\n"
    )
    start = next(n for n in module.nodes(ast.Assign) if ast.unparse(n).startswith("f = "))
    return stays_open(module, start, "f", lambda node: ast.unparse(node) == "f.close()")


@pytest.mark.parametrize(
    "body",
    [
        "f = take(path)",
        "f = take(path)\nif other:\n    f.close()",
        "f = take(path)\nif other:\n    return None\nf.close()",
        "f = take(path)\ntry:\n    other()\nexcept ValueError:\n    f.close()",
        "f = take(path)\nfor each in other:\n    if each:\n        return each\nf.close()",
        "if path:\n    f = take(path)\nother()",
        "f = take(path)\nif other:\n    return 1\ntry:\n    other()\nfinally:\n    f.close()",
    ],
)
def test_a_path_that_leaves_it_open_is_seen(body: str) -> None:
    assert is_left_open(body)


@pytest.mark.parametrize(
    "body",
    [
        "f = take(path)\nf.close()",
        "f = take(path)\nif other:\n    f.close()\nelse:\n    f.close()",
        "f = take(path)\nif other:\n    return f\nf.close()",
        "f = take(path)\nif other:\n    raise ValueError\nf.close()",
        "f = take(path)\nif f:\n    f.close()",
        "f = take(path)\nwith f:\n    other()",
        "f = take(path)\ntry:\n    return other()\nfinally:\n    f.close()",
        "try:\n    f = take(path)\n    return other()\nfinally:\n    f.close()",
        "if other:\n    f = take(path)\nif other:\n    f.close()",
        "for each in other:\n    f = take(each)",
    ],
)
def test_what_is_closed_on_each_path_is_not_reported(body: str) -> None:
    assert not is_left_open(body)
