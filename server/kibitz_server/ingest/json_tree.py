"""JSON of any depth, read without recursion.

The standard library's reader recurses once a level and gives up near the interpreter's recursion limit, which real
call trees (two levels a frame) reach. This one keeps its own stack; strings are still read by the C scanner.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from json import decoder
from typing import Any

MAX_DEPTH = 20_000

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,400})(\.\d{1,400})?([eE][-+]?\d{1,5})?")
_WORDS = {"true": True, "false": False, "null": None}
_MISSING = object()

# The standard library's C scanner: (text, position after the quote, strict) -> (string, position after it).
_scan_string: Callable[[str, int, bool], tuple[str, int]] = decoder.scanstring  # type: ignore[attr-defined]


class JsonError(ValueError):
    """Not JSON, or nested deeper than allowed; the message gives the position."""


def loads(text: str, max_depth: int = MAX_DEPTH) -> Any:
    """The value that ``text`` holds. Of equal keys in one object the last counts."""
    return _Reader(text, max_depth).read()


class _Reader:
    def __init__(self, text: str, max_depth: int) -> None:
        self._text, self._max_depth, self._at = text, max_depth, 0
        self._open: list[tuple[Any, Any]] = []  # (container, key that waits for its value)

    def read(self) -> Any:
        value = self._value()
        while True:
            # `value` is complete, or a container that was just opened and is on the stack.
            if value is _MISSING:
                value = self._first_member()
                continue
            if not self._open:
                break
            container, key = self._open.pop()
            if isinstance(container, list):
                container.append(value)
            else:
                container[key] = value
            value = self._next_member(container)
        self._skip_space()
        if self._at != len(self._text):
            raise self._error("nothing more")
        return value

    def _first_member(self) -> Any:
        container, _ = self._open.pop()
        close = "]" if isinstance(container, list) else "}"
        self._skip_space()
        if self._peek() == close:
            self._at += 1
            return container
        return self._member(container)

    def _next_member(self, container: Any) -> Any:
        close = "]" if isinstance(container, list) else "}"
        self._skip_space()
        found = self._peek()
        if found == close:
            self._at += 1
            return container
        if found != ",":
            raise self._error(f"',' or '{close}'")
        self._at += 1
        return self._member(container)

    def _member(self, container: Any) -> Any:
        key = None
        if isinstance(container, dict):
            self._skip_space()
            if self._peek() != '"':
                raise self._error("a key in quotes")
            key = self._string()
            self._skip_space()
            if self._peek() != ":":
                raise self._error("':'")
            self._at += 1
        self._open.append((container, key))
        return self._value()

    def _value(self) -> Any:
        self._skip_space()
        found = self._peek()
        if found in "{[" and found:
            if len(self._open) >= self._max_depth:
                raise JsonError(f"position {self._at}: nested deeper than {self._max_depth} levels")
            self._at += 1
            self._open.append(({} if found == "{" else [], None))
            return _MISSING
        if found == '"':
            return self._string()
        for word, value in _WORDS.items():
            if self._text.startswith(word, self._at):
                self._at += len(word)
                return value
        return self._number()

    def _string(self) -> str:
        try:
            value, self._at = _scan_string(self._text, self._at + 1, True)
        except ValueError as error:
            raise JsonError(str(error)) from error
        return value

    def _number(self) -> int | float:
        match = _NUMBER.match(self._text, self._at)
        if match is None:
            raise self._error("a value")
        self._at = match.end()
        return float(match[0]) if match[1] or match[2] else int(match[0])

    def _skip_space(self) -> None:
        match = _SPACE.match(self._text, self._at)
        assert match is not None
        self._at = match.end()

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _error(self, expected: str) -> JsonError:
        found = self._peek()
        return JsonError(
            f"position {self._at}: expected {expected}, found {found!r}" if found else "ends too early"
        )
