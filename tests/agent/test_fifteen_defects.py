"""Fifteen things an agent in the field was seen to do wrong; each name says what must be true of ours."""

from __future__ import annotations

import _thread
import ast
import json
import logging
import os
import random
import signal
import string
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

import kibitz_agent
from kibitz_agent import profiler as profiler_module
from kibitz_agent import wire
from kibitz_agent.aggregator import Aggregator
from kibitz_agent.calltree import CallTree
from kibitz_agent.config import Configuration, Settings
from kibitz_agent.exporters import codeguru, collapsed
from kibitz_agent.fleet import Identity
from kibitz_agent.profile import Frame, Header, Profile, ProfileBuilder
from kibitz_agent.profiler import Profiler
from kibitz_agent.reporters.http import HttpReporter
from kibitz_agent.reporters.transport import Answer
from kibitz_agent.sampler import PythonSampler, Sampler

MS, S = 1_000_000, 1_000_000_000
PATIENCE_S = 120.0


class Kept:
    """A reporter that keeps its profiles and answers with the configuration it was given."""

    def __init__(self, answer: Mapping[str, object] | None = None) -> None:
        self.answer, self.profiles, self.reported = answer, [], threading.Event()

    def configure(self) -> Mapping[str, object] | None:
        return self.answer

    def report(self, profile: Profile) -> None:
        self.profiles.append(profile)
        self.reported.set()

    def close(self, timeout_s: float) -> None:
        pass


QUICK = {"sampling_interval_ms": 1, "reporting_interval_ms": 100, "minimum_reporting_ms": 0}


def profiled(
    reporter: Kept, reports: int = 1, settings: Mapping[str, int] | None = None, **more: object
) -> list[Profile]:
    """What a profiler with quick settings reports of this process until there are so many reports."""
    ours = Profiler(reporter, Identity("g", "i", 1), Configuration(settings or QUICK, {}), **more)
    previous = signal.getsignal(signal.SIGTERM)
    assert ours.start()
    until = time.monotonic() + PATIENCE_S
    while len(reporter.profiles) < reports and time.monotonic() < until:
        sum(range(10_000))
    ours.stop()
    signal.signal(signal.SIGTERM, previous)
    assert len(reporter.profiles) >= reports
    return reporter.profiles


def test_a_every_report_carries_its_own_duration_ticks_cost_and_threads():
    documents = [json.loads(codeguru.encode(one)) for one in profiled(Kept(), reports=4)]
    assert all(one["agentMetadata"]["durationInMs"] <= one["end"] - one["start"] + 1 for one in documents)
    told = [
        (one["agentMetadata"]["numTimesSampled"], one["agentMetadata"]["cpuTimeInSeconds"])
        for one in documents
    ]
    assert len(set(told)) > 1
    assert all(ticks and cpu_s for ticks, cpu_s in told[:3])


def _even(turns: int, look: Callable[[], None]) -> None:
    _turn(turns, look)


def _odd(turns: int, look: Callable[[], None]) -> None:
    _turn(turns, look)


def _turn(turns: int, look: Callable[[], None]) -> None:
    if turns == 1:
        look()
    elif turns & 1:
        _odd(turns >> 1, look)
    else:
        _even(turns >> 1, look)


def test_b_memory_of_sixty_thousand_nodes_is_counted_as_what_it_is():
    draw = random.Random(1)
    tracemalloc.start()
    try:
        tree, before = CallTree(), tracemalloc.get_traced_memory()[0]
        while len(tree) < 60_000:
            _turn(1 << 200 | draw.getrandbits(200), lambda: tree.walk(sys._getframe(), 1000))
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert held / 2 < tree.memory_bytes < held * 2


def _deep(depth: int, look: Callable[[], None]) -> None:
    if depth:
        _deep(depth - 1, look)
    else:
        look()


