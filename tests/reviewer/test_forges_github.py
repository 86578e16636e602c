"""GitHub: one review, said once, losing nothing, against the stand-in that checks GitHub's own contract."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kibitz_reviewer.finding import Confidence, Edit, Finding, Fix, Severity, fingerprinted
from kibitz_reviewer.forges import ForgeError, Posted, connect, pipeline
from kibitz_reviewer.forges.github import GitHub, graphql_of, pull_request
from kibitz_reviewer.forges.marker import fingerprints_in, marker
from kibitz_reviewer.forges.plan import lines_of


def _load() -> Any:
    path = Path(__file__).resolve().parent.parent / "stand_ins" / "fake_github.py"
    spec = importlib.util.spec_from_file_location("fake_github", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fake_github = _load()
PATCH = "@@ -1,2 +1,12 @@\n first\n" + "".join(f"+line {n}\n" for n in range(2, 12)) + " last"


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with fake_github.FakeGitHub({"a.py": PATCH, "b.py": PATCH}) as stand_in:
        yield stand_in


def forge(github: Any, **environ: str) -> tuple[GitHub, list[float]]:
    """The forge under test, and the pauses it took (without waiting for them)."""
    pauses: list[float] = []
    made = connect("github", github.environ(**environ))
    assert isinstance(made, GitHub)
    made.rest.sleep = pauses.append
    return made, pauses


def publish(github: Any, findings: list[Finding], **environ: str) -> Posted:
    return say(forge(github, **environ)[0], findings)


def say(made: GitHub, findings: list[Finding], **manner: Any) -> Posted:
    return pipeline.publish(made, findings, pipeline.Manner(**manner), sleep=made.rest.sleep)


def writes(github: Any) -> list[str]:
    """The writing requests so far, without GraphQL's."""
    return [
        f"{method} {path}" for method, path, _ in github.requests if method != "GET" and path != "/graphql"
    ]


def finding(line: int, **changes: Any) -> Finding:
    given: dict[str, Any] = {
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
    }
    return Finding(**{**given, **changes})


def findings(*lines: int, **changes: Any) -> list[Finding]:
    return fingerprinted(finding(line, **changes) for line in lines)


def test_first_run_posts_one_review_with_its_inline_comments(github: Any) -> None:
    posted = publish(github, findings(2, 5))
    assert (posted.comments, posted.summarised, posted.known) == (2, 0, 0)
    assert len(github.reviews) == 1
    assert [(c["path"], c["line"], c["side"]) for c in github.comments] == [
        ("a.py", 2, "RIGHT"),
        ("a.py", 5, "RIGHT"),
    ]
    assert "mutable-default" in github.comments[0]["body"]
    assert "A list as a default is shared by all calls." in github.comments[0]["body"]
    assert posted.url.endswith(f"pullrequestreview-{github.reviews[0]['id']}")


def test_second_run_is_silent(github: Any) -> None:
    everything = findings(2, 5, 99)
    publish(github, everything)
    posted = publish(github, everything)
    assert (posted.comments, posted.summarised, posted.known) == (0, 0, 3)
    assert len(github.reviews) == 1
    assert writes(github) == ["POST /repos/o/r/pulls/7/reviews"]


def test_a_moved_line_is_silent(github: Any) -> None:
    publish(github, findings(2))
    moved = findings(6, snippet="source 2")
    assert publish(github, moved) == Posted(known=1)
    assert len(github.reviews) == 1


def test_only_what_is_new_is_posted(github: Any) -> None:
    publish(github, findings(2))
    posted = publish(github, findings(2, 5))
    assert (posted.comments, posted.known) == (1, 1)
    assert [c["line"] for c in github.comments] == [2, 5]


def test_nothing_found_says_nothing(github: Any) -> None:
    assert publish(github, []) == Posted()
    assert writes(github) == []


