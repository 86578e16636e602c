"""Knows a finding again although its file has another name now: what was said of it before goes on counting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from kibitz_reviewer.finding import Finding, fingerprint_at
from kibitz_reviewer.forges.marker import shortened
from kibitz_reviewer.forges.plan import Hunks
from kibitz_reviewer.forges.talk import Talk


def recognised(
    findings: Sequence[Finding], talk: Talk, renamed: Mapping[str, str], hunks: Callable[[], Hunks]
) -> list[Finding]:
    """``findings``, those of renamed files under the fingerprint that was said before.

    ``renamed``: by path, the one before the change. A file that the change itself first added and then renamed is not in it:
    there the paths of our comments tell, where no file of the change has that name any more.
    """
    if not talk.known:
        return list(findings)
    unknown = {finding.path for finding in findings if shortened(finding.fingerprint) not in talk.known}
    gone = _gone(talk, hunks) if unknown else set()
    claimed = {shortened(finding.fingerprint) for finding in findings}
    result = []
    for finding in findings:
        before = "" if shortened(finding.fingerprint) in talk.known else _before(finding, talk, renamed, gone)
        if before and shortened(before) not in claimed:
            claimed.add(shortened(before))
            finding = replace(finding, fingerprint=before)
        result.append(finding)
    return result


def _gone(talk: Talk, hunks: Callable[[], Hunks]) -> set[str]:
    """The paths of our comments that the change no longer touches."""
    said = {thread.path for thread in talk.threads if thread.path}
    return said.difference(hunks()) if said else set()


def _before(finding: Finding, talk: Talk, renamed: Mapping[str, str], gone: set[str]) -> str:
    """The fingerprint under which ``finding`` was said before, "" if it was not."""
    for path in filter(None, (renamed.get(finding.path), *sorted(gone))):
        fingerprint = fingerprint_at(finding, path)
        if fingerprint and shortened(fingerprint) in talk.known:
            return fingerprint
    return ""
