"""A forge's side of a pull request: a bare repository with ``main`` and pull request 7, and a clone that pushes to it.

site = BareRepository(tmp_path, git)
site.push({"a.py": "x = 1\\n"})                 # a commit on the topic, pushed to refs/pull/7/head
site.patches() == {"a.py": "@@ ..."}            # what the forge shows of it
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


class BareRepository:
    """``bare`` is the repository on the forge, ``work`` a person's clone of it, on the branch ``topic``."""

    def __init__(self, top: Path, git: str, before: dict[str, str] | None = None) -> None:
        self.bare, self.work, self._git = top / "o" / "r.git", top / "work", git
        self.run("init", "-q", "--bare", str(self.bare), here=top)
        self.work.mkdir()
        self.run("init", "-q", "-b", "main")
        self.run("remote", "add", "origin", str(self.bare))
        self.base = self.commit(before or {"a.py": "import json\n"})
        self.run("push", "-q", "origin", "main")
        self.run("switch", "-q", "-c", "topic")
        self.head = self.base

    def run(self, *words: str, here: Path | None = None) -> str:
        """Run git and give what it says."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        command = [self._git, *who, "-c", "core.quotepath=false", *words]
        done = subprocess.run(
            command, cwd=here or self.work, env=clean, check=True, capture_output=True, encoding="utf-8"
        )
        return done.stdout.strip()

    def commit(self, files: dict[str, str], subject: str = "Change it") -> str:
        """Commit ``files`` (path to text) beside what is there; the new commit."""
        for path, text in files.items():
            (self.work / path).parent.mkdir(parents=True, exist_ok=True)
            (self.work / path).write_text(text, encoding="utf-8")
        self.run("add", "--all")
        self.run("commit", "-q", "-m", subject)
        return self.run("rev-parse", "HEAD")

    def push(self, files: dict[str, str] | None = None) -> str:
        """Commit ``files``, if any, and force the pull request's head to what is checked out; the head."""
        self.head = self.commit(files) if files else self.run("rev-parse", "HEAD")
        self.run("push", "-q", "-f", "origin", "HEAD:refs/pull/7/head")
        return self.head

    def patches(self, against: str = "main") -> dict[str, str]:
        """Path to patch as a forge shows it: hunks without the header."""
        span = f"{against}...HEAD"
        names = self.run("diff", "--name-only", "-z", span).split("\0")[:-1]
        diffs = {name: self.run("diff", "--find-renames", span, "--", name) for name in names}
        return {name: diff[diff.index("@@") :] for name, diff in diffs.items() if "@@" in diff}
