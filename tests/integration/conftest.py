"""Real parts for integration tests: a collector process, a browser."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kibitz_agent import wire
from kibitz_agent.profile import Frame, Header, Profile, ProfileBuilder

#: However slow the machine is. Whoever waits this long waits for a condition, and goes on as soon as it holds.
PATIENCE_S = 120.0
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Collector:
    """A ``kibitz serve`` process on a free port."""

    data: Path
    url: str = ""
    process: subprocess.Popen[str] | None = None
    lines: list[str] = field(default_factory=list)

    def start(self, *arguments: str) -> None:
        """Start the process and wait until it says where it listens."""
        command = [
            sys.executable,
            "-m",
            "kibitz_agent.cli",
            "serve",
            "--port",
            "0",
            "--data",
            str(self.data),
            *arguments,
        ]
        log = (self.data.parent / "serve.log").open("a")
        with log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        match = re.search(r"listening on (http://\S+)", line)
        assert match, (line, (self.data.parent / "serve.log").read_text())
        self.url = match[1]

    def kill(self) -> None:
        """SIGKILL: no chance to tidy up."""
        assert self.process is not None
        self.process.kill()
        self._reap()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self._reap()

    def _reap(self) -> int:
        assert self.process is not None
        assert self.process.stdout is not None
        status = self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        return status

    def post(self, profile: Profile, group: str = "shop", token: str | None = None) -> int:
        """Post a profile in wire form; the status."""
        token = token or uuid.uuid4().hex
        return self.request(
            f"/profilingGroups/{group}/agentProfile?profileToken={token}",
            wire.encode(profile),
            wire.CONTENT_TYPE,
        )[0]

    def get(self, path: str) -> Any:
        """A JSON answer."""
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def request(self, path: str, body: bytes, content_type: str) -> tuple[int, dict[str, str], bytes]:
        """POST; status, headers and body whatever the status."""
        request = urllib.request.Request(self.url + path, body, {"Content-Type": content_type}, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()


@contextmanager
def running_collector(folder: Path) -> Iterator[Collector]:
    """A collector with an empty store in ``folder``, that ends with status 0."""
    running = Collector(folder / "data")
    running.start()
    yield running
    if running.process is not None and running.process.poll() is None:
        assert running.stop() == 0


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    """A running collector with an empty store."""
    with running_collector(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def lasting_collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """One that all tests of a module read from."""
    with running_collector(tmp_path_factory.mktemp("collector")) as running:
        yield running


@pytest.fixture
def make_profile() -> Callable[..., Profile]:
    """``make_profile({"m:a;m:b": 3}, end=epoch_s)``: 10 ms a sample, all running."""

    def make(stacks: dict[str, int], end: float | None = None, **header: Any) -> Profile:
        end_ns = int((time.time() if end is None else end) * 1e9)
        builder = ProfileBuilder()
        for text, count in stacks.items():
            frames = [Frame(name, f"/app/{name.split(':')[0]}.py", 1) for name in text.split(";")]
            labels = {"thread": "MainThread", "state": "running"}
            builder.add_stack(frames, (count, count * 10_000_000, count * 10_000_000), labels)
        facts = {"group": "shop", "instance": "i-1", "start_ns": end_ns - 10**10, "end_ns": end_ns, **header}
        return builder.build(Header(**facts))

    return make


class Browser:
    """A browser whose pages wait for as long as a busy machine may take."""

    def __init__(self, chromium: Any) -> None:
        self._chromium = chromium

    def new_context(self, **options: Any) -> Any:
        """Fresh as after installation: no cookies, no storage."""
        context = self._chromium.new_context(**options)
        context.set_default_timeout(PATIENCE_S * 1000)
        return context

    def new_page(self, **options: Any) -> Any:
        """A page in a context of its own."""
        return self.new_context(**options).new_page()

    def close_contexts(self) -> None:
        """Close what a test left open."""
        for context in self._chromium.contexts:
            context.close()


@pytest.fixture(scope="module")
def chromium(need: Callable[[str], str]) -> Iterator[Any]:
    """Debian's Chromium, headless; not for the whole session, since its event loop would be in the way of others."""
    path = need("chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    sync_api.expect.set_options(timeout=PATIENCE_S * 1000)
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=path, args=list(CHROMIUM_ARGUMENTS), timeout=PATIENCE_S * 1000
        )
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def becomes() -> Callable[[Any, str], None]:
    """``becomes(page, expression)``: waits until it is true in the page.

    Playwright's own waiting evaluates text in the page again and again, which our pages' policy forbids after the first time.
    """

    def wait(page: Any, expression: str) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while not page.evaluate(f"Boolean({expression})"):
            assert time.monotonic() < end_s, expression
            page.wait_for_timeout(20)

    return wait


@pytest.fixture
def browser(chromium: Any) -> Iterator[Browser]:
    """A browser without any page."""
    made = Browser(chromium)
    yield made
    made.close_contexts()


@pytest.fixture
def kibitz() -> Callable[..., subprocess.CompletedProcess[str]]:
    """``kibitz("run", ...)``: run the command to its end."""

    def run(*arguments: str, timeout: float = 120, **options: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "kibitz_agent.cli", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, check=False, **options
        )

    return run


def alive(pid: int) -> bool:
    """Whether a process exists."""
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False
