"""What one file may take."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from kibitz_reviewer import limits, runner
from kibitz_reviewer.outcome import Review, Target

linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux")
alarm = pytest.mark.skipif(sys.platform == "win32", reason="there is no alarm")


@alarm
def test_time_ends_work_that_survives_every_exception() -> None:
    def stubborn() -> None:
        while True:
            try:
                time.sleep(10)
            except Exception:
                continue

    with pytest.raises(limits.TimeIsUpError), limits.time_limit(0.05):
        stubborn()


@alarm
def test_time_that_is_not_used_up_rings_nowhere() -> None:
    with limits.time_limit(0.2):
        pass
    time.sleep(0.4)


def test_outside_the_main_thread_nothing_is_limited() -> None:
    seen: list[str] = []

    def work() -> None:
        with limits.time_limit(0.01):
            time.sleep(0.1)
            seen.append("done")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == ["done"]


@linux
def test_memory_beyond_the_limit_is_an_error_that_can_be_survived() -> None:
    code = (
        "from kibitz_reviewer import limits\n"
        "limits.limit_memory(200_000_000)\n"
        "try:\n    b'x' * 500_000_000\n"
        "except MemoryError:\n    print(len(b'x' * 50_000_000))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "50000000\n"


def test_a_process_ends_that_does_not_come_back() -> None:
    code = (
        "from kibitz_reviewer import limits\nimport re\n"
        "with limits.ends_process(0.5):\n    re.match('(a+)+$', 'a' * 60 + 'b')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=300)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


@alarm
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (limits.TimeIsUpError(), "took longer than"),
        (MemoryError(), "more memory"),
        (RecursionError(), "nested too deeply"),
    ],
)
def test_a_file_past_its_limits_is_told_as_broken(
    error: BaseException, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(target: Target, cache: object) -> Review:
        raise error

    monkeypatch.setattr(runner, "_review_file", fail)
    (problem,) = runner.review_file(Target("a.py", tmp_path / "a.py", b"x = 1\n")).problems
    assert problem.broken
    assert said in problem.message
