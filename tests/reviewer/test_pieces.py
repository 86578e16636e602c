"""Texts taken apart, and the commands and statements made of them."""

from __future__ import annotations

import libcst as cst
import pytest

from kibitz_reviewer.engines.edits import code_of
from kibitz_reviewer.engines.pieces import command_list, parameterised, pieces_of


def pieces(code: str) -> list[str] | None:
    found = pieces_of(cst.parse_expression(code))
    return None if found is None else [p if isinstance(p, str) else f"<{code_of(p)}>" for p in found]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ('f"a {b} c"', ["a ", "<b>", " c"]),
        ('"a " + b + " c"', ["a ", "<b>", " c"]),
        ('"a %s 100%% %d" % (b, c)', ["a ", "<b>", " 100", "%", " ", "<c>"]),
        ('"{} {1}".format(b, c)', ["<b>", " ", "<c>"]),
        ('f"{{a}} {b}"', ["{a} ", "<b>"]),
        ('"%s and %s" % pair', None),
        ('f"{b:>8}"', None),
        ("name", None),
    ],
)
def test_text_is_taken_apart(code: str, expected: list[str] | None) -> None:
    assert pieces(code) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ('f"ping -c 1 {host}"', '["ping", "-c", "1", host]'),
        ("\"grep 'two words' \" + path", '["grep", "two words", path]'),
        ('f"convert {a} {b}.png"', '["convert", a, f"{b}.png"]'),
        ('f"ls {path} | wc"', None),
        ('f"{program} -v"', None),
        ('f"LANG=C sort {path}"', None),
        ('f"cat {path}*"', None),
        ('f"echo \\"{text}"', None),
    ],
)
def test_command_becomes_a_list_unless_it_needs_the_shell(code: str, expected: str | None) -> None:
    found = pieces_of(cst.parse_expression(code))
    assert found is not None
    assert command_list(found) == expected


@pytest.mark.parametrize(
    ("code", "style", "expected"),
    [
        ("f\"SELECT a FROM t WHERE n = '{name}'\"", "?", ('"SELECT a FROM t WHERE n = ?"', ["name"])),
        ('f"DELETE FROM t WHERE id = {i} AND k > {k}"', "$", ('"DELETE FROM t WHERE id = $1 AND k > $2"', ["i", "k"])),
        ("f\"SELECT a FROM t WHERE n LIKE '%{q}%'\"", "?", ('"SELECT a FROM t WHERE n LIKE ?"', ['f"%{q}%"'])),
        ("\"SELECT a FROM t WHERE d LIKE '2%' AND n = \" + n", "%s", ("\"SELECT a FROM t WHERE d LIKE '2%%' AND n = %s\"", ["n"])),
        ('f"INSERT INTO t VALUES ({a}, {b})"', "?", ('"INSERT INTO t VALUES (?, ?)"', ["a", "b"])),
        ('f"SELECT * FROM {table}"', "?", None),
        ('f"SELECT a FROM t ORDER BY {column}"', "?", None),
        ("f\"SELECT a FROM t WHERE n = 'x{name}'\"", "?", None),
    ],
)  # fmt: skip
def test_values_become_parameters_and_names_do_not(
    code: str, style: str, expected: tuple[str, list[str]] | None
) -> None:
    found = pieces_of(cst.parse_expression(code))
    assert found is not None
    assert parameterised(found, style) == expected
