"""How a text is put together, as far as a function shows."""

from __future__ import annotations

import ast
import textwrap

import pytest

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.text import Text, text_of


def used(body: str) -> Text:
    """The text given to ``use(...)`` in a function of that body."""
    module = Module(
        "def f(name, count: int, flag, names):\n" + textwrap.indent(textwrap.dedent(body), "    ")
    )
    (call,) = (c for c in module.nodes(ast.Call) if isinstance(c.func, ast.Name) and c.func.id == "use")
    return text_of(module, call.args[0])


@pytest.mark.parametrize(
    "body",
    [
        "use('a' + 'b')",
        "use(f'{count} of {len(names)}')",
        "use('%d items' % flag)",
        "marks = ','.join('?' * len(names))\nuse(f'IN ({marks})')",
        "marks = ','.join('?' for _ in names)\nuse('IN (' + marks + ')')",
        "for kind in ('x', 'y'):\n    use(f'{kind}!')",
        "for i in range(9):\n    use(f'{i}!')",
        "use(f'{LIMIT}')",
        "q = f'{name}'\nq = 'constant'\nuse(q)",
    ],
)
def test_text_without_holes(body: str) -> None:
    assert used(body).is_constant, used(body).literal


@pytest.mark.parametrize(
    "body",
    [
        "use('a' + name)",
        "use(f'{name}')",
        "use('%s' % name)",
        "use('%(x)s' % {'x': name})",
        "use('{}'.format(name))",
        "use(','.join(names))",
        "q = 'a'\nif flag:\n    q = q + name\nuse(q)",
        "q = 'a'\nq += name\nuse(q)",
        "q = 'constant'\nif flag:\n    q = f'{name}'\nuse(q)",
        "if flag:\n    q = f'{name}'\nelse:\n    q = 'constant'\nuse(q)",
        "use('a' if flag else name)",
    ],
)
def test_text_with_a_hole(body: str) -> None:
    assert not used(body).is_constant
    assert "\0" in used(body).literal


def test_a_variable_made_of_itself_comes_to_an_end() -> None:
    assert not used("q = name\nfor n in names:\n    q = q + q\nuse(q)").is_constant


def test_many_variables_made_of_each_other_cost_little() -> None:
    body = "q = name\n" + "for n in names:\n" + "    q = q + q\n" * 60 + "use(q)"
    text = used(body)
    assert not text.is_constant
    assert text.steps < 100_000
