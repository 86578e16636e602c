"""`kibitz review` over what changed between two releases of a real library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

LIBRARY, OLD, NEW = "requests", "2.31.0", "2.32.3"


def fetch(release: str, folder: Path) -> Path:
    """The unpacked wheel of a release; skips (fails in CI) if the registry cannot be reached."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--retries", "10", "--dest", str(folder), f"{LIBRARY}=={release}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    archives = sorted(folder.glob(f"{LIBRARY}-{release}-*.whl"))
    if done.returncode or not archives:
        reason = f"{LIBRARY} {release} could not be fetched: {done.stderr.strip()[-300:]}"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    target = folder / release
    with zipfile.ZipFile(archives[0]) as archive:
        archive.extractall(target)
    return target


@pytest.fixture
def history(tmp_path: Path, need: Callable[[str], str]) -> Path:
    """A repository whose tags ``old`` and ``new`` are two releases."""
    git = [need("git"), "-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    work = tmp_path / "work"
    work.mkdir()

    def run(*arguments: str) -> None:
        subprocess.run([*git, f"--work-tree={work}", *arguments], cwd=work, env=environment, check=True)

    subprocess.run([*git, "init", "-q", "."], cwd=work, env=environment, check=True)
    for tag, release in (("old", OLD), ("new", NEW)):
        source = fetch(release, tmp_path)
        for name in [child for child in work.iterdir() if child.name != ".git"]:
            subprocess.run([*git, "rm", "-rq", "--", name.name], cwd=work, env=environment, check=True)
        for child in source.iterdir():
            child.rename(work / child.name)
        run("add", "-A", "-f")
        run("commit", "-qm", release)
        run("tag", tag)
    return work


def test_the_change_between_two_releases_is_reviewed_without_a_crash_or_a_parse_error(history: Path) -> None:
    command = ["review", "--diff", "old..new", "--format", "json"]
    code = "import sys; from kibitz_agent.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, *command],
        cwd=history,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    assert report["problems"] == []
    assert report["summary"]["files"] > 10
    changed = subprocess.run(
        ["git", "diff", "--name-only", "old", "new"], cwd=history, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert {finding["path"] for finding in report["findings"]} <= set(changed)
