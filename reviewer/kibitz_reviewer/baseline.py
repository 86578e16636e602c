"""Baselines: the findings a project starts with, by fingerprint, so that only new ones are told."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from kibitz_reviewer.finding import Finding

VERSION = 1


class BaselineError(Exception):
    """The file is no baseline; the message says what was expected."""


def load(path: Path) -> frozenset[str]:
    """The fingerprints a baseline holds; raises ``BaselineError``."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BaselineError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise BaselineError(f"{path}: expected JSON: {error}") from None
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise BaselineError(
            f"{path}: expected a baseline of version {VERSION}; write one with --write-baseline"
        )
    try:
        return frozenset(entry["fingerprint"] for entry in document["findings"])
    except (KeyError, TypeError):
        raise BaselineError(f"{path}: expected a list of findings, each with its fingerprint") from None


def save(path: Path, findings: Iterable[Finding]) -> int:
    """Write the fingerprints of ``findings`` (with rule and path, for readers); returns how many."""
    entries = [{"fingerprint": f.fingerprint, "rule": f.rule, "path": f.path} for f in findings]
    path.write_text(json.dumps({"version": VERSION, "findings": entries}, indent=1) + "\n", encoding="utf-8")
    return len(entries)


def new(findings: Iterable[Finding], known: frozenset[str]) -> list[Finding]:
    """The findings that the baseline does not know."""
    return [finding for finding in findings if finding.fingerprint not in known]
