"""What a repository asks of its reviews: ``[tool.kibitz]`` in pyproject.toml, and the files AWS's reviewer reads.

    [tool.kibitz]
    exclude = ["docs/**"]              # files nobody wants reviewed
    min_severity = "low"               # findings below are dropped
    min_confidence = "medium"          # and those that a rule is less sure of
    fail_on = "high"                   # what --fail-on is where it is not given; "never" too
    rule_folder = ".kibitz/rules"      # where `--rules` finds rules of one's own
    max_inline = 10                    # comments a run
    review_drafts = false
    review_bots = false
    [tool.kibitz.rules]
    mutable-default = "off"            # off, or the severity it has here: info, low, medium, high, critical
    [tool.kibitz.paths."tests/**"]     # what else holds for some files: min_severity, min_confidence, rules
    min_severity = "medium"
    rules = { hardcoded-credentials = "off" }

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
from kibitz_reviewer.finding import Confidence, Finding, Severity
from kibitz_reviewer.globs import matches
from kibitz_reviewer.repository import Repository
from kibitz_reviewer.rule import rules_named

MAX_BYTES = 1_000_000
OFF, NEVER = "off", "never"
Reader = Callable[[str], bytes | None]
"""The bytes of a file by its path from the top (forward slashes), None if there is none."""


class ConfigError(Exception):
    """A configuration file says something that cannot be; the message names file and key."""


@dataclass(frozen=True, slots=True)
class Config:
    """The settings for one folder. ``rules``: by rule id ``off`` or a severity's name.

    ``paths``: patterns from the top of the tree, each with what files it means have otherwise; later ones win.
    """

    exclude: tuple[str, ...] = ()
    min_severity: Severity = Severity.INFO
    min_confidence: Confidence = Confidence.LOW
    fail_on: str = ""
    rule_folder: str = ".kibitz/rules"
    max_inline: int = 10
    review_drafts: bool = False
    review_bots: bool = False
    rules: Mapping[str, str] = field(default_factory=dict)
    paths: tuple[tuple[str, Mapping[str, Any]], ...] = ()


class Configuration:
    """All settings of a tree, read through ``read`` as they are needed. Raises ``ConfigError``."""

    def __init__(self, read: Reader, root: Path = Path()) -> None:
        self.root = root
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
        """The settings for the file at ``path``: those of its folder, and what patterns say of it."""
        config = self._of(str(PurePosixPath(path).parent).removeprefix("."))
        for pattern, changes in config.paths:
            if matches(pattern, path):
                config = _changed(config, changes)
        return config

    def _judged(self, finding: Finding) -> Finding | None:
        config = self._near(finding.path)
        level = config.rules.get(finding.rule, "")
        if level == OFF or self.excludes(finding.path):
            return None
        if level:
            finding = replace(finding, severity=Severity.named(level))
        unwanted = finding.severity < config.min_severity or finding.confidence < config.min_confidence
        return None if unwanted or self._aws.cover(finding) else finding

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
        top = _top(here)
        return Configuration(_from_disk(top), top)
    base_name, head_name = split_range(diff)
    repository = Repository(here)
    base = repository.base(repository.commit(base_name), repository.commit(head_name or "HEAD"))
    return Configuration(_from_commit(repository, base), repository.root)


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
    changes = _read_table(table, _KINDS, f"{path}: [tool.kibitz]")

    def below(pattern: str) -> str:
        return f"{folder}/{pattern}" if folder else pattern

    if "exclude" in changes:
        changes["exclude"] = (*above.exclude, *(below(pattern) for pattern in changes["exclude"]))
    if "paths" in changes:
        own = tuple(
            (below(pattern), _read_table(inner, _OF_PATHS, f'{path}: [tool.kibitz.paths."{pattern}"]'))
            for pattern, inner in changes["paths"].items()
        )
        changes["paths"] = (*above.paths, *own)
    return _changed(above, changes)


def _read_table(
    table: Mapping[str, Any], kinds: Mapping[str, Callable[[object], Any]], place: str
) -> dict[str, Any]:
    """The settings of a table, each as its kind; raises ``ConfigError``."""
    changes: dict[str, Any] = {}
    for key, value in table.items():
        kind = kinds.get(key)
        if kind is None:
            raise ConfigError(f"{place} knows {', '.join(kinds)}, got {key!r}")
        try:
            changes[key] = kind(value)
        except ValueError as error:
            raise ConfigError(f"{place} {key}: {error}") from None
    return changes


def _changed(config: Config, changes: Mapping[str, Any]) -> Config:
    """``config`` with ``changes``; rules add up."""
    rules = {**config.rules, **changes.get("rules", {})}
    return replace(config, **{**changes, "rules": rules})


def _patterns(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"expected a list of patterns, got {value!r}")
    return tuple(value)


def _severity(value: object) -> Severity:
    return Severity.named(str(value))


def _confidence(value: object) -> Confidence:
    try:
        return Confidence[str(value).strip().upper()]
    except KeyError:
        raise ValueError(f"expected a confidence (low, medium, high), got {value!r}") from None


def _limit(value: object) -> str:
    word = str(value).strip().lower()
    return word if word == NEVER else Severity.named(word).name.lower()


def _folder(value: object) -> str:
    if not isinstance(value, str) or not value or value.startswith("/") or ".." in value.split("/"):
        raise ValueError(f"expected a folder within the tree, got {value!r}")
    return value


def _tables(value: object) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(inner, dict) for inner in value.values()):
        raise ValueError(f"expected a table for each pattern, got {value!r}")
    return value


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
    named = {str(rule): str(level) for rule, level in value.items()}
    covered = {r.id: level for name, level in named.items() for r in rules_named(name)}
    # What is said of a rule itself goes before what is said of all that cover a published id.
    return {**covered, **named}


_OF_PATHS: dict[str, Callable[[object], Any]] = {
    "min_severity": _severity,
    "min_confidence": _confidence,
    "rules": _levels,
}
_KINDS: dict[str, Callable[[object], Any]] = {
    **_OF_PATHS,
    "exclude": _patterns,
    "fail_on": _limit,
    "paths": _tables,
    "rule_folder": _folder,
    "max_inline": _count,
    "review_drafts": _switch,
    "review_bots": _switch,
}
