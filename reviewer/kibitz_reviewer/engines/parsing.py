"""From text to a tree: `ast` where it parses, libcst's word on the rest.

`ast` knows the syntax of the running interpreter only; libcst also knows newer. So a file is broken only if both
refuse it. A file that libcst alone understands is given to `ast` in older words where there are any; statements that it
still refuses are blanked and reported as skipped.
"""

from __future__ import annotations

import ast
import re
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kibitz_reviewer.engines.older import in_older_words

if TYPE_CHECKING:
    import libcst as cst

# What libcst's recursive parser is given to read: a process that overflows its stack is gone without a word.
MAX_NESTING = 150
MAX_OPERATORS = 3000
STACK_BYTES = 256 * 1024 * 1024

#: What is wrong with a literal is no newer syntax: no interpreter takes it.
_VALUE = re.compile(r"^\((?:unicode|value) error\)|Exceeds the limit")
_OPENING, _CLOSING = "([{", ")]}"
_OPERATOR = re.compile(r"[-+~*/%&|^<>=.@!]|\b(?:not|and|or|if|else|elif|lambda|await|in|is)\b")


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
    source = source.removeprefix("\ufeff")
    try:
        return Parsed(parse_ast(source))
    except SyntaxError as error:
        refusal = UnparsableError(error.msg, error.lineno or 0)
        if _VALUE.search(error.msg):
            raise refusal from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise UnparsableError(str(error) or "nested too deeply for Python's own parser") from None
    try:
        older = in_older_words(source, parse_cst(source))
        try:
            return Parsed(parse_ast(older))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return _without_newer(older, parse_cst(older))
    except UnparsableError:
        raise refusal from None


def parse_ast(source: str) -> ast.Module:
    """`ast.parse` without the warnings (invalid escapes and the like) that belong to the file's own author."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def parse_cst(source: str) -> cst.Module:
    """The libcst tree; raises ``UnparsableError``, also for nesting that its parser might not survive."""
    import libcst as cst

    _refuse_deep(source)
    result: list[cst.Module] = []
    errors: list[UnparsableError] = []

    def work() -> None:
        try:
            result.append(cst.parse_module(source))
        except cst.ParserSyntaxError as error:
            errors.append(UnparsableError(error.message, error.raw_line))
        except Exception as error:
            errors.append(UnparsableError(f"libcst: {error}"))

    # The parser recurses in native code: it gets a stack of its own, large enough for what _refuse_deep lets through.
    before = threading.stack_size(STACK_BYTES)
    try:
        thread = threading.Thread(target=work, name="kibitz-libcst")
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    if errors:
        raise errors[0]
    return result[0]


def _refuse_deep(source: str) -> None:
    """Raise if brackets nest, or operators chain within one statement, beyond what people write."""
    depth = operators = 0
    for number, line in enumerate(source.split("\n"), 1):
        for character in line:
            if character in _OPENING:
                depth += 1
            elif character in _CLOSING:
                depth = max(0, depth - 1)
            if depth > MAX_NESTING:
                raise UnparsableError(f"brackets nest deeper than {MAX_NESTING}", number)
        operators = len(_OPERATOR.findall(line)) + (operators if depth else 0)
        if operators > MAX_OPERATORS:
            raise UnparsableError(f"more than {MAX_OPERATORS} operators in one statement", number)
        if len(line) - len(line.lstrip()) > 8 * MAX_NESTING:
            raise UnparsableError("indented too deeply", number)


def _without_newer(source: str, tree: cst.Module) -> Parsed:
    """Parse with `ast` what it can read: the smallest statements it cannot are blanked, and named as skipped."""
    from libcst.metadata import MetadataWrapper, PositionProvider

    wrapper = MetadataWrapper(tree, unsafe_skip_copy=True)
    places = wrapper.resolve(PositionProvider)
    lines = source.split("\n")
    skipped: list[tuple[int, int]] = []
    for statement in _refused(wrapper.module.body, wrapper.module):
        place = places[statement]
        first = min([place.start.line, *(places[d].start.line for d in getattr(statement, "decorators", ()))])
        skipped.append((first, place.end.line))
        indent = " " * place.start.column
        lines[first - 1 : place.end.line] = [indent + "pass", *[""] * (place.end.line - first)]
    try:
        return Parsed(parse_ast("\n".join(lines)), tuple(skipped))
    except (SyntaxError, ValueError) as error:
        # Newer syntax in a place that is no statement of its own: nothing of the file can be read, and it says so.
        if skipped == [(1, len(lines))]:
            raise UnparsableError(str(error)) from None
        return Parsed(ast.Module(body=[], type_ignores=[]), ((1, len(lines)),))


def _refused(statements: object, module: cst.Module) -> Iterator[cst.BaseStatement]:
    """The smallest statements `ast` does not parse by themselves; bodies of functions and classes are entered."""
    import libcst as cst

    for statement in statements if isinstance(statements, list | tuple) else ():
        if _readable(module.code_for_node(statement)):
            continue
        body = getattr(statement, "body", None)
        inner = body.body if isinstance(body, cst.IndentedBlock) else None
        shell = statement.with_changes(body=cst.IndentedBlock([_pass()])) if inner is not None else None
        if shell is not None and _readable(module.code_for_node(shell)):
            yield from _refused(inner, module)
        else:
            yield statement


def _pass() -> cst.SimpleStatementLine:
    import libcst as cst

    return cst.SimpleStatementLine([cst.Pass()])


def _readable(code: str) -> bool:
    """Whether `ast` parses a statement on its own: inside a function, where return, yield and await are at home."""
    inside = "async def _():\n while 1:\n" + "".join(f"  {line}\n" for line in code.strip("\n").split("\n"))
    for text in (code, inside):
        try:
            parse_ast(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        return True
    return False
