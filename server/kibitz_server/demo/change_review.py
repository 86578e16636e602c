"""A review of a change to the shop, as a pull request would get it: a repository, two commits, ``kibitz review``."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent
_TIMEOUT_S = 120.0
# The person's own git configuration must not matter: hooks, signing, templates.
_GIT = (
    "git",
    "-c", "user.name=Demo",
    "-c", "user.email=demo@example.invalid",
    "-c", "commit.gpgsign=false",
    "-c", "core.hooksPath=/dev/null",
    "-c", "init.defaultBranch=main",
)  # fmt: skip


class ReviewError(Exception):
    """The review could not be made; the message holds what git or the reviewer said."""


@dataclass(frozen=True, slots=True)
class Comment:
    """One finding of the review."""

    rule: str
    severity: str
    path: str
    line: int
    message: str


def review_change(folder: Path) -> list[Comment]:
    """Build the repository in ``folder`` (empty), review the change in it, and return the comments in file order."""
    package = folder / "shop"
    shutil.copytree(_HERE / "shop", package, ignore=shutil.ignore_patterns("__pycache__"))
    _git(folder, "init", "--quiet")
    _git(folder, "add", ".")
    _git(folder, "commit", "--quiet", "--message", "The shop as it is")
    for changed in sorted((_HERE / "change").glob("*.py")):
        shutil.copyfile(changed, package / changed.name)
    _git(folder, "add", ".")
    _git(folder, "commit", "--quiet", "--message", "Orders, receipts and a leaner export")
    command = [
        sys.executable,
        "-m",
        "kibitz_agent.cli",
        "review",
        "--diff",
        "HEAD~1..HEAD",
        "--format",
        "json",
    ]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    if done.returncode not in (0, 1):
        raise ReviewError(f"the review ended with status {done.returncode}: {done.stderr.strip()[-1000:]}")
    return _comments(done.stdout)


def _comments(report: str) -> list[Comment]:
    found = [
        Comment(item["rule"], item["severity"], item["path"], item["line"], item["message"])
        for item in json.loads(report)["findings"]
    ]
    return sorted(found, key=lambda comment: (comment.path, comment.line))


def _git(folder: Path, *arguments: str) -> None:
    try:
        done = subprocess.run(
            [*_GIT, *arguments], cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except FileNotFoundError as error:
        raise ReviewError("git is not installed: the demo's review needs it") from error
    if done.returncode:
        raise ReviewError(f"git {arguments[0]}: {done.stderr.strip()}")
