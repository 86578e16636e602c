"""The agent's threads pause for a fork and go on, are real ones under gevent, and are not for the host to meet."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading

import pytest

from kibitz_agent.config import log
from kibitz_agent.own_threads import OWN
from kibitz_agent.unpatched import get_ident
from kibitz_agent.worker import Worker


def test_body_that_paused_goes_on_under_the_same_name():
    ran = []
    worker = Worker("x", lambda: ran.append(OWN.names[get_ident()]))
    worker.start()
    worker.join(120)
    worker.go_on()
    worker.join(120)
    assert ran == ["x"] * 2
    assert not worker.is_alive()
    assert "x" not in OWN.names.values()


def test_host_does_not_meet_the_thread_even_when_it_logs(caplog):
    release, logged = threading.Event(), threading.Event()

    def body():
        log.warning("something")
        logged.set()
        release.wait(120)

    before = threading.enumerate()
    worker = Worker("x", body)
    worker.start()
    assert logged.wait(120)
    try:
        assert threading.enumerate() == before
        assert worker.is_alive()
        assert [record.threadName for record in caplog.records] == ["kibitz-agent-x"]
    finally:
        release.set()
        worker.join(120)


def test_other_threads_log_under_their_own_names(caplog):
    thread = threading.Thread(target=log.warning, args=("mine",), name="the host's")
    thread.start()
    thread.join()
    assert [record.threadName for record in caplog.records] == ["the host's"]


def test_body_that_fails_is_one_line_in_the_log(caplog):
    def body():
        raise OSError("no")

    worker = Worker("x", body)
    with caplog.at_level(logging.WARNING, "kibitz"):
        worker.start()
        worker.join(120)
    assert [record.getMessage() for record in caplog.records] == ["kibitz: the x thread ended by OSError: no"]
    assert not worker.is_alive()


def test_worker_knows_whether_it_is_the_one_that_asks():
    told = []
    worker = Worker("x", lambda: told.append(worker.is_current()))
    worker.start()
    worker.join(120)
    assert told == [True]
    assert not worker.is_current()


GEVENT = """
{first}
import gevent, os, sys, time
from kibitz_agent import Profiler
from kibitz_agent.config import Settings
from kibitz_agent.fleet import Identity
profiles = []
class Kept:
    def configure(self): pass
    def report(self, profile): profiles.append(profile)
    def close(self, timeout_s): pass
profiler = Profiler(Kept(), Identity("g", "i", os.getpid()), Settings(sampling_interval_ms=2, minimum_reporting_ms=0))
assert profiler.start()
{then}
def busy():
    end = time.perf_counter() + 0.5
    while time.perf_counter() < end: sum(range(1000))
gevent.joinall([gevent.spawn(busy), gevent.spawn(gevent.sleep, 0.6)])
profiler.stop()
names = {{frame.name for frames, _, _ in profiles[0].stacks() for frame in frames}}
print("__main__:busy" in names, any(name.startswith("kibitz_agent") for name in names))
"""
PATCH = "from gevent import monkey; monkey.patch_all()"


@pytest.mark.parametrize("sampler", ["python", "native"])
@pytest.mark.parametrize(
    "program", [GEVENT.format(first=PATCH, then=""), GEVENT.format(first="", then=PATCH)]
)
def test_threads_are_real_whenever_gevent_patches(program, sampler, monkeypatch):
    monkeypatch.setenv("KIBITZ_SAMPLER", sampler)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=240
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "True False\n")


def test_thread_that_is_late_to_pause_is_followed_and_never_doubled():
    release, inside, most = threading.Event(), [], []

    def body():
        inside.append(1)
        most.append(len(inside))
        release.wait(120)
        inside.pop()

    worker = Worker("x", body)
    worker.start()
    worker.go_on()
    assert worker.is_alive()
    release.set()
    worker.join(120)
    assert most == [1, 1]
