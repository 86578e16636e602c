"""What a repository asks of its reviews: ``[tool.kibitz]`` in pyproject.toml, and the files AWS's reviewer reads.

    [tool.kibitz]
    exclude = ["docs/**"]              # files nobody wants reviewed
    min_severity = "low"               # findings below are dropped
    max_inline = 10                    # comments a run
    review_drafts = false
    review_bots = false
    [tool.kibitz.rules]
    mutable-default = "off"            # off, or the severity it has here: info, low, medium, high, critical

In a monorepo the nearest pyproject.toml with the table wins, key by key, over those above it. ``aws-codeguru-reviewer.yml``
(``excludeFiles``) and ``.codeguru-ignore.yml`` at the top are honoured. For a change all of it is read from the commit the
change is based on: a pull request cannot silence its own review.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from kibitz_reviewer.aws_files import Exclusions, exclusions
from kibitz_reviewer.diff import DiffError, split_range
from kibitz_reviewer.finding import Finding, Severity
from kibitz_reviewer.globs import matches
from kibitz_reviewer.repository import Repository

MAX_BYTES = 1_000_000
OFF = "off"
Reader = Callable[[str], bytes | None]
"""The bytes of a file by its path from the top (forward slashes), None if there is none."""


class ConfigError(Exception):
    """A configuration file says something that cannot be; the message names file and key."""


@dataclass(frozen=True, slots=True)
class Config:
    """The settings for one folder. ``rules``: by rule id ``off`` or a severity's name."""

    exclude: tuple[str, ...] = ()
    min_severity: Severity = Severity.INFO
    max_inline: int = 10
    review_drafts: bool = False
    review_bots: bool = False
    rules: Mapping[str, str] = field(default_factory=dict)


class Configuration:
    """All settings of a tree, read through ``read`` as they are needed. Raises ``ConfigError``."""

    def __init__(self, read: Reader) -> None:
        self._read = read
        self._folders: dict[str, Config] = {}
        self._aws = Exclusions()
        for name in ("aws-codeguru-reviewer.yml", "aws-codeguru-reviewer.yaml", ".codeguru-ignore.yml"):
            try:
                self._aws = self._aws.with_more(exclusions(read(name)))
            except ValueError as error:
                raise ConfigError(f"{name}: {error}") from None

    @property
    def top(self) -> Config:
        """The settings at the top of the tree."""
        return self._of("")

    def kept(self, findings: Sequence[Finding]) -> list[Finding]:
        """``findings`` without the unwanted, each with the severity it has here."""
        return [kept for finding in findings if (kept := self._judged(finding))]

    def excludes(self, path: str) -> bool:
        """Whether nobody wants the file at ``path`` reviewed."""
        return any(matches(pattern, path) for pattern in self._near(path).exclude)

    def _near(self, path: str) -> Config:
        return self._of(str(PurePosixPath(path).parent).removeprefix("."))

    def _judged(self, finding: Finding) -> Finding | None:
        config = self._near(finding.path)
        level = config.rules.get(finding.rule, "")
        if level == OFF or self.excludes(finding.path):
            return None
        if level:
            finding = replace(finding, severity=Severity.named(level))
        return None if finding.severity < config.min_severity or self._aws.cover(finding) else finding

    def _of(self, folder: str) -> Config:
        """The settings in ``folder`` ("" for the top): its own over those of the folders above."""
        if folder not in self._folders:
            above = (
                Config()
                if folder in ("", "/")
                else self._of(str(PurePosixPath(folder).parent).removeprefix("."))
            )
            path = f"{folder}/pyproject.toml" if folder else "pyproject.toml"
            self._folders[folder] = _merged(above, _table(self._read(path), path), folder, path)
        return self._folders[folder]


def for_review(diff: str | None, here: Path) -> Configuration:
    """The configuration for a review of ``--diff`` text ``diff`` (from its base commit), or of the files on disk."""
    if diff is None:
        return Configuration(_from_disk(_top(here)))
    base_name, head_name = split_range(diff)
    repository = Repository(here)
    base = repository.base(repository.commit(base_name), repository.commit(head_name or "HEAD"))
    return Configuration(_from_commit(repository, base))


def _top(here: Path) -> Path:
    try:
        return Repository(here).root
    except DiffError:
        return here


def _from_disk(top: Path) -> Reader:
    def read(path: str) -> bytes | None:
        place = top / path
        if place.is_symlink() or not place.is_file() or place.stat().st_size > MAX_BYTES:
            return None
        return place.read_bytes()

    return read


def _from_commit(repository: Repository, commit: str) -> Reader:
    def read(path: str) -> bytes | None:
        try:
            content = repository.content(commit, path)
        except DiffError:
            return None
        return content if len(content) <= MAX_BYTES else None

    return read


def _table(content: bytes | None, path: str) -> dict[str, Any]:
    if content is None or b"kibitz" not in content:
        return {}
    try:
        table = tomllib.loads(content.decode("utf-8")).get("tool", {}).get("kibitz", {})
    except (ValueError, AttributeError, RecursionError) as error:
        raise ConfigError(f"{path}: {error}") from None
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: expected a table [tool.kibitz]")
    return table


def _merged(above: Config, table: dict[str, Any], folder: str, path: str) -> Config:
    changes: dict[str, Any] = {}
    for key, value in table.items():
        kind = _KINDS.get(key)
        if kind is None:
            raise ConfigError(f"{path}: [tool.kibitz] knows {', '.join(_KINDS)}, got {key!r}")
        try:
            changes[key] = kind(value)
        except ValueError as error:
            raise ConfigError(f"{path}: [tool.kibitz] {key}: {error}") from None
    if "exclude" in changes:
        below = [f"{folder}/{pattern}" if folder else pattern for pattern in changes["exclude"]]
        changes["exclude"] = (*above.exclude, *below)
    if "rules" in changes:
        changes["rules"] = {**above.rules, **changes["rules"]}
    return replace(above, **changes)


def _patterns(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"expected a list of patterns, got {value!r}")
    return tuple(value)


def _severity(value: object) -> Severity:
    return Severity.named(str(value))


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 100:
        raise ValueError(f"expected a number from 0 to 100, got {value!r}")
    return value


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, got {value!r}")  # noqa: TRY004 - told to the user as ConfigError
    return value


def _levels(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError(f"expected a table of rules, got {value!r}")  # noqa: TRY004 - told to the user as ConfigError
    for level in value.values():
        if level != OFF:
            Severity.named(str(level))
    return {str(rule): str(level) for rule, level in value.items()}


_KINDS: dict[str, Callable[[object], Any]] = {
    "exclude": _patterns,
    "min_severity": _severity,
    "max_inline": _count,
    "review_drafts": _switch,
    "review_bots": _switch,
    "rules": _levels,
}
