"""Regular expressions that may take exponential time, told from their parsed form.

Two shapes explode: a repetition within a repetition whose parts can follow each other without a mark between them
(``(a+)+``), and a repeated choice of which two ways can match the same text (``(a|a)*``). Either only does harm if
something after it can fail.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable
from typing import Any

try:
    from re import _constants as constants  # type: ignore[attr-defined]
    from re import _parser as parser  # type: ignore[attr-defined]
except ImportError:  # pragma: no cover
    import sre_constants as constants
    import sre_parse as parser

MAX_PATTERN = 2000
LETTERS = [chr(code) for code in range(1, 128)]
ALL = frozenset(LETTERS) | {"é"}
_REPEATS = (constants.MAX_REPEAT, constants.MIN_REPEAT)


def may_explode(pattern: str) -> bool:
    """Whether a text that almost fits can make ``pattern`` take exponential time."""
    if len(pattern) > MAX_PATTERN or not re.search(r"[*+{]", pattern):
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = parser.parse(pattern)
    except (re.error, RecursionError, OverflowError):
        return False
    return _explodes(list(parsed), followed=False)


def _explodes(items: list[Any], *, followed: bool) -> bool:
    for index, (op, argument) in enumerate(items):
        after = items[index + 1 :]
        fails = followed or bool(after)
        if op in _REPEATS:
            _, most, body = argument
            inner = list(body)
            if most is constants.MAXREPEAT or most > 10:
                if fails and _is_ambiguous(inner):
                    return True
            if _explodes(inner, followed=fails):
                return True
        elif (op is constants.SUBPATTERN and _explodes(list(argument[-1]), followed=fails)) or (
            op is constants.BRANCH and any(_explodes(list(way), followed=fails) for way in argument[1])
        ):
            return True
    return False


def _is_ambiguous(body: list[Any]) -> bool:
    """Whether turns of a repetition over ``body`` can share one text out among themselves in several ways."""
    body = _unwrapped(body)
    if len(body) == 1 and body[0][0] is constants.BRANCH:
        ways = [list(way) for way in body[0][1][1]]
        if any(_is_ambiguous(way) for way in ways):
            return True
        return _overlapping(ways)
    body = _flat(body)
    # A variable repetition meets itself over the seam of two turns, if nothing of its own must stand between.
    for index, (op, argument) in enumerate(body):
        if op in _REPEATS and argument[1] > 1 and argument[0] != argument[1]:
            letters = _letters(list(argument[2]))
            others = [other for other in body[:index] + body[index + 1 :] if not _may_be_empty(other)]
            if letters and all(_only_letters(other) & letters for other in others):
                return True
    # Of one letter only, but of more than one length: two short turns make a long one.
    optional = any(_may_be_empty(item) for item in body)
    return optional and len(body) > 1 and len(_letters(body)) == 1


def _flat(items: list[Any]) -> list[Any]:
    """``items`` with groups replaced by what is in them."""
    flat: list[Any] = []
    for op, argument in items:
        if op is constants.SUBPATTERN:
            flat += _flat(list(argument[-1]))
        else:
            flat.append((op, argument))
    return flat


def _overlapping(ways: list[list[Any]]) -> bool:
    """Whether two ways of a choice can match one text: the same single letter, or one the repetition of another."""
    singles = [(_letters(way), len(_unwrapped(way))) for way in ways]
    for index, (first, length) in enumerate(singles):
        for second, other in singles[index + 1 :]:
            if first & second and length == 1 and other == 1:
                return True
            texts = [_literal(ways[index]), _literal(ways[singles.index((second, other))])]
            if all(texts) and len(set(texts[0])) == 1 and set(texts[0]) == set(texts[1]):
                return True
    return False


def _literal(way: list[Any]) -> str:
    parts = _unwrapped(way)
    return (
        "".join(chr(argument) for op, argument in parts)
        if all(op is constants.LITERAL for op, _ in parts)
        else ""
    )


def _unwrapped(items: list[Any]) -> list[Any]:
    while len(items) == 1 and items[0][0] is constants.SUBPATTERN:
        items = list(items[0][1][-1])
    return items


def _may_be_empty(item: Any) -> bool:
    op, argument = item
    if op in _REPEATS:
        return bool(argument[0] == 0) or all(_may_be_empty(each) for each in argument[2])
    if op is constants.SUBPATTERN:
        return all(_may_be_empty(each) for each in argument[-1])
    if op is constants.BRANCH:
        return any(all(_may_be_empty(each) for each in way) for way in argument[1])
    return op in (constants.AT, constants.ASSERT, constants.ASSERT_NOT)


def _only_letters(item: Any) -> frozenset[str]:
    return _letters([item])


def _letters(items: Iterable[Any]) -> frozenset[str]:
    """The letters that can stand anywhere in what ``items`` match."""
    found: frozenset[str] = frozenset()
    for op, argument in items:
        if op is constants.LITERAL:
            found |= {chr(argument)}
        elif op is constants.NOT_LITERAL:
            found |= ALL - {chr(argument)}
        elif op is constants.ANY:
            found |= ALL - {"\n"}
        elif op is constants.IN:
            found |= _set(argument)
        elif op in _REPEATS:
            found |= _letters(argument[2])
        elif op is constants.SUBPATTERN:
            found |= _letters(argument[-1])
        elif op is constants.BRANCH:
            for way in argument[1]:
                found |= _letters(way)
    return found


def _set(parts: list[Any]) -> frozenset[str]:
    """The letters of a ``[...]``."""
    negated = bool(parts) and parts[0][0] is constants.NEGATE
    found: set[str] = set()
    for op, argument in parts:
        if op is constants.LITERAL:
            found.add(chr(argument))
        elif op is constants.RANGE:
            found |= {chr(code) for code in range(argument[0], min(argument[1], 127) + 1)}
        elif op is constants.CATEGORY:
            found |= _category(str(argument).rpartition("_")[2].lower(), "NOT" in str(argument))
    return frozenset(ALL - found if negated else found)


def _category(name: str, negated: bool) -> set[str]:
    tests: dict[str, Callable[[str], bool]] = {
        "digit": str.isdigit,
        "space": str.isspace,
        "word": lambda c: c.isalnum() or c == "_",
    }
    test = tests.get(name)
    if test is None:
        return set(ALL)
    return {c for c in ALL if bool(test(c)) is not negated}
