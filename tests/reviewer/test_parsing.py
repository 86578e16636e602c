"""From text to a tree, whatever the text."""

from __future__ import annotations

import ast
import sys

import pytest

from kibitz_reviewer.engines.parsing import UnparsableError, parse, parse_cst

NEWER = "import os\nclass A:\n    def old(self):\n        return 1\n    def new[T](self, x: T) -> T:\n        return x\n"


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python reads PEP 695 itself")
def test_newer_syntax_is_skipped_and_named_while_the_rest_is_parsed() -> None:
    parsed = parse(NEWER)
    assert parsed.skipped == ((5, 6),)
    assert [node.name for node in ast.walk(parsed.tree) if isinstance(node, ast.FunctionDef)] == ["old"]


def test_old_syntax_skips_nothing() -> None:
    assert parse("x = 1\n").skipped == ()


def test_a_broken_file_is_refused_with_its_line() -> None:
    with pytest.raises(UnparsableError) as caught:
        parse("x = 1\ndef f(:\n")
    assert caught.value.line == 2


@pytest.mark.parametrize(
    "source",
    [
        "(" * 10_000,
        "-" * 100_000 + "1",
        "a" + ".b" * 50_000,
        "x = 1\n!\n" + "-" * 100_000 + "1",
        "type X = int\n1" + "+1" * 100_000 + "\n!",
        "if x:\n" + "".join(" " * depth + "if x:\n" for depth in range(1, 200)) + " " * 200 + "!",
        "x\0y",
    ],
    ids=["brackets", "signs", "attributes", "signs after an error", "sums", "blocks", "nul"],
)
def test_hostile_nesting_is_refused_not_survived_by_luck(source: str) -> None:
    with pytest.raises(UnparsableError):
        parse(source)


def test_a_bom_is_no_syntax() -> None:
    assert len(parse("\ufeffx = 1\n").tree.body) == 1


def test_libcst_says_what_is_wrong() -> None:
    with pytest.raises(UnparsableError):
        parse_cst("def f(:\n")
