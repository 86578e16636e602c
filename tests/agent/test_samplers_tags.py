"""Tags that a sample carries, whichever sampler takes it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.agent.conftest import lasting

from kibitz_agent.tags import tag

MS = 1_000_000
HERE = __name__


def spin(seconds: float) -> None:
    goes_on = lasting(seconds)
    while goes_on():
        sum(range(500))


def doze(seconds: float) -> None:
    goes_on = lasting(seconds)
    time.sleep(seconds)
    while goes_on():
        time.sleep(0.02)


@contextmanager
def thread(body: Callable[[], object], name: str) -> Iterator[None]:
    started = threading.Thread(target=body, name=name)
    started.start()
    yield
    started.join()


def ends(stacks: Counter[tuple[str, ...]], *names: str) -> bool:
    """Whether some stack holds these names one below the other."""
    return any(
        stack[at : at + len(names)] == names for stack in stacks for at in range(len(stack) - len(names) + 1)
    )


def recurse(depth: int) -> None:
    if depth:
        recurse(depth - 1)
    else:
        spin(0.3)


def test_samples_taken_within_a_tag_carry_it_and_others_do_not(watching, sampler):
    def tagged():
        with tag(endpoint="/cart"):
            spin(0.2)

    with watching(sampler) as watch:
        tagged()
        doze(0.2)
    assert ends(watch.stacks(endpoint="/cart"), "spin")
    assert not ends(watch.stacks(endpoint="/cart"), "doze")
    assert sum(count for stack, count in watch.stacks(endpoint="/cart").items() if "spin" in stack) == sum(
        count for stack, count in watch.stacks().items() if "spin" in stack
    )


def test_nested_tags_add_up_and_the_inner_one_wins(watching, sampler):
    def outer():
        with tag(job="nightly", step="load"):
            spin(0.15)
            with tag(step="store"):
                doze(0.15)
            recurse(2)

    with watching(sampler) as watch:
        outer()
    assert ends(watch.stacks(job="nightly", step="load"), "spin")
    assert ends(watch.stacks(job="nightly", step="store"), "doze")
    assert not ends(watch.stacks(step="load"), "doze")
    assert ends(watch.stacks(job="nightly", step="load"), "recurse", "spin")


def test_tag_holds_across_awaits_and_only_for_its_own_task(watching, sampler):
    async def request(name):
        with tag(endpoint=name):
            for _ in range(6):
                await asyncio.sleep(0.002)
                serve_request(name)

    def serve_request(name):
        {"a": work_of_a, "b": work_of_b}[name](0.02)

    async def both():
        await asyncio.gather(request("a"), request("b"))

    with watching(sampler) as watch:
        asyncio.run(both())
    assert ends(watch.stacks(endpoint="a"), "work_of_a")
    assert ends(watch.stacks(endpoint="b"), "work_of_b")
    assert not ends(watch.stacks(endpoint="a"), "work_of_b")
    assert not ends(watch.stacks(endpoint="b"), "work_of_a")


def work_of_a(seconds):
    spin(seconds)


def work_of_b(seconds):
    spin(seconds)


def test_tag_of_one_thread_is_not_anothers(watching, sampler):
    def tagged():
        with tag(endpoint="/here"):
            spin(1.0)

    with thread(tagged, "tagged"), thread(lambda: spin(1.0), "plain"), watching(sampler) as watch:
        doze(0.9)
    assert set(watch.stacks(endpoint="/here")) <= set(watch.stacks(thread="tagged"))
    assert not watch.stacks(endpoint="/here", thread="plain")
    assert ends(watch.stacks(endpoint="/here", thread="tagged"), "spin")
