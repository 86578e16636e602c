"""Every published detector for Python is covered by a rule."""

from __future__ import annotations

from pathlib import Path

from kibitz_reviewer.rule import all_rules

LIST = Path(__file__).parent / "data" / "detectors.txt"


def test_every_published_detector_is_the_alias_of_a_rule() -> None:
    published = set(LIST.read_text(encoding="utf-8").split())
    covered = {alias for rule in all_rules() for alias in rule.aliases}
    assert len(published) >= 131
    assert published - covered == set()
    assert covered - published == set()