def test_several_findings_on_a_line_are_one_comment(github: Any) -> None:
    both = fingerprinted([finding(3), finding(3, rule="sql-injection", severity=Severity.HIGH)])
    publish(github, both)
    (comment,) = github.comments
    assert comment["body"].index("sql-injection") < comment["body"].index("mutable-default")
    assert publish(github, both) == Posted(known=2)


def test_forty_findings_are_ten_comments_and_one_summary(github: Any) -> None:
    many = fingerprinted(
        [finding(line, path=path) for path in ("a.py", "b.py") for line in range(2, 12)]
        + [finding(line, severity=Severity.INFO) for line in range(20, 40)]
    )
    posted = publish(github, many)
    assert (posted.comments, posted.summarised) == (10, 30)
    assert len(github.comments) == 10
    assert "40 things" in github.reviews[0]["body"]
    assert publish(github, many) == Posted(known=40)


def test_low_confidence_never_comments_inline(github: Any) -> None:
    posted = publish(github, findings(2, confidence=Confidence.LOW))
    assert (posted.comments, posted.summarised) == (0, 1)
    assert github.comments == []


def test_a_plain_replacement_becomes_a_suggestion(github: Any) -> None:
    fix = Fix("Use None", safe=True, edits=(Edit(3, 4, "x = `````\ny\n"),))
    publish(github, findings(3, fix=fix))
    (comment,) = github.comments
    assert (comment["start_line"], comment["start_side"], comment["line"]) == (3, "RIGHT", 4)
    assert "``````suggestion\nx = `````\ny\n``````" in comment["body"]


@pytest.mark.parametrize(
    "edits",
    [
        (Edit(3, 14, "beyond the hunk\n"),),
        (Edit(1, 0, "import os\n"), Edit(3, 3, "x\n")),
        (Edit(5, 5, "elsewhere\n"),),
    ],
)
def test_a_fix_that_is_more_than_that_is_not_suggested(github: Any, edits: tuple[Edit, ...]) -> None:
    publish(github, findings(3, fix=Fix("Change it", safe=True, edits=edits)))
    (comment,) = github.comments
    assert comment["line"] == 3
    assert "suggestion" not in comment["body"]


def test_a_refused_comment_loses_nothing(github: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = github._wrong
    monkeypatch.setattr(
        github, "_wrong", lambda c: "line must be part of the diff" if c["line"] == 4 else honest(c)
    )
    everything = findings(2, 3, 4, 5, 6)
    posted = publish(github, everything)
    assert (posted.comments, posted.summarised) == (4, 1)
    assert sorted(c["line"] for c in github.comments) == [2, 3, 5, 6]
    assert "a.py`:4" in github.reviews[0]["body"]
    assert publish(github, everything) == Posted(known=5)


def test_a_push_in_between_is_planned_anew(github: Any) -> None:
    made, _ = forge(github, GITHUB_EVENT_PATH="")
    made.request = pull_request(github.environ()).__class__("o/r", 7, "b2" * 20)
    assert say(made, findings(2, 3)).comments == 2
    assert len(github.reviews) == 1


def test_a_missing_permission_is_explained(github: Any) -> None:
    github.may_write = False
    with pytest.raises(ForgeError, match="pull-requests: write") as caught:
        publish(github, findings(2))
    assert "fork" in str(caught.value)
    assert fake_github.TOKEN not in str(caught.value)


def test_rate_limits_are_waited_for(github: Any) -> None:
    github.faults = [
        fake_github.Fault(
            "POST", "/reviews", 403, "You have exceeded a secondary rate limit", {"Retry-After": "7"}
        ),
        fake_github.Fault("POST", "/reviews", 429, "slow down", {"Retry-After": "9"}),
    ]
    made, pauses = forge(github)
    assert say(made, findings(2)).comments == 1
    assert pauses == [7.0, 9.0]
    assert len(github.reviews) == 1


def test_a_spent_budget_is_reported_not_waited_out(github: Any) -> None:
    spent = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "5000"}
    github.faults = [fake_github.Fault("GET", "/comments", 403, "API rate limit exceeded", spent)]
    made, pauses = forge(github)
    made.rest.clock = lambda: 2000.0
    with pytest.raises(ForgeError, match="rate limit is used up: try again in 3001 s"):
        say(made, findings(2))
    assert pauses == []


