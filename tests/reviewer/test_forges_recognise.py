"""A finding is known again under its file's new name, and never taken for another one."""

from __future__ import annotations

from dataclasses import replace

from kibitz_reviewer.finding import Finding, Severity, fingerprint_at, fingerprinted
from kibitz_reviewer.forges.marker import shortened
from kibitz_reviewer.forges.recognise import recognised
from kibitz_reviewer.forges.talk import Summary, Talk, Thread


def findings(path: str, *snippets: str) -> list[Finding]:
    return fingerprinted(
        Finding("rule", path, line, 1, line, 5, "m", Severity.MEDIUM, "c", snippet=snippet)
        for line, snippet in enumerate(snippets, start=1)
    )


def said(*found: Finding) -> Talk:
    threads = (
        Thread(str(at), one.path, frozenset({shortened(one.fingerprint)}), at) for at, one in enumerate(found)
    )
    return Talk(tuple(threads))


def test_a_fingerprint_under_another_path_is_the_one_given_there() -> None:
    old, new = findings("old.py", "x", "x", "y"), findings("new.py", "x", "x", "y")
    assert [fingerprint_at(one, "old.py") for one in new] == [one.fingerprint for one in old]


def test_a_fingerprint_that_is_not_ours_has_no_other() -> None:
    (one,) = findings("a.py", "x")
    assert fingerprint_at(replace(one, fingerprint="f" * 32), "b.py") == ""


def test_a_renamed_file_keeps_what_was_said_inline_and_in_the_summary() -> None:
    old, new = findings("old.py", "x", "y"), findings("new.py", "x", "y")
    inline = said(old[0])
    talk = Talk(inline.threads, (Summary("s", "", frozenset({shortened(old[1].fingerprint)})),))
    known = recognised(new, talk, {"new.py": "old.py"}, lambda: {"new.py": {}})
    assert [one.fingerprint for one in known] == [one.fingerprint for one in old]
    assert [one.path for one in known] == ["new.py", "new.py"]


def test_a_file_that_the_change_added_and_renamed_is_known_by_our_comments() -> None:
    old, new = findings("old.py", "x"), findings("new.py", "x")
    assert recognised(new, said(*old), {}, lambda: {"new.py": {}})[0].fingerprint == old[0].fingerprint


def test_a_copy_of_a_file_that_is_still_there_is_news() -> None:
    old, new = findings("old.py", "x"), findings("new.py", "x")
    both = [*old, *new]
    assert recognised(both, said(*old), {}, lambda: {"new.py": {}, "old.py": {}}) == both


def test_one_old_finding_is_taken_by_one_new_one_only() -> None:
    old = findings("old.py", "x")
    two = [*findings("b.py", "x"), *findings("c.py", "x")]
    known = recognised(two, said(*old), {}, lambda: {"b.py": {}, "c.py": {}})
    assert [one.fingerprint for one in known] == [old[0].fingerprint, two[1].fingerprint]


def test_nobody_is_asked_where_nothing_is_new() -> None:
    old = findings("old.py", "x")

    def asked() -> dict[str, dict[int, int]]:
        raise AssertionError("the forge was asked for nothing")

    assert recognised(old, said(*old), {}, asked) == old
    assert recognised(old, Talk(), {}, asked) == old
