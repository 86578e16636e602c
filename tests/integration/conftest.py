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
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kibitz_agent import wire
from kibitz_agent.profile import Frame, Header, Profile, ProfileBuilder

START_S = 30.0
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
        status = self.process.wait(START_S)
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
        with urllib.request.urlopen(self.url + path, timeout=START_S) as answer:
            return json.load(answer)

    def request(self, path: str, body: bytes, content_type: str) -> tuple[int, dict[str, str], bytes]:
        """POST; status, headers and body whatever the status."""
        request = urllib.request.Request(self.url + path, body, {"Content-Type": content_type}, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=START_S) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    """A running collector with an empty store."""
    running = Collector(tmp_path / "data")
    running.start()
    yield running
    if running.process is not None and running.process.poll() is None:
        assert running.stop() == 0


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


@pytest.fixture
def browser(need: Callable[[str], str]) -> Iterator[Any]:
    """Debian's Chromium, headless."""
    path = need("chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_ARGUMENTS))
        yield chromium
        chromium.close()


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