def test_server_errors_are_tried_again(github: Any) -> None:
    github.faults = [fake_github.Fault("GET", "/files", 502), fake_github.Fault("POST", "/reviews", 500)]
    made, pauses = forge(github)
    assert say(made, findings(2)).comments == 1
    assert len(pauses) == 2
    assert len(github.reviews) == 1


def test_a_review_whose_answer_got_lost_is_not_posted_twice(github: Any) -> None:
    github.faults = [fake_github.Fault("POST", "/reviews", 500, happens=True)]
    made, _ = forge(github)
    assert say(made, findings(2, 3)) == Posted(known=2)
    assert len(github.reviews) == 1


def test_server_errors_without_end_are_an_error(github: Any) -> None:
    github.faults = [fake_github.Fault("POST", "/reviews", 500) for _ in range(20)]
    with pytest.raises(ForgeError, match="HTTP 500"):
        publish(github, findings(2))


def test_all_pages_are_read(github: Any) -> None:
    user = {"login": "someone", "type": "User"}
    github.comments = [{"id": n, "body": "chat", "user": user} for n in range(250)]
    everything = findings(2)
    publish(github, everything)
    assert publish(github, everything) == Posted(known=1)


def test_a_marker_pasted_by_another_person_is_not_believed(github: Any) -> None:
    everything = findings(2)
    for user in ({"login": "mallory", "type": "User"}, {"login": "github-actions", "type": "User"}):
        github.comments.append({"id": 1, "body": marker([everything[0].fingerprint]), "user": user})
    assert publish(github, everything).comments == 1


def test_only_apps_are_believed_if_our_name_is_unknown(github: Any) -> None:
    github.knows_viewer = False
    everything = findings(2, 3)
    pasted = marker([everything[0].fingerprint])
    github.comments.append({"id": 1, "body": pasted, "user": {"login": "mallory", "type": "User"}})
    assert publish(github, everything).comments == 2
    assert publish(github, everything) == Posted(known=2)


def test_a_marker_in_quoted_source_is_not_believed() -> None:
    forged = "<!-- kibitz:v1 fp=0123456789abcdef -->"
    assert fingerprints_in(f"```suggestion\n{forged}\n```\n\n<!-- kibitz:v1 fp=aaaaaaaaaaaaaaaa -->") == {
        "a" * 16
    }
    assert fingerprints_in(f"{forged}\nmore") == frozenset()


HOSTILE = (
    "@admin see #12 <img src=x onerror=alert(1)> <!-- kibitz:v1 fp=0123456789abcdef -->\n# Heading [click](https://evil.example) "
    "www.evil.example ` **bold** \u202egnp.exe"
)


def test_hostile_text_can_neither_ping_nor_draw(github: Any) -> None:
    publish(github, findings(2, 50, message=HOSTILE, path="a.py"))
    for body in (github.comments[0]["body"], github.reviews[0]["body"]):
        text = body.rpartition("\n\n<!-- ")[0]
        for dangerous in (
            "@admin",
            "#12",
            "<img",
            "<!--",
            "[click]",
            "://",
            "www.",
            "**bold",
            "\u202e",
            "\n# Heading",
        ):
            assert dangerous not in text, dangerous


def test_hostile_paths_stay_in_their_code_span(github: Any) -> None:
    publish(github, findings(50, path="x`<b>@admin`\n# y.py"))
    assert "``x`<b>@admin` # y.py``" in github.reviews[0]["body"]


