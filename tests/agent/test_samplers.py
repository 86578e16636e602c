"""What holds of every sampler: the Python one and the native one see the same program alike."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from kibitz_agent.aggregator import MAX_STACK_DEPTH, Aggregator
from kibitz_agent.native import NativeSampler, NativeUnavailableError
from kibitz_agent.profile import Header, Profile
from kibitz_agent.sampler import PythonSampler, Sampler
from kibitz_agent.tags import tag
from kibitz_agent.worker import Worker

MS = 1_000_000
HERE = __name__


class Watch:
    """A sampler at work on a thread of the agent's, while a ``with`` block runs; `profile` is what it saw."""

    def __init__(self, sampler: Sampler, interval_ns: int = 2 * MS, max_depth: int = 400) -> None:
        self.sampler, self.interval_ns, self.max_depth = sampler, interval_ns, max_depth
        self.profile = Profile()
        self.limits: set[str] = set()
        self._ending = threading.Event()
        self._worker = Worker("sampler", self._watch)

    def __enter__(self) -> Watch:
        self._worker.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        self._worker.join(60)

    def _watch(self) -> None:
        aggregator, last_ns = Aggregator(self.sampler), time.monotonic_ns()
        while not self._ending.wait(self.sampler.pace(self.interval_ns, self.max_depth) / 1e9):
            now_ns = time.monotonic_ns()
            aggregator.tick(now_ns - last_ns, self.max_depth)
            last_ns = now_ns
        self.sampler.rest()
        batch = aggregator.cut()
        self.sampler.close()
        self.profile, self.limits = batch.profile(Header()), batch.limits

    def stacks(self, **labels: str) -> Counter[tuple[str, ...]]:
        """How often each stack was seen under these labels: names without the module where it is this one."""
        found: Counter[tuple[str, ...]] = Counter()
        for frames, its_labels, values in self.profile.stacks():
            if labels.items() <= dict(its_labels).items():
                found[tuple(frame.name.removeprefix(f"{HERE}:") for frame in frames)] += values[0]
        return found

    def nanoseconds(self, leaf: str, value: str) -> int:
        """What was measured in ``leaf`` and all it called."""
        column = self.profile.value_index(value)
        return sum(
            values[column]
            for frames, _, values in self.profile.stacks()
            if any(frame.name == f"{HERE}:{leaf}" for frame in frames)
        )


@pytest.fixture(params=["python", "native"])
def sampler(request: pytest.FixtureRequest, lacking: Callable[[str], None]) -> Iterator[Sampler]:
    """Each sampler in turn."""
    if request.param == "python":
        yield PythonSampler()
        return
    try:
        native = NativeSampler()
    except NativeUnavailableError as error:
        lacking(f"the native sampler ({error})")
        raise
    yield native
    native.close()


