"""Where the native sampler cannot serve the Python one does, and where it does it survives what programs do."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from kibitz_agent import native
from kibitz_agent.native import NativeSampler, NativeUnavailableError, best_sampler
from kibitz_agent.sampler import PythonSampler

CHURN = Path(__file__).resolve().parent.parent / "targets" / "native" / "churn.py"


@pytest.fixture(autouse=True)
def _available(lacking):
    try:
        NativeSampler().close()
    except NativeUnavailableError as error:
        lacking(f"the native sampler ({error})")


def run(program: str, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.run(
        [sys.executable, *options, "-c", program],
        env={**os.environ, "PYTHONPATH": paths, **environ},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


def test_one_serves_a_process_and_the_second_profiler_gets_the_python_one(monkeypatch, caplog):
    monkeypatch.delenv(native.SAMPLER_VARIABLE, raising=False)
    caplog.set_level(logging.INFO, "kibitz")
    first = best_sampler()
    try:
        assert isinstance(first, NativeSampler)
        assert isinstance(best_sampler(), PythonSampler)
        assert "serves another profiler" in caplog.text
    finally:
        first.close()


def test_closing_one_twice_leaves_the_next_one_alone():
    first = NativeSampler()
    first.close()
    second = NativeSampler()
    try:
        first.close()
        second.pace(1_000_000, 10)
        until_s = time.monotonic() + 120
        while second.tally().looks == 0:
            assert time.monotonic() < until_s, "it does not look"
            time.sleep(0.001)
    finally:
        second.close()


def test_without_the_extension_the_python_one_serves_and_the_log_says_so(monkeypatch, caplog):
    caplog.set_level(logging.INFO, "kibitz")
    monkeypatch.delenv(native.SAMPLER_VARIABLE, raising=False)
    monkeypatch.setitem(sys.modules, "kibitz_agent._native._sampler", None)
    monkeypatch.delattr("kibitz_agent._native._sampler", raising=False)
    assert isinstance(best_sampler(), PythonSampler)
    assert "the extension is not there" in caplog.text


@pytest.mark.parametrize("wanted", ["1", "0"])
def test_environment_makes_the_python_sampler_fair(monkeypatch, wanted: str):
    monkeypatch.setenv(native.SAMPLER_VARIABLE, "python")
    monkeypatch.setenv(native.FAIR_VARIABLE, wanted)
    before_s = sys.getswitchinterval()
    sampler = best_sampler()
    try:
        sampler.pace(1_000_000, 10)
        assert (sys.getswitchinterval() < before_s) is (wanted == "1")
    finally:
        sampler.close()
    assert sys.getswitchinterval() == before_s


def test_extension_of_another_version_is_not_used(monkeypatch):
    monkeypatch.setattr("kibitz_agent._native._sampler.LAYOUT", 1)
    with pytest.raises(NativeUnavailableError, match="install again"):
        NativeSampler()


def test_environment_chooses(monkeypatch):
    monkeypatch.setenv(native.SAMPLER_VARIABLE, "python")
    assert isinstance(best_sampler(), PythonSampler)
    monkeypatch.setenv(native.SAMPLER_VARIABLE, "native")
    monkeypatch.setitem(sys.modules, "kibitz_agent._native._sampler", None)
    monkeypatch.delattr("kibitz_agent._native._sampler", raising=False)
    with pytest.raises(NativeUnavailableError):
        best_sampler()


def test_failed_self_test_closes_it_again(monkeypatch):
    monkeypatch.setattr(native, "_TEST_DEPTH", 7)
    monkeypatch.setattr(native, "_stack_for_test", lambda depth, look: look())
    with pytest.raises((NativeUnavailableError, AttributeError)):
        NativeSampler()
    monkeypatch.undo()
    NativeSampler().close()


def test_asks_for_what_it_needs_with_a_clear_error():
    from kibitz_agent._native import _sampler

    for call in (
        _sampler.look,
        _sampler.drain,
        _sampler.adopt,
        _sampler.stats,
        lambda: _sampler.begin(10**6, 10),
    ):
        if call is not _sampler.adopt:
            with pytest.raises(RuntimeError, match="not open"):
                call()
    _sampler.open()
    try:
        for interval_ns, depth in ((10, 10), (10**13, 10), (10**6, 0), (10**6, 10**6)):
            with pytest.raises(ValueError, match="expected an interval"):
                _sampler.begin(interval_ns, depth)
        _sampler.begin(10**6, 10)
        with pytest.raises(RuntimeError, match="rest"):
            _sampler.look()
    finally:
        _sampler.close()


SETUP = """
import os, sys, threading, time
from kibitz_agent.native import NativeSampler
sampler = NativeSampler()
sampler.pace(200_000, 100)
def spin(seconds):
    until = time.perf_counter() + seconds
    while time.perf_counter() < until: sum(range(100))
