"""Tags: sets of them by number, and the frames that carry one."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading

import pytest

import kibitz_agent
from kibitz_agent import tags
from kibitz_agent.tags import REGISTRY, Tags, tag


def here():
    """The tags of the calling frame."""
    found = REGISTRY.frames.get(id(sys._getframe(1)))
    return None if found is None else dict(REGISTRY.labels(found[1]))


def test_frame_carries_its_tags_within_the_block_and_none_afterwards():
    with kibitz_agent.tag(endpoint="/cart", size=3):
        assert here() == {"endpoint": "/cart", "size": "3"}
        with tag(size=4):
            assert here() == {"endpoint": "/cart", "size": "4"}
        assert here() == {"endpoint": "/cart", "size": "3"}
    assert here() is None
    assert REGISTRY.frames == {}


def test_block_that_raises_leaves_no_mark():
    with pytest.raises(KeyError), tag(a="b"):
        raise KeyError
    assert REGISTRY.frames == {}


def test_functions_and_coroutines_can_be_decorated():
    @tag(job="sync")
    def work(x):
        """Docs."""
        return x, dict(REGISTRY.labels(tags.CURRENT.get()))

    @tag(job="async")
    async def serve(x):
        await asyncio.sleep(0)
        return x, dict(REGISTRY.labels(tags.CURRENT.get()))

    assert work(1) == (1, {"job": "sync"})
    assert asyncio.run(serve(2)) == (2, {"job": "async"})
    assert (work.__name__, work.__doc__) == ("work", "Docs.")
    assert asyncio.iscoroutinefunction(serve)
    assert REGISTRY.frames == {}


def test_generator_that_is_dropped_half_way_leaves_no_mark():
    def values():
        with tag(a="b"):
            yield 1
            yield 2

    generator = values()
    assert next(generator) == 1
    assert len(REGISTRY.frames) == 1
    del generator
    gc.collect()
    assert REGISTRY.frames == {}


def test_values_are_cut_and_hostile_ones_do_no_harm(caplog):
    class Hostile:
        def __str__(self):
            raise RuntimeError("no")

    with tag(long="x" * 1000, hostile=Hostile(), thread="mine"):
        found = here()
    assert len(found["long"]) == tags.LONGEST_VALUE
    assert found["hostile"] == "<Hostile>"
    assert "thread" not in found
    assert "cannot be called thread" in caplog.text


def test_number_of_sets_is_bounded_and_the_excess_is_filed_together():
    registry = Tags()
    numbers = [registry.number({"user": str(n)}) for n in range(tags.MAX_SETS + 500)]
    assert len(set(numbers)) == tags.MAX_SETS
    assert dict(registry.labels(numbers[0])) == {"user": "0"}
    assert dict(registry.labels(numbers[-1])) == {"user": tags.OTHER}
    assert registry.number({"user": "5"}) == numbers[5]
    for n in range(3 * tags.MAX_SETS):
        registry.number({f"name{n}": "x"})
    assert len(registry._sets) <= 2 * tags.MAX_SETS


def test_listener_is_told_of_frames_that_were_marked_before_it_came():
    told = []

    class Listener:
        def mark(self, frame, number):
            told.append(("mark", frame.f_code.co_name, number))

        def unmark(self, frame):
            told.append(("unmark", frame.f_code.co_name))

    registry = Tags()
    number = registry.number({"a": "b"})
    frame = sys._getframe()
    before = registry.mark(frame, number)
    registry.listen(Listener())
    registry.unmark(frame, before)
    name = frame.f_code.co_name
    assert told == [("mark", name, number), ("unmark", name)]


def test_tags_of_a_thread_begin_empty():
    found = []

    def body():
        with tag(inner="1"):
            found.append(here())

    with tag(outer="1"):
        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
    # A thread has a context of its own unless it is given one.
    assert found in ([{"inner": "1"}], [{"inner": "1", "outer": "1"}])


def test_sets_that_come_once_are_forgotten_in_their_order_and_use_up_no_room():
    registry = Tags()
    base = registry.number({"span": "GET"})
    numbers = [registry.passing(base, (("span_id", str(n)),)) for n in range(tags.MAX_PASSING + 10)]
    assert len(set(numbers)) == len(numbers)
    assert registry.labels(numbers[-1]) == (("span", "GET"), ("span_id", str(tags.MAX_PASSING + 9)))
    assert registry.labels(numbers[10]) == (("span", "GET"), ("span_id", "10"))
    assert registry.labels(numbers[9]) == ()
    assert registry.base(numbers[-1]) == base
    assert len(registry._sets) == 2


def test_tag_within_what_comes_once_keeps_both_and_uses_up_no_room():
    registry = Tags()
    inner = registry.extended(registry.passing(registry.number({"a": "1"}), (("id", "x"),)), {"b": "2"})
    assert registry.labels(inner) == (("a", "1"), ("b", "2"), ("id", "x"))
    assert registry.labels(registry.base(inner)) == (("a", "1"), ("b", "2"))
