"""The life of a finding on a pull request, over several runs, against the GitHub stand-in."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kibitz_reviewer.finding import Finding, Severity, fingerprinted
from kibitz_reviewer.forges import ForgeError, Posted, connect
from kibitz_reviewer.forges.github import GitHub
from kibitz_reviewer.forges.marker import DEFINITION, PLAIN, fingerprints_in, mark_of, marker
from kibitz_reviewer.forges.pipeline import Manner, publish

PATCH = "@@ -1,2 +1,42 @@\n first\n" + "".join(f"+line {n}\n" for n in range(2, 42)) + " last"
BOT = {"login": "github-actions[bot]", "type": "Bot"}


@pytest.fixture
def github(stand_in: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with stand_in("fake_github").FakeGitHub({"a.py": PATCH, "b.py": PATCH}) as server:
        yield server


def run(github: Any, findings: list[Finding], manner: Manner | None = None, **environ: str) -> Posted:
    made = connect("github", github.environ(**environ))
    assert isinstance(made, GitHub)
    made.rest.sleep = lambda _: None
    return publish(made, findings, manner, sleep=lambda _: None)


def findings(*lines: int, **changes: Any) -> list[Finding]:
    return fingerprinted(
        Finding(
            **{
                "rule": "mutable-default",
                "path": "a.py",
                "line": line,
                "column": 1,
                "end_line": line,
                "end_column": 5,
                "message": "A list as a default is shared by all calls.",
                "severity": Severity.MEDIUM,
                "category": "correctness",
                "snippet": f"source {line}",
                **changes,
            }
        )
        for line in lines
    )


def writes(github: Any) -> list[tuple[str, str]]:
    return [(method, path) for method, path, _ in github.requests if method != "GET" and path != "/graphql"]


def test_a_fixed_finding_resolves_its_thread(github: Any) -> None:
    run(github, findings(2, 3))
    posted = run(github, findings(3))
    assert posted.resolved == 1
    assert list(github.resolved) == [github.comments[0]["id"]]
    assert run(github, findings(3)).resolved == 0


def test_a_fixed_finding_that_people_talk_about_is_left_to_them(github: Any) -> None:
    run(github, findings(2))
    github.say("bob", "Are you sure?", below=github.comments[0]["id"])
    assert run(github, []).resolved == 0
    assert github.resolved == {}


def test_a_finding_of_a_file_that_could_not_be_read_is_not_taken_for_fixed(github: Any) -> None:
    run(github, findings(2))
    run(github, [], Manner(unreviewed=frozenset({"a.py"})))
    run(github, [], Manner(blind=True))
    assert github.resolved == {}


def test_what_a_person_resolved_stays_silent_and_resolved(github: Any) -> None:
    run(github, findings(2))
    github.resolved[github.comments[0]["id"]] = "ann"
    assert run(github, findings(2)) == Posted(known=1)
    assert github.resolved == {github.comments[0]["id"]: "ann"}


def test_a_finding_that_comes_back_opens_its_thread_again(github: Any) -> None:
    run(github, findings(2))
    run(github, [])
    assert github.resolved
    run(github, findings(2))
    assert github.resolved == {}
    assert len(github.comments) == 1


def test_the_one_summary_is_edited_never_posted_again(github: Any) -> None:
    first = findings(2, 99)
    run(github, first)
    run(github, [*first, *findings(100, path="b.py")])
    assert len(github.reviews) == 1
    assert "b.py`:100" in github.reviews[0]["body"]
    assert "3 things" in github.reviews[0]["body"]
    run(github, [])
    assert "fixed or answered" in github.reviews[0]["body"]
    assert [method for method, _ in writes(github)] == ["POST", "PUT", "PUT"]


def test_a_summary_that_is_still_right_is_not_touched(github: Any) -> None:
    run(github, findings(2, 99))
    before = writes(github)
    run(github, findings(2, 99))
    assert writes(github) == before


def test_a_pull_request_holds_no_more_than_its_share_of_comments(github: Any) -> None:
    for last in (12, 22, 32, 42):
        run(github, findings(*range(2, last)))
    assert len(github.comments) == 25
    assert len(fingerprints_in(github.reviews[0]["body"])) == 15


@pytest.mark.parametrize(
    "change",
    [
        {"draft": True},
        {"user": {"login": "dependabot[bot]", "type": "Bot"}},
        {"title": "Bump it [skip review]"},
    ],
)
def test_pull_requests_nobody_wants_reviewed_are_skipped(github: Any, change: dict[str, Any]) -> None:
    github.pull |= change
    assert "skipped" in run(github, findings(2)).note
    assert writes(github) == []


def test_a_huge_pull_request_gets_a_summary_only(github: Any) -> None:
    github.files = {f"f{n}.py": PATCH for n in range(301)}
    posted = run(github, findings(2, 3, path="f1.py"))
    assert (posted.comments, posted.summarised) == (0, 2)
    assert "301 files" in posted.note


def test_two_runs_at_once_leave_each_finding_said_once(github: Any) -> None:
    everyone_has_read = threading.Barrier(2, timeout=240)
    first_write = threading.local()

    def wait() -> None:
        if not getattr(first_write, "done", False) and len(github.reviews) == 0:
            everyone_has_read.wait()

    github.before_write = wait
    failed: list[BaseException] = []

    def one() -> None:
        try:
            run(github, findings(2, 3, 99))
        except BaseException as error:
            failed.append(error)

    runs = [threading.Thread(target=one) for _ in range(2)]
    for thread in runs:
        thread.start()
    for thread in runs:
        thread.join()
    assert failed == []
    assert len(github.reviews) == 2  # both wrote
    assert sorted(comment["line"] for comment in github.comments) == [2, 3]
    assert len([review for review in github.reviews if "a.py`:99" in review["body"]]) == 1
    before = writes(github)
    github.before_write = None
    assert run(github, findings(2, 3, 99)) == Posted(known=3)
    assert writes(github) == before


def test_a_run_killed_between_two_writes_is_finished_by_the_next(github: Any) -> None:
    fault = type(github).__module__
    github._wrong, honest = (lambda c: "no" if c["line"] == 4 else honest(c)), github._wrong
    import sys

    github.faults = [
        sys.modules[fault].Fault("PUT", "/reviews/", 400, "the machine was taken away") for _ in range(9)
    ]
    with pytest.raises(ForgeError, match="taken away"):
        run(github, findings(2, 3, 4, 5))
    said = {comment["line"] for comment in github.comments}
    assert said == {2, 3, 5}
    github.faults = []
    run(github, findings(2, 3, 4, 5))
    assert sorted(comment["line"] for comment in github.comments) == [2, 3, 5]
    assert "a.py`:4" in github.reviews[0]["body"]


def test_rebase_and_force_push_say_nothing_new(github: Any) -> None:
    run(github, findings(2, 3))
    github.head = "c3" * 20
    moved = findings(12, snippet="source 2") + findings(20, snippet="source 3")
    assert run(github, moved) == Posted(known=2)
    assert len(github.reviews) == 1


# Orders


def test_ignored_by_reply_stays_silent(github: Any) -> None:
    run(github, findings(2, 3))
    github.say("ann", "/kibitz ignore we know", below=github.comments[0]["id"])
    posted = run(github, findings(2, 3))
    assert (posted.ignored, posted.resolved, posted.known) == (1, 1, 1)
    assert list(github.resolved) == [github.comments[0]["id"]]
    assert run(github, findings(2, 3)).resolved == 0


def test_who_may_not_write_has_no_say(github: Any) -> None:
    run(github, findings(2))
    github.say("mallory", "/kibitz ignore", below=github.comments[0]["id"])
    github.say("mallory", "/kibitz ignore-rule mutable-default")
    github.reactions[github.comments[0]["id"]] = [{"content": "-1", "user": {"login": "mallory"}}]
    assert run(github, findings(2)) == Posted(known=1)


def test_our_own_words_are_no_orders(github: Any) -> None:
    run(github, findings(2))
    github.writers.add("github-actions[bot]")
    github.comments.append(
        {"id": 5, "body": "/kibitz ignore", "user": BOT, "in_reply_to_id": github.comments[0]["id"]}
    )
    assert run(github, findings(2)).ignored == 0


def test_ignore_rule_covers_findings_to_come(github: Any) -> None:
    github.say("ann", "Thanks, but\r\n/kibitz ignore-rule mutable-default\r\n")
    posted = run(github, findings(2, 3) + findings(4, rule="shell-command"))
    assert (posted.comments, posted.ignored) == (1, 2)


def test_ignore_rule_in_a_thread_means_the_rule_said_there(github: Any) -> None:
    run(github, findings(2))
    github.say("ann", "/kibitz ignore-rule", below=github.comments[0]["id"])
    posted = run(github, findings(2, 3) + findings(4, rule="shell-command"))
    assert (posted.comments, posted.ignored) == (1, 2)


def test_a_finding_of_the_summary_is_ignored_by_its_reference(github: Any) -> None:
    run(github, findings(99))
    (reference,) = fingerprints_in(github.reviews[0]["body"])
    github.say("ann", f"/kibitz ignore {reference} generated anyway")
    assert run(github, findings(99)).ignored == 1
    assert "fixed or answered" in github.reviews[0]["body"]


def test_explain_is_answered_once(github: Any) -> None:
    run(github, findings(2))
    asked = github.say("ann", "/kibitz explain", below=github.comments[0]["id"])
    run(github, findings(2))
    run(github, findings(2))
    answers = [
        c for c in github.comments if c["user"] == BOT and c.get("in_reply_to_id") == github.comments[0]["id"]
    ]
    assert len(answers) == 1
    assert "Mutable default" in answers[0]["body"]
    mark = mark_of(answers[0]["body"])
    assert mark is not None
    assert mark.answer == f"c{asked}"


def test_a_thumb_down_of_someone_with_a_say_is_counted(github: Any) -> None:
    run(github, findings(2, 3))
    github.reactions[github.comments[0]["id"]] = [{"content": "-1", "user": {"login": "ann"}}]
    posted = run(github, findings(2, 3))
    assert (posted.ignored, posted.rejected) == (1, ("mutable-default",))


# Check runs, code scanning


def test_a_check_run_takes_its_annotations_fifty_at_a_time(github: Any) -> None:
    run(github, findings(*range(1, 121)), Manner(failed=True), KIBITZ_CHECK_RUN="1")
    (check,) = github.check_runs
    assert len(check["annotations"]) == 120
    assert (check["conclusion"], check["head_sha"]) == ("failure", github.head)


def test_a_check_run_that_is_refused_is_a_note(github: Any, stand_in: Callable[[str], Any]) -> None:
    github.faults = [stand_in("fake_github").Fault("POST", "/check-runs", 403, "Resource not accessible")]
    posted = run(github, findings(2), KIBITZ_CHECK_RUN="1")
    assert posted.comments == 1
    assert "no check run" in posted.note


def test_sarif_goes_to_code_scanning_packed(github: Any) -> None:
    import base64
    import gzip

    run(github, findings(2), KIBITZ_SARIF_UPLOAD="1")
    (upload,) = github.sarifs
    report = json.loads(gzip.decompress(base64.b64decode(upload["sarif"])))
    assert upload["ref"] == "refs/pull/7/head"
    assert report["runs"][0]["results"][0]["ruleId"] == "mutable-default"


# Markers


@pytest.mark.parametrize("style", [PLAIN, DEFINITION])
def test_a_marker_is_read_in_every_style(style: str) -> None:
    line = marker(["a" * 32, "b" * 32], style=style, summary=True)
    mark = mark_of(f"Text\n\n{line}\r\n")
    assert mark is not None
    assert (mark.fingerprints, mark.summary) == ({"a" * 16, "b" * 16}, True)
