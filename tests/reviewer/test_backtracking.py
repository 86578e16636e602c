"""Which regular expressions may take exponential time."""

from __future__ import annotations

import pytest

from kibitz_reviewer.engines.backtracking import may_explode

EXPLODING = [
    r"^(a+)+$",
    r"^(\w+\s?)*$",
    r"(x*)*y",
    r"^(([a-z])+.)+[A-Z]([a-z])+$",
    r"(a|a)*b",
    r"(a|aa)+$",
    r"(?:[a-z]+[0-9]*)+!",
    r"(.*a){12}(.*b)*$",
    r"([a-zA-Z]+)*1",
]
HARMLESS = [
    r"^\w+(?:\s\w+)*$",
    r"(?:\d{1,3}\.){3}\d{1,3}",
    r"'(?:[^'\\]|\\.)*'",
    r"^[a-z]+$",
    r"(a+b)+$",
    r"(?:[a-z]+-)*[a-z]+",
    r"a*b*c*",
    r"(\w+)=(\w+)",
    r"(?:a+)+",
    r"[",
]


@pytest.mark.parametrize("pattern", EXPLODING)
def test_pattern_may_explode(pattern: str) -> None:
    assert may_explode(pattern)


@pytest.mark.parametrize("pattern", HARMLESS)
def test_pattern_is_harmless(pattern: str) -> None:
    assert not may_explode(pattern)
