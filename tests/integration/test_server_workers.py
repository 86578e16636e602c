"""Real servers: each of their workers reports, and no period of it twice."""

from __future__ import annotations

import http.server
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from kibitz_agent import wire
from kibitz_agent.profile import Profile

if TYPE_CHECKING:
    from tests.integration.conftest import Collector

SERVERS = Path(__file__).resolve().parent.parent / "targets" / "servers"
REQUESTS = 60
PATIENCE_S = 120.0


class Recorder:
    """Stands before a real collector, and keeps each profile that it takes, with its token."""

    def __init__(self, collector: Collector) -> None:
        self.profiles: list[Profile] = []
        self.tokens: list[str] = []
        self.collector = collector
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                address = urlsplit(self.path)
                status, headers, answer = collector.request(self.path, body, self.headers["Content-Type"])
                if address.path.endswith("agentProfile"):
                    assert status == 204, answer
                    outer.tokens.append(parse_qs(address.query)["profileToken"][0])
                    outer.profiles.append(wire.decode(body))
                else:
                    # Its own settings hold: a period of a second, where the collector would say five minutes.
                    answer = b"{}"
                self.send_response(status)
                self.send_header("Content-Type", headers.get("Content-Type", "application/json"))
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def working(self) -> dict[int, list[Profile]]:
        """The profiles in which a request was seen, by process."""
        found: dict[int, list[Profile]] = {}
        for profile in self.profiles:
            if any(profile.frame(frame).name == "work:busy_request" for frame in profile.node_frame):
                found.setdefault(profile.header.process_id, []).append(profile)
        return found

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def recorder(collector: Collector) -> Iterator[Recorder]:
    made = Recorder(collector)
    yield made
    made.close()


