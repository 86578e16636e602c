"""What holds of every sampler: the Python one and the native one see the same threads, times and states alike."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from tests.agent.conftest import PATIENCE_S, lasting

from kibitz_agent.aggregator import Aggregator
from kibitz_agent.native import NativeSampler, NativeUnavailableError
from kibitz_agent.profile import Header, Profile
from kibitz_agent.worker import Worker

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


def test_stack_of_a_working_function_is_seen_whole_and_running(watching, sampler):
    def outer():
        inner()

    def inner():
        spin(0.4)

    name = "test_stack_of_a_working_function_is_seen_whole_and_running"
    with watching(sampler) as watch:
        outer()
    assert ends(
        watch.stacks(state="running"), name, f"{name}.<locals>.outer", f"{name}.<locals>.inner", "spin"
    )


def test_thread_that_waits_is_waiting_and_costs_no_cpu_time(watching, sampler):
    with watching(sampler) as watch:
        doze(0.4)
    seen = watch.stacks(state="waiting")
    assert sum(count for stack, count in seen.items() if "doze" in stack[-2:]) > 10
    assert watch.nanoseconds("doze", "wall") > 200 * MS
    assert watch.nanoseconds("doze", "cpu") < 50 * MS


def test_cpu_time_is_what_the_threads_clock_says(watching, sampler):
    with watching(sampler) as watch:
        before = time.thread_time_ns()
        spin(0.6)
        used = time.thread_time_ns() - before
    assert watch.nanoseconds("spin", "cpu") == pytest.approx(used, rel=0.25)


def test_every_thread_is_seen_under_its_own_name(watching, sampler):
    ending = threading.Event()
    with (
        thread(ending.wait, "the waiter"),
        thread(lambda: spin(0.5), "the worker"),
        watching(sampler) as watch,
    ):
        doze(0.4)
        ending.set()
    assert ends(watch.stacks(thread="the worker"), "spin")
    assert ends(watch.stacks(thread="the waiter"), "threading:Event.wait", "threading:Condition.wait")
    assert ends(watch.stacks(thread=threading.current_thread().name), "doze")


def test_agents_own_threads_are_left_out(watching, sampler):
    def ship():
        ending.wait()

    ending = threading.Event()
    other = Worker("shipping", ship)
    other.start()
    with watching(sampler) as watch:
        doze(0.3)
        ending.set()
    other.join(120)
    assert watch.stacks()
    assert not any("ship" in frame or "_watch" in frame for stack in watch.stacks() for frame in stack)


def test_threads_that_come_and_go_are_seen_and_forgotten(watching, sampler):
    with watching(sampler) as watch:
        goes_on = lasting(0.6)
        while goes_on():
            workers = [threading.Thread(target=spin, args=(0.01,)) for _ in range(5)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
    assert ends(watch.stacks(), "threading:Thread.run", "spin")


def test_draining_begins_anew(sampler):
    aggregator = Aggregator(sampler)

    def look() -> Profile:
        sampler.pace(2 * MS, 100)
        before, goes_on = sampler.tally().looks, lasting(PATIENCE_S)
        spin(0.2)
        # The native one looks by itself, and less often on a busy machine.
        while sampler.name == "native" and sampler.tally().looks < before + 50 and goes_on():
            spin(0.01)
        aggregator.tick(200 * MS, 100)
        return aggregator.cut().profile(Header())

    ending = threading.Event()
    # The Python sampler leaves out the thread that looks: there has to be another.
    with thread(ending.wait, "the waiter"):
        first, second = look(), look()
        ending.set()
    sampler.rest()
    assert aggregator.cut().profile(Header()).total() <= second.total()
    assert 0 < second.total() < 3 * max(1, first.total())


def test_looks_are_counted_and_rest_ends_them(watching, sampler):
    with watching(sampler) as watch:
        spin(0.3)
    after = watch.profile.total()
    assert after > 20
    if sampler.name == "python":
        assert sampler.tally().looks > 20


def count_for_ever(ending):
    total = 0
    while not ending:
        total += 1
    return total


def test_threads_that_compete_for_the_lock_are_seen_waiting_for_it_and_a_lone_one_is_not(watching, lacking):
    def watched(workers):
        try:
            made = NativeSampler()
        except NativeUnavailableError as error:
            lacking(f"the native sampler ({error})")
            raise
        ending = []
        threads = [threading.Thread(target=count_for_ever, args=(ending,)) for _ in range(workers)]
        with watching(made) as watch:
            for worker in threads:
                worker.start()
            doze(0.5)
            ending.append(True)
            for worker in threads:
                worker.join()
        all_of_them = sum(count for stack, count in watch.stacks().items() if stack[-1] == "count_for_ever")
        waiting = sum(
            count
            for stack, count in watch.stacks(waits_for="gil", state="waiting").items()
            if stack[-1] == "count_for_ever"
        )
        assert not ends(watch.stacks(waits_for="gil"), "doze")
        return waiting / all_of_them

    assert watched(4) > 0.4
    assert watched(1) < 0.3


def test_thread_among_many_idle_ones_that_moves_in_a_moment_is_seen_where_it_went(watching, sampler):
    def first():
        ended.wait()

    def second():
        doze(0.5)

    def both():
        first()
        second()

    ended, ending = threading.Event(), threading.Event()
    with ExitStack() as stack:
        for number in range(30):
            stack.enter_context(thread(ending.wait, f"idle {number}"))
        stack.enter_context(thread(both, "mover"))
        with watching(sampler) as watch:
            doze(0.5)
            before = watch.looks
            ended.set()
            doze(0.5)
            after = watch.looks - before
        ending.set()
    counts = dict.fromkeys(("first", "second"), 0)
    for frames, count in watch.stacks(thread="mover").items():
        for name in counts:
            counts[name] += count * any(frame.endswith(f".{name}") for frame in frames)
    # Seen at nearly every look, in the function it was in by then.
    assert counts["first"] == pytest.approx(before, rel=0.5), (counts, before, after)
    assert counts["second"] == pytest.approx(after, rel=0.5), (counts, before, after)
    # Every idle one is seen at every look, as often as the others.
    each = [sum(watch.stacks(thread=f"idle {number}").values()) for number in range(30)]
    assert min(each) > 0.9 * max(each) > 50


ONE_PROCESSOR = """
import json, os, time, zlib
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from kibitz_agent.profiler import Profiler
from kibitz_agent.fleet import Identity
from kibitz_agent.config import Settings
taken = []
class Kept:
    def configure(self): return None
    def report(self, profile): taken.append(profile)
    def close(self, timeout_s): pass
