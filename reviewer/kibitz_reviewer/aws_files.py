"""The files by which AWS's reviewer and its command line are told what to leave out, for repositories that come from there.

``aws-codeguru-reviewer.yml`` has ``excludeFiles``; ``.codeguru-ignore.yml`` has ``ExcludeFiles``, ``ExcludeById``,
``ExcludeBelowSeverity``, ``ExcludeTags`` and ``ExcludeRecommendations`` (``detectorId`` with ``Locations``).
"""

from __future__ import annotations

from dataclasses import dataclass

from kibitz_reviewer.finding import Finding, Severity
from kibitz_reviewer.globs import matches
from kibitz_reviewer.plain_yaml import Value, load
from kibitz_reviewer.rule import rule_named


@dataclass(frozen=True, slots=True)
class Exclusions:
    """What is left out. ``detectors``: (detector's or rule's id, path patterns; none means everywhere)."""

    files: tuple[str, ...] = ()
    ids: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    detectors: tuple[tuple[str, tuple[str, ...]], ...] = ()
    below: Severity = Severity.INFO

    def with_more(self, other: Exclusions) -> Exclusions:
        """Both together."""
        return Exclusions(
            self.files + other.files,
            self.ids | other.ids,
            self.tags | other.tags,
            self.detectors + other.detectors,
            max(self.below, other.below),
        )

    def cover(self, finding: Finding) -> bool:
        """Whether ``finding`` is left out."""
        if finding.severity < self.below or any(matches(pattern, finding.path) for pattern in self.files):
            return True
        if any(finding.fingerprint.startswith(name) for name in self.ids):
            return True
        tags = {finding.category, *(f"cwe-{number}" for number in finding.cwe)}
        return bool(tags & self.tags) or any(
            _means(detector, finding.rule)
            and (not places or any(matches(place, finding.path) for place in places))
            for detector, places in self.detectors
        )


def exclusions(content: bytes | None) -> Exclusions:
    """What a file of either kind says; nothing if there is none. ``ValueError`` says what is wrong with it."""
    if content is None:
        return Exclusions()
    found = load(content.decode("utf-8"))
    if found is None:
        return Exclusions()
    if not isinstance(found, dict):
        raise ValueError("expected a mapping")  # noqa: TRY004 - what a user wrote, not what a caller passed
    keys = {key.lower(): value for key, value in found.items()}
    below = keys.get("excludebelowseverity")
    return Exclusions(
        tuple(_words(keys.get("excludefiles"))),
        frozenset(word for word in _words(keys.get("excludebyid")) if len(word) >= 8),
        frozenset(word.lower() for word in _words(keys.get("excludetags"))),
        tuple(_detectors(keys.get("excluderecommendations"))),
        Severity.named(below) if isinstance(below, str) else Severity.INFO,
    )


def _words(value: Value) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _detectors(value: Value) -> list[tuple[str, tuple[str, ...]]]:
    found = []
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict):
            keys = {key.lower(): inner for key, inner in item.items()}
            name = keys.get("detectorid")
            if isinstance(name, str):
                found.append((name, tuple(_words(keys.get("locations")))))
    return found


def _means(detector: str, rule: str) -> bool:
    """Whether ``detector`` (AWS's id, with or without its version, or ours) stands for ``rule``."""
    known = rule_named(rule)
    aliases = known.aliases if known else ()
    return detector == rule or any(detector in (alias, alias.partition("@")[0]) for alias in aliases)
