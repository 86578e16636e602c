"""The same life of a finding on GitLab, Bitbucket and CodeCommit, each against a stand-in with that forge's own rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kibitz_reviewer.finding import Edit, Finding, Fix, Severity, fingerprinted
from kibitz_reviewer.forges import Forge, ForgeError, Posted, connect
from kibitz_reviewer.forges.codecommit import identity
from kibitz_reviewer.forges.gitlab import old_lines_of
from kibitz_reviewer.forges.pipeline import Manner, publish

DIFF = "@@ -1,3 +1,22 @@\n first\n-gone\n" + "".join(f"+line {n}\n" for n in range(2, 22)) + " last\n"


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


class Case:
    """One forge with its stand-in."""

    def __init__(self, name: str, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.name, self.server, self._monkeypatch = name, server, monkeypatch

    def forge(self, **environ: str) -> Forge:
        given = self.server.environ(**environ)
        for key, value in given.items():
            if key.startswith("AWS_"):
                self._monkeypatch.setenv(key, value)
        made = connect(self.name, given)
        if hasattr(made, "rest"):
            made.rest.sleep = lambda _: None
        return made

    def run(self, everything: list[Finding], manner: Manner | None = None, **environ: str) -> Posted:
        return publish(self.forge(**environ), everything, manner, sleep=lambda _: None)

    @property
    def inline(self) -> list[Any]:
        return list(self.server.comments if self.name == "gitlab" else self.server.inline)

    def answer(self, person: str, body: str) -> None:
        """A person answers below our first comment."""
        who = getattr(self.module, person)
        if self.name == "gitlab":
            place = next(n for n, d in enumerate(self.server.discussions) if d["notes"][0].get("position"))
            self.server.say(who, body, place)
        elif self.name == "bitbucket":
            self.server.say(who, body, self.inline[0]["id"])
        else:
            self.server.say(who, body, self.inline[0]["comment"]["commentId"])

    @property
    def resolved(self) -> int:
        if self.name == "gitlab":
            return sum(bool(note.get("resolved")) for note in self.inline)
        if self.name == "bitbucket":
            return sum(bool(one.get("resolution")) for one in self.inline)
        return sum(one["comment"]["content"].startswith("✓ Fixed.") for one in self.inline)

    module: Any = None


@pytest.fixture(params=["gitlab", "bitbucket", "codecommit"])
def case(
    request: pytest.FixtureRequest, stand_in: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Case]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield from _case(request.param, stand_in, monkeypatch)


def _case(name: str, stand_in: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    module = stand_in(f"fake_{name}")
    server = {
        "gitlab": lambda: module.FakeGitLab({"a.py": ("a.py", DIFF), "new.py": ("", "@@ -0,0 +1 @@\n+x\n")}),
        "bitbucket": lambda: module.FakeBitbucket(["a.py", "b.py", "c.py"]),
        "codecommit": lambda: module.FakeCodeCommit(["b.py", "c.py", "a.py"]),
    }[name]()
    with server:
        made = Case(name, server, monkeypatch)
        made.module = module
        yield made


@pytest.fixture
def gitlab(stand_in: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield from _case("gitlab", stand_in, monkeypatch)


@pytest.fixture
def bitbucket(stand_in: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield from _case("bitbucket", stand_in, monkeypatch)


@pytest.fixture
def codecommit(stand_in: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield from _case("codecommit", stand_in, monkeypatch)


def test_first_run_comments_and_second_is_silent(case: Case) -> None:
    posted = case.run(findings(2, 5))
    assert (posted.comments, posted.summarised, posted.note) == (2, 0, "")
    assert len(case.inline) == 2
    assert len(case.server.summaries) == 1
    said = [str(one) for one in case.inline]
    assert case.run(findings(2, 5)).known == 2
    assert [str(one) for one in case.inline] == said
    assert len(case.server.summaries) == 1


def test_moved_lines_are_silent(case: Case) -> None:
    case.run(findings(2))
    assert case.run(findings(6, snippet="source 2")).known == 1
    assert len(case.inline) == 1


def test_forty_findings_are_ten_comments_and_one_summary(case: Case) -> None:
    many = findings(*range(2, 22)) + findings(*range(30, 50), severity=Severity.LOW)
    posted = case.run(many)
    assert (posted.comments, posted.summarised) == (10, 30)
    assert len(case.inline) == 10
    assert len(case.server.summaries) == 1
    assert "40 things" in case.server.summaries[0]
    assert case.run(many).known == 40


def test_a_fixed_finding_is_settled_and_comes_back(case: Case) -> None:
    case.run(findings(2, 3))
    assert case.run(findings(3)).resolved == 1
    assert case.resolved == 1
    assert case.run(findings(3)).resolved == 0
    case.run(findings(2, 3))
    assert case.resolved == 0
    assert len(case.inline) == 2


def test_a_thread_people_talk_in_is_left_alone(case: Case) -> None:
    case.run(findings(2))
    before = len(case.inline)
    case.answer("ANN", "Are you sure?")
    assert case.run([]).resolved == 0
    assert case.resolved == 0
    assert before == 1


def test_the_summary_is_edited(case: Case) -> None:
    case.run(findings(2, 3))
    case.run([])
    assert len(case.server.summaries) == 1
    assert "fixed or answered" in case.server.summaries[0]


def test_orders_of_those_with_a_say_are_obeyed(case: Case) -> None:
    case.run(findings(2))
    case.answer("MALLORY", "/kibitz ignore")
    assert case.run(findings(2)).ignored == 0
    case.answer("ANN", "/kibitz ignore on purpose")
    assert case.run(findings(2)).ignored == 1
    assert case.resolved == 1


def test_explain_is_answered_once(case: Case) -> None:
    case.run(findings(2))
    case.answer("ANN", "/kibitz explain")
    case.run(findings(2))
    before = str(case.server.__dict__.get("comments")) + str(case.server.__dict__.get("discussions"))
    assert "Mutable default" in before
    case.run(findings(2))
    after = str(case.server.__dict__.get("comments")) + str(case.server.__dict__.get("discussions"))
    assert before == after


def test_a_summary_fits_however_much_there_is(case: Case) -> None:
    many = findings(*range(30, 400), message="x" * 3_000)
    case.run(many)
    assert len(case.server.summaries) == 1
    assert case.run(many).summarised == 0


def test_a_rehearsal_writes_nothing(case: Case) -> None:
    made = case.forge()
    requests: list[dict[str, object]] = []
    made.rehearse(requests)
    publish(made, findings(2, 99, path="a.py"), Manner(once=True))
    assert requests
    assert (case.inline, case.server.summaries) == ([], [])


@pytest.mark.parametrize("name", ["gitlab", "bitbucket", "codecommit"])
def test_an_empty_environment_is_explained(name: str) -> None:
    with pytest.raises(ForgeError, match="is not set"):
        connect(name, {})


@pytest.mark.parametrize("name", ["github", "gitlab", "bitbucket"])
@pytest.mark.parametrize(("said", "interval_s"), [("", 1.0), ("0", 0.0), ("2.5", 2.5)])
def test_writes_are_a_second_apart_unless_somebody_says_otherwise(
    name: str, said: str, interval_s: float, stand_in: Callable[[str], Any]
) -> None:
    module = stand_in(f"fake_{name}")
    waits: list[float] = []
    made = {"github": "FakeGitHub", "gitlab": "FakeGitLab", "bitbucket": "FakeBitbucket"}[name]
    with getattr(module, made)({} if name != "bitbucket" else []) as server:
        rest = connect(name, server.environ(KIBITZ_WRITE_INTERVAL_S=said)).rest
        rest.sleep, rest.clock, rest._send = waits.append, lambda: 100.0, lambda *_: {}
        for _ in range(3):
            rest.call("POST", "/somewhere", {})
    assert waits == [interval_s] * 2 * bool(interval_s)


@pytest.mark.parametrize("said", ["fast", "-1", "61", "nan"])
def test_an_interval_that_makes_no_sense_is_explained(said: str, gitlab: Case) -> None:
    with pytest.raises(ForgeError, match="KIBITZ_WRITE_INTERVAL_S: expected seconds"):
        gitlab.forge(KIBITZ_WRITE_INTERVAL_S=said)


# GitLab


def test_gitlab_gets_one_notification(gitlab: Case) -> None:
    gitlab.run(findings(2, 3, 4))
    assert gitlab.server.notifications == 1
    assert gitlab.server.drafts == []


def test_gitlab_positions_are_right_for_context_lines_and_new_files(gitlab: Case) -> None:
    posted = gitlab.run(findings(1, 2, 22) + findings(1, path="new.py"))
    assert (posted.comments, posted.summarised) == (4, 0)
    places = {(c["position"]["new_path"], c["position"]["new_line"]): c["position"] for c in gitlab.inline}
    assert places["a.py", 1]["old_line"] == 1
    assert places["a.py", 22]["old_line"] == 3
    assert "old_line" not in places["a.py", 2]
    assert "old_line" not in places["new.py", 1]


def test_gitlab_suggestions_reach_around_their_line(gitlab: Case) -> None:
    fix = Fix("Use None", safe=True, edits=(Edit(3, 6, "x\ny\n"),))
    gitlab.run(findings(4, fix=fix))
    assert "```suggestion:-1+2\nx\ny\n```" in gitlab.inline[0]["body"]


def test_gitlab_drafts_of_a_run_cut_off_are_published_by_the_next(
    gitlab: Case, stand_in: Callable[[str], Any]
) -> None:
    gitlab.server.faults = [stand_in("serving").Fault("POST", "bulk_publish", 409)]
    with pytest.raises(ForgeError):
        gitlab.run(findings(2, 3))
    assert len(gitlab.server.drafts) == 3
    gitlab.run(findings(2, 3))
    assert len(gitlab.inline) == 2
    assert len(gitlab.server.summaries) == 1


def test_gitlab_leaves_drafts_of_a_person_unpublished(gitlab: Case) -> None:
    gitlab.server.drafts.append({"id": 5, "note": "to think about", "author_id": 1})
    gitlab.run(findings(2))
    assert [draft["note"] for draft in gitlab.server.drafts] == ["to think about"]
    assert len(gitlab.inline) == 1


def test_gitlab_loses_nothing_to_a_refused_position(gitlab: Case, stand_in: Callable[[str], Any]) -> None:
    gitlab.server.faults = [stand_in("serving").Fault("POST", "/draft_notes$", 400)]
    posted = gitlab.run(findings(2, 3))
    assert (posted.comments, posted.summarised) == (1, 1)
    assert "a.py`:2" in gitlab.server.summaries[0]


def test_gitlab_explains_a_refusal(gitlab: Case) -> None:
    gitlab.server.may_write = False
    with pytest.raises(ForgeError, match="scope `api`") as caught:
        gitlab.run(findings(2))
    assert gitlab.module.TOKEN not in str(caught.value)


def test_gitlab_status_is_set_if_asked_for(gitlab: Case) -> None:
    gitlab.run(findings(2), Manner(failed=True), KIBITZ_COMMIT_STATUS="1")
    assert gitlab.server.statuses[0]["state"] == "failed"


def test_old_lines_are_counted_past_what_was_deleted() -> None:
    assert old_lines_of("@@ -5,3 +5,3 @@\n a\n-b\n+c\n d\n") == {5: 5, 6: None, 7: 7}


# Bitbucket


def test_bitbucket_reports_every_finding_a_hundred_at_a_time(bitbucket: Case) -> None:
    bitbucket.run(findings(*range(2, 252)), Manner(failed=True))
    assert len(bitbucket.server.annotations) == 250
    assert bitbucket.server.reports["kibitz"]["result"] == "FAILED"


def test_bitbucket_report_shrinks_when_findings_are_fixed(bitbucket: Case) -> None:
    bitbucket.run(findings(2, 3))
    bitbucket.run(findings(3))
    assert len(bitbucket.server.annotations) == 1


def test_bitbucket_needs_to_know_who_it_is(bitbucket: Case) -> None:
    bitbucket.run(findings(2))
    bitbucket.server.knows_user = False
    with pytest.raises(ForgeError, match="KIBITZ_BITBUCKET_ACCOUNT"):
        bitbucket.run(findings(2))
    assert bitbucket.run(findings(2), KIBITZ_BITBUCKET_ACCOUNT="{me}").known == 1


# CodeCommit


def test_codecommit_comments_carry_tokens(codecommit: Case) -> None:
    codecommit.run(findings(2, 3))
    tokens = [body["clientRequestToken"] for op, body in codecommit.server.calls if op.startswith("Post")]
    assert len(tokens) == len(set(tokens)) == 3


def test_codecommit_approves_what_nothing_fails(codecommit: Case) -> None:
    codecommit.run([], Manner(failed=False), KIBITZ_APPROVE="1")
    codecommit.run(findings(2), Manner(failed=True), KIBITZ_APPROVE="1")
    assert codecommit.server.states == ["APPROVE", "REVOKE"]


def test_codecommit_thumbs_down_is_heard(codecommit: Case) -> None:
    codecommit.run(findings(2))
    codecommit.inline[0]["comment"]["reactionCounts"] = {"👎": 1}
    assert codecommit.run(findings(2)).rejected == ("mutable-default",)


def test_codecommit_knows_its_role_in_another_session() -> None:
    first = "arn:aws:sts::123456789012:assumed-role/Reviewer/build-7"
    assert identity(first) == identity(first.replace("build-7", "build-8"))
    assert identity(first) != identity(first.replace("Reviewer", "Admin"))
    assert identity("nonsense") == ""
