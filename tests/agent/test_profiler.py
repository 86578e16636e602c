"""The profiler in real processes: it starts, forks, ends, and leaves its host as it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

import kibitz_agent
from kibitz_agent.config import Configuration, Settings
from kibitz_agent.fleet import Identity
from kibitz_agent.profile import Profile
from kibitz_agent.profiler import Profiler
from kibitz_agent.worker import Worker

PRELUDE = """
import json, logging, os, signal, sys, threading, time
from kibitz_agent.config import Settings
from kibitz_agent.fleet import Identity
from kibitz_agent.own_threads import OWN
from kibitz_agent.profiler import Profiler
logging.basicConfig(stream=sys.stderr, format="LOG %(message)s")

class Lines:
    "Writes each profile as a line to the file, also from children."
    def configure(self): return None
    def report(self, profile):
        line = json.dumps({"pid": os.getpid(), "process_id": profile.header.process_id, "samples": profile.total(),
            "limits": profile.header.limits, "token": profile.header.token,
            "names": sorted({profile.frame(f).name for f in profile.node_frame})})
        with open(os.environ["LINES"], "a") as file: file.write(line + "\\n")
    def close(self, timeout_s): pass

profiler = Profiler(Lines(), Identity("g", "i", os.getpid()), Settings(sampling_interval_ms=1))
def work(ticks):
    "Busy until the sampler has taken that many more ticks."
    # Looks that found the agent still starting show nothing of the program: they do not count.
    while taken() < 0: pass
    end = taken() + ticks
    while taken() < end: sum(range(1000))
def taken():
    # The sampler's own count, so that no test depends on how fast the machine is.
    frames = sys._current_frames()
    for ident in [ident for ident, name in list(OWN.names.items()) if name == "sampler"]:
        frame = frames.get(ident)
        while frame is not None:
            session = frame.f_locals.get("session")
            if session is not None: return session._aggregator.ticks
            frame = frame.f_back
    return -1
