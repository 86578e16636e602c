"""From text to a tree, whatever the text."""

from __future__ import annotations

import ast
import sys

import pytest

from kibitz_reviewer.engines.parsing import UnparsableError, parse, parse_cst
from kibitz_reviewer.runner import review_source

NEWER = 'import os\nclass A:\n    def old(self):\n        return 1\n    def new(self, x):\n        return f"{x["a"]}"\n'
NEW = """import os
type Names[T] = list[T]
class A[T]:
    def new[U: (int, str)](self, x: T) -> U:
        try:
            return x[0]
        except KeyError, IndexError:
            pass
        text = t"a {x}" + rt'''{x}
{x}''' + eval(x)
"""


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python reads PEP 701 itself")
def test_newer_syntax_is_skipped_and_named_while_the_rest_is_parsed() -> None:
    parsed = parse(NEWER)
    assert parsed.skipped == ((6, 6),)
    names = [node.name for node in ast.walk(parsed.tree) if isinstance(node, ast.FunctionDef)]
    assert names == ["old", "new"]


def test_newer_syntax_is_read_in_older_words_and_in_its_place() -> None:
    parsed = parse(NEW)
    assert parsed.skipped == ()
    found = {
        type(node): node
        for node in ast.walk(parsed.tree)
        if isinstance(node, ast.FunctionDef | ast.ExceptHandler)
    }
    calls = [node for node in ast.walk(parsed.tree) if isinstance(node, ast.Call)]
    handler = found[ast.ExceptHandler]
    assert isinstance(handler, ast.ExceptHandler)
    assert isinstance(handler.type, ast.Tuple)
    assert [ast.unparse(kind) for kind in handler.type.elts] == ["KeyError", "IndexError"]
    assert handler.type.elts[0].col_offset == 15
    assert [(ast.unparse(call), call.lineno, call.col_offset) for call in calls] == [("eval(x)", 10, 9)]


def test_a_file_of_newer_syntax_is_reviewed() -> None:
    text = 'import yaml\n\ndef f[T](path: T):\n    try:\n        return yaml.load(path)\n    except OSError, ValueError:\n        return t"{path}"\n'
    review = review_source(text, "a.py")
    assert ([(f.rule, f.line) for f in review.findings], review.problems) == ([("unsafe-yaml-load", 5)], [])


@pytest.mark.parametrize(
    "source", ["x = " + "9" * 5000 + "\n", "x = '\\N{no such character}'\n", "x = '\\x0'\n"]
)
def test_a_literal_that_is_wrong_is_no_newer_syntax(source: str) -> None:
    with pytest.raises(UnparsableError):
        parse(source)


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
