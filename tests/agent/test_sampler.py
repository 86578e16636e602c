"""The sampler: every thread but its own, runs instead of repeats, and time that adds up."""

from __future__ import annotations

import _thread
import itertools
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz_agent.aggregator import Batch
from kibitz_agent.own_threads import OWN
from kibitz_agent.profile import Header, ProfileBuilder
from kibitz_agent.sampler import FAIR_SWITCH_S, PythonSampler, Run

MS = 1_000_000


@contextmanager
def parked(depth: int = 3, name: str | None = "parked") -> Iterator[int]:
    """A thread that waits ``depth`` calls deep; outside `threading` if it has no name. Gives its ident."""
    ready, done, ended = (_thread.allocate_lock() for _ in range(3))
    for lock in (ready, done, ended):
        lock.acquire()

    def down(left: int) -> None:
        if left > 1:
            down(left - 1)
        else:
            ready.release()
            done.acquire()

    def body() -> None:
        try:
            down(depth)
        finally:
            ended.release()

    if name is None:
        ident = _thread.start_new_thread(body, ())
        thread = None
    else:
        thread = threading.Thread(target=body, name=name)
        thread.start()
        ident = thread.ident or 0
    ready.acquire()
    try:
        yield ident
    finally:
        done.release()
        ended.acquire()
        if thread:
            thread.join()


class FakeThreads:
    """Threads made of a real frame and a clock that the test sets."""

    def __init__(self) -> None:
        self.frames: dict[int, FrameType] = {}
        self.cpu_ns: dict[int, int] = {}
        self.clocks: dict[int, int] = {}
        self._next = itertools.count(1)

    def add(self, ident: int, frame: FrameType, cpu_ns: int = 0) -> int:
        clock = next(self._next)
        self.frames[ident], self.cpu_ns[clock], self.clocks[ident] = frame, cpu_ns, clock
        return clock

    def sampler(self) -> PythonSampler:
        def read(clock: int) -> int:
            if clock not in self.cpu_ns:
                raise OSError(22, "Invalid argument")
            return self.cpu_ns[clock]

        return PythonSampler(lambda: dict(self.frames), self.clocks.get, read, "thread {}".format, lambda: 0)


_paused: list[Generator[None, None, None]] = []


def still() -> FrameType:
    """A frame that does not move, of a generator that has been paused."""

    def pause() -> Generator[None, None, None]:
        yield

    _paused.append(pause())
    next(_paused[-1])
    frame: FrameType = _paused[-1].gi_frame
    return frame


def here() -> FrameType:
    return sys._getframe(1)


def elsewhere() -> FrameType:
    return sys._getframe()


def stacks(sampler: PythonSampler, runs: list[Run]) -> list[tuple[str, list[str], Run]]:
    """Every run as (thread, function names root first, run), the last ones drained from the sampler included."""
    tree, last = sampler.drain()
    builder = ProfileBuilder()
    nodes = tree.pour(builder)
    profile = builder.build()
    named = []
    for run in [*runs, *last]:
        path = profile.path(nodes[run.node])
        named.append((run.thread, [profile.frame(profile.node_frame[node]).name for node in path], run))
    return named


def test_sampler_skips_the_thread_that_calls_it_and_the_agents_own():
    with parked(name="shipping") as ident, parked(name="visible"):
        OWN.names[ident] = "shipping"
        sampler = PythonSampler()
        seen = {name for name, _, _ in stacks(sampler, sampler.sample(MS, 100))}
        del OWN.names[ident]
    assert "visible" in seen
    assert threading.current_thread().name not in seen
    assert "shipping" not in seen


def test_thread_started_outside_threading_is_sampled_by_qualified_name():
    with parked(name=None):
        sampler = PythonSampler()
        found = stacks(sampler, sampler.sample(MS, 100))
    module = __name__
    assert any(
        names[0].startswith(f"{module}:parked.<locals>.body")
        and names[-1] == f"{module}:parked.<locals>.down"
        for thread, names, _ in found
        if thread == ""
    )


def test_waiting_thread_is_one_run_and_its_ticks_add_up():
    with parked():
        sampler = PythonSampler()
        runs = [run for _ in range(50) for run in sampler.sample(10 * MS, 100)]
        mine = [run for name, _, run in stacks(sampler, runs) if name == "parked"]
    assert sum(run.ticks for run in mine) == 50
    assert sum(run.wall_ns for run in mine) == 500 * MS
    assert not any(run.running for run in mine)
    # It said that it was ready a moment before it waited.
    assert sum(run.cpu_ns for run in mine) < MS
    assert len(mine) in (2, 3)  # the first look, then one run for the other 49


def test_depth_keeps_the_outermost_frames_and_says_how_deep_it_was():
    with parked(depth=30):
        sampler = PythonSampler()
        ((_, names, run),) = [
            found for found in stacks(sampler, sampler.sample(MS, 4)) if found[0] == "parked"
        ]
        whole = PythonSampler()
        ((_, all_names, uncut),) = [
            found for found in stacks(whole, whole.sample(MS, 1000)) if found[0] == "parked"
        ]
    assert names == all_names[:4]
    assert run.cut == len(all_names)
    assert uncut.cut == 0