def spin(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        sum(range(500))


def doze(seconds: float) -> None:
    time.sleep(seconds)


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


def test_stack_of_a_working_function_is_seen_whole_and_running(sampler):
    def outer():
        inner()

    def inner():
        spin(0.4)

    name = "test_stack_of_a_working_function_is_seen_whole_and_running"
    with Watch(sampler) as watch:
        outer()
    assert ends(
        watch.stacks(state="running"), name, f"{name}.<locals>.outer", f"{name}.<locals>.inner", "spin"
    )


def test_thread_that_waits_is_waiting_and_costs_no_cpu_time(sampler):
    with Watch(sampler) as watch:
        doze(0.4)
    seen = watch.stacks(state="waiting")
    assert sum(count for stack, count in seen.items() if stack[-1] == "doze") > 10
    assert watch.nanoseconds("doze", "wall") > 200 * MS
    assert watch.nanoseconds("doze", "cpu") < 50 * MS


def test_cpu_time_is_what_the_threads_clock_says(sampler):
    with Watch(sampler) as watch:
        before = time.thread_time_ns()
        spin(0.6)
        used = time.thread_time_ns() - before
    assert watch.nanoseconds("spin", "cpu") == pytest.approx(used, rel=0.25)


def test_every_thread_is_seen_under_its_own_name(sampler):
    ending = threading.Event()
    with (
        thread(ending.wait, "the waiter"),
        thread(lambda: spin(0.5), "the worker"),
        Watch(sampler) as watch,
    ):
        doze(0.4)
        ending.set()
    assert ends(watch.stacks(thread="the worker"), "spin")
    assert ends(watch.stacks(thread="the waiter"), "threading:Event.wait", "threading:Condition.wait")
    assert ends(watch.stacks(thread=threading.current_thread().name), "doze")


def test_agents_own_threads_are_left_out(sampler):
    def ship():
        ending.wait()

    ending = threading.Event()
    other = Worker("shipping", ship)
    other.start()
    with Watch(sampler) as watch:
        doze(0.3)
        ending.set()
    other.join(30)
    assert watch.stacks()
    assert not any("ship" in frame or "_watch" in frame for stack in watch.stacks() for frame in stack)


def test_methods_carry_their_class_and_lines_are_those_being_run(sampler):
    class Shop:
        def open(self):
            spin(0.3)  # this line

    with Watch(sampler) as watch:
        Shop().open()
    line = Shop.open.__code__.co_firstlineno + 1
    name = "test_methods_carry_their_class_and_lines_are_those_being_run"
    assert ends(watch.stacks(), name, f"{name}.<locals>.Shop.open", "spin")
    found = {
        watch.profile.node_line[node]
        for node, frame in enumerate(watch.profile.node_frame)
        if watch.profile.frame(frame).name.endswith("Shop.open")
    }
    assert found == {line}


def recurse(depth: int) -> None:
    if depth:
        recurse(depth - 1)
    else:
        spin(0.3)


def test_depth_limit_keeps_the_outermost_frames_and_says_how_deep_it_was(sampler):
    with Watch(sampler, max_depth=40) as watch:
        recurse(100)
    cut = [
        (frames, dict(labels))
        for frames, labels, _ in watch.profile.stacks()
        if frames[-1].name == f"{HERE}:recurse"
    ]
    assert cut
    assert {len(frames) for frames, _ in cut} == {40}
    assert all(int(labels["truncated"]) > 100 for _, labels in cut)
    assert MAX_STACK_DEPTH in watch.limits


def test_deep_recursion_is_seen_whole(sampler):
    with Watch(sampler, max_depth=3000) as watch:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(3000)
        try:
            recurse(1500)
        finally:
            sys.setrecursionlimit(limit)
    deepest = max(stack.count("recurse") for stack in watch.stacks())
    assert deepest == 1501


def count_up(n: int):
    for i in range(n):
        spin(0.01)
        yield i


def test_generators_hang_below_who_drives_them(sampler):
    def drive():
        return sum(count_up(40))

    with Watch(sampler) as watch:
        drive()
    name = "test_generators_hang_below_who_drives_them.<locals>.drive"
    assert ends(watch.stacks(), name, "count_up", "spin")


async def serve(n: int) -> None:
    if n:
        await serve(n - 1)
    else:
        spin(0.3)
        await asyncio.sleep(0.01)


def test_coroutines_hang_below_who_awaits_them(sampler):
    with Watch(sampler) as watch:
        asyncio.run(serve(3))
    assert ends(watch.stacks(), "serve", "serve", "serve", "serve", "spin")


def test_function_called_from_c_hangs_below_the_python_that_called_c(sampler):
    def key(value):
        spin(0.02)
        return value

    def order():
        return sorted(range(15), key=key)

    with Watch(sampler) as watch:
        order()
    name = "test_function_called_from_c_hangs_below_the_python_that_called_c.<locals>"
    assert ends(watch.stacks(), f"{name}.order", f"{name}.key", "spin")


def test_module_of_code_that_was_executed_from_text_is_the_one_its_globals_name(sampler):
    space = {"__name__": "made.up", "spin": spin}
    exec(compile("def run():\n    spin(0.3)\n", "<text>", "exec"), space)
    with Watch(sampler) as watch:
        space["run"]()
    (name,) = {stack[-2] for stack in watch.stacks() if stack[-1] == "spin"}
    # Without the GIL only the identity of the globals can be told, not what they say.
    assert name in ("made.up:run", "<text>:run")


def test_function_that_is_gone_when_the_period_ends_keeps_its_name_and_lines(sampler):
    with Watch(sampler) as watch:
        for _ in range(3):
            space = {"spin": spin, "__name__": "gone"}
            exec(compile("\n\ndef brief():\n    x = 1\n    spin(0.15)\n", "<brief>", "exec"), space)
            space["brief"]()
            space.clear()
            gc.collect()
    found = {
        (watch.profile.frame(frame).name.rpartition(":")[2], watch.profile.node_line[node])
        for node, frame in enumerate(watch.profile.node_frame)
        if watch.profile.frame(frame).file == "<brief>"
    }
    assert found == {("brief", 5)}


def test_threads_that_come_and_go_are_seen_and_forgotten(sampler):
    with Watch(sampler) as watch:
        until = time.monotonic() + 0.6
        while time.monotonic() < until:
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
        spin(0.2)
        aggregator.tick(200 * MS, 100)
        return aggregator.cut().profile(Header())

    doze(0)
    first, second = look(), look()
    sampler.rest()
    assert aggregator.cut().profile(Header()).total() <= second.total()
    assert 0 < second.total() < 3 * max(1, first.total())


def test_looks_are_counted_and_rest_ends_them(sampler):
    with Watch(sampler) as watch:
        spin(0.3)
    after = watch.profile.total()
    assert after > 20
    if sampler.name == "python":
        assert sampler.tally().looks > 20


def test_native_and_python_see_the_same_functions(lacking):
    def work() -> None:
        for _ in range(4):
            recurse(5)
            doze(0.05)

    name, seen = "test_native_and_python_see_the_same_functions", []
    for make in (PythonSampler, NativeSampler):
        try:
            made = make()
        except NativeUnavailableError as error:
            lacking(f"the native sampler ({error})")
            raise
        with Watch(made) as watch:
            work()
        mine = threading.current_thread().name
        stacks = [stack for stack in watch.stacks(thread=mine) if stack[-1] in ("spin", "doze")]
        seen.append({stack[stack.index(f"{name}.<locals>.work") - 1 :] for stack in stacks})
    assert seen[0]
    assert seen[0] == seen[1]


def test_samples_taken_within_a_tag_carry_it_and_others_do_not(sampler):
    def tagged():
        with tag(endpoint="/cart"):
            spin(0.2)

    with Watch(sampler) as watch:
        tagged()
        doze(0.2)
    assert ends(watch.stacks(endpoint="/cart"), "spin")
    assert not ends(watch.stacks(endpoint="/cart"), "doze")
    assert sum(
        count for stack, count in watch.stacks(endpoint="/cart").items() if stack[-1] == "spin"
    ) == sum(count for stack, count in watch.stacks().items() if stack[-1] == "spin")


def test_nested_tags_add_up_and_the_inner_one_wins(sampler):
    def outer():
        with tag(job="nightly", step="load"):
            spin(0.15)
            with tag(step="store"):
                doze(0.15)
            recurse(2)

    with Watch(sampler) as watch:
        outer()
    assert ends(watch.stacks(job="nightly", step="load"), "spin")
    assert ends(watch.stacks(job="nightly", step="store"), "doze")
    assert not ends(watch.stacks(step="load"), "doze")
    assert ends(watch.stacks(job="nightly", step="load"), "recurse", "spin")


def test_tag_holds_across_awaits_and_only_for_its_own_task(sampler):
    async def request(name):
        with tag(endpoint=name):
            for _ in range(6):
                await asyncio.sleep(0.002)
                serve_request(name)

    def serve_request(name):
        {"a": work_of_a, "b": work_of_b}[name](0.02)

    async def both():
        await asyncio.gather(request("a"), request("b"))

    with Watch(sampler) as watch:
        asyncio.run(both())
    assert ends(watch.stacks(endpoint="a"), "work_of_a")
    assert ends(watch.stacks(endpoint="b"), "work_of_b")
    assert not ends(watch.stacks(endpoint="a"), "work_of_b")
    assert not ends(watch.stacks(endpoint="b"), "work_of_a")


def work_of_a(seconds):
    spin(seconds)


def work_of_b(seconds):
    spin(seconds)


def test_tag_of_one_thread_is_not_anothers(sampler):
    def tagged():
        with tag(endpoint="/here"):
            spin(1.0)

    with thread(tagged, "tagged"), thread(lambda: spin(1.0), "plain"), Watch(sampler) as watch:
        doze(0.9)
    assert set(watch.stacks(endpoint="/here")) <= set(watch.stacks(thread="tagged"))
    assert not watch.stacks(endpoint="/here", thread="plain")
    assert ends(watch.stacks(endpoint="/here", thread="tagged"), "spin")


def count_for_ever(ending):
    total = 0
    while not ending:
        total += 1
    return total


def test_threads_that_compete_for_the_lock_are_seen_waiting_for_it_and_a_lone_one_is_not(lacking):
    def watched(workers):
        try:
            made = NativeSampler()
        except NativeUnavailableError as error:
            lacking(f"the native sampler ({error})")
            raise
        ending = []
        threads = [threading.Thread(target=count_for_ever, args=(ending,)) for _ in range(workers)]
        with Watch(made) as watch:
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


def test_thread_among_many_idle_ones_that_moves_in_a_moment_is_seen_where_it_went(sampler):
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
        with Watch(sampler) as watch:
            doze(0.5)
            ended.set()
            doze(0.5)
        ending.set()
    counts = dict.fromkeys(("first", "second"), 0)
    for frames, count in watch.stacks(thread="mover").items():
        for name in counts:
            counts[name] += count * any(frame.endswith(f".{name}") for frame in frames)
    assert min(counts.values()) > 0.5 * max(counts.values()), counts
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
        [sys.executable, "-c", ONE_PROCESSOR], capture_output=True, text=True, check=True, timeout=60
    )
    cpu_s = json.loads(done.stdout)
    assert 0.4 < cpu_s["busy"] < 0.9
    assert 0.4 < cpu_s["press"] < 0.9
    assert cpu_s["nap"] < 0.1
