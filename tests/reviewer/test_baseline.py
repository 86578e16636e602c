"""Baselines: what is known is left out, what is new is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz_reviewer.baseline import BaselineError, load, new, save
from kibitz_reviewer.runner import review_source

BAD = "import yaml\nyaml.load(s)\n"


def test_known_findings_are_left_out_wherever_they_move(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    assert save(file, review_source(BAD, "a.py").findings) == 1
    moved = review_source("x = 1\n" + BAD + "yaml.load(t)\n", "a.py").findings
    assert [f.line for f in new(moved, load(file))] == [4]


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 9}'], ids=["broken", "list", "version"])
def test_what_is_no_baseline_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(text)
    with pytest.raises(BaselineError, match="expected"):
        load(file)


def test_a_baseline_that_is_gone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BaselineError):
        load(tmp_path / "gone.json")
