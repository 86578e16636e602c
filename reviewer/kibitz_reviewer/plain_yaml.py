"""The little of YAML that lists of exclusions are written in: mappings, sequences, plain and quoted words, comments.

No anchors, no tags, no block texts: whatever else YAML can do is refused with its line, rather than misread.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

Value: TypeAlias = "str | list[Value] | dict[str, Value] | None"
MAX_DEPTH = 20
_KEY = re.compile(r"""([A-Za-z_][\w -]*|"[^"]*"|'[^']*'):(?:\s+(.*))?\Z""")
_COMMENT = re.compile(r"(?:^|\s)#.*\Z")


class PlainYamlError(ValueError):
    """The text is not of the kind read here; the message names the line."""


@dataclass(slots=True)
class _Line:
    number: int
    indent: int
    text: str


def load(text: str) -> Value:
    """What ``text`` says; None if it says nothing. Every scalar is a string. Raises ``PlainYamlError``."""
    lines = [line for number, raw in enumerate(text.splitlines(), 1) if (line := _line(number, raw))]
    if not lines:
        return None
    value, rest = _block(lines, lines[0].indent, 0)
    if rest:
        raise PlainYamlError(f"line {rest[0].number}: unexpected indentation")
    return value


def _line(number: int, raw: str) -> _Line | None:
    if "\t" in raw[: len(raw) - len(raw.lstrip())]:
        raise PlainYamlError(f"line {number}: expected spaces, found a tab")
    text = raw.strip() if raw.lstrip()[:1] in "\"'" else _COMMENT.sub("", raw).strip()
    if not text or text in ("---", "...") or raw.lstrip().startswith("#"):
        return None
    return _Line(number, len(raw) - len(raw.lstrip()), text)


def _block(lines: list[_Line], indent: int, depth: int) -> tuple[Value, list[_Line]]:
    if depth > MAX_DEPTH:
        raise PlainYamlError(f"line {lines[0].number}: nested too deeply")
    if lines[0].text == "-" or lines[0].text.startswith("- "):
        return _sequence(lines, indent, depth)
    return _mapping(lines, indent, depth)


def _sequence(lines: list[_Line], indent: int, depth: int) -> tuple[Value, list[_Line]]:
    items: list[Value] = []
    while lines and lines[0].indent == indent and (lines[0].text + " ").startswith("- "):
        first, text = lines[0], lines[0].text[1:].strip()
        inner = indent + len(first.text) - len(first.text[1:].lstrip())
        if text and not _KEY.match(text):
            items.append(_scalar(first.number, text))
            lines = lines[1:]
            continue
        below = lines[1:]
        if text:
            below = [_Line(first.number, inner, text), *below]
        elif not below or below[0].indent <= indent:
            items.append(None)
            lines = below
            continue
        item, lines = _block(below, below[0].indent, depth + 1)
        items.append(item)
    return items, lines


def _mapping(lines: list[_Line], indent: int, depth: int) -> tuple[Value, list[_Line]]:
    found: dict[str, Value] = {}
    while lines and lines[0].indent == indent and not (lines[0].text + " ").startswith("- "):
        here, match = lines[0], _KEY.match(lines[0].text)
        if match is None:
            raise PlainYamlError(f"line {here.number}: expected 'key: value', got {here.text[:40]!r}")
        key, lines = match[1].strip("\"'"), lines[1:]
        if match[2]:
            found[key] = _scalar(here.number, match[2])
            continue
        # A sequence may stand at its key's own indentation.
        deeper = lines and (
            lines[0].indent > indent or (lines[0].indent == indent and lines[0].text[:1] == "-")
        )
        found[key], lines = _block(lines, lines[0].indent, depth + 1) if deeper else (None, lines)
    return found, lines


def _scalar(number: int, text: str) -> Value:
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        return [_scalar(number, part) for part in text[1:-1].split(",") if part.strip()]
    if text[:1] in "\"'":
        if len(text) < 2 or text[-1] != text[0]:
            raise PlainYamlError(f"line {number}: the quotation does not end")
        return text[1:-1]
    # A glob may start with a star, which is an alias in YAML proper; AWS's own examples write it so.
    if text[:1] in "&!|>{%@`":
        raise PlainYamlError(f"line {number}: {text[:1]!r} at the start of a value is not supported here")
    return text
