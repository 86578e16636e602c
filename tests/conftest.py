"""Fixtures and rules shared by every part's tests."""

from __future__ import annotations

import functools
import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

IN_CI = os.environ.get("CI", "").lower() == "true"
ROOT = Path(__file__).resolve().parent.parent


def missing(what: str) -> None:
    """Skip on a laptop, fail under CI=true: a check that silently does not run is no check."""
    if IN_CI:
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="session")
def lacking() -> Callable[[str], None]:
    """``lacking("a compiler")``: skip on a laptop, fail under CI=true."""
    return missing


@pytest.fixture(scope="session")
def need() -> Callable[[str], str]:
    """``need("chromium")``: the path of a program this test cannot do without."""

    def find(program: str) -> str:
        path = shutil.which(program)
        if path is None:
            missing(program)
            raise AssertionError
        return path

    return find


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the source tree."""
    return ROOT


@pytest.fixture(scope="session")
def targets(root: Path) -> Path:
    """The programs that integration tests profile and review."""
    return root / "tests" / "targets"


@pytest.fixture(scope="session")
def stand_in(root: Path) -> Callable[[str], ModuleType]:
    """``stand_in("fake_github")``: that module of tests/stand_ins."""

    folder = str(root / "tests" / "stand_ins")
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module


@pytest.fixture(scope="session")
def interpreter() -> Callable[[int], str]:
    """``interpreter(14)``: the path of a CPython 3.14, which this test cannot do without."""

    def find(minor: int) -> str:
        program = _interpreters().get(minor)
        if program is None:
            missing(f"CPython 3.{minor} (name one in KIBITZ_TEST_PYTHONS)")
            raise AssertionError
        return program

    return find


@functools.cache
def _interpreters() -> dict[int, str]:
    """CPython programs by minor version: of KIBITZ_TEST_PYTHONS (paths, separated by colons), pyenv, and the path."""
    found = {sys.version_info.minor: sys.executable}
    for program in _candidates():
        minor = _minor(program)
        if minor is not None:
            found.setdefault(minor, program)
    return found


def _candidates() -> list[str]:
    named = [path for path in os.environ.get("KIBITZ_TEST_PYTHONS", "").split(os.pathsep) if path]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    built = sorted(str(path) for path in pyenv.glob("3.1[1-9]*/bin/python3") if "t" not in path.parts[-3])
    on_path = [shutil.which(f"python3.{minor}") for minor in range(11, 16)]
    return [*named, *built, *(path for path in on_path if path)]


def _minor(program: str) -> int | None:
    code = "import sys; print(sys.implementation.name, *sys.version_info[:2])"
    try:
        told = subprocess.run(
            [program, "-I", "-c", code], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = told.stdout.split()
    return int(words[2]) if words[:2] == ["cpython", "3"] else None