def test_depth_that_changes_holds_for_threads_that_do_not_move():
    with parked(depth=30):
        sampler = PythonSampler()
        runs = [run for depth in (1000, 1000, 5, 5) for run in sampler.sample(MS, depth)]
        found = [(len(names), run.ticks) for name, names, run in stacks(sampler, runs) if name == "parked"]
    assert sum(ticks for depth, ticks in found if depth == 5) == 2
    assert sum(ticks for depth, ticks in found if depth > 30) == 2


@pytest.mark.parametrize("depth", [600, 5000])
def test_stack_deeper_than_the_default_recursion_limit_is_kept(depth: int):
    # A generator-free chain of frames longer than most programs', walked without recursion.
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + 200)
    before = threading.stack_size(256 << 20)
    try:
        with parked(depth=depth):
            sampler = PythonSampler()
            found = [
                names for name, names, _ in stacks(sampler, sampler.sample(MS, 10_000)) if name == "parked"
            ]
    finally:
        threading.stack_size(before)
        sys.setrecursionlimit(limit)
    assert len(found[0]) >= depth


def test_busy_thread_is_running_in_proportion_to_its_cpu_time():
    fake = FakeThreads()
    clock = fake.add(1, here())
    sampler, runs = fake.sampler(), []
    for _ in range(1000):
        runs += sampler.sample(10 * MS, 100)
        fake.cpu_ns[clock] += 3 * MS
    found = [run for _, _, run in stacks(sampler, runs)]
    assert sum(run.ticks for run in found) == 1000
    assert sum(run.ticks for run in found if run.running) == pytest.approx(300, abs=2)
    assert sum(run.cpu_ns for run in found) == 999 * 3 * MS


def test_thread_that_only_wakes_up_now_and_then_is_waiting():
    fake = FakeThreads()
    clock = fake.add(1, here())
    sampler, runs = fake.sampler(), []
    for _ in range(1000):
        runs += sampler.sample(10 * MS, 100)
        fake.cpu_ns[clock] += 50_000
    assert not any(run.running for _, _, run in stacks(sampler, runs))


def test_stack_is_walked_again_when_the_thread_has_used_cpu_time():
    fake = FakeThreads()
    clock = fake.add(1, here())
    sampler = fake.sampler()
    runs = sampler.sample(MS, 100)
    fake.frames[1] = elsewhere()
    fake.cpu_ns[clock] += 1
    runs += sampler.sample(MS, 100)
    assert [names[-1].rpartition(":")[2] for _, names, _ in stacks(sampler, runs)] == [
        "test_stack_is_walked_again_when_the_thread_has_used_cpu_time",
        "elsewhere",
    ]


def test_frame_at_a_reused_address_is_told_by_what_is_above_it():
    fake = FakeThreads()
    fake.add(1, still())
    sampler = fake.sampler()
    runs = sampler.sample(MS, 100) + sampler.sample(MS, 100)
    sampler._seen[1].back = 12345
    runs += sampler.sample(MS, 100)
    # The run of one tick ended and the stack was looked at anew, although clock and frame had not changed.
    assert [run.ticks for run in runs] == [1, 1, 1]


def test_dead_thread_ends_its_run_with_the_ticks_it_was_seen():
    fake = FakeThreads()
    fake.add(1, still())
    fake.add(2, still())
    sampler = fake.sampler()
    runs = [run for _ in range(5) for run in sampler.sample(MS, 100)]
    del fake.frames[1]
    runs += [run for _ in range(5) for run in sampler.sample(MS, 100)]
    ticks: dict[str, int] = {}
    for name, _, run in stacks(sampler, runs):
        ticks[name] = ticks.get(name, 0) + run.ticks
    assert ticks == {"thread 1": 5, "thread 2": 10}


def test_new_thread_under_a_dead_ones_handle_is_met_anew():
    fake = FakeThreads()
    clock = fake.add(1, still(), cpu_ns=500 * MS)
    sampler = fake.sampler()
    runs = [run for _ in range(3) for run in sampler.sample(10 * MS, 100)]
    del fake.cpu_ns[clock]
    fake.add(1, still(), cpu_ns=2 * MS)
    runs += [run for _ in range(3) for run in sampler.sample(10 * MS, 100)]
    found = [run for _, _, run in stacks(sampler, runs)]
    assert sum(run.ticks for run in found) == 6
    assert sum(run.cpu_ns for run in found) == 2 * MS
    assert not sampler.estimates_cpu


def test_cpu_time_from_before_sampling_began_is_nobodys():
    fake = FakeThreads()
    fake.add(1, here(), cpu_ns=3600_000 * MS)
    sampler = fake.sampler()
    assert sum(run.cpu_ns for _, _, run in stacks(sampler, sampler.sample(MS, 100))) == 0


