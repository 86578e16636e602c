"""Spans of the real OpenTelemetry SDK mark the frames that they are about, and no others."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from kibitz_agent.integrations import opentelemetry
from kibitz_agent.tags import CURRENT, REGISTRY, tag


@pytest.fixture
def tracer(lacking: Any) -> Any:
    try:
        from opentelemetry.sdk.trace import TracerProvider
    except ImportError:
        lacking("opentelemetry-sdk")
        raise
    provider = TracerProvider()
    opentelemetry.install(provider)
    yield provider.get_tracer("test")
    provider.shutdown()
    assert REGISTRY.frames == {}
    assert CURRENT.get() == 0


def here(depth: int = 1) -> dict[str, str] | None:
    """The tags of the calling frame."""
    found = REGISTRY.frames.get(id(sys._getframe(depth)))
    return None if found is None else dict(REGISTRY.labels(found[1]))


def test_frame_carries_the_span_and_its_ids_while_it_is_open(tracer: Any) -> None:
    with tracer.start_as_current_span("GET /cart") as span:
        context = span.get_span_context()
        assert here() == {
            "span": "GET /cart", "span_id": f"{context.span_id:016x}", "trace_id": f"{context.trace_id:032x}",
        }  # fmt: skip
    assert here() is None


def test_inner_span_takes_the_place_of_the_outer_one_for_its_time(tracer: Any) -> None:
    with tag(team="web"), tracer.start_as_current_span("outer"):
        outer = here()
        with tracer.start_as_current_span("inner"):
            inner = here()
        assert here() == outer
    assert outer is not None
    assert inner is not None
    assert (outer["span"], inner["span"]) == ("outer", "inner")
    assert outer["trace_id"] == inner["trace_id"]
    assert outer["span_id"] != inner["span_id"]
    assert inner["team"] == "web"


def test_decorated_function_is_marked(tracer: Any) -> None:
    @tracer.start_as_current_span("work")
    def work() -> dict[str, str] | None:
        # The decorator's own function is the one at work: this one's caller.
        frame = sys._getframe()
        while frame is not None and id(frame) not in REGISTRY.frames:
            frame = frame.f_back  # type: ignore[assignment]
        return dict(REGISTRY.labels(REGISTRY.frames[id(frame)][1]))

    assert work()["span"] == "work"


def test_spans_of_concurrent_tasks_do_not_mix(tracer: Any) -> None:
    async def serve(name: str) -> str:
        with tracer.start_as_current_span(name):
            for _ in range(5):
                await asyncio.sleep(0)
                found = here()
                assert found is not None
                assert found["span"] == name
            return found["span_id"]

    async def main() -> list[str]:
        return await asyncio.gather(*(serve(f"task {number}") for number in range(20)))

    assert len(set(asyncio.run(main()))) == 20


def test_span_that_ends_after_one_that_began_later_leaves_no_mark(tracer: Any) -> None:
    first = tracer.start_span("first")
    second = tracer.start_span("second")
    first.end()
    assert here() is not None
    second.end()


def test_instrumented_request_is_marked_at_the_function_that_encloses_it(tracer: Any) -> None:
    scope: dict[str, Any] = {"__name__": "opentelemetry.instrumentation.web", "tracer": tracer, "here": here}
    exec(
        "def before_request():\n    return tracer.start_span('GET')\n"
        "def application():\n    span = route(before_request)\n    found = here(1)\n    span.end()\n    return found\n",
        scope,
    )
    scope["route"] = lambda function: function()
    assert scope["application"]()["span"] == "GET"


def test_thousands_of_spans_use_up_no_tags(tracer: Any) -> None:
    before = len(REGISTRY._sets)
    for number in range(3000):
        with tracer.start_as_current_span(f"GET {number % 3}"):
            pass
    assert len(REGISTRY._sets) <= before + 3


def test_provider_without_processors_is_refused() -> None:
    with pytest.raises(RuntimeError, match="expected a tracer provider of opentelemetry-sdk, found object"):
        opentelemetry.install(object())
