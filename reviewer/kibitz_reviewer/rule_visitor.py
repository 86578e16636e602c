"""A rule that walks the libcst tree of a file with a visitor of its own: slower than the index, and nearer to the text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from kibitz_reviewer.engines.index import Module, Span
from kibitz_reviewer.engines.parsing import UnparsableError, parse_cst
from kibitz_reviewer.finding import Finding
from kibitz_reviewer.rule import Rule

if TYPE_CHECKING:
    import libcst as cst

Report = Callable[["cst.CSTNode", str], None]
"""Tells of a node what is wrong with it."""


class VisitorRule(Rule):
    """A rule that answers with a visitor for each file instead of ``check``. Files that libcst does not read are left out."""

    def visitor(self, report: Report) -> cst.CSTVisitor:
        """A visitor that calls ``report(node, message)`` for each node it objects to."""
        raise NotImplementedError

    def check(self, module: Module) -> Iterator[Finding]:
        """Walk the file's tree with the visitor."""
        from libcst.metadata import MetadataWrapper, PositionProvider

        try:
            wrapper = MetadataWrapper(parse_cst(module.source), unsafe_skip_copy=True)
        except UnparsableError:
            return
        told: list[tuple[cst.CSTNode, str]] = []
        wrapper.visit(self.visitor(lambda node, message: told.append((node, message))))
        places = wrapper.resolve(PositionProvider)
        for node, message in told:
            start, end = places[node].start, places[node].end
            span = Span(start.line, start.column + 1, end.line, end.column + 1)
            yield Finding(
                rule=self.id,
                path=module.path,
                line=span.line,
                column=span.column,
                end_line=span.end_line,
                end_column=span.end_column,
                message=message,
                severity=self.severity,
                category=self.category,
                confidence=self.confidence,
                cwe=self.cwe,
                snippet=module.text(span),
                source_line=module.line(span.line),
            )