def test_without_clocks_the_process_time_is_shared_among_those_that_moved():
    frames = {1: still(), 2: still()}
    process_ns = iter([0, 8 * MS, 20 * MS])
    sampler = PythonSampler(
        lambda: dict(frames), lambda ident: None, lambda clock: 0, str, lambda: next(process_ns)
    )
    first = sampler.sample(10 * MS, 100)
    assert [run.cpu_ns for run in first] == [4 * MS, 4 * MS]
    frames[2] = elsewhere()
    second = sampler.sample(10 * MS, 100)
    assert [(run.cpu_ns, run.running) for run in second] == [(0, False), (10 * MS, True)]
    assert sampler.estimates_cpu


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50), st.booleans()), max_size=40))
def test_runs_cover_every_tick_once(ticks: list[tuple[int, int, bool]]):
    fake = FakeThreads()
    clock = fake.add(1, here())
    places: list[Callable[[], FrameType]] = [here, elsewhere]
    sampler, runs, wall, cpu = fake.sampler(), [], 0, 0
    for index, (elapsed_ms, used_ms, moves) in enumerate(ticks):
        if moves:
            fake.frames[1] = places[index % 2]()
        if index:
            fake.cpu_ns[clock] += used_ms * MS
            cpu += used_ms * MS
        runs += sampler.sample(elapsed_ms * MS, 100)
        wall += elapsed_ms * MS
    runs += sampler.drain()[1]
    assert sum(run.ticks for run in runs) == len(ticks)
    assert sum(run.wall_ns for run in runs) == wall
    assert sum(run.cpu_ns for run in runs) == cpu


def test_no_frame_of_the_host_is_held_between_ticks():
    class Local:
        pass

    import gc
    import weakref

    held: list[weakref.ref[Local]] = []

    def body(ready: threading.Event, done: threading.Event) -> None:
        local = Local()
        held.append(weakref.ref(local))
        ready.set()
        done.wait()

    ready, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=body, args=(ready, done))
    thread.start()
    ready.wait()
    sampler = PythonSampler()
    gc.disable()
    try:
        sampler.sample(MS, 100)
        done.set()
        thread.join()
        assert held[0]() is None
    finally:
        gc.enable()


def test_no_attribute_of_a_local_is_evaluated():
    touched = []

    class Loud:
        @property
        def __class__(self):  # type: ignore[override]
            touched.append(1)
            return Loud

        def method(self, ready: threading.Event, done: threading.Event) -> None:
            ready.set()
            done.wait()

    ready, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=Loud().method, args=(ready, done), name="loud")
    thread.start()
    ready.wait()
    touched.clear()
    sampler = PythonSampler()
    names = next(names for name, names, _ in stacks(sampler, sampler.sample(MS, 100)) if name == "loud")
    done.set()
    thread.join()
    assert any(name.endswith("Loud.method") for name in names)
    assert not touched


def test_memory_grows_with_what_is_held_and_shrinks_when_drained():
    with parked(depth=300):
        sampler = PythonSampler()
        empty = sampler.memory_bytes
        sampler.sample(MS, 1000)
        full = sampler.memory_bytes
        batch = Batch(sampler.drain()[0], {}, (), 1)
    assert full > empty + 300 * 100
    assert sampler.memory_bytes < full / 3
    assert batch.profile(Header()).sample_node.tolist() == []


@pytest.fixture
def switch_s() -> Iterator[float]:
    """The switch interval as it was before the test, in seconds; put back after it."""
    before_s = sys.getswitchinterval()
    yield before_s
    sys.setswitchinterval(before_s)


def test_fair_sampler_shortens_the_switch_interval_only_while_it_looks(switch_s: float):
    sampler = PythonSampler(fair=True)
    assert sys.getswitchinterval() == switch_s
    for end in (sampler.rest, sampler.close):
        for _ in range(2):
            assert sampler.pace(MS, 10) == MS
            assert sys.getswitchinterval() == pytest.approx(FAIR_SWITCH_S)
        end()
        assert sys.getswitchinterval() == switch_s


def test_sampler_leaves_the_switch_interval_alone_unless_asked(switch_s: float):
    sampler = PythonSampler()
    sampler.pace(MS, 10)
    assert sys.getswitchinterval() == switch_s


def test_fair_sampler_keeps_what_the_host_sets_meanwhile(switch_s: float):
    sampler = PythonSampler(fair=True)
    sampler.pace(MS, 10)
    sys.setswitchinterval(0.25)
    sampler.rest()
    assert sys.getswitchinterval() == 0.25


def test_fair_sampler_never_lengthens_a_shorter_switch_interval(switch_s: float):
    sys.setswitchinterval(FAIR_SWITCH_S / 2)
    sampler = PythonSampler(fair=True)
    sampler.pace(MS, 10)
    assert sys.getswitchinterval() == pytest.approx(FAIR_SWITCH_S / 2)
    assert sys.getswitchinterval() < switch_s
