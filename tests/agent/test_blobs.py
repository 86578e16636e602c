"""Files by the id of their content: git's own, only of what is hot, only of what runs."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz_agent import blobs, wire
from kibitz_agent.blobs import Blobs, blob_id, hot_files
from kibitz_agent.profile import Frame, Header, ProfileBuilder


def profile(*stacks):
    builder = ProfileBuilder()
    for files, count in stacks:
        builder.add_stack([Frame(f"m:{file}", file, 1) for file in files], (count, count, count))
    return builder.build()


@pytest.mark.parametrize("content", [b"", b"a", b"x" * 70_000, bytes(range(256))])
def test_id_is_the_one_git_gives(content, tmp_path, need):
    path = tmp_path / "file"
    path.write_bytes(content)
    told = subprocess.run([need("git"), "hash-object", str(path)], capture_output=True, text=True, check=True)
    assert blob_id(content) == told.stdout.strip()


def test_files_are_named_by_how_hot_they_are_and_recursion_counts_once():
    assert hot_files(
        profile((["main", "hot", "hot", "hot"], 60), (["main", "cool"], 30), (["main"], 10))
    ) == [
        "main",
        "hot",
        "cool",
    ]


def test_what_is_hardly_ever_seen_and_what_has_no_file_is_left_out():
    assert hot_files(profile((["main"], 100_000), (["main", "rare"], 50), (["main", ""], 5000))) == ["main"]


def test_number_of_files_is_bounded():
    assert len(hot_files(profile(*[([f"f{n}"], 10) for n in range(900)]))) <= blobs.MAX_FILES


def test_ids_are_found_by_the_names_that_frames_have(tmp_path):
    (tmp_path / "app.py").write_bytes(b"print()\n")
    found = Blobs(time.time() + 60, str(tmp_path)).of(
        profile((["app.py", "<string>", str(tmp_path / "gone.py")], 5))
    )
    assert found == {"app.py": blob_id(b"print()\n")}


def test_file_is_read_once_until_it_changes(tmp_path):
    path = tmp_path / "app.py"
    path.write_bytes(b"one")
    reads = []

    def read(name):
        reads.append(name)
        return path.read_bytes()

    made = Blobs(time.time() + 60)
    assert made.id(str(path), read) == made.id(str(path), read) == blob_id(b"one")
    assert len(reads) == 1
    path.write_bytes(b"another")
    assert made.id(str(path), read) == blob_id(b"another")


def test_file_written_after_the_process_began_is_not_what_runs(tmp_path):
    path = tmp_path / "app.py"
    path.write_bytes(b"new")
    os.utime(path, (2000, 2000))
    assert Blobs(1000.0).id(str(path)) == ""
    assert Blobs(3000.0).id(str(path)) == blob_id(b"new")


def test_what_is_no_ordinary_file_or_too_large_has_no_id(tmp_path, monkeypatch):
    made = Blobs(time.time() + 60)
    fifo = tmp_path / "fifo"
    if hasattr(os, "mkfifo"):
        os.mkfifo(fifo)
    monkeypatch.setattr(blobs, "LARGEST_BYTES", 10)
    (tmp_path / "large").write_bytes(bytes(11))
    for name in (str(fifo), str(tmp_path), str(tmp_path / "large"), "nul\0byte", "/dev/zero"):
        assert made.id(name) == ""


def test_ids_travel_with_the_profile_and_nonsense_is_dropped():
    header = Header(blobs={"app.py": "a" * 40})
    sent = wire.decode(wire.encode(profile((["app.py"], 1)).with_header(header)))
    assert sent.header.blobs == {"app.py": "a" * 40}
    fields = {**wire.header_to_fields(header), "blobs": {"a": "b" * 40, "c": "<script>", "d": 5}}
    assert wire.header_from_fields(fields).blobs == {"a": "b" * 40}


@given(st.text(max_size=50))
def test_no_name_makes_it_raise(name):
    assert isinstance(Blobs(time.time() + 60).id(name), str)


def test_a_program_whose_folder_was_deleted_has_ids_for_absolute_names(tmp_path):
    source = tmp_path / "app.py"
    source.write_bytes(b"x = 1\n")
    gone = tmp_path / "gone"
    gone.mkdir()
    tell = (
        "import os, sys, time\n"
        "os.chdir(sys.argv[1]); os.rmdir(sys.argv[1])\n"
        "from kibitz_agent.blobs import Blobs\n"
        "ids = Blobs(started_s=time.time() + 60)\n"
        "print([ids.id(sys.argv[2]), ids.id('app.py')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", tell, str(gone), str(source)],
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == (f"{[blob_id(source.read_bytes()), '']}\n", "")


def test_a_file_written_after_the_process_began_has_no_id(tmp_path):
    old, new = tmp_path / "old.py", tmp_path / "new.py"
    for path in (old, new):
        path.write_bytes(b"x = 1\n")
    os.utime(old, (0, 0))
    os.utime(new, (2**31, 2**31))
    ids = Blobs()
    assert [ids.id(str(path)) for path in (old, new)] == [blob_id(b"x = 1\n"), ""]


def test_process_start_is_what_psutil_says():
    import psutil

    assert abs(blobs.process_start_s() - 1 - psutil.Process().create_time()) < 1.5
