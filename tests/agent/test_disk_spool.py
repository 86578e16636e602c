"""Profiles that wait on disk: they outlive their process, have one owner, and never trouble the host."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kibitz_agent import disk_spool
from kibitz_agent.disk_spool import DiskSpool

if sys.platform == "win32":
    pytest.skip("folders are not taken over without locks", allow_module_level=True)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*.kibitz")}


def test_nothing_is_written_before_a_profile_has_to_wait(tmp_path):
    spool = DiskSpool(tmp_path / "spool", "g")
    spool.add("t", b"body")
    assert not (tmp_path / "spool").exists()
    spool.keep()
    assert files(tmp_path) == {"t.kibitz"}
    assert spool.first() == ("t", b"body")


def test_what_was_sent_leaves_no_file_and_no_folder(tmp_path):
    spool = DiskSpool(tmp_path, "g")
    spool.add("t", b"body")
    spool.keep()
    spool.remove("t")
    spool.close()
    assert list(tmp_path.rglob("*")) == list(tmp_path.iterdir())
    assert not list(next(tmp_path.iterdir()).iterdir())


def test_next_process_takes_over_what_one_that_is_gone_has_left_in_order(tmp_path):
    first = DiskSpool(tmp_path, "g")
    for number in range(3):
        first.add(f"t{number}", b"%d" % number)
        first.keep()
        os.utime(next(tmp_path.rglob(f"t{number}.kibitz")), (number + time.time() - 10,) * 2)
    first.close()
    second = DiskSpool(tmp_path, "g")
    assert second.adopt() == 3
    assert [second._held[f"t{number}"] for number in range(3)] == [b"0", b"1", b"2"]
    assert second.first() == ("t0", b"0")
    third = DiskSpool(tmp_path, "g")
    assert third.adopt() == 0


def test_other_groups_profiles_are_left_alone(tmp_path):
    one = DiskSpool(tmp_path, "one/../two")
    one.add("t", b"body")
    one.keep()
    one.close()
    assert DiskSpool(tmp_path, "two").adopt() == 0
    assert DiskSpool(tmp_path, "one/../two").adopt() == 1


LEAVE = """
import sys, time
from pathlib import Path
from kibitz_agent.disk_spool import DiskSpool
spool = DiskSpool(Path(sys.argv[1]), "g")
spool.add("t", b"body")
spool.keep()
print("kept", flush=True)
time.sleep(60)
"""


def test_profiles_of_a_living_process_are_its_own_and_a_killed_ones_are_taken_over(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", LEAVE, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"kept\n"
        assert DiskSpool(tmp_path, "g").adopt() == 0
        process.send_signal(signal.SIGKILL)
        process.wait()
    spool = DiskSpool(tmp_path, "g")
    assert spool.adopt() == 1
    assert spool.first() == ("t", b"body")
    spool.remove("t")
    spool.close()
    assert files(tmp_path) == set()


def test_half_written_foreign_empty_and_ancient_files_are_never_sent(tmp_path):
    left = DiskSpool(tmp_path, "g")
    left.add("good", b"body")
    left.add("old", b"body")
    left.keep()
    folder = next(path.parent for path in tmp_path.rglob("good.kibitz"))
    os.utime(folder / "old.kibitz", (time.time() - disk_spool.OLDEST_S - 60,) * 2)
    (folder / "half.part").write_bytes(b"bo")
    (folder / "notes.txt").write_bytes(b"mine")
    (folder / "empty.kibitz").touch()
    (folder / "sly.kibitz").symlink_to("/etc/passwd")
    left.close()
    spool = DiskSpool(tmp_path, "g")
    assert spool.adopt() == 1
    assert list(spool._held) == ["good"]
    assert (folder / "notes.txt").exists()


def test_disk_bound_keeps_the_rest_in_memory_and_says_so_once(tmp_path, caplog):
    caplog.set_level(logging.WARNING, "kibitz")
    spool = DiskSpool(tmp_path, "g", disk_bytes=250)
    for number in range(5):
        spool.add(f"t{number}", bytes(100))
        spool.keep()
    assert len(files(tmp_path)) == 2
    assert len(spool) == 5
    assert len([line for line in caplog.messages if "memory only" in line]) == 1


def test_bound_in_memory_drops_the_oldest_and_its_file(tmp_path):
    spool = DiskSpool(tmp_path, "g", max_profiles=2)
    for number in range(4):
        spool.add(f"t{number}", b"body")
        spool.keep()
    assert files(tmp_path) == {"t2.kibitz", "t3.kibitz"}
    assert spool.dropped == 2


@pytest.mark.parametrize("trouble", ["file", "read-only", "full"])
def test_disk_that_cannot_be_written_leaves_everything_in_memory(tmp_path, caplog, monkeypatch, trouble):
    folder = tmp_path / "spool"
    if trouble == "file":
        folder.write_text("a file where the folder should be")
    elif trouble == "read-only":
        monkeypatch.setattr(
            Path, "mkdir", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
        )
    else:
        monkeypatch.setattr(
            os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device"))
        )
    spool = DiskSpool(folder, "g")
    spool.add("t", b"body")
    spool.keep()
    spool.keep()
    assert spool.first() == ("t", b"body")
    assert len(caplog.messages) == 1
    assert not list(tmp_path.rglob("*.part"))
    spool.close()


def test_token_that_is_no_files_name_stays_in_memory(tmp_path):
    spool = DiskSpool(tmp_path / "spool", "g")
    spool.add("../../escape", b"body")
    spool.keep()
    assert files(tmp_path) == set()
    assert len(spool) == 1


def test_forked_child_neither_sends_nor_unlocks_its_parents_profiles(tmp_path):
    spool = DiskSpool(tmp_path, "g")
    spool.add("t", b"body")
    spool.keep()
    child = os.fork()
    if child == 0:
        spool.forget()
        os._exit(0 if len(spool) == 0 and DiskSpool(tmp_path, "g").adopt() == 0 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert DiskSpool(tmp_path, "g").adopt() == 0
    assert spool.first() == ("t", b"body")