def test_c_stack_five_thousand_deep_is_reported_whole():
    ready, done = threading.Event(), threading.Event()

    def wait() -> None:
        ready.set()
        done.wait()

    thread = threading.Thread(target=_deep, args=(5000, wait), name="deep")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    try:
        thread.start()
        ready.wait()
        profile = seen(PythonSampler(), looks=3, max_depth=100_000)
    finally:
        done.set()
        thread.join()
        sys.setrecursionlimit(limit)
    depths = [
        sum(frame.name.endswith(":_deep") for frame in frames)
        for frames, _, _ in wire.decode(wire.encode(profile)).stacks()
    ]
    assert max(depths) == 5001
    assert codeguru.encode(profile).count(b":_deep") == 5001


def test_d_functions_of_one_name_in_different_files_lose_no_samples():
    builder = ProfileBuilder()
    for number in range(10):
        builder.add_stack([Frame("m:main"), Frame("app:run", f"/site{number}/app.py", 1)], (1, 10, 10))
    profile = builder.build(Header(start_ns=1, end_ns=2))
    assert wire.decode(wire.encode(profile)).total() == 10
    assert sum(int(line.rpartition(b" ")[2]) for line in collapsed.encode(profile).splitlines()) == 10
    tree = json.loads(codeguru.encode(profile))["callgraph"]
    assert tree["children"]["m:main"]["children"]["app:run"]["counts"]["WALL_TIME"] == 10


@pytest.mark.parametrize("depth", ["0", "-5", -1, 10**9, "", None, "deep"])
def test_e_stack_depth_that_makes_no_sense_is_refused_and_profiling_goes_on(depth):
    reporter = Kept({"agentParameters": {"MaxStackDepth": depth}})
    first, second = profiled(reporter, reports=2)[:2]
    assert first.total() > 0
    assert max(len(frames) for frames, _, _ in second.stacks()) > 3


class Refusing:
    """A transport that gives each kind of request its status."""

    def __init__(self, configure: int, report: int) -> None:
        self._statuses = {"configureAgent": configure, "agentProfile": report}

    def post(self, url: str, body: bytes, content_type: str, timeout_s: float) -> Answer:
        return Answer(next(status for name, status in self._statuses.items() if name in url), b"{}")


@pytest.mark.parametrize(("configure", "report"), [(404, 204), (200, 500), (200, 403), (404, 404)])
def test_f_collector_that_refuses_is_said_in_the_log_once(configure, report, caplog):
    reporter = HttpReporter(
        "http://h", Identity("g"), Refusing(configure, report), sleep=lambda _: None, clock=lambda: 0.0
    )
    builder = ProfileBuilder()
    builder.add_stack([Frame("m:a")], (1, 1, 1))
    for _ in range(3 if report >= 400 else 1):
        reporter.configure()
        reporter.report(builder.build(Header(token="t")))
    refused = [line for line in caplog.records if line.levelno >= logging.WARNING]
    assert len(refused) == 1
    assert str(configure if configure >= 400 else report) in refused[0].getMessage()


