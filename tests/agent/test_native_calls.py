"""Calls of C functions are named once, where samples end, and cost the host nothing afterwards."""

from __future__ import annotations

import collections
import json
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from types import CodeType, SimpleNamespace
from typing import Any

import pytest

from kibitz_agent.aggregator import Batch
from kibitz_agent.call_sites import CallSites
from kibitz_agent.calltree import CallTree
from kibitz_agent.native_calls import NativeCalls
from kibitz_agent.profile import Header

DISABLE = object()


class Monitoring:
    """`sys.monitoring` as far as it is used, for interpreters that have none."""

    DISABLE = DISABLE
    events = SimpleNamespace(CALL=16)

    def __init__(self, taken: tuple[int, ...] = ()) -> None:
        self.tools = dict.fromkeys(taken, "another")
        self.watched: dict[CodeType, int] = {}
        self.callback: Any = None

    def get_tool(self, tool: int) -> str | None:
        return self.tools.get(tool)

    def use_tool_id(self, tool: int, name: str) -> None:
        assert tool not in self.tools
        self.tools[tool] = name

    def free_tool_id(self, tool: int) -> None:
        assert not any(self.watched.values())
        del self.tools[tool]

    def register_callback(self, tool: int, event: int, callback: Any) -> None:
        self.callback = callback

    def set_local_events(self, tool: int, code: CodeType, events: int) -> None:
        assert self.tools[tool] == "kibitz"
        self.watched[code] = events


@pytest.fixture
def monitoring(monkeypatch: pytest.MonkeyPatch) -> Monitoring:
    made = Monitoring()
    monkeypatch.setattr(sys, "monitoring", made, raising=False)
    return made


def place() -> CodeType:
    return place.__code__


class Mine:
    def method(self) -> None: ...


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (zlib.compress, "zlib:compress"),
        (time.sleep, "time:sleep"),
        (len, "builtins:len"),
        ([].append, "builtins:list.append"),
        (str.join, "builtins:str.join"),
        (dict.fromkeys, "builtins:dict.fromkeys"),
        (collections.deque, "collections:deque"),
        (int, "builtins:int"),
        (place, ""),
        (Mine, ""),
        (Mine().method, ""),
        (lambda: 1, ""),
    ],
)
def test_functions_in_c_are_named_and_no_others(monitoring: Monitoring, function: object, name: str) -> None:
    calls = NativeCalls()
    calls.watch([place()])
    assert monitoring.watched == {place(): 16}
    assert monitoring.callback(place(), 4, function, None) is DISABLE
    assert calls.names == ({id(place()) + 4: name} if name else {})


def test_place_keeps_the_name_of_its_first_call(monitoring: Monitoring) -> None:
    calls = NativeCalls()
    calls.watch([place()])
    for function in (len, zlib.compress):
        monitoring.callback(place(), 4, function, None)
    assert calls.names == {id(place()) + 4: "builtins:len"}


def test_closing_gives_the_tool_back_and_another_start_listens_again(monitoring: Monitoring) -> None:
    calls = NativeCalls()
    calls.watch([place()])
    calls.close()
    calls.close()
    assert (monitoring.tools, monitoring.callback, monitoring.watched) == ({}, None, {place(): 0})
    calls.watch([])
    assert monitoring.watched == {place(): 16}
    assert list(monitoring.tools.values()) == ["kibitz"]


def test_host_whose_tool_ids_are_taken_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Monitoring(taken=(3, 4))
    monkeypatch.setattr(sys, "monitoring", made, raising=False)
    calls = NativeCalls()
    calls.watch([place()])
    assert (made.watched, made.callback) == ({}, None)


def test_environment_leaves_it_out(monitoring: Monitoring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIBITZ_NATIVE_CALLS", "0")
    NativeCalls().watch([place()])
    assert monitoring.tools == {}


def test_number_of_watched_functions_is_bounded(monitoring: Monitoring) -> None:
    calls = NativeCalls()
    calls.watch([place().replace(co_firstlineno=number + 1) for number in range(1200)])
    assert len(monitoring.watched) == 1000


def test_sample_at_a_named_call_ends_in_what_was_called(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = sys._getframe()
    tree = CallTree()
    node, _ = tree.walk(frame, 100)
    called = Batch(tree, {(node, 0): [5, 50, 0]}, (("main", True, 0, 0, False, False),), 5)
    # The address is of the instruction that ran when the tree met the frame.
    monkeypatch.setattr(
        CallSites, "name", lambda _, address, __: {tree.address(node): "zlib:compress"}[address]
    )
    ((frames, _, values),) = called.profile(Header()).stacks()
    assert [frame.name.rpartition(":")[2] for frame in frames[-2:]] == [frame.f_code.co_qualname, "compress"]
    assert values[0] == 5


PROGRAM = """
import json, os, sys, time, zlib
sys.path.insert(0, sys.argv[1])
from kibitz_agent.profiler import Profiler
from kibitz_agent.fleet import Identity
from kibitz_agent.config import Settings
taken = []
class Kept:
    def configure(self): return None
    def report(self, profile): taken.append(profile)
    def close(self, timeout_s): pass
def press(data): return zlib.compress(data, 9)
def nap(): time.sleep(0.02)
profiler = Profiler(Kept(), Identity("g"), Settings(sampling_interval_ms=2))
profiler.start()
data, end = os.urandom(200_000), time.monotonic() + 2.5
while time.monotonic() < end: press(data); nap()
profiler.stop()
assert sys.monitoring.get_tool(4) is None
pairs = {tuple(f.name for f in frames[-2:]) for frames, _, _ in taken[0].stacks()}
print(json.dumps(sorted(pairs)))
"""


@pytest.mark.parametrize("minor", [12, 13, 14])
def test_profile_names_what_is_called_in_c(minor: int, root: Path, interpreter: Callable[[int], str]) -> None:
    done = subprocess.run(
        [interpreter(minor), "-c", PROGRAM, str(root / "agent")],
        capture_output=True, text=True, check=False, timeout=240, env={"KIBITZ_SAMPLER": "python"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert ["__main__:nap", "time:sleep"] in json.loads(done.stdout)
