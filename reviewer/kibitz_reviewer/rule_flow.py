"""Rules over the data flow: each names its kind of harm, and finds where an outsider's value does it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from kibitz_reviewer.dataflow.machine import Flow
from kibitz_reviewer.dataflow.models import standard_models
from kibitz_reviewer.engines.index import Module, Span
from kibitz_reviewer.finding import Confidence, Finding
from kibitz_reviewer.rule import Rule

SURE = frozenset({"remote", "local"})


class FlowRule(Rule):
    """A rule that finds flows of the kinds ``kinds``; ``advice`` ends its message."""

    reaches = True
    kinds: ClassVar[tuple[str, ...]] = ()
    advice: ClassVar[str] = ""

    def check(self, module: Module) -> Iterator[Finding]:
        for kind in self.kinds:
            for flow in module.flows(kind):
                if self.matters(flow) and _passes(module, flow):
                    yield self.flow_finding(module, flow)

    def wants(self, source: str, words: frozenset[str]) -> bool:
        """Whether a file may hold a sink of one of the kinds, or one of the triggers."""
        sinks = standard_models().sink_words
        return any(words & sinks.get(kind, set()) for kind in self.kinds) or super().wants(source, words)

    def matters(self, flow: Flow) -> bool:
        """Whether a flow of the kind is one of this rule's."""
        return True

    def flow_finding(self, module: Module, flow: Flow) -> Finding:
        """The finding of a flow, with its way.

        It stands at the sink; if that is in another file, where this one hands the value on.
        """
        where = flow.taint.source
        message = f"What enters on line {where.line} ({where.note}) reaches {flow.what}. {self.advice}"
        confidence = self.confidence if flow.taint.label in SURE else Confidence.MEDIUM
        steps = (where, *flow.taint.steps)
        if flow.module is module:
            return replace(self.finding(module, flow.node, message, confidence=confidence), steps=steps)
        here = next((step for step in reversed(steps) if step.path == module.path), None)
        there = f"{flow.module.path}:{getattr(flow.node, 'lineno', 1)}"
        message = f"What is handed on here ({where.note}) reaches {flow.what} at {there}. {self.advice}"
        found = self.finding(module, module.tree, message, confidence=confidence)
        if here is None:
            return replace(found, steps=steps)
        span = Span(here.line, here.column, here.end_line, here.end_column)
        return replace(
            found,
            line=here.line,
            column=here.column,
            end_line=here.end_line,
            end_column=here.end_column,
            snippet=module.text(span),
            source_line=module.line(here.line),
            steps=steps,
        )


def _passes(module: Module, flow: Flow) -> bool:
    """Whether a flow has a place in ``module`` to show: one that only begins behind an import has none."""
    return flow.module is module or any(s.path == module.path for s in (flow.taint.source, *flow.taint.steps))
