"""Tasks and greenlets that wait are seen where they wait, under their names, and nothing of theirs is run for it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kibitz_agent import tasks
from kibitz_agent.aggregator import Aggregator, Batch
from kibitz_agent.calltree import CallTree
from kibitz_agent.profile import Header, Profile
from kibitz_agent.sampler import PythonSampler
from kibitz_agent.suspended import EVERY_NS, MOST, SuspendedSampler

MS = 1_000_000


async def fetch(ending: asyncio.Event) -> None:
    await ending.wait()


async def handle(ending: asyncio.Event) -> None:
    await fetch(ending)


async def numbers(ending: asyncio.Event) -> Any:
    await ending.wait()
    yield 1


async def consume(ending: asyncio.Event) -> None:
    async for _ in numbers(ending):
        pass


@contextmanager
def loop_with(
    *begin: Callable[[asyncio.Event], Coroutine[Any, Any, None]], names: tuple[str, ...] = ()
) -> Iterator[None]:
    """A loop on a thread of its own, in which the coroutines are tasks that have come to where they wait."""
    ready = threading.Event()
    started: list[Any] = []

    async def main() -> None:
        ending = asyncio.Event()
        started.extend((asyncio.get_running_loop(), ending))
        running = [
            asyncio.create_task(function(ending), name=names[index] if index < len(names) else None)
            for index, function in enumerate(begin)
        ]
        for _ in range(3):
            await asyncio.sleep(0)
        ready.set()
        await asyncio.gather(*running)

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert ready.wait(120)
    try:
        yield
    finally:
        loop, ending = started
        loop.call_soon_threadsafe(ending.set)
        thread.join(120)


def profile_of(sampler: SuspendedSampler) -> Profile:
    return Batch(CallTree(), {}, (), 1, set(), sampler.drain()).profile(Header())


def seen(profile: Profile) -> dict[tuple[str, ...], Counter[str]]:
    """Values by stack of function names; the labels of each."""
    found: dict[tuple[str, ...], Counter[str]] = {}
    for frames, labels, values in profile.stacks():
        stack = tuple(frame.name.rpartition(":")[2] for frame in frames)
        counted = found.setdefault(stack, Counter())
        counted["ticks"] += values[0]
        counted["wall"] += values[1]
        counted["cpu"] += values[2]
        counted.update(f"{name}={value}" for name, value in labels)
    return found


def looked(elapsed_ns: int = EVERY_NS, ticks: int = 10) -> dict[tuple[str, ...], Counter[str]]:
    sampler = SuspendedSampler()
    sampler.tick(elapsed_ns, ticks, 1000)
    return seen(profile_of(sampler))


def test_waiting_task_is_seen_with_all_that_it_awaits() -> None:
    with loop_with(handle, names=("order 7",)):
        found = looked()
    assert found["handle", "fetch", "Event.wait"] == {
        "ticks": 10, "wall": EVERY_NS, "cpu": 0, "task=order 7": 1, "state=waiting": 1,
    }  # fmt: skip


def test_task_without_a_name_is_called_by_its_function() -> None:
    with loop_with(handle):
        assert looked()["handle", "fetch", "Event.wait"]["task=handle"] == 1


def test_chain_goes_through_asynchronous_generators() -> None:
    with loop_with(consume):
        assert ("consume", "numbers", "Event.wait") in looked()


def test_task_that_could_go_on_waits_for_the_loop() -> None:
    blocked, release = threading.Event(), threading.Event()

    async def hog(ending: asyncio.Event) -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        blocked.set()
        release.wait(120)

    async def patient(ending: asyncio.Event) -> None:
        while not ending.is_set() and not blocked.is_set():
            await asyncio.sleep(0)

    thread = threading.Thread(target=lambda: asyncio.run(both()))

    async def both() -> None:
        ending = asyncio.Event()
        await asyncio.gather(patient(ending), hog(ending))

    thread.start()
    assert blocked.wait(120)
    try:
        found = looked()
    finally:
        release.set()
        thread.join(120)
    stack = next(stack for stack in found if stack[0].endswith("patient"))
    assert found[stack]["waits_for=loop"] == 1
    # The one that runs is the thread's to show.
    assert not any(stack[0].endswith("hog") for stack in found)


def test_few_are_looked_into_and_stand_for_all() -> None:
    with loop_with(*[handle] * 1000):
        found = looked(ticks=1)["handle", "fetch", "Event.wait"]
    assert found["ticks"] == pytest.approx(1000, rel=0.05)
    assert found["wall"] == pytest.approx(1000 * EVERY_NS, rel=0.05)


def test_all_are_chosen_sooner_or_later() -> None:
    chosen = Counter(one for start in range(100) for one in tasks.evenly(range(173), MOST, start / 100))
    assert len(chosen) == 173
    assert tasks.evenly([1, 2], MOST, 0.9) == [1, 2]


def test_tasks_of_a_subclass_have_none_of_their_lines_run() -> None:
    ran: list[str] = []

    class Telltale(asyncio.Task):  # type: ignore[type-arg]
        def get_coro(self) -> Any:
            ran.append("get_coro")
            return super().get_coro()

        def get_name(self) -> str:
            ran.append("get_name")
            return "wrong"

        def done(self) -> bool:
            ran.append("done")
            return super().done()

    class Awaitable:
        def __init__(self, ending: asyncio.Event) -> None:
            self.ending = ending

        def __await__(self) -> Any:
            return self

        def __iter__(self) -> Any:
            ran.append("iter")
            return self

        def __next__(self) -> Any:
            if self.ending.is_set():
                raise StopIteration

        def __getattr__(self, name: str) -> Any:
            ran.append(name)
            raise AttributeError(name)

    async def strange(ending: asyncio.Event) -> None:
        asyncio.get_running_loop().set_task_factory(
            lambda loop, coroutine, **more: Telltale(coroutine, loop=loop, **more)
        )
        task = asyncio.create_task(waits(ending), name="mine")
        await task

    async def waits(ending: asyncio.Event) -> None:
        await Awaitable(ending)

    with loop_with(strange):
        ran.clear()
        found = looked()
        assert ran == []
    stack = next(stack for stack in found if stack[0].endswith("waits"))
    assert found[stack]["task=mine"] == 1


def test_nothing_is_looked_for_before_its_time() -> None:
    sampler = SuspendedSampler()
    with loop_with(handle):
        sampler.tick(EVERY_NS - 1, 5, 1000)
        assert sampler.every_ns is None
        assert not profile_of(sampler).sample_node
        sampler.tick(1, 5, 1000)
        assert sampler.every_ns is not None
        assert sampler.every_ns >= EVERY_NS
    # What passed before the look counts with it.
    assert sum(counted["ticks"] for counted in seen(profile_of(sampler)).values()) % 10 == 0


def test_look_that_is_dear_is_taken_more_rarely() -> None:
    clock = iter([0, 3 * MS])
    sampler = SuspendedSampler(clock_ns=lambda: next(clock))
    with loop_with(handle):
        sampler.tick(EVERY_NS, 1, 1000)
    assert sampler.every_ns == 1500 * MS


def test_names_are_bounded() -> None:
    with loop_with(*[handle] * MOST, names=tuple(f"request {number}" for number in range(MOST))):
        sampler = SuspendedSampler()
        sampler._labels.update(map(str, range(250)))
        sampler.tick(EVERY_NS, 1, 1000)
        labels = {
            dict(labels)["task"] for _, labels, _ in profile_of(sampler).stacks() if "task" in dict(labels)
        }
    assert "__other__" in labels
    assert len(sampler._labels) <= 256


def test_deep_chain_keeps_its_outermost_frames() -> None:
    async def deep(ending: asyncio.Event, levels: int = 40) -> None:
        await (deep(ending, levels - 1) if levels else ending.wait())

    with loop_with(deep):
        sampler = SuspendedSampler()
        sampler.tick(EVERY_NS, 1, 7)
    stack = next(stack for stack in seen(profile_of(sampler)) if stack[0].endswith("deep"))
    assert len(stack) == 7


def test_running_samples_carry_the_task_that_they_belong_to() -> None:
    stop = threading.Event()

    async def crunch(ending: asyncio.Event) -> None:
        await inner()

    async def inner() -> None:
        while not stop.is_set():
            sum(range(1000))

    aggregator = Aggregator(PythonSampler())
    thread = threading.Thread(target=lambda: asyncio.run(crunch(asyncio.Event())))
    thread.start()
    try:
        for _ in range(50):
            aggregator.tick(MS, 100)
            stop.wait(0.002)
    finally:
        stop.set()
        thread.join(120)
        aggregator.close()
    profile = aggregator.cut().profile(Header())
    labels = [
        dict(labels) for frames, labels, _ in profile.stacks() if any("crunch" in f.name for f in frames)
    ]
    assert labels
    assert {found["task"].rpartition(".")[2] for found in labels} == {"crunch"}
    others = [
        dict(labels) for frames, labels, _ in profile.stacks() if all("crunch" not in f.name for f in frames)
    ]
    assert not any("task" in found for found in others)


OTHER = """
import asyncio, json, sys, threading
sys.path.insert(0, sys.argv[1])
from kibitz_agent import tasks
async def fetch(): await asyncio.sleep(60)
async def handle(): await fetch()
async def main():
    started = [asyncio.create_task(handle(), name=f"n{i}") for i in range(3)]
    await asyncio.sleep(0.05)
    found, weight = await asyncio.to_thread(tasks.suspended, 50, 0.5)
    print(json.dumps([[one.name, [f.f_code.co_name for f in one.frames]] for one in found] + [weight]))
    for task in started: task.cancel()
