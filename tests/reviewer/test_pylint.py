"""pylint as a second source, in a box."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz_reviewer.engines import pylint
from kibitz_reviewer.finding import Finding, Severity
from kibitz_reviewer.rule import all_rules


def test_messages_come_back_under_the_files_own_names() -> None:
    sources = {"shop/a.py": "def f():\n    return 1\n    print(2)\n", "shop/b.py": "x = 1\n"}
    found = pylint.review(sources)
    assert [(f.path, f.line, f.rule, f.scope) for f in found] == [("shop/a.py", 3, "pylint-unreachable", "f")]
    assert found[0].source_line == "    print(2)"


def test_names_that_a_star_may_bring_are_not_said_to_be_undefined() -> None:
    sources = {"a.py": "from b import *\n\nprint(there)\n", "c.py": "print(there)\n"}
    assert [(f.path, f.rule) for f in pylint.review(sources)] == [("c.py", "pylint-undefined-variable")]


def test_every_message_of_the_table_is_one_that_pylint_knows() -> None:
    from pylint.lint import PyLinter

    linter = PyLinter()
    linter.load_default_plugins()
    for message in pylint.MESSAGES.values():
        definitions = linter.msgs_store.get_message_definitions(message.symbol)
        assert [(d.symbol, d.msgid) for d in definitions] == [(message.symbol, message.code)]


def test_rules_that_stand_for_a_message_exist() -> None:
    ids = {rule.id for rule in all_rules()}
    assert [rule for message in pylint.MESSAGES.values() for rule in message.ours if rule not in ids] == []


def test_reviewed_code_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trap = tmp_path / "ran"
    evil = f"open({str(trap)!r}, 'w').close()\n"
    for name in ("toml.py", "dill.py", "colorama.py", "evil.py", "json.py"):
        (tmp_path / name).write_text(evil)
    (tmp_path / "pylintrc").write_text("[MAIN]\ninit-hook='import evil'\nload-plugins=evil\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    pylint.review({"evil.py": "import evil, toml, dill\n" + evil, "toml.py": evil, "json.py": evil})
    assert not trap.exists()


def test_comments_in_the_file_cannot_configure_more_than_messages() -> None:
    source = "# pylint: init-hook=print(1), load-plugins=evil\ndef f():\n    return 1\n    print(2)\n"
    assert [f.rule for f in pylint.review({"a.py": source})] == ["pylint-unreachable"]


def test_a_latin_1_file_is_read_despite_its_coding_line() -> None:
    source = "# coding: latin-1\nname = 'café'\nundefined(name)\n"
    assert [(f.line, f.rule) for f in pylint.review({"a.py": source})] == [(3, "pylint-undefined-variable")]


def test_a_pylint_that_does_not_finish_is_an_error_that_says_so() -> None:
    with pytest.raises(pylint.PylintError, match="did not finish"):
        pylint.review({"a.py": "x = 1\n"}, timeout_s=0.001)


def test_ours_goes_before_theirs_on_the_same_line() -> None:
    def finding(rule: str, line: int) -> Finding:
        return Finding(rule, "a.py", line, 1, line, 2, "m", Severity.LOW, "correctness")

    ours = [finding("mutable-default", 1)]
    theirs = [finding("pylint-dangerous-default-value", 1), finding("pylint-dangerous-default-value", 2)]
    assert pylint.without_duplicates(ours, theirs) == theirs[1:]
    opened = [finding("unclosed-connection", 3), finding("unclosed-file", 4)]
    unclosed = [finding("pylint-consider-using-with", line) for line in (3, 4, 5)]
    assert pylint.without_duplicates(opened, unclosed) == unclosed[2:]
