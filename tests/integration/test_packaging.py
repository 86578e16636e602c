"""The wheel: what is in it, what it asks for, and that the agent alone is enough for the command."""

from __future__ import annotations

import email
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory):
    """Built from a copy: building leaves traces beside pyproject.toml."""
    source = tmp_path_factory.mktemp("source") / "kibitz"
    shutil.copytree(
        root,
        source,
        ignore=shutil.ignore_patterns(".git", ".venv", "build", "*.egg-info", "__pycache__", ".*_cache"),
    )
    out = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(out),
        str(source),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    [built] = out.glob("kibitz-*.whl")
    return built


def test_wheel_holds_every_file_that_is_read_at_run_time(wheel, root):
    names = set(zipfile.ZipFile(wheel).namelist())
    suffixes = {".py", ".js", ".css", ".html", ".svg", ".typed", ".toml"}
    needed = {
        path.relative_to(root / part).as_posix()
        for part, package in (
            ("agent", "kibitz_agent"),
            ("server", "kibitz_server"),
            ("reviewer", "kibitz_reviewer"),
        )
        for path in (root / part / package).rglob("*")
        if path.suffix in suffixes and "__pycache__" not in path.parts
    }
    assert sorted(needed - names) == []
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]


def test_plain_install_asks_for_psutil_alone(wheel):
    with zipfile.ZipFile(wheel) as archive:
        [metadata] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        message = email.message_from_bytes(archive.read(metadata))
    required = message.get_all("Requires-Dist") or []
    assert [line for line in required if "extra ==" not in line] == ["psutil>=5.9"]
    assert set(message.get_all("Provides-Extra") or []) == {"all", "reviewer", "server"}


def test_command_works_with_the_agent_alone_and_says_what_else_needs(wheel, tmp_path):
    venv.create(tmp_path / "venv", with_pip=False)
    python = str(tmp_path / "venv" / "bin" / "python")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", str(wheel)]
    done = subprocess.run(install, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    site = next(Path(tmp_path, "venv", "lib").glob("python*/site-packages"))
    assert not (site / "flask").exists()

    def kibitz(*words):
        command = [python, "-m", "kibitz_agent.cli", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path)

    (tmp_path / "slow.py").write_text(
        "import time\nend = time.time() + 0.4\nwhile time.time() < end: sum(range(100))\n"
    )
    assert kibitz("--help").returncode == 0
    for words, extra in ((["serve"], "server"), (["review", "slow.py"], "reviewer"), (["demo"], "all")):
        refused = kibitz(*words)
        assert refused.returncode == 2
        assert f"pip install 'kibitz[{extra}]'" in refused.stderr
    ran = kibitz("run", "--output", "p.html", "slow.py")
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "p.html").stat().st_size > 10_000


def test_importing_the_agent_imports_nothing_of_the_others():
    code = "import sys, kibitz_agent.profiler; print([m for m in ('flask', 'numpy', 'libcst', 'sqlalchemy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
