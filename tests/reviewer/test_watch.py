"""`kibitz review --watch`: all at first, then what changes, until Ctrl-C."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kibitz_reviewer.outcome import Target
from kibitz_reviewer.watch import watch

BAD = "import yaml\nyaml.load(s)\n"


def test_what_changes_is_shown_again_and_nothing_else(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.py", "b.py")]
    for file in files:
        file.write_text("x = 1\n")
    shown: list[list[str]] = []
    steps = iter(
        [
            lambda: None,
            lambda: files[0].write_text("x = 22\n"),
            lambda: files[1].unlink(),
            lambda: files[1].write_text("x = 1\n"),
            lambda: os.utime(files[0], ns=(1, 1)),
        ]
    )

    def pause(_seconds: float) -> None:
        step = next(steps, None)
        if step is None:
            raise KeyboardInterrupt
        step()

    def select() -> list[Target]:
        return [Target(file.name, file) for file in files if file.exists()]

    with pytest.raises(KeyboardInterrupt):
        watch(select, lambda targets: shown.append([t.path for t in targets]), pause)
    assert shown == [["a.py", "b.py"], ["a.py"], ["b.py"], ["a.py"]]


def test_nothing_to_watch_is_shown_once() -> None:
    shown: list[int] = []
    rounds = iter(range(3))

    def pause(_seconds: float) -> None:
        if next(rounds, None) is None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watch(list, lambda targets: shown.append(len(targets)), pause)
    assert shown == [0]


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a signal of POSIX")
def test_a_change_is_reviewed_and_ctrl_c_ends_cleanly(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    command = [sys.executable, "-m", "kibitz_agent.cli", "review", "--watch", "."]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    lines: queue.Queue[str] = queue.Queue()
    assert process.stdout is not None
    output = process.stdout
    reader = threading.Thread(target=lambda: [lines.put(line) for line in output], daemon=True)
    reader.start()

    def wait_for(text: str) -> None:
        while text not in lines.get(timeout=240):
            pass

    try:
        wait_for("No findings in 1 file")
        (tmp_path / "a.py").write_text(BAD)
        wait_for("[unsafe-yaml-load]")
        wait_for(" in 1 file,")
        os.killpg(process.pid, signal.SIGINT)
        status = process.wait(timeout=240)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    reader.join()
    output.close()
    assert (status, said) == (0, "kibitz review: no longer watching\n")


@pytest.mark.parametrize(
    "words", [("--diff", "HEAD"), ("--format", "json"), ("--fix",), ("--output", "x"), ("--post", "github")]
)
def test_watching_goes_with_paths_and_text_alone(words: tuple[str, ...], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kibitz_agent.cli", "review", "--watch", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 2
    assert "--watch" in done.stderr


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kibitz_agent.cli", "review", "--watch", "none.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240)
    assert (done.returncode, "none.py" in done.stderr) == (2, True)
