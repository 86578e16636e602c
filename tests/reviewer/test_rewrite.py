"""Rewriting files with the fixes that are safe."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz_reviewer.rewrite import rewrite, rewrite_file
from kibitz_reviewer.rule import Applicability
from kibitz_reviewer.rules.security.unsafe_yaml_load import UnsafeYamlLoad
from kibitz_reviewer.runner import Target

TEXT = "import yaml\na = yaml.load(yaml.load(s))\nb = yaml.load(t)\n"
FIXED = "import yaml\na = yaml.safe_load(yaml.safe_load(s))\nb = yaml.safe_load(t)\n"


@pytest.fixture
def safe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(UnsafeYamlLoad, "fix", Applicability.SAFE)


@pytest.mark.usefixtures("safe")
def test_fixes_on_one_line_are_made_in_rounds() -> None:
    result = rewrite(TEXT, "a.py")
    assert (result.text, result.fixed) == (FIXED, 3)
    assert rewrite(FIXED, "a.py").text == FIXED


@pytest.mark.usefixtures("safe")
def test_only_changed_lines_are_fixed() -> None:
    assert rewrite(TEXT, "a.py", frozenset({3})).text.split("\n")[1] == "a = yaml.load(yaml.load(s))"


def test_suggestions_are_not_made() -> None:
    assert rewrite(TEXT, "a.py").text == TEXT


@pytest.mark.usefixtures("safe")
def test_file_keeps_its_encoding(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    head = "# coding: latin-1\n# café\n"
    file.write_bytes((head + TEXT).encode("latin-1"))
    assert rewrite_file(Target("a.py", file))[0] == 3
    assert file.read_bytes() == (head + FIXED).encode("latin-1")
