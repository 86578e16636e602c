"""The extension builds without a warning on every version it knows, and gives no torn stack while everything churns."""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

SECONDS = "6"
INCLUDE = "import sysconfig; print(*{sysconfig.get_path(n) for n in ('include', 'platinclude')}, sep='\\n')"


def built(program: str, root: Path, folder: Path, *flags: str) -> None:
    """Build the extension for the interpreter into ``folder/kibitz_agent/_native``, beside nothing else."""
    package = folder / "kibitz_agent" / "_native"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package.parent / "__init__.py").touch()
    told = subprocess.run([program, "-c", INCLUDE], capture_output=True, text=True, check=True)
    headers = [Path(line) for line in told.stdout.split()]
    # Debian's pyconfig.h is a step to one beside it, which must not bring another C library's headers along.
    for found in headers[0].parent.glob(f"*-linux-gnu/{headers[0].name}"):
        (folder / "include" / found.parent.name).mkdir(parents=True)
        (folder / "include" / found.parent.name / found.name).symlink_to(found)
        headers.append(folder / "include")
    sources = sorted((root / "agent" / "kibitz_agent" / "_native").glob("*.c"))
    # System folders: the interpreter's own headers need not be free of warnings.
    options = ["-shared", "-fPIC", "-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror", *flags]
    done = subprocess.run(
        ["cc", *options, *(f"-isystem{header}" for header in headers), *map(str, sources),
         "-lpthread", "-o", str(package / "_sampler.so")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def churned(program: str, root: Path, folder: Path, **environ: str) -> str:
    done = subprocess.run(
        [program, str(root / "tests" / "targets" / "native" / "churn.py"), SECONDS],
        env={**os.environ, "PYTHONPATH": str(folder), **environ},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout


@pytest.mark.parametrize("minor", [11, 12, 13, 14])
def test_no_stack_is_torn_while_everything_churns(
    minor: int, root: Path, tmp_path: Path, interpreter: Callable[[int], str], need: Callable[[str], str]
) -> None:
    need("cc")
    program = interpreter(minor)
    built(program, root, tmp_path)
    told = churned(program, root, tmp_path)
    found = re.match(r"(\d+) stacks, 0 mixed, ", told)
    assert found, told
    assert int(found[1]) > 1000


@pytest.mark.parametrize("minor", [11, 12, 13, 14])
def test_samples_say_who_collects_garbage(
    minor: int, root: Path, tmp_path: Path, interpreter: Callable[[int], str], need: Callable[[str], str]
) -> None:
    need("cc")
    program = interpreter(minor)
    built(program, root, tmp_path)
    done = subprocess.run(
        [program, str(root / "tests" / "targets" / "native" / "collecting.py")],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    collecting, computing = map(float, done.stdout.split())
    assert collecting > 0.9
    assert computing == 0


def test_address_and_undefined_behaviour_sanitizers_find_nothing(
    root: Path, tmp_path: Path, interpreter: Callable[[int], str], need: Callable[[str], str]
) -> None:
    need("cc")
    program = interpreter(int(sysconfig.get_python_version().split(".")[1]))
    built(program, root, tmp_path, "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1")
    libraries = [
        subprocess.run(
            ["cc", f"-print-file-name={name}"], capture_output=True, text=True, check=True
        ).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    told = churned(
        program,
        root,
        tmp_path,
        LD_PRELOAD=" ".join(libraries),
        # The interpreter itself leaks at exit, and its recursion to the limit needs no stack of the sanitizer's.
        ASAN_OPTIONS="detect_leaks=0:detect_stack_use_after_return=0",
        PYTHONMALLOC="malloc",
    )
    assert ", 0 mixed, " in told


def test_interpreters_own_debug_allocator_finds_nothing(
    root: Path, tmp_path: Path, interpreter: Callable[[int], str], need: Callable[[str], str]
) -> None:
    need("cc")
    program = interpreter(int(sysconfig.get_python_version().split(".")[1]))
    built(program, root, tmp_path)
    assert ", 0 mixed, " in churned(program, root, tmp_path, PYTHONMALLOC="debug")
