"""Files over processes: each worker may be lost, no file is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kibitz_reviewer import pool
from kibitz_reviewer.outcome import Review, Target

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs signals of POSIX")


def targets(folder: Path, *texts: str) -> list[Target]:
    found = []
    for number, text in enumerate(texts):
        file = folder / f"f{number:02}.py"
        file.write_text(text)
        found.append(Target(file.name, file))
    return found


def work(target: Target) -> Review:
    """Does what the file says."""
    text = target.source().text
    if text == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if text == "exit":
        os._exit(3)
    return Review(files=1, lines=len(text))


def outcome(asked: list[Target]) -> Review:
    result = Review()
    for part in pool.over_processes(asked, work, workers=2):
        result.add(part)
    return result


def test_files_that_end_their_worker_are_told_and_all_others_are_reviewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CHUNK_BYTES", 10)
    monkeypatch.setattr(pool, "MAX_CHUNK_BYTES", 10)
    texts = ["x = 1"] * 12
    texts[3], texts[7] = "die", "exit"
    result = outcome(targets(tmp_path, *texts))
    assert result.files == 10
    assert sorted(problem.path for problem in result.problems) == ["f03.py", "f07.py"]
    assert all(problem.broken and "ended the process" in problem.message for problem in result.problems)


def test_neighbours_in_a_lost_chunk_are_reviewed(tmp_path: Path) -> None:
    result = outcome(targets(tmp_path, "x", "die", "x", "x"))
    assert (result.files, [problem.path for problem in result.problems]) == (3, ["f01.py"])


def test_chunks_hold_every_target_once_the_largest_first(tmp_path: Path) -> None:
    asked = targets(tmp_path, "a" * 150_000, "b" * 10, "c" * 199_000, "d")
    found = pool.chunks(asked, 4)
    assert sorted(number for chunk in found for number, _ in chunk) == [0, 1, 2, 3]
    assert [number for number, _ in found[0]] == [2, 3]
    assert pool.chunks([], 4) == []


def test_no_targets_need_no_processes() -> None:
    assert outcome([]) == Review()


HANGING = """
import re
from pathlib import Path
from kibitz_reviewer import limits, pool
from kibitz_reviewer.outcome import Target

def hang(target):
    re.match("(a+)+$", "a" * 60 + "b")  # native code that hears of no exception

if __name__ == "__main__":
    limits.ends_process.__wrapped__.__defaults__ = (0.5,)
    targets = [Target("f.py", Path("f.py"), b"x")]
    for part in pool.over_processes(targets, hang, workers=1):
        print([problem.path for problem in part.problems])
"""


@pytest.mark.skipif(
    sys.platform != "linux", reason="the limit set here reaches workers that are born as copies"
)
def test_a_worker_that_does_not_come_back_is_ended(tmp_path: Path) -> None:
    script = tmp_path / "hanging.py"
    script.write_text(HANGING)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, timeout=300)
    assert (done.stdout, done.stderr) == ("['f.py']\n", "")
