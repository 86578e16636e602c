"""Fixes: libcst edits as whole-line edits of the text."""

from __future__ import annotations

import stat
from pathlib import Path

import libcst as cst
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz_reviewer.finding import Edit, Fix
from kibitz_reviewer.fixes import apply_edits, compatible, edits_between, moved, write_atomically
from kibitz_reviewer.rules.security.unsafe_yaml_load import UnsafeYamlLoad
from kibitz_reviewer.runner import review_source

YAML = "import yaml\r\n\r\nx = yaml.load( s )   # odd   spacing\r\ny = (1,  2)\r\n"

texts = st.lists(st.sampled_from(["a\n", "b\n", "c\r\n", "d\r", "\x0c\n", "é\u2028\n"]), max_size=12).map(
    "".join
)


@given(texts, texts, st.sampled_from(["", "last"]))
def test_edits_between_two_texts_turn_one_into_the_other(old: str, new: str, last: str) -> None:
    assert apply_edits(old + last, edits_between(old + last, new + last)) == new + last


def test_a_fix_changes_its_line_alone_and_keeps_its_formatting() -> None:
    (finding,) = [f for f in review_source(YAML, "a.py").findings if f.rule == "unsafe-yaml-load"]
    assert finding.fix is not None
    assert finding.fix.edits == (Edit(3, 3, "x = yaml.safe_load( s )   # odd   spacing\r\n"),)


def test_a_fix_that_leaves_the_finding_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    def useless(self: UnsafeYamlLoad, node: cst.CSTNode, repair: object) -> cst.CSTNode:
        return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])

    monkeypatch.setattr(UnsafeYamlLoad, "repair", useless)
    assert [f.fix for f in review_source(YAML, "a.py").findings if f.rule == "unsafe-yaml-load"] == [None]


def test_imports_a_fix_needs_are_added_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def repair(self: UnsafeYamlLoad, node: cst.CSTNode, repair: object) -> cst.CSTNode:
        repair.add_import("json")  # type: ignore[attr-defined]
        return cst.parse_expression("json.loads(s)")

    monkeypatch.setattr(UnsafeYamlLoad, "repair", repair)
    (finding,) = [f for f in review_source(YAML, "a.py").findings if f.rule == "unsafe-yaml-load"]
    assert finding.fix is not None
    fixed = apply_edits(YAML, finding.fix.edits)
    assert fixed.count("import json") == 1
    assert "x = json.loads(s)" in fixed


def test_fixes_that_touch_one_line_are_left_for_the_next_round() -> None:
    shared = Edit(1, 0, "import os\n")
    first = Fix("a", True, (shared, Edit(3, 3, "a\n")))
    second = Fix("b", True, (shared, Edit(5, 5, "b\n")))
    third = Fix("c", True, (Edit(3, 4, "c\n"),))
    assert compatible([first, second, third]) == [shared, Edit(3, 3, "a\n"), Edit(5, 5, "b\n")]


def test_changed_lines_move_with_the_edits_above_them() -> None:
    assert moved({2, 9}, [Edit(1, 0, "import os\n"), Edit(5, 6, "x\n")]) == {1, 3, 6, 9}


def test_writing_keeps_the_mode_and_leaves_nothing_beside(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("old")
    file.chmod(0o750)
    write_atomically(file, b"new")
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o750
    assert list(tmp_path.iterdir()) == [file]
