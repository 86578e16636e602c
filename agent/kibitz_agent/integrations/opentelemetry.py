"""OpenTelemetry: samples carry the span that they were taken in, so that a slow trace leads to the lines that were slow.

::

    from kibitz_agent.integrations import opentelemetry

    opentelemetry.install()           # or install(provider), once the tracer provider is set up

Labels: ``span`` (its name), ``span_id`` and ``trace_id`` (hexadecimal, as in every other tool), of spans that are recorded.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from kibitz_agent.tags import CURRENT, LONGEST_VALUE, REGISTRY

_MOST_OPEN = 10_000
_ABOVE = ("opentelemetry.", "contextlib", "kibitz_agent.integrations")
_INSTRUMENTATION = "opentelemetry.instrumentation."


class Spans:
    """A span processor: the frame that is at work while a span is open is marked with the span's labels."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[FrameType, int, int | None, int]] = {}
        self._ended: dict[int, int | None] = {}

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """A span begins, on the thread and in the context that it is about."""
        del parent_context
        context = span.get_span_context()
        frame = _frame_at_work(sys._getframe(1))  # noqa: SLF001
        if frame is None or not context.is_valid or len(self._open) >= _MOST_OPEN:
            return
        # Its ids take the place of those of the span around it.
        base = REGISTRY.extended(REGISTRY.base(CURRENT.get()), {"span": str(span.name)[:LONGEST_VALUE]})
        around = CURRENT.get()
        ids = (("span_id", f"{context.span_id:016x}"), ("trace_id", f"{context.trace_id:032x}"))
        number = REGISTRY.passing(base, ids)
        self._open[context.span_id] = (frame, number, REGISTRY.mark(frame, number), around)
        CURRENT.set(number)

    def on_end(self, span: Any) -> None:
        """It ends, maybe elsewhere, and maybe after one that began later."""
        found = self._open.pop(span.get_span_context().span_id, None)
        if found is None:
            return
        frame, number, before, around = found
        marked = REGISTRY.frames.get(id(frame))
        if marked is not None and marked[1] == number:
            REGISTRY.unmark(frame, self._still_open(before))
        if CURRENT.get() == number:  # else it ends in another context, or before one that began later
            CURRENT.set(self._still_open(around) or 0)
        self._ended[number] = around
        if not self._open or len(self._ended) > _MOST_OPEN:
            self._ended.clear()

    def _still_open(self, number: int | None) -> int | None:
        """The set that was in force, or the one before it if its span has ended meanwhile."""
        while number is not None and number in self._ended:
            number = self._ended[number]
        return number or None

    def _on_ending(self, span: Any) -> None:
        """Nothing is left to be said of it."""

    def shutdown(self) -> None:
        """Forget what is open."""
        for frame, number, before, _ in list(self._open.values()):
            marked = REGISTRY.frames.get(id(frame))
            if marked is not None and marked[1] == number:
                REGISTRY.unmark(frame, before)
        self._open.clear()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is held back."""
        del timeout_millis
        return True


def install(provider: Any = None) -> Spans:
    """Have samples carry the spans of ``provider``, by default the global one; `RuntimeError` where that takes no processors."""
    from opentelemetry import trace

    provider = provider or trace.get_tracer_provider()
    add = getattr(provider, "add_span_processor", None)
    if add is None:
        raise RuntimeError(
            f"expected a tracer provider of opentelemetry-sdk, found {type(provider).__name__}: set one up before install()"
        )
    spans = Spans()
    add(spans)
    return spans


def _frame_at_work(frame: FrameType | None) -> FrameType | None:
    """Who opens the span. Where that is an instrumentation, its outermost function: what it is about, it calls from there."""
    while (
        frame is not None
        and _module(frame).startswith(_ABOVE)
        and not _module(frame).startswith(_INSTRUMENTATION)
    ):
        frame = frame.f_back
    found = frame
    if frame is not None and _module(frame).startswith(_INSTRUMENTATION):
        while frame is not None:
            if _module(frame).startswith(_INSTRUMENTATION):
                found = frame
            frame = frame.f_back
    return found


def _module(frame: FrameType) -> str:
    name = frame.f_globals.get("__name__")
    return name if isinstance(name, str) else ""
