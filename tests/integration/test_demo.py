"""`kibitz demo`: runs to its end, survives a taken port, and leaves nothing behind when it is told to end."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

DEMO = [sys.executable, "-m", "kibitz_agent.cli", "demo"]


def processes_mentioning(text: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
                if text in command:
                    found.append(command.replace("\0", " "))
    return found


@pytest.fixture
def taken_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_once_finds_the_shops_functions_and_the_planted_problems(taken_port, tmp_path):
    data = tmp_path / "data"
    done = subprocess.run(
        [*DEMO, "--once", "--port", str(taken_port), "--data", str(data)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"port {taken_port} is taken" in done.stdout
    assert re.search(r"Flame graph:  http://127\.0\.0\.1:\d+/groups/demo-shop", done.stdout)
    for function in ("shop.payments:PaymentClient.__init__", "shop.stock:reserve", "shop.catalogue:export"):
        assert function in done.stdout
    rules = {
        "sql-injection",
        "regex-in-function",
        "quadratic-loop",
        "lock-not-released",
        "mutable-default",
    }
    assert all(f"  {rule}: " in done.stdout for rule in rules), done.stdout
    assert (data / "kibitz.sqlite").stat().st_size > 10_000
    assert processes_mentioning(str(data)) == []


@pytest.mark.parametrize(
    ("number", "when"), [(signal.SIGINT, "serving customers"), (signal.SIGTERM, "Ctrl-C ends everything")]
)
def test_ctrl_c_and_sigterm_end_all_of_it(number, when, tmp_path):
    data = tmp_path / "data"
    demo = subprocess.Popen(
        [*DEMO, "--port", "0", "--data", str(data)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert demo.stdout is not None
    try:
        address = ""
        for line in demo.stdout:
            found = re.search(r"Flame graph:  (http://\S+)", line)
            address = found[1] if found else address
            if when in line:
                break
        if when.startswith("Ctrl-C"):  # by then the address was told
            with urllib.request.urlopen(address, timeout=240) as page:
                assert "demo-shop" in page.read().decode()
        assert len(processes_mentioning(str(data))) >= 2  # the demo itself and the collector
        demo.send_signal(number)
        assert demo.wait(120) == 0
    finally:
        demo.stdout.close()
        if demo.poll() is None:
            demo.kill()
            demo.wait()
    end = time.monotonic() + 120
    while processes_mentioning(str(data)) and time.monotonic() < end:
        time.sleep(0.1)
    assert processes_mentioning(str(data)) == []


def test_child_that_dies_is_named_with_its_last_words(tmp_path):
    (tmp_path / "data").write_text("a file where the collector wants a folder")
    done = subprocess.run(
        [*DEMO, "--once", "--port", "0", "--data", str(tmp_path / "data")],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 1
    assert "the collector ended with status 2" in done.stderr
    assert "data directory" in done.stderr
