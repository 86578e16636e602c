"""Which revision of its source this process runs: told by the environment, or read from ``.git``. Nothing is executed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

# Explicit first, then what build and hosting systems set. GITHUB_SHA of a pull request names a merge that nobody
# deploys, but a process that sees the variable runs in that very checkout.
_VARIABLES = (
    "KIBITZ_REVISION",
    "GIT_COMMIT",
    "GIT_SHA",
    "COMMIT_SHA",
    "SOURCE_VERSION",
    "HEROKU_SLUG_COMMIT",
    "HEROKU_BUILD_COMMIT",
    "RENDER_GIT_COMMIT",
    "RAILWAY_GIT_COMMIT_SHA",
    "VERCEL_GIT_COMMIT_SHA",
    "CODEBUILD_RESOLVED_SOURCE_VERSION",
    "GITHUB_SHA",
    "CI_COMMIT_SHA",
    "BITBUCKET_COMMIT",
    "CIRCLE_SHA1",
    "BUILDKITE_COMMIT",
    "TRAVIS_COMMIT",
)
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_LONGEST = 128
_LARGEST_FILE = 4 << 20


def find(environ: Mapping[str, str] | None = None, start: Path | None = None) -> str:
    """The revision, or "" when nothing says. ``start`` (default: the working directory) is where ``.git`` is sought."""
    environ = os.environ if environ is None else environ
    for name in _VARIABLES:
        value = environ.get(name, "").strip()
        if value and len(value) <= _LONGEST and value.isprintable():
            return value
    try:
        return _from_git(start or Path.cwd()) or _from_installation()
    except (OSError, ValueError, RecursionError):
        return ""


def _from_git(start: Path) -> str:
    for folder in (start, *start.parents):
        entry = folder / ".git"
        if entry.is_dir():
            return _head(entry, entry)
        if entry.is_file():  # a worktree or a submodule: "gitdir: PATH"
            git = (folder / _text(entry).partition("gitdir:")[2].strip()).resolve()
            common = git / "commondir"
            return _head(git, (git / _text(common).strip()).resolve() if common.is_file() else git)
    return ""


def _head(git: Path, common: Path) -> str:
    """The commit of HEAD: itself, or what its branch points at, in a file of its own or among the packed ones."""
    head = _text(git / "HEAD").strip()
    if _COMMIT.fullmatch(head):
        return head
    name = head.removeprefix("ref: ").strip()
    if not name.startswith("refs/") or ".." in name:
        return ""
    for place in (git, common):
        loose = place / name
        if loose.is_file():
            found = _text(loose).strip()
            return found if _COMMIT.fullmatch(found) else ""
    packed = common / "packed-refs"
    for line in _text(packed).splitlines() if packed.is_file() else ():
        commit, _, reference = line.partition(" ")
        if reference == name and _COMMIT.fullmatch(commit):
            return commit
    return ""


def _from_installation() -> str:
    """The commit a package was installed from (PEP 610); "" unless exactly one was."""
    from importlib.metadata import distributions  # costs 15 ms, and is asked last

    found = set()
    for distribution in distributions():
        text = distribution.read_text("direct_url.json")
        if text:
            details = json.loads(text).get("vcs_info")
            if isinstance(details, dict) and isinstance(details.get("commit_id"), str):
                found.add(details["commit_id"])
    commit = found.pop() if len(found) == 1 else ""
    return commit if _COMMIT.fullmatch(commit) else ""


def _text(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(_LARGEST_FILE)
