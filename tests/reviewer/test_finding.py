"""Findings: severities and fingerprints."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kibitz_reviewer.finding import Confidence, Finding, Severity, fingerprinted


def finding(line: int = 1, **changes: object) -> Finding:
    plain = Finding(
        "r",
        "a.py",
        line,
        1,
        line,
        5,
        "m",
        Severity.LOW,
        "correctness",
        Confidence.HIGH,
        scope="f",
        snippet="x  = 1",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_severities_are_ordered() -> None:
    assert Severity.INFO < Severity.LOW < Severity.MEDIUM < Severity.HIGH < Severity.CRITICAL


def test_severity_is_named_in_any_case() -> None:
    assert Severity.named("High") is Severity.HIGH
    with pytest.raises(ValueError, match="expected a severity"):
        Severity.named("grave")


def test_fingerprint_stays_when_code_moves_or_is_respaced() -> None:
    here = fingerprinted([finding(1)])[0].fingerprint
    assert fingerprinted([finding(99, snippet="x =   1")])[0].fingerprint == here


@pytest.mark.parametrize("change", [{"rule": "s"}, {"path": "b.py"}, {"scope": "g"}, {"snippet": "y = 1"}])
def test_fingerprint_tells_different_findings_apart(change: dict[str, object]) -> None:
    assert fingerprinted([finding(1, **change)])[0].fingerprint != fingerprinted([finding(1)])[0].fingerprint


def test_equal_lines_of_one_function_have_fingerprints_of_their_own() -> None:
    first, second = fingerprinted([finding(9), finding(3)])
    assert (first.line, second.line) == (3, 9)
    assert first.fingerprint != second.fingerprint