asyncio.run(main())
"""


@pytest.mark.parametrize("minor", [11, 12, 13, 14])
def test_every_version_lists_its_tasks(minor: int, root: Path, interpreter: Callable[[int], str]) -> None:
    done = subprocess.run(
        [interpreter(minor), "-c", OTHER, str(root / "agent")],
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    )
    *found, weight = json.loads(done.stdout)
    assert weight == 1
    assert [one for one in sorted(found) if one[0]] == [
        [f"n{n}", ["handle", "fetch", "sleep"]] for n in range(3)
    ]


GREENLETS = """
from gevent import monkey; monkey.patch_all()
import gevent, json, time
from kibitz_agent.suspended import SuspendedSampler
sampler = SuspendedSampler()
sampler.tick(10**9, 1, 1000)
def pause(): time.sleep(60)
def serve(): pause()
running = [gevent.spawn(serve) for _ in range(3)]
running[0].name = "keeper"
gevent.sleep(0.05)
sampler.tick(10**10, 7, 1000)
from kibitz_agent.aggregator import Batch
from kibitz_agent.calltree import CallTree
from kibitz_agent.profile import Header
profile = Batch(CallTree(), {}, (), 1, set(), sampler.drain()).profile(Header())
print(json.dumps([[[f.name for f in frames], dict(labels), values] for frames, labels, values in profile.stacks()]))
gevent.killall(running)
sampler.tick(10**10, 7, 1000)
assert not sampler.drain().samples
sampler.close()
gevent.spawn(serve); gevent.sleep(0.01)
assert not sampler._greenlets._known
"""


def test_greenlets_are_seen_where_they_wait_under_their_names(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", GREENLETS], capture_output=True, text=True, check=False, timeout=240
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = {labels["greenlet"]: (frames, values) for frames, labels, values in json.loads(done.stdout)}
    assert set(found) == {"keeper", "serve"}
    assert found["keeper"][0][:2] == ["__main__:serve", "__main__:pause"]
    assert (found["keeper"][1][0], found["serve"][1][0]) == (7, 14)
    assert found["serve"][1][2] == 0
