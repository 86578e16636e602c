"""What every part's tests lean on: a check that does not run is seen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import LONG

WAITS = {
    "module": "import pytest\npytest.importorskip('no_such_package')\ndef test_it(): pass\n",
    "test": "import pytest\ndef test_it(): pytest.importorskip('no_such_package')\n",
    "fixture": "def test_it(lacking): lacking('a compiler')\n",
    "program": "def test_it(need): need('no_such_program')\n",
}


def test_every_long_test_is_there(root: Path):
    sources = "".join(path.read_text() for path in (root / "tests").rglob("test_*.py"))
    assert [name for name in LONG if f"def {name}(" not in sources] == []


@pytest.mark.parametrize("who", WAITS)
@pytest.mark.parametrize("in_ci", [False, True])
def test_what_is_missing_is_a_skip_on_a_laptop_and_a_failure_in_ci(
    who: str, in_ci: bool, root: Path, tmp_path: Path
):
    shutil.copy(root / "tests" / "conftest.py", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text(WAITS[who])
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-o",
        "addopts=",
        str(tmp_path),
    ]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        command,
        env={**environ, "CI": "true" if in_ci else "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (done.returncode not in (0, 5)) == in_ci, done.stdout
    assert ("CI must have it" in done.stdout) == in_ci
    assert ("1 skipped" in done.stdout) != in_ci