ENDING = """
import json, os, signal, sys
import kibitz_agent.profiler as profiler
from kibitz_agent.config import Settings
from kibitz_agent.fleet import Identity
from kibitz_agent.reporters.file import FileReporter
from pathlib import Path
ours = profiler.Profiler(FileReporter(Path(sys.argv[1])), Identity("g"), Settings(sampling_interval_ms=1))
ours.start()
def ticks():
    return ours._session._aggregator.ticks if ours._session else 0
# Looks that found the agent still starting show nothing of the program.
begun = ticks()
while ticks() <= begun + 5:
    sum(range(1000))
if sys.argv[2] == "sigterm":
    os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.mark.parametrize(("way", "status"), [("end", 0), ("sigterm", -signal.SIGTERM)])
def test_g_program_that_runs_for_a_moment_reports_when_it_ends(way, status, tmp_path):
    paths = os.pathsep.join(path for path in sys.path if path)
    file = tmp_path / "p.txt"
    done = subprocess.run(
        [sys.executable, "-c", ENDING, str(file), way],
        env={**os.environ, "PYTHONPATH": paths},
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == status
    assert file.read_text()


def test_g_stop_does_not_wait_for_a_report_that_hangs():
    hanging, release = threading.Event(), threading.Event()

    class Hanging(Kept):
        def report(self, profile: Profile) -> None:
            hanging.set()
            release.wait()

    ours = Profiler(Hanging(), Identity("g"), Configuration(QUICK, {}))
    ours.start()
    assert hanging.wait(PATIENCE_S)
    ours.stop(timeout_s=0.1)
    assert not release.is_set(), "it came back while the report was still hanging"
    release.set()
    ours.stop(PATIENCE_S)


def test_h_each_setting_of_the_collector_moves_what_it_names_and_nothing_else():
    parameters = {
        "MemoryUsageLimitPercent": ("memory_limit_percent", 33),
        "CpuUsageLimitPercent": ("cpu_limit_percent", 44),
        "ReportingIntervalInMilliseconds": ("reporting_interval_ms", 120_000),
        "SamplingIntervalInMilliseconds": ("sampling_interval_ms", 55),
        "MinimumTimeForReportingInMilliseconds": ("minimum_reporting_ms", 30_000),
        "MaxStackDepth": ("max_stack_depth", 66),
    }
    for parameter, (name, value) in parameters.items():
        configuration = Configuration({}, {})
        configuration.accept({"agentParameters": {parameter: str(value)}})
        changed = {
            field: getattr(configuration.settings, field)
            for field in Settings.__slots__
            if getattr(configuration.settings, field) != getattr(Settings(), field)
        }
        assert changed == {name: value}


class Loud:
    """Code of the host's that a look at its attributes would run."""

    touched = 0

    @property
    def __class__(self):  # type: ignore[override]
        Loud.touched += 1
        return Loud

    def wait(self, ready: threading.Event, done: threading.Event) -> None:
        ready.set()
        done.wait()


def seen(sampler: Sampler, looks: int = 3, max_depth: int = 1000) -> Profile:
    aggregator = Aggregator(sampler)
    for _ in range(looks):
        aggregator.tick(MS, max_depth)
    return aggregator.cut().profile(Header())


def test_i_no_code_of_the_host_runs_on_the_agents_threads():
    ready, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=Loud().wait, args=(ready, done))
    thread.start()
    ready.wait()
    Loud.touched = 0
    names = {frame.name for frames, _, _ in seen(PythonSampler()).stacks() for frame in frames}
    touched = Loud.touched
    done.set()
    thread.join()
    assert any(name.endswith("Loud.wait") for name in names)
    assert touched == 0


def test_j_thread_that_threading_does_not_know_is_seen():
    ready, done, gone = threading.Event(), threading.Event(), threading.Event()

    def unknown() -> None:
        ready.set()
        done.wait()
        gone.set()

    _thread.start_new_thread(unknown, ())
    ready.wait()
    names = {frame.name for frames, _, _ in seen(PythonSampler()).stacks() for frame in frames}
    done.set()
    gone.wait(PATIENCE_S)
    assert any("unknown" in name for name in names)


PICKLING = """
import multiprocessing, pickle, sys
class Mine: pass
def double(x): return 2 * x
if __name__ == "__main__":
    print(sys.argv[1:], type(pickle.loads(pickle.dumps(Mine()))) is Mine)
    with multiprocessing.get_context("spawn").Pool(1) as pool: print(pool.map(double, [1, 2]))
"""