@contextmanager
def running(
    command: list[str], recorder: Recorder, log: Path, **environ: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A server in a session of its own, told to end by SIGTERM; what it wrote is in ``log``."""
    settings = {
        "KIBITZ_COLLECTOR": recorder.url, "KIBITZ_GROUP": "servers", "KIBITZ_SAMPLING_INTERVAL_MS": "5",
        "KIBITZ_REPORTING_INTERVAL_MS": "1000", "KIBITZ_MINIMUM_REPORTING_MS": "0",
    }  # fmt: skip
    paths = os.pathsep.join([str(SERVERS), *(path for path in sys.path if path)])
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=SERVERS, stdout=file, stderr=file, start_new_session=True,
            env={**os.environ, **settings, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", **environ},
        )  # fmt: skip
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ask(url: str, log: Path) -> str:
    until_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=240) as answer:
                return str(answer.read().decode().strip().strip('"'))
        except OSError:
            assert time.monotonic() < until_s, log.read_text()
            time.sleep(0.05)


def visit(port: int, log: Path, workers: int, requests: int = REQUESTS) -> Counter[str]:
    """Ask side by side until every worker has answered often enough; how often each process did."""
    answered: Counter[str] = Counter()
    lock = threading.Lock()

    def visitor() -> None:
        for _ in range(requests // 4):
            name = ask(f"http://127.0.0.1:{port}/", log)
            with lock:
                answered[name] += 1

    ask(f"http://127.0.0.1:{port}/", log)
    until_s = time.monotonic() + PATIENCE_S
    while len([name for name, count in answered.items() if count >= 5]) < workers:
        assert time.monotonic() < until_s, (answered, log.read_text())
        visitors = [threading.Thread(target=visitor) for _ in range(4)]
        for one in visitors:
            one.start()
        for one in visitors:
            one.join()
    return answered


def check(recorder: Recorder, workers: set[int], log: Path) -> None:
    """Every worker has reported, under its own id, and none of its periods overlaps another; all is in the store, once."""
    found = recorder.working()
    assert workers <= set(found), (workers, set(found), log.read_text())
    assert len(recorder.tokens) == len(set(recorder.tokens))
    for profiles in found.values():
        profiles.sort(key=lambda profile: profile.header.start_ns)
        for before, after in pairwise(profiles):
            assert before.header.end_ns <= after.header.start_ns + 50_000_000
    # One that a killed worker had just sent may still be on its way through the recorder.
    wait_until(lambda: stored(recorder.collector) == len(recorder.tokens), log)


def stored(collector: Collector) -> int:
    """How many profiles are in the store."""
    return sum(group["profiles"] for group in collector.get("/api/groups")["groups"])


def wait_until(condition: Callable[[], bool], log: Path) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until_s, log.read_text()
        time.sleep(0.05)


def need_module(name: str, lacking: Callable[[str], None]) -> None:
    if find_spec(name) is None:
        lacking(f"the package {name}")


PYTHON = [sys.executable, "-W", "ignore", "-m"]
GUNICORN = [*PYTHON, "gunicorn", "--workers", "2", "-c", "python:kibitz_agent.integrations.gunicorn"]


@pytest.mark.parametrize("kind", ["sync", "gthread", "gevent"])
def test_every_gunicorn_worker_reports_once_a_period(kind, recorder, tmp_path, free_port, lacking):
    need_module("gunicorn", lacking)
    if kind == "gevent":
        need_module("gevent", lacking)
    port, log = free_port(), tmp_path / "log"
    threads = ["--threads", "4"] if kind == "gthread" else []
    command = [*GUNICORN, "--worker-class", kind, *threads, "--bind", f"127.0.0.1:{port}", "wsgi:app"]
    with running(command, recorder, log):
        answered = visit(port, log, workers=2)
    check(recorder, set(map(int, answered)), log)


@pytest.mark.parametrize("app", ["flask_app:app", "django_app:app"])
def test_application_that_starts_the_agent_itself_is_followed_into_each_worker(
    app, recorder, tmp_path, free_port, lacking
):
    need_module("gunicorn", lacking)
    need_module(app.partition("_")[0], lacking)
    port, log = free_port(), tmp_path / "log"
    # Loaded in the master, so that its start has to survive the forks.
    command = [*PYTHON, "gunicorn", "--workers", "2", "--preload", "--bind", f"127.0.0.1:{port}", app]
    with running(command, recorder, log):
        answered = visit(port, log, workers=2)
    check(recorder, set(map(int, answered)), log)


def test_kibitz_run_follows_gunicorn_into_its_workers(recorder, tmp_path, free_port, lacking):
    need_module("gunicorn", lacking)
    port, log = free_port(), tmp_path / "log"
    command = [sys.executable, "-m", "kibitz_agent.cli", "run", "--group", "g", "--collector", recorder.url]
    command += ["-m", "gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}", "wsgi:app"]
    with running(command, recorder, log):
        answered = visit(port, log, workers=2)
    check(recorder, set(map(int, answered)), log)


def test_every_uwsgi_worker_reports_once_a_period(recorder, tmp_path, free_port, need):
    beside = Path(sys.executable).with_name("uwsgi")
    program = str(beside) if beside.exists() else need("uwsgi")
    port, log = free_port(), tmp_path / "log"
    command = [
        program,
        "--http-socket",
        f"127.0.0.1:{port}",
        "--master",
        "--processes",
        "2",
        "--enable-threads",
    ]
    command += ["--wsgi-file", "uwsgi_app.py", "--die-on-term", "--need-app"]
    with running(command, recorder, log):
        answered = visit(port, log, workers=2)
        # uWSGI does not run atexit functions in its workers when it is told to end: their last period is waited for.
        wait_until(lambda: set(map(int, answered)) <= set(recorder.working()), log)
    check(recorder, set(map(int, answered)), log)


def test_every_uvicorn_worker_reports_once_a_period(recorder, tmp_path, free_port, lacking):
    need_module("uvicorn", lacking)
    need_module("fastapi", lacking)
    port, log = free_port(), tmp_path / "log"
    command = [*PYTHON, "uvicorn", "--workers", "2", "--port", str(port), "asgi:app"]
    with running(command, recorder, log):
        answered = visit(port, log, workers=2)
    check(recorder, set(map(int, answered)), log)


def test_every_celery_child_reports_once_a_period(recorder, tmp_path, lacking):
    need_module("celery", lacking)
    log = tmp_path / "log"
    for name in ("in", "control", "results"):
        (tmp_path / name).mkdir()
    environ = {"QUEUE": str(tmp_path)}
    send = "from tasks import work\nfor _ in range(30): work.delay()"
    paths = os.pathsep.join([str(SERVERS), *(path for path in sys.path if path)])
    sent = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", send],
        env={**os.environ, **environ, "PYTHONPATH": paths, "KIBITZ_ENABLED": "0"},
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert sent.returncode == 0, sent.stderr
    command = [
        *PYTHON,
        "celery",
        "-A",
        "tasks",
        "worker",
        "--pool",
        "prefork",
        "--concurrency",
        "2",
        "--loglevel",
        "INFO",
    ]
    with running(command, recorder, log, **environ):
        wait_until(lambda: len(list((tmp_path / "results").iterdir())) >= 30, log)
    found = recorder.working()
    assert len(found) == 2, log.read_text()
    check(recorder, set(found), log)


MANY = """
import multiprocessing, subprocess, sys
from work import busy_request
if __name__ == "__main__":
    for method in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(method)
        children = [context.Process(target=busy_request, args=(0.5,)) for _ in range(2)]
        for child in children: child.start()
        for child in children: child.join()
    subprocess.run([sys.executable, "-c", "from work import busy_request; busy_request(0.5)"], check=True)
"""


def test_children_of_every_kind_report_once(recorder, tmp_path):
    script, log = tmp_path / "many.py", tmp_path / "log"
    script.write_text(MANY)
    command = [
        sys.executable,
        "-m",
        "kibitz_agent.cli",
        "run",
        "--group",
        "g",
        "--collector",
        recorder.url,
        str(script),
    ]
    with running(command, recorder, log) as process:
        assert process.wait(PATIENCE_S) == 0, log.read_text()
    found = recorder.working()
    # Two by each of multiprocessing's ways, and the command.
    assert len(found) == 7, log.read_text()
    check(recorder, set(found), log)