"""


@pytest.mark.parametrize(
    "ending",
    [
        "spin(0.1)",
        "spin(0.1); sys.exit(0)",
        "spin(0.1); os._exit(0)",
        "threading.Thread(target=spin, args=(60,), daemon=True).start(); spin(0.1)",
        "import faulthandler; faulthandler.enable(); faulthandler.dump_traceback(open(os.devnull, 'w')); spin(0.1)",
        "threading.stack_size(64 * 1024); t = threading.Thread(target=spin, args=(0.2,)); t.start(); t.join()",
        "sampler.close(); sampler.close(); spin(0.1)",
        "import gc; [gc.collect() for _ in range(5)]; del sampler; spin(0.1)",
    ],
)
def test_program_ends_as_it_would_without(ending):
    done = run(SETUP + ending)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_child_of_a_fork_samples_anew_and_the_parent_goes_on():
    done = run(
        SETUP
        + """
import warnings
warnings.simplefilter("ignore")
for _ in range(30):
    spin(0.01)
    child = os.fork()
    if child == 0:
        assert not sampler._native.running()
        sampler.close()
        own = NativeSampler()
        own.pace(200_000, 100)
        until = time.monotonic() + 120
        while not own.drain()[1] and time.monotonic() < until: spin(0.02)
        own.rest()
        os._exit(0 if time.monotonic() < until else 3)
    assert os.waitpid(child, 0)[1] == 0
assert sampler._native.running()
sampler.rest()
assert sampler.drain()[1]
print("well")
"""
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "well\n", "")


def test_sub_interpreters_are_left_alone():
    done = run(
        SETUP
        + """
try:
    import _interpreters as interpreters
    run = interpreters.exec
except ImportError:
    import _xxsubinterpreters as interpreters
    run = interpreters.run_string
made = interpreters.create()
threads = [threading.Thread(target=run, args=(made, "sum(range(3000000))"))]
for thread in threads: thread.start()
spin(0.2)
for thread in threads: thread.join()
interpreters.destroy(made)
print("well")
"""
    )
    assert (done.returncode, done.stdout) == (0, "well\n"), done.stderr


FORBIDDING = """
import ctypes, platform, struct, sys
assert platform.machine() == "x86_64"
# A seccomp filter: load the system call's number, process_vm_readv (310) answers EPERM, all others pass.
program = b"".join(struct.pack("HBBI", *line) for line in [
    (0x20, 0, 0, 0), (0x15, 0, 1, 310), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000)])
held = ctypes.create_string_buffer(program)
class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("lines", ctypes.c_void_p)]
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Filter(4, ctypes.addressof(held))), 0, 0) == 0, ctypes.get_errno()
from kibitz_agent.native import NativeSampler, NativeUnavailableError, best_sampler
try:
    NativeSampler()
except NativeUnavailableError as error:
    print(error)
print(best_sampler().name)
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the filter names an x86-64 system call")
def test_where_reading_memory_is_forbidden_the_python_one_serves():
    done = run(FORBIDDING)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "process_vm_readv is refused here (seccomp?)\npython\n"


def test_more_threads_than_one_pass_takes_are_all_seen():
    sampler = NativeSampler()
    ending = threading.Event()
    workers = [threading.Thread(target=ending.wait, name=f"waiter {n}") for n in range(300)]
    try:
        for worker in workers:
            worker.start()
        sampler.sample(0, 100)
        _, runs = sampler.drain()
        assert {worker.name for worker in workers} <= {run.thread for run in runs}
    finally:
        ending.set()
        for worker in workers:
            worker.join()
        sampler.close()


def test_full_tree_drops_samples_counts_them_and_says_it_is_crowded():
    sampler = NativeSampler()
    sampler.close()
    from kibitz_agent._native import _sampler

    _sampler.open(max_nodes=64)
    try:

        def down(n: int) -> None:
            if n:
                down(n - 1)
            else:
                _sampler.look()

        for depth in range(1, 80, 20):
            down(depth)
        assert sampler.is_crowded
        assert sampler.tally().dropped > 0
        assert sampler.tally().looks == 4
    finally:
        _sampler.close()