def test_k_launched_program_has_its_own_arguments_classes_and_children(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(PICKLING)
    paths = os.pathsep.join(path for path in sys.path if path)
    run = ["-m", "kibitz_agent.cli", "run", "--output", str(tmp_path / "p.txt")]
    told = [
        subprocess.run(
            [sys.executable, *how, str(script), "-p", "--help"],
            env={**os.environ, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE_S,
            check=True,
        ).stdout
        for how in ([], run)
    ]
    assert told[0] == told[1] == "['-p', '--help'] True\n[2, 4]\n"


def test_m_unexpected_errors_end_nothing_for_good(monkeypatch, caplog):
    monkeypatch.setattr(profiler_module, "_RETRY_S", 0.01)
    failures = iter(range(3))

    class Stumbling(PythonSampler):
        def sample(self, elapsed_ns: int, max_depth: int) -> list:
            if next(failures, None) is not None:
                raise TypeError("an f_lineno is None")
            return super().sample(elapsed_ns, max_depth)

    assert profiled(Kept(), sampler=Stumbling)[0].total() > 0
    lines = [line for line in caplog.messages if "TypeError" in line]
    assert len(lines) == 3, "one line an error, each after a rest"


@pytest.mark.parametrize("part", ["sampler's maker", "reporter", "configuration", "clock"])
def test_m_whatever_part_raises_the_host_goes_on_and_profiling_comes_back(part, monkeypatch):
    monkeypatch.setattr(profiler_module, "_RETRY_S", 0.01)
    failures = iter(range(3))

    def stumble() -> None:
        if next(failures, None) is not None:
            raise ZeroDivisionError("boom")

    class Stumbling(Kept):
        def configure(self) -> Mapping[str, object] | None:
            if part == "configuration":
                stumble()
            return None

        def report(self, profile: Profile) -> None:
            if part == "reporter":
                stumble()
            super().report(profile)

    def made() -> Sampler:
        if part == "sampler's maker":
            stumble()
        return PythonSampler()

    class Clock(SimpleNamespace):
        def monotonic_ns(self) -> int:
            if part == "clock":
                stumble()
            return time.monotonic_ns()

    clock = Clock(
        time_ns=time.time_ns, process_time_ns=time.process_time_ns, thread_time_ns=time.thread_time_ns
    )
    assert profiled(Stumbling(), clock=clock, sampler=made)[0].total() > 0
    assert next(failures, None) is None


def test_n_every_one_of_two_hundred_threads_counts_at_every_look():
    done, ready = threading.Event(), threading.Barrier(201)

    def many_wait() -> None:
        ready.wait()
        done.wait()

    threads = [threading.Thread(target=many_wait) for _ in range(200)]
    for thread in threads:
        thread.start()
    ready.wait()
    profile = seen(PythonSampler(), looks=5)
    done.set()
    for thread in threads:
        thread.join()
    counted = sum(
        values[0]
        for frames, _, values in profile.stacks()
        if any(frame.name.endswith("many_wait") for frame in frames)
    )
    assert counted == 5 * 200


def test_o_system_clock_that_is_set_back_ends_no_profiling():
    back = iter(range(10**9))
    clock = SimpleNamespace(
        time_ns=lambda: 1_700_000_000 * S - next(back) * 3600 * S,
        monotonic_ns=time.monotonic_ns,
        process_time_ns=time.process_time_ns,
        thread_time_ns=time.thread_time_ns,
    )
    profiles = profiled(Kept(), reports=3, clock=clock)
    assert all(one.header.end_ns > one.header.start_ns for one in profiles[:3])


def _log_calls() -> list[tuple[str, ast.Call]]:
    folder = Path(kibitz_agent.__file__).parent
    return [
        (f"{path.name}:{node.lineno}", node)
        for path in sorted(folder.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "log"
        and node.func.attr in ("debug", "info", "warning", "error")
    ]


def test_p_log_lines_say_all_they_are_given():
    calls = _log_calls()
    assert len(calls) > 10
    for where, call in calls:
        text, *given = call.args
        assert isinstance(text, ast.Constant), f"{where}: its text is put together before it is logged"
        shown = str(text.value)
        assert shown.count("%") == len(given), where
        assert shown % tuple(1 for _ in given), where
        assert set(shown) <= set(string.printable), where
