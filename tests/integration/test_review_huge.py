"""A pull request of three thousand files and more findings than that: reviewed whole, told in one summary, in little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kibitz_reviewer.forges.marker import fingerprints_in

FILES = 3_000
TIMEOUT_S = 550.0
MOST_BYTES = 800_000_000
MEASURED = (
    "import resource, subprocess, sys; status = subprocess.call(sys.argv[1:]); "
    "print('peak', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024, file=sys.stderr); sys.exit(status)"
)
OURS = ("GITHUB_", "GIT_", "GH_", "KIBITZ_")


def module(number: int) -> str:
    sins = "\n\n".join(f"def add_{n}(item, basket=[]):\n    return [*basket, item]\n" for n in range(2))
    return f'"""Module {number}."""\n\n\n{sins}'


@pytest.fixture
def site(tmp_path: Path, need: Callable[[str], str], stand_in: Callable[[str], Any]) -> Any:
    made = stand_in("bare_repository").BareRepository(tmp_path, need("git"))
    made.push({f"p{n // 100}/m{n}.py": module(n) for n in range(FILES)})
    return made


def test_three_thousand_files_and_six_thousand_findings_are_one_summary(
    site: Any, stand_in: Callable[[str], Any], tmp_path: Path
) -> None:
    files = {f"p{n // 100}/m{n}.py": "@@ -0,0 +1,2 @@\n+x\n+y" for n in range(FILES)}
    report = tmp_path / "report.json"
    outer = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
    with stand_in("fake_github").FakeGitHub(files, head=site.head) as github:
        command = [
            sys.executable,
            "-m",
            "kibitz_agent.cli",
            "review",
            "--diff",
            "main..HEAD",
            "--post",
            "github",
        ]
        for _ in range(2):
            done = subprocess.run(
                [sys.executable, "-c", MEASURED, *command, "--format", "json", "--output", str(report)],
                cwd=site.work,
                env={**outer, **github.environ(), "no_proxy": "127.0.0.1"},
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            peak_bytes = int(done.stderr.rpartition("peak ")[2])
            assert peak_bytes < MOST_BYTES
        found = json.loads(report.read_text())
        assert (found["summary"]["files"], found["problems"]) == (FILES, [])
        assert len(found["findings"]) >= 2 * FILES
        assert github.comments == []
        assert len(github.reviews) == 1, "the second run says nothing"
        body = github.reviews[0]["body"]
        assert f"found {len(found['findings'])} things" in body
        assert "3000 files changed: summary only" in done.stderr
        assert len(fingerprints_in(body)) >= 2_900
        assert len(body) <= 65_536
