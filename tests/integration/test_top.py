"""`kibitz top` and `kibitz run --summary` on real programs."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

KIBITZ = [sys.executable, "-m", "kibitz_agent.cli"]


@pytest.fixture
def target(targets):
    if not sys.platform.startswith("linux"):
        pytest.skip("attaching works on Linux")
    process = subprocess.Popen(
        [sys.executable, str(targets / "attach" / "modes.py"), "busy"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


def test_top_shows_where_a_running_process_is_and_leaves_it_as_it_was(target):
    command = [*KIBITZ, "top", str(target.pid), "--interval", "1", "--rounds", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count(f"process {target.pid}, Ctrl-C ends: ") == 2
    assert "__main__:work" in done.stdout
    assert "\x1b" not in done.stdout
    _, err = target.communicate("\n", timeout=240)
    assert (target.returncode, err) == (0, "")


def test_ctrl_c_ends_top_and_leaves_no_agent(target):
    command = subprocess.Popen(
        [*KIBITZ, "top", str(target.pid), "--interval", "0.5"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "process" in command.stdout.readline()
    command.send_signal(signal.SIGINT)
    _, err = command.communicate(timeout=240)
    assert (command.returncode, err) == (0, "")
    until_s = time.monotonic() + 120
    while (
        "kibitz"
        in subprocess.run(
            [*KIBITZ, "detach", str(target.pid)], capture_output=True, text=True, check=False
        ).stdout
    ):
        assert time.monotonic() < until_s
    _, err = target.communicate("\n", timeout=240)
    assert (target.returncode, err) == (0, "")


@pytest.mark.parametrize(
    "arguments", [["--interval", "0"], ["--window", "1", "--interval", "2"], ["--rounds", "-1"]]
)
def test_top_refuses_what_makes_no_sense(arguments):
    done = subprocess.run(
        [*KIBITZ, "top", "1", *arguments], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 2
    assert "--interval must be" in done.stderr


def test_run_with_summary_shows_the_hottest_functions_on_standard_error_at_the_end(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import time\ndef hot():\n    until = time.process_time() + 0.6\n    while time.process_time() < until: sum(range(100))\n"
        "hot()\nprint('its own output')\n"
    )
    done = subprocess.run(
        [*KIBITZ, "run", "--summary", str(script)], capture_output=True, text=True, timeout=240, check=False
    )
    assert (done.returncode, done.stdout) == (0, "its own output\n")
    first, head, *rows = done.stderr.splitlines()
    assert first.startswith("kibitz: ")
    assert head.split() == ["total", "self", "function"]
    assert any(row.endswith("__main__:hot") for row in rows)
    assert not list(tmp_path.glob("*.part"))