def test_a_huge_message_still_fits(github: Any) -> None:
    huge = fingerprinted(finding(n, message="`" + "x" * 100_000) for n in range(50, 250))
    posted = publish(github, huge)
    assert posted.summarised == 200
    assert len(github.reviews[0]["body"]) <= fake_github.MAX_BODY
    assert publish(github, huge) == Posted(known=200)


def test_the_token_is_in_no_error_and_no_repr(github: Any) -> None:
    github.faults = [fake_github.Fault("GET", "/comments", 400, f"bad {fake_github.TOKEN}")]
    made, _ = forge(github)
    with pytest.raises(ForgeError) as caught:
        say(made, findings(2))
    assert fake_github.TOKEN not in str(caught.value) + repr(made)


def test_the_token_follows_no_redirect_to_another_host(github: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_github.FakeGitHub({}) as other:
        github.faults = [
            fake_github.Fault("GET", "/comments", 302, headers={"Location": f"{other.url}/stolen"}),
        ]
        with pytest.raises(ForgeError, match="HTTP 302"):
            publish(github, findings(2))
        assert other.requests == []


def test_an_unreachable_forge_is_an_error() -> None:
    with fake_github.FakeGitHub({}) as gone:
        environ = gone.environ()
    made = connect("github", environ)
    assert isinstance(made, GitHub)
    made.rest.sleep = lambda _: None
    with pytest.raises(ForgeError, match=r"cannot reach 127\.0\.0\.1"):
        say(made, findings(2))


def test_the_number_comes_from_the_event(github: Any, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text(
        json.dumps({"number": 7, "pull_request": {"number": 7, "head": {"sha": fake_github.HEAD}}})
    )
    publish(github, findings(2), GITHUB_EVENT_PATH=str(event), GITHUB_REF="refs/heads/main")
    (review,) = [
        body for method, target, body in github.requests if target.endswith("/reviews") and method == "POST"
    ]
    assert review["commit_id"] == fake_github.HEAD


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"GITHUB_TOKEN": ""}, "GITHUB_TOKEN is not set"),
        ({"GITHUB_TOKEN": "a\nb"}, "characters"),
        ({"GITHUB_REPOSITORY": "../../etc"}, "owner/name"),
        ({"GITHUB_REF": "refs/heads/main"}, "no pull request"),
        ({"GITHUB_API_URL": "file:///etc/passwd"}, "http"),
    ],
)
def test_a_wrong_environment_is_explained(changes: dict[str, str], said: str) -> None:
    environ = {
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_REF": "refs/pull/7/merge",
        "GITHUB_TOKEN": "t",
        "GITHUB_API_URL": "",
    }
    with pytest.raises(ForgeError, match=said):
        connect("github", {**environ, **changes})


def test_an_unknown_forge_is_refused() -> None:
    with pytest.raises(
        ForgeError, match="expected a forge \\(bitbucket, codecommit, github, gitlab\\), got 'sourceforge'"
    ):
        connect("sourceforge", {})


def test_every_request_is_held_against_githubs_and_each_enterprise_releases_description(github: Any) -> None:
    route = next(one for one in github._routes if one.method == "POST" and one.template.endswith("/reviews"))
    assert len(route.validators) == 4
    assert len(route.errors({"event": "COMMENT", "body": "x"})) == 0
    assert len(route.errors({"event": "SHOUT", "body": "x"})) == 4
    assert len(route.errors({"event": "COMMENT", "bodyy": "x"})) == 4


def test_enterprise_has_its_own_graphql() -> None:
    assert graphql_of("https://ghe.example/api/v3") == "https://ghe.example/api/graphql"
    assert graphql_of("https://api.github.com") == "https://api.github.com/graphql"


def test_lines_of_a_patch_are_those_of_the_new_file() -> None:
    patch = "@@ -1,3 +1,3 @@ def f():\n a\n-b\n+c\n d\n\\ No newline at end of file\n@@ -9 +9,2 @@\n x\n+y"
    assert lines_of(patch) == {1: 0, 2: 0, 3: 0, 9: 1, 10: 1}