def busy():
    end = time.process_time() + 0.6
    while time.process_time() < end: sum(range(1000))
def press():
    data, end = os.urandom(300_000), time.process_time() + 0.6
    while time.process_time() < end: zlib.compress(data)
def nap(): time.sleep(0.6)
profiler = Profiler(Kept(), Identity("g"), Settings(sampling_interval_ms=5))
profiler.start()
busy(); press(); nap()
profiler.stop()
found = {}
for frames, labels, values in taken[0].stacks():
    for frame in frames[:3]:
        name = frame.name.rpartition(":")[2]
        found[name] = found.get(name, 0) + values[2] / 1e9
print(json.dumps({name: found.get(name, 0) for name in ("busy", "press", "nap")}))
"""


def test_cpu_time_is_right_where_sampler_and_host_share_one_processor(sampler, monkeypatch):
    # A look takes the only processor from the very thread that it looks at.
    monkeypatch.setenv("KIBITZ_SAMPLER", sampler.name)
    done = subprocess.run(
        [sys.executable, "-c", ONE_PROCESSOR], capture_output=True, text=True, check=True, timeout=240
    )
    cpu_s = json.loads(done.stdout)
    assert 0.4 < cpu_s["busy"] < 0.9
    assert 0.4 < cpu_s["press"] < 0.9
    assert cpu_s["nap"] < 0.1