"""


class Outcome:
    """How a program ended and what it reported."""

    def __init__(self, process: subprocess.CompletedProcess[str], lines: Path) -> None:
        self.status, self.out, self.err = process.returncode, process.stdout, process.stderr
        text = lines.read_text() if lines.exists() else ""
        self.profiles = [json.loads(line) for line in text.splitlines()]


def run(program: str, tmp_path: Path, **environ: str) -> Outcome:
    script = tmp_path / "program.py"
    script.write_text(PRELUDE + textwrap.dedent(program))
    lines = tmp_path / "lines"
    paths = os.pathsep.join(path for path in sys.path if path)
    process = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", str(script)],
        env={**os.environ, "PYTHONPATH": paths, "LINES": str(lines), **environ},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    return Outcome(process, lines)


def test_last_profile_is_reported_at_a_normal_exit(tmp_path: Path):
    outcome = run("profiler.start(); work(5)", tmp_path)
    assert (outcome.status, outcome.err) == (0, "")
    (profile,) = outcome.profiles
    assert profile["samples"] >= 3
    assert "__main__:work" in profile["names"]


def test_exit_status_and_traceback_of_the_host_are_its_own(tmp_path: Path):
    outcome = run("profiler.start(); work(3); sys.exit(7)", tmp_path)
    assert (outcome.status, len(outcome.profiles)) == (7, 1)


def test_failing_host_fails_as_ever_and_its_profile_is_reported(tmp_path: Path):
    outcome = run("profiler.start(); work(3); 1 / 0", tmp_path)
    assert outcome.status == 1
    assert outcome.err.rstrip().endswith("ZeroDivisionError: division by zero")
    assert len(outcome.profiles) == 1


def test_sigterm_kills_with_its_own_status_after_the_last_report(tmp_path: Path):
    outcome = run("profiler.start(); work(5); os.kill(os.getpid(), signal.SIGTERM); work(10**9)", tmp_path)
    assert outcome.status == -signal.SIGTERM
    assert len(outcome.profiles) == 1


def test_sigterm_handler_of_the_host_is_called_and_decides(tmp_path: Path):
    outcome = run(
        """
        def handler(number, frame):
            print("host handles", number)
            sys.exit(9)
        signal.signal(signal.SIGTERM, handler)
        profiler.start(); work(5); os.kill(os.getpid(), signal.SIGTERM); work(10**9)
        """,
        tmp_path,
    )
    assert (outcome.status, outcome.out) == (9, "host handles 15\n")
    assert sum(profile["samples"] for profile in outcome.profiles) >= 5


def test_sigterm_that_the_host_ignores_stays_ignored(tmp_path: Path):
    outcome = run(
        """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        profiler.start(); os.kill(os.getpid(), signal.SIGTERM); work(3)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
        """,
        tmp_path,
    )
    assert (outcome.status, outcome.err) == (0, "")


def test_stop_gives_the_signal_handler_back(tmp_path: Path):
    outcome = run(
        """
        def caught(): return int(open("/proc/self/status").read().split("SigCgt:")[1].split()[0], 16) >> 14 & 1
        assert not caught()
        profiler.start()
        assert caught()
        profiler.stop()
        assert not caught()
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        profiler.start()
        signal.signal(signal.SIGTERM, print)
        profiler.stop()
        assert signal.getsignal(signal.SIGTERM) is print
        """,
        tmp_path,
    )
    assert (outcome.status, outcome.err) == (0, "")


def test_sigterm_ends_a_program_whose_main_thread_is_deep_in_c_after_the_last_report(tmp_path: Path):
    outcome = run(
        """
        profiler.start(); work(5)
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
        # Nothing of Python's runs on the main thread while this does.
        ctypes.PyDLL(None).usleep.argtypes = [ctypes.c_uint]
        for _ in range(600): ctypes.CDLL(None).usleep(100_000)
        """.replace("profiler.start()", "import ctypes; profiler.start()", 1),
        tmp_path,
    )
    assert (outcome.status, outcome.err, len(outcome.profiles)) == (-signal.SIGTERM, "", 1)


def test_pools_of_processes_end_every_time_and_report(tmp_path: Path):
    outcome = run(
        """
        import multiprocessing
        def childs_work(_): work(2)
        profiler.start()
        for _ in range(5):
            with multiprocessing.get_context("fork").Pool(2) as pool: pool.map(childs_work, range(4))
        """,
        tmp_path,
    )
    assert (outcome.status, outcome.err) == (0, "")
    children = [profile for profile in outcome.profiles if "__main__:childs_work" in profile["names"]]
    assert len({profile["process_id"] for profile in children}) >= 5


def test_started_outside_the_main_thread_it_leaves_signals_alone(tmp_path: Path):
    outcome = run(
        """
        thread = threading.Thread(target=profiler.start); thread.start(); thread.join()
        assert profiler.is_running()
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        work(3)
        """,
        tmp_path,
    )
    assert (outcome.status, outcome.err, len(outcome.profiles)) == (0, "", 1)


def test_forked_child_reports_its_own_samples_and_none_of_the_parents(tmp_path: Path):
    outcome = run(
        """
        def parents_work(): work(50)
        def childs_work(): work(5)
        profiler.start(); parents_work()
        child = os.fork()
        if child == 0:
            childs_work()
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        print(child)
        """,
        tmp_path,
    )
    assert (outcome.status, outcome.err) == (0, "")
    by_pid = {profile["process_id"]: profile for profile in outcome.profiles}
    assert len(by_pid) == len(outcome.profiles) == 2
    assert all(profile["pid"] == profile["process_id"] for profile in outcome.profiles)
    child = by_pid.pop(int(outcome.out))
    assert "__main__:childs_work" in child["names"]
    assert "__main__:parents_work" not in child["names"]
    assert "CpuEstimated" not in child["limits"]
    (parent,) = by_pid.values()
    assert "__main__:parents_work" in parent["names"]
    assert parent["token"] != child["token"]


def test_child_of_multiprocessing_reports_although_it_skips_atexit(tmp_path: Path):
    outcome = run(
        """
        import multiprocessing
        def childs_work(): work(5)
        profiler.start()
        child = multiprocessing.get_context("fork").Process(target=childs_work)
        child.start(); child.join()
        assert child.exitcode == 0
        """,
        tmp_path,
    )
    assert (outcome.status, outcome.err) == (0, "")
    assert any("__main__:childs_work" in profile["names"] for profile in outcome.profiles)


def test_fork_in_a_thread_while_sampling_at_full_rate_never_hangs(tmp_path: Path):
    outcome = run(
        """
        profiler.start()
        def forks():
            for _ in range(20):
                child = os.fork()
                if child == 0:
                    os._exit(0)
                assert os.waitpid(child, 0)[1] == 0
        threads = [threading.Thread(target=forks) for _ in range(3)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        """,
        tmp_path,
    )
    assert (outcome.status, outcome.err) == (0, "")


def test_reporter_that_hangs_holds_up_the_exit_for_a_bounded_time_only(tmp_path: Path):
    outcome = run(
        """
        never = threading.Event()
        Lines.report = lambda self, profile: never.wait()
        profiler.start(); work(3)
        profiler.stop(timeout_s=0.05)
        print("out")
        """,
        tmp_path,
    )
    assert (outcome.status, outcome.out, outcome.err) == (0, "out\n", "")


def test_unexpected_error_is_one_log_line_and_the_host_goes_on(tmp_path: Path):
    outcome = run(
        """
        from kibitz_agent.sampler import PythonSampler
        failed = threading.Event()
        class Broken(PythonSampler):
            def sample(self, elapsed_ns, max_depth):
                failed.set()
                raise RuntimeError("boom")
        profiler = Profiler(Lines(), Identity("g"), Settings(sampling_interval_ms=1), sampler=Broken)
        profiler.start()
        failed.wait()
        print("host lives")
        """,
        tmp_path,
    )
    assert (outcome.status, outcome.out) == (0, "host lives\n")
    assert outcome.err.strip().splitlines() in (
        [],
        ["LOG kibitz rests for 60 s after an error: RuntimeError: boom"],
    )
    assert outcome.profiles == []


def test_hosts_random_numbers_are_what_they_were(tmp_path: Path):
    program = "import random; random.seed(1); {start}; print([random.random() for _ in range(3)])"
    with_agent = run(program.format(start="profiler.start(); work(5)"), tmp_path)
    without = run(program.format(start="pass"), tmp_path)
    assert with_agent.out == without.out


class Kept:
    """A reporter that keeps its profiles and can be waited for."""

    def __init__(self, answer: Mapping[str, object] | None = None) -> None:
        self.profiles: list[Profile] = []
        self.answer, self.reported, self.closed = answer, threading.Event(), 0

    def configure(self) -> Mapping[str, object] | None:
        return self.answer

    def report(self, profile: Profile) -> None:
        self.profiles.append(profile)
        self.reported.set()

    def close(self, timeout_s: float) -> None:
        self.closed += 1


@pytest.fixture
def kept() -> Iterator[Kept]:
    before = signal.getsignal(signal.SIGTERM)
    yield Kept()
    signal.signal(signal.SIGTERM, before)


def test_start_and_stop_may_be_repeated_and_started_twice_is_started_once(kept: Kept):
    profiler = Profiler(kept, Identity("g"), Settings(sampling_interval_ms=1))
    threads = psutil.Process().num_threads()
    visible = threading.enumerate()
    for _ in range(3):
        assert profiler.start()
        assert profiler.start()
        assert len(profiler._workers) == 2
        assert all(worker.is_alive() for worker in profiler._workers)
        assert (
            threads + 2 <= psutil.Process().num_threads() <= threads + 4
        )  # the native sampler has one more, and SIGTERM
        assert threading.enumerate() == visible
        assert profiler.is_running()
        profiler.stop()
        profiler.stop()
        assert not profiler.is_running()
    assert kept.closed == 3
    until_s = time.monotonic() + 120
    while psutil.Process().num_threads() > threads and time.monotonic() < until_s:
        time.sleep(0.01)
    assert psutil.Process().num_threads() == threads


def test_disabled_profiler_starts_nothing(kept: Kept):
    threads = psutil.Process().num_threads()
    profiler = Profiler(kept, Identity("g"), Settings(enabled=False))
    assert not profiler.start()
    assert psutil.Process().num_threads() == threads
    profiler.stop()


def test_profiles_keep_coming_at_the_interval_the_collector_asks_for(kept: Kept):
    kept.answer = {
        "periodInSeconds": 1,
        "agentParameters": {
            "SamplingIntervalInMilliseconds": "1",
            "MinimumTimeForReportingInMilliseconds": "0",
            "ReportingIntervalInMilliseconds": "1000",
        },
    }
    profiler = Profiler(kept, Identity("g"), Configuration({}, {}))
    profiler.start()
    assert kept.reported.wait(120)
    profiler.stop()
    assert profiler.settings.sampling_interval_ms == 1
    assert kept.profiles[0].total() > 0
    assert kept.profiles[0].header.sampler in ("native", "python")


def test_flush_reports_at_once_what_was_seen(kept: Kept):
    profiler = Profiler(kept, Identity("g"), Settings(sampling_interval_ms=1))
    profiler.start()
    while not kept.reported.is_set():
        profiler.flush()
        kept.reported.wait(0.01)
    profiler.stop()
    assert kept.profiles[0].total() > 0


def test_who_is_stopped_before_the_sampler_thread_got_to_run_is_looked_at_once(kept: Kept, monkeypatch):
    may_run, run = threading.Event(), Worker._run

    def late(worker: Worker, *arguments: object) -> None:
        may_run.wait(120)
        run(worker, *arguments)

    monkeypatch.setattr(Worker, "_run", late)
    profiler = Profiler(kept, Identity("g"), Settings(sampling_interval_ms=1))
    profiler.start()
    stopping = threading.Thread(target=profiler.stop, args=(120,))
    stopping.start()
    while not profiler._stopping:
        time.sleep(0.001)
    may_run.set()
    stopping.join(120)
    assert [profile.header.overhead.ticks for profile in kept.profiles] == [1]
    assert kept.profiles[0].total() > 0


def test_start_with_wrong_settings_does_not_raise_and_does_not_run():
    profiler = kibitz_agent.start(group="not a group")
    assert not profiler.is_running()
    profiler = kibitz_agent.start(group="g", sampling_interval_ms=-1)
    assert not profiler.is_running()
    kibitz_agent.stop()


def test_package_imports_nothing_heavy_by_itself():
    program = "import sys; before = set(sys.modules); import kibitz_agent; print(*sorted(set(sys.modules) - before))"
    paths = os.pathsep.join(path for path in sys.path if path)
    out = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert not {"logging", "json", "threading", "psutil", "kibitz_agent.profiler"} & set(out)


def test_profiler_imports_nothing_that_only_a_report_needs():
    program = "import sys; sys.path.insert(0, sys.argv[1]); import kibitz_agent.profiler; print(*sys.modules)"
    # Isolated: what an editable installation or a startup file imports is not ours.
    command = [sys.executable, "-I", "-S", "-c", program, str(Path(kibitz_agent.__file__).parent.parent)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=240)
    imported = set(told.stdout.split())
    assert "kibitz_agent.sampler" in imported
    late = {
        "hashlib",
        "json",
        "socket",
        "ssl",
        "http.client",
        "psutil",
        "subprocess",
        "asyncio",
        "zlib",
        "random",
    }
    assert not imported & late
    assert not imported & {
        "kibitz_agent.heap",
        "kibitz_agent.census",
        "kibitz_agent.wire",
        "kibitz_agent.revision",
    }


FORKS = """
import warnings
warnings.simplefilter("error")
profiler.start()
work(3)
for _ in range(40):
    child = os.fork()
    if child == 0:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
work(3)
profiler.stop()
print(threading.active_count(), len(os.listdir("/proc/self/task")))
"""


def test_fork_finds_no_thread_of_the_agent_and_the_parent_loses_nothing(tmp_path: Path):
    outcome = run(FORKS, tmp_path)
    # CPython 3.12 and newer warn when a process with more than one thread is forked; here that would be an error.
    assert (outcome.status, outcome.err, outcome.out) == (0, "", "1 1\n")
    (profile,) = outcome.profiles
    assert profile["samples"] >= 4


def test_child_of_a_childs_fork_reports_once_under_its_own_id(tmp_path: Path):
    outcome = run(
        """
        profiler.start()
        work(2)
        if os.fork() == 0:
            work(2)
            if os.fork() == 0:
                work(2)
                sys.exit(0)
            os.wait()
            sys.exit(0)
        os.wait()
        """,
        tmp_path,
    )
    assert (outcome.status, outcome.err) == (0, "")
    assert len(outcome.profiles) == 3
    assert len({profile["process_id"] for profile in outcome.profiles}) == 3
    assert all(profile["pid"] == profile["process_id"] for profile in outcome.profiles)
    assert len({profile["token"] for profile in outcome.profiles}) == 3


def test_fork_while_a_report_is_in_flight_neither_waits_for_it_nor_sends_it_twice(tmp_path: Path):
    outcome = run(
        """
        reporting, release = threading.Event(), threading.Event()
        class Slow(Lines):
            def report(self, profile):
                if os.getpid() == parent:
                    reporting.set()
                    release.wait(120)
                super().report(profile)
        parent = os.getpid()
        profiler = Profiler(Slow(), Identity("g", "i", os.getpid()), Settings(sampling_interval_ms=1, minimum_reporting_ms=0))
        profiler.start()
        work(3)
        profiler.flush()
        reporting.wait(120)
        begun = time.monotonic()
        child = os.fork()
        if child == 0:
            work(2)
            sys.exit(0)
        assert time.monotonic() - begun < 60
        assert os.waitpid(child, 0)[1] == 0
        release.set()
        work(2)
        """,
        tmp_path,
    )
    assert (outcome.status, outcome.err) == (0, "")
    tokens = [profile["token"] for profile in outcome.profiles]
    assert len(tokens) == len(set(tokens)) >= 3


def test_process_that_was_forked_behind_pythons_back_starts_anew_when_asked_to(kept: Kept, monkeypatch):
    profiler = Profiler(kept, Identity("g"), Settings(sampling_interval_ms=1))
    assert profiler.start()
    ours = profiler._workers
    process_id = os.getpid()
    try:
        # What such a child sees: another process id, and a parent's profiler whose threads are not there.
        monkeypatch.setattr(os, "getpid", lambda: process_id + 1)
        assert not profiler.is_running()
        profiler.stop()
        assert all(worker.is_alive() for worker in ours)
        assert profiler.start()
        assert profiler.is_running()
        assert not set(ours) & set(profiler._workers)
        profiler.stop()
        assert profiler._identity.process_id == process_id + 1
    finally:
        monkeypatch.undo()
        profiler._process_id = process_id
        profiler._stopping = True
        profiler._alarm.wake()
