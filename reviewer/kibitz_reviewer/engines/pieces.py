"""A piece of text in libcst, taken apart into what is written out and what is filled in; and commands and statements made of it."""

from __future__ import annotations

import re
import shlex
from typing import TypeAlias

from kibitz_reviewer.engines.edits import code_of, parsed, text_value
from kibitz_reviewer.engines.later import cst

#: Text, or an expression whose value stands there.
Piece: TypeAlias = "str | cst.BaseExpression"
SHELL = re.compile(r"[|&;<>()$`*?\[\]~#!{}\n\\]")
HOLE = "\ue000"
_FIELD = re.compile(r"%[sdi]|%%")
_BRACES = re.compile(r"\{(\d*)\}|\{\{|\}\}")


def pieces_of(node: cst.BaseExpression) -> list[Piece] | None:
    """The pieces of a string, an f-string, a sum, a ``%`` or a ``format``; None if it is something else."""
    text = text_value(node)
    if text is not None:
        return [text]
    if isinstance(node, cst.FormattedString):
        return _of_formatted(node)
    if isinstance(node, cst.ConcatenatedString):
        left, right = pieces_of(node.left), pieces_of(node.right)
        return None if left is None or right is None else left + right
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Add):
        left, right = pieces_of(node.left), pieces_of(node.right)
        return _either(left, node.left) + _either(right, node.right) if left or right else None
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Modulo):
        return _of_percent(node)
    if (
        isinstance(node, cst.Call)
        and isinstance(node.func, cst.Attribute)
        and node.func.attr.value == "format"
    ):
        return _of_format(node, text_value(node.func.value))
    return None


def _either(pieces: list[Piece] | None, node: cst.BaseExpression) -> list[Piece]:
    return [node] if pieces is None else pieces


def _of_formatted(node: cst.FormattedString) -> list[Piece] | None:
    found: list[Piece] = []
    for part in node.parts:
        if isinstance(part, cst.FormattedStringText):
            text = text_value(
                cst.SimpleString(
                    node.start[:-1].replace("f", "").replace("F", "") + _quoted(node, part.value)
                )
            )
            if text is None:
                return None
            found.append(text.replace("{{", "{").replace("}}", "}"))
        elif isinstance(part, cst.FormattedStringExpression):
            if part.format_spec is not None or part.conversion is not None or part.equal is not None:
                return None
            found.append(part.expression)
    return found


def _quoted(node: cst.FormattedString, text: str) -> str:
    return (
        f"{node.end}{text}{node.end}"
        if len(node.end) == 1
        else f'"""{text}"""'
        if '"' not in text[-1:]
        else f"'''{text}'''"
    )


def _of_percent(node: cst.BinaryOperation) -> list[Piece] | None:
    text = text_value(node.left)
    if text is None:
        return None
    right = node.right
    values = [e.value for e in right.elements] if isinstance(right, cst.Tuple) else [right]
    return _filled(text, _FIELD, values)


def _of_format(node: cst.Call, text: str | None) -> list[Piece] | None:
    if text is None or any(arg.keyword is not None or arg.star for arg in node.args):
        return None
    return _filled(text, _BRACES, [arg.value for arg in node.args])


def _filled(text: str, field: re.Pattern[str], values: list[cst.BaseExpression]) -> list[Piece] | None:
    """The pieces of a format; None if its fields and values do not match one to one."""
    found: list[Piece] = []
    at = used = 0
    for match in field.finditer(text):
        found.append(text[at : match.start()])
        at = match.end()
        if match[0] in ("%%", "{{", "}}"):
            found.append(match[0][0])
            continue
        number = match[1] if match.groups() else ""
        index = int(number) if number else used
        used += 1
        if index >= len(values):
            return None
        found.append(values[index])
    rest = text[at:]
    if ("%" in rest.replace("%%", "") and field is _FIELD) or used != len(values):
        return None
    return [piece for piece in [*found, rest] if piece != ""]


# Commands


def command_list(pieces: list[Piece]) -> str | None:
    """The code of the list of arguments that a shell would make of a command; None if it needs the shell."""
    text, holes = "", []
    for piece in pieces:
        if isinstance(piece, str):
            if SHELL.search(piece) or HOLE in piece:
                return None
            text += piece
        else:
            text += HOLE
            holes.append(piece)
    try:
        words = shlex.split(text)
    except ValueError:
        return None
    if not words or words[0] == HOLE or "=" in words[0]:
        return None
    return f"[{', '.join(_word(word, holes) for word in words)}]"


def _word(word: str, holes: list[cst.BaseExpression]) -> str:
    if word == HOLE:
        return code_of(holes.pop(0))
    if HOLE not in word:
        return _literal(word)
    parts = word.split(HOLE)
    code = parts[0]
    for part in parts[1:]:
        code += "{" + code_of(holes.pop(0)).replace('"', "'") + "}" + part
    return f'f"{code}"'


def _literal(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# Statements

_VALUE = re.compile(
    r"(?is)(?:=|<|>|\blike|\bilike|\bbetween|\band|\blimit|\boffset|\bvalues\s*\((?:[^()]*,)?|\bin\s*\((?:[^()]*,)?|\bset\b[^()]*,)\s*$"
)


def parameterised(pieces: list[Piece], style: str) -> tuple[str, list[str]] | None:
    """(code of the statement, codes of its parameters) for SQL in which all holes are values; None if one is not.

    ``style`` is the placeholder (``?`` or ``%s``), or ``$`` or ``:`` for numbered ones.
    """
    text, values = "", []
    rest = list(pieces)
    while rest:
        piece = rest.pop(0)
        if isinstance(piece, str):
            text += piece.replace("%", "%%") if style == "%s" else piece
            continue
        following = rest[0] if rest and isinstance(rest[0], str) else ""
        opening = re.search(r"(['\"])(%{0,2})$", text)
        closing = re.match(r"(%?)(['\"])", following)
        value = code_of(piece)
        if opening and closing and opening[1] == closing[2]:
            text = text[: opening.start()]
            rest[0] = following[closing.end() :]
            if opening[2] or closing[1]:
                inner = value.replace('"', "'")
                value = f'f"{"%" if opening[2] else ""}{{{inner}}}{closing[1]}"'
        elif opening or not _VALUE.search(text):
            return None
        values.append(value)
        text += {"$": f"${len(values)}", ":": f":p{len(values)}"}.get(style, style)
    if not values:
        return None
    return _sql_literal(text), values


def _sql_literal(text: str) -> str:
    if "\n" in text:
        return '"""' + text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"') + '"""'
    return _literal(text)


def safe_call(node: cst.BaseExpression, function: str) -> cst.BaseExpression:
    """A call of ``function`` with ``node``."""
    return parsed(f"{function}({code_of(node)})")
