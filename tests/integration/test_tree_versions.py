"""The collector's extension builds without a warning on every version, and sanitizers find nothing in it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

INCLUDE = "import sysconfig; print(*{sysconfig.get_path(n) for n in ('include', 'platinclude')}, sep='\\n')"

GROWN = """
import random
from array import array
import _tree

rng = random.Random(1)
for rows in (0, 1, 2, 3000):
    parent = array("q", [rng.randrange(-1, row) if row else -1 for row in range(rows)])
    frame, line = (array("q", [rng.randrange(1 << 40) for _ in range(rows)]) for _ in range(2))
    keys, found = array("Q", bytes(8 * rows)), array("q", bytes(8 * rows))
    _tree.path_keys(parent, frame, line, 2**64 - 1, keys)
    assert len(set(keys)) == rows
    slots = array("q", [-1] * 8192)
    for row, key in enumerate(keys):
        place = key & 8191
        while slots[place] >= 0:
            place = (place + 1) & 8191
        slots[place] = row
    _tree.find(keys, keys, slots, found)
    assert list(found) == list(range(rows))
    for wrong in ((array("q", [rows]) * rows, frame, line, 0, keys), (parent, frame, line[1:], 0, keys)):
        try:
            _tree.path_keys(*wrong)
        except ValueError:
            continue
        assert rows == 0
print("sound")
"""


def built(program: str, root: Path, folder: Path, *flags: str) -> None:
    told = subprocess.run([program, "-c", INCLUDE], capture_output=True, text=True, check=True)
    headers = [Path(line) for line in told.stdout.split()]
    # Debian's pyconfig.h is a step to one beside it, which must not bring another C library's headers along.
    for found in headers[0].parent.glob(f"*-linux-gnu/{headers[0].name}"):
        (folder / "include" / found.parent.name).mkdir(parents=True)
        (folder / "include" / found.parent.name / found.name).symlink_to(found)
        headers.append(folder / "include")
    options = ["-shared", "-fPIC", "-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror", *flags]
    source = root / "server" / "kibitz_server" / "_native" / "tree.c"
    done = subprocess.run(
        ["cc", *options, *(f"-isystem{header}" for header in headers), str(source), "-o", str(folder / "_tree.so")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def grown(program: str, folder: Path, **environ: str) -> str:
    done = subprocess.run(
        [program, "-c", GROWN],
        env={**os.environ, "PYTHONPATH": str(folder), **environ},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout.strip()


@pytest.mark.parametrize("minor", [11, 12, 13, 14])
def test_it_builds_without_a_warning_and_takes_in_trees(
    minor: int, root: Path, tmp_path: Path, interpreter: Callable[[int], str], need: Callable[[str], str]
) -> None:
    need("cc")
    program = interpreter(minor)
    built(program, root, tmp_path)
    assert grown(program, tmp_path) == "sound"


def test_address_and_undefined_behaviour_sanitizers_find_nothing(
    root: Path, tmp_path: Path, need: Callable[[str], str]
) -> None:
    need("cc")
    built(
        sys.executable,
        root,
        tmp_path,
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all",
        "-g",
        "-O1",
    )
    libraries = [
        subprocess.run(
            ["cc", f"-print-file-name={name}"], capture_output=True, text=True, check=True
        ).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    told = grown(
        sys.executable,
        tmp_path,
        LD_PRELOAD=" ".join(libraries),
        ASAN_OPTIONS="detect_leaks=0",
        PYTHONMALLOC="malloc",
    )
    assert told == "sound"
