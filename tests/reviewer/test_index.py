"""The light index: lists, parents, names and source of one file."""

from __future__ import annotations

import ast
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz_reviewer.engines.index import Module


def module_of(source: str) -> Module:
    return Module(textwrap.dedent(source), "shop/cart.py")


def test_nodes_come_in_source_order() -> None:
    module = module_of("def a(): pass\nclass B:\n    async def c(self): pass\ndef d(): pass\n")
    found = module.nodes(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    assert [node.name for node in found] == ["a", "B", "c", "d"]


def test_every_node_but_the_module_has_its_parent() -> None:
    module = module_of("x = [i + 1 for i in y if i]\n")
    for node in ast.walk(module.tree):
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.expr_context | ast.operator):
                assert module.parent(child) is node


def test_scope_name_is_the_dotted_name_of_what_is_around() -> None:
    module = module_of("class Cart:\n    def total(self):\n        return sum(self.items)\n")
    call = module.nodes(ast.Call)[0]
    assert module.scope_name(call) == "Cart.total"
    assert module.enclosing_class(call) is module.nodes(ast.ClassDef)[0]


def test_columns_count_characters_not_bytes() -> None:
    module = module_of("café = '☕'; run(café)\n")
    span = module.span(module.nodes(ast.Call)[0])
    assert (span.column, span.end_column) == (13, 22)
    assert module.text(span) == "run(café)"


def test_span_of_a_function_is_its_first_line() -> None:
    module = module_of("def f(\n    a,\n):\n    return a\n")
    span = module.span(module.nodes(ast.FunctionDef)[0])
    assert (span.line, span.end_line) == (1, 1)


def test_calls_are_found_through_aliases() -> None:
    module = module_of(
        "import subprocess as sp\nfrom subprocess import run as go\nsp.run('a')\ngo('b')\nrun('c')\n"
    )
    assert [module.segment(call) for call in module.calls("subprocess.run")] == ["sp.run('a')", "go('b')"]


def test_calls_with_a_star_takes_everything_beneath() -> None:
    module = module_of("import os.path\nos.path.join('a')\nos.getcwd()\nprint()\n")
    assert len(module.calls("os.*")) == 2


def test_constant_follows_a_name_bound_once() -> None:
    module = module_of("LIMIT = -3\nf(LIMIT)\ng(other)\n")
    limit, other = (call.args[0] for call in module.nodes(ast.Call))
    assert module.constant(limit) == -3
    assert module.constant(other, "unknown") == "unknown"


def test_value_of_gives_up_on_a_name_bound_twice() -> None:
    module = module_of("a = 1\na = 2\nf(a)\n")
    name = module.nodes(ast.Call)[0].args[0]
    assert module.value_of(name) is name


def test_imported_names_include_the_packages_above() -> None:
    module = module_of("import a.b.c\nfrom x import y\n")
    assert {"a", "a.b", "a.b.c", "x", "x.y"} <= module.imported


def test_comments_in_strings_are_none() -> None:
    module = module_of("x = '# no'  # yes\n")
    assert module.comments == {1: "# yes"}


def test_within_leaves_nested_functions_out() -> None:
    module = module_of("def f():\n    a()\n    def g():\n        b()\n    return lambda: c()\n")
    outer = module.nodes(ast.FunctionDef)[0]
    assert [module.segment(call) for call in module.within(outer, ast.Call)] == ["a()"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_as_python_counts_them(end: str) -> None:
    module = Module(f"a = 1{end}b = '\x0c\u2028'{end}run()", "x.py")
    call = module.nodes(ast.Call)[0]
    assert module.line(module.span(call).line) == "run()"


@given(st.text(alphabet="aé☕𝒳 _", max_size=20), st.integers(0, 5))
def test_segment_is_the_text_of_the_node(padding: str, blank: int) -> None:
    text = "\n" * blank + f"x = {padding!r}; call({padding!r})\n"
    module = Module(text, "x.py")
    assert module.segment(module.nodes(ast.Call)[0]) == f"call({padding!r})"
