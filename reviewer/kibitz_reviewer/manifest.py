"""Manifests: the files that say what a program installs, which are not Python: requirements and pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kibitz_reviewer.finding import Confidence, Finding
from kibitz_reviewer.rule import Rule
from kibitz_reviewer.sources import PYPROJECT

_COMMENT = re.compile(r"(?:^|\s)#.*$")
_NAMED = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*(?:@\s*(?P<url>\S+)|(?P<range>[^;]*))(?:;.*)?$"
)
_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "Pipfile.lock")


@dataclass(frozen=True, slots=True)
class Requirement:
    """A package that is asked for: its name, the versions it may have as written, or its address; and the line, 1-based."""

    name: str
    versions: str
    url: str
    line: int
    is_hashed: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """A requirements file or pyproject.toml: ``options`` are pip's with their lines, ``table`` is the TOML, empty for others.

    ``is_locked``: a file beside it fixes all versions.
    """

    path: str
    lines: list[str]
    requirements: list[Requirement] = field(default_factory=list)
    options: list[tuple[int, str, str]] = field(default_factory=list)
    table: dict[str, Any] = field(default_factory=dict)
    is_locked: bool = False

    def line_of(self, text: str, after: int = 0) -> int:
        """The first line that holds ``text``, below line ``after``; 1 if none does."""
        found = (number for number, line in enumerate(self.lines, 1) if number > after and text in line)
        return next(found, 1)

    def finding(
        self, rule: Rule, line: int, message: str, *, confidence: Confidence | None = None
    ) -> Finding:
        """A finding of ``rule`` about a line."""
        text = self.lines[line - 1]
        return Finding(
            rule=rule.id,
            path=self.path,
            line=line,
            column=len(text) - len(text.lstrip()) + 1,
            end_line=line,
            end_column=len(text.rstrip()) + 1,
            message=message,
            severity=rule.severity,
            category=rule.category,
            confidence=rule.confidence if confidence is None else confidence,
            cwe=rule.cwe,
            snippet=text.strip(),
            source_line=text,
        )


class ManifestError(Exception):
    """The file is no manifest after all; the message says why."""


def parse(text: str, path: str, folder: Path | None = None) -> Manifest:
    """The manifest of that text; ``folder`` is where lock files may lie. Raises ``ManifestError``."""
    locked = folder is not None and any((folder / name).is_file() for name in _LOCKS)
    lines = text.replace("\r\n", "\n").split("\n")
    if path.rpartition("/")[2] != PYPROJECT:
        return _requirements(Manifest(path, lines, is_locked=locked))
    try:
        table = tomllib.loads("\n".join(lines))
    except (ValueError, RecursionError) as error:
        raise ManifestError(str(error)) from None
    manifest = Manifest(path, lines, table=table, is_locked=locked)
    project = table.get("project")
    asked = project.get("dependencies") if isinstance(project, dict) else None
    for word in asked if isinstance(asked, list) else ():
        if isinstance(word, str) and (one := requirement(word, manifest.line_of(word))) is not None:
            manifest.requirements.append(one)
    return manifest


def requirement(text: str, line: int) -> Requirement | None:
    """What one line of requirements asks for; None for what is no package by name, nor at an address of a repository."""
    words = text.split(" --hash", 1)
    text, hashed = words[0].strip(), len(words) > 1
    if re.match(r"(?:git|hg|svn|bzr)\+", text):
        return Requirement(text.rpartition("#egg=")[2].partition("&")[0], "", text, line, hashed)
    if re.match(r"[./~]|\w+://|\w:\\", text):
        return None
    match = _NAMED.match(text)
    if match is None:
        return None
    return Requirement(match["name"], (match["range"] or "").strip(" ()"), match["url"] or "", line, hashed)


def _requirements(manifest: Manifest) -> Manifest:
    number, pending = 1, ""
    for at, raw in enumerate(manifest.lines, 1):
        number = number if pending else at
        line = pending + _COMMENT.sub("", raw)
        if line.endswith("\\"):
            pending = line[:-1] + " "
            continue
        pending = ""
        line = " ".join(line.split())
        if line.startswith("-"):
            name, _, value = line.replace("=", " ", 1).partition(" ")
            manifest.options.append((number, name, value.strip()))
        elif line and (one := requirement(line, number)) is not None:
            manifest.requirements.append(one)
    return manifest
