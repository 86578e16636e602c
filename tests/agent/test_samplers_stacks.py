"""The stacks that every sampler sees: the Python one and the native one name the same functions alike."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.agent.conftest import lasting

from kibitz_agent.aggregator import MAX_STACK_DEPTH
from kibitz_agent.native import NativeSampler, NativeUnavailableError
from kibitz_agent.sampler import PythonSampler

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


def test_methods_carry_their_class_and_lines_are_those_being_run(watching, sampler):
    class Shop:
        def open(self):
            spin(0.3)  # this line

    with watching(sampler) as watch:
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


def test_depth_limit_keeps_the_outermost_frames_and_says_how_deep_it_was(watching, sampler):
    with watching(sampler, max_depth=40) as watch:
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


def test_deep_recursion_is_seen_whole(watching, sampler):
    with watching(sampler, max_depth=3000) as watch:
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


def test_generators_hang_below_who_drives_them(watching, sampler):
    def drive():
        return sum(count_up(40))

    with watching(sampler) as watch:
        drive()
    name = "test_generators_hang_below_who_drives_them.<locals>.drive"
    assert ends(watch.stacks(), name, "count_up", "spin")


async def serve(n: int) -> None:
    if n:
        await serve(n - 1)
    else:
        spin(0.3)
        await asyncio.sleep(0.01)


def test_coroutines_hang_below_who_awaits_them(watching, sampler):
    with watching(sampler) as watch:
        asyncio.run(serve(3))
    assert ends(watch.stacks(), "serve", "serve", "serve", "serve", "spin")


def test_function_called_from_c_hangs_below_the_python_that_called_c(watching, sampler):
    def key(value):
        spin(0.02)
        return value

    def order():
        return sorted(range(15), key=key)

    with watching(sampler) as watch:
        order()
    name = "test_function_called_from_c_hangs_below_the_python_that_called_c.<locals>"
    assert ends(watch.stacks(), f"{name}.order", f"{name}.key", "spin")


def test_module_of_code_that_was_executed_from_text_is_the_one_its_globals_name(watching, sampler):
    space = {"__name__": "made.up", "spin": spin}
    exec(compile("def run():\n    spin(0.3)\n", "<text>", "exec"), space)
    with watching(sampler) as watch:
        space["run"]()
    (name,) = {stack[stack.index("spin") - 1] for stack in watch.stacks() if "spin" in stack}
    # Without the GIL only the identity of the globals can be told, not what they say.
    assert name in ("made.up:run", "<text>:run")


def test_function_that_is_gone_when_the_period_ends_keeps_its_name_and_lines(watching, sampler):
    with watching(sampler) as watch:
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


def test_native_and_python_see_the_same_functions(watching, lacking):
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
        with watching(made) as watch:
            work()
        mine = threading.current_thread().name
        # Down to the function: what it calls in C is seen by the one at other moments than by the other.
        seen.append(
            {
                stack[stack.index(f"{name}.<locals>.work") - 1 : stack.index(last) + 1]
                for stack in watch.stacks(thread=mine)
                for last in ("spin", "doze")
                if last in stack
            }
        )
    assert seen[0]
    assert seen[0] == seen[1]
