"""Fixtures and rules shared by every part's tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

IN_CI = os.environ.get("CI", "").lower() == "true"
ROOT = Path(__file__).resolve().parent.parent


def missing(what: str) -> None:
    """Skip on a laptop, fail under CI=true: a check that silently does not run is no check."""
    if IN_CI:
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"{what} is missing")


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
