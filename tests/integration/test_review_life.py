"""The life of a pull request from first push to last: a bare repository, real processes, each forge's stand-in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kibitz_reviewer.forges.marker import fingerprints_in

TIMEOUT_S = 280.0
FORGES = ("github", "gitlab", "bitbucket", "codecommit")
OURS = ("GITHUB_", "GIT_", "GH_", "CI_", "GITLAB_", "BITBUCKET_", "CODEBUILD_", "AWS_", "KIBITZ_")


def flawed(count: int, first: int = 0) -> str:
    """A module with ``count`` findings, one a function."""
    functions = [
        f"def add_{n}(item, basket=[]):\n    basket.append(item)\n    return {n}, basket\n"
        for n in range(first, first + count)
    ]
    return '"""Baskets."""\n\n\n' + "\n\n".join(functions)


class Life:
    """One pull request on one forge: what is pushed, what `kibitz review --post` does, what stands there afterwards.

    ``writes`` counts the requests that say something; ``happens(count)`` is called before each is carried out.
    """

    def __init__(self, name: str, site: Any, module: Any) -> None:
        self.name, self.site, self.module = name, site, module
        made = {
            "github": lambda: module.FakeGitHub({}),
            "gitlab": lambda: module.FakeGitLab({}),
            "bitbucket": lambda: module.FakeBitbucket([]),
            "codecommit": lambda: module.FakeCodeCommit([]),
        }
        self.server = made[name]()
        self.server.before_write = self._about_to_write
        self.happens: Callable[[int], None] = lambda _: None
        self.writes, self._counting = 0, threading.Lock()

    def _about_to_write(self) -> None:
        with self._counting:
            self.writes += 1
            count = self.writes
        self.happens(count)

    def push(self, files: dict[str, str] | None = None) -> None:
        """Push, and let the forge see it."""
        self.site.push(files)
        patches = self.site.patches()
        if self.name == "github":
            self.server.files, self.server.head = patches, self.site.head
        elif self.name == "gitlab":
            old = set(self.site.run("ls-tree", "-r", "--name-only", "main").splitlines())
            self.server.diffs = {
                path: (path if path in old else "", patch) for path, patch in patches.items()
            }
        else:
            self.server.paths = list(patches)

    def start(self, **environ: str) -> subprocess.Popen[str]:
        """Begin a review of the pull request, as a CI job would."""
        outer = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
        span = f"{self.site.run('rev-parse', 'main')}..{self.site.head}"
        return subprocess.Popen(
            [sys.executable, "-m", "kibitz_agent.cli", "review", "--diff", span, "--post", self.name],
            cwd=self.site.work,
            env={**outer, **self.server.environ(**environ), "no_proxy": "127.0.0.1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def review(self, status: int = 0, **environ: str) -> str:
        """Review to the end; what it said of the posting."""
        process = self.start(**environ)
        out, said = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == status, out + said
        return said

    @property
    def inline(self) -> list[str]:
        """The texts of our inline comments, in the order they were written."""
        if self.name == "github":
            return [one["body"] for one in self.server.comments if "in_reply_to_id" not in one]
        if self.name == "gitlab":
            return [one["body"] for one in self.server.comments]
        if self.name == "bitbucket":
            return [one["content"]["raw"] for one in self.server.inline if not one.get("deleted")]
        return [one["comment"]["content"] for one in self.server.inline if not one.get("root")]

    @property
    def marks(self) -> list[str]:
        """The fingerprints that stand inline."""
        return [mark for text in self.inline for mark in fingerprints_in(text)]

    @property
    def summaries(self) -> list[str]:
        """The texts of our summaries that remember or list anything."""
        said = (
            [one["body"] for one in self.server.reviews] if self.name == "github" else self.server.summaries
        )
        return [text for text in said if fingerprints_in(text)]

    @property
    def resolved(self) -> int:
        """How many threads are."""
        if self.name == "github":
            return len(self.server.resolved)
        if self.name == "gitlab":
            return sum(bool(note.get("resolved")) for note in self.server.comments)
        if self.name == "bitbucket":
            return sum(bool(one.get("resolution")) for one in self.server.inline)
        return sum(text.startswith("✓ Fixed.") for text in self.inline)

    def settle_by_hand(self, index: int) -> None:
        """A person resolves the thread of one of our inline comments."""
        if self.name == "github":
            roots = [one for one in self.server.comments if "in_reply_to_id" not in one]
            self.server.resolved[roots[index]["id"]] = "ann"
        elif self.name == "gitlab":
            self.server.comments[index] |= {"resolved": True, "resolved_by": {"id": self.module.ANN}}
        else:
            self.server.inline[index]["resolution"] = {"user": {"uuid": self.module.ANN}}

    def answer(self, text: str) -> None:
        """A person who may write answers below our first inline comment."""
        server = self.server
        if self.name == "github":
            server.say("ann", text, below=server.comments[0]["id"])
        elif self.name == "gitlab":
            place = next(n for n, d in enumerate(server.discussions) if d["notes"][0].get("position"))
            server.say(self.module.ANN, text, place)
        elif self.name == "bitbucket":
            server.say(self.module.ANN, text, server.inline[0]["id"])
        else:
            server.say(self.module.ANN, text, server.inline[0]["comment"]["commentId"])


@pytest.fixture
def site(tmp_path: Path, need: Callable[[str], str], stand_in: Callable[[str], Any]) -> Any:
    return stand_in("bare_repository").BareRepository(tmp_path, need("git"))


@pytest.fixture(params=FORGES)
def life(request: pytest.FixtureRequest, site: Any, stand_in: Callable[[str], Any]) -> Iterator[Life]:
    made = Life(request.param, site, stand_in(f"fake_{request.param}"))
    with made.server:
        yield made


@pytest.fixture
def github(site: Any, stand_in: Callable[[str], Any]) -> Iterator[Life]:
    made = Life("github", site, stand_in("fake_github"))
    with made.server:
        yield made


def test_from_the_first_push_to_the_last_nothing_is_said_twice(life: Life) -> None:
    life.push({"a.py": flawed(3)})
    life.review()
    assert len(life.inline) == 3
    before = life.writes

    life.review()
    assert (len(life.inline), life.writes) == (3, before), "the same push again"

    life.push({"a.py": "# A line more.\n" + flawed(3)})
    life.review()
    assert (len(life.inline), life.writes) == (3, before), "every line moved"

    fixed = "# A line more.\n" + flawed(3).replace("add_1(item, basket=[])", "add_1(item, basket)")
    life.push({"a.py": fixed})
    life.review()
    assert (len(life.inline), life.resolved) == (3, 1), "one is fixed"

    life.answer("/kibitz ignore we know")
    said = life.review()
    assert "1 ignored by request" in said
    assert len(life.inline) == 3
    life.push({"b.py": "import json\n"})
    life.review()
    assert (len(life.inline), life.resolved) == (3, 2), "one is ignored, one is fixed, one stands"


# CodeCommit's threads cannot be resolved.
@pytest.mark.parametrize("life", ["github", "gitlab", "bitbucket"], indirect=True)
def test_what_a_person_resolved_or_talks_about_is_left_to_them(life: Life) -> None:
    life.push({"a.py": flawed(3)})
    life.review()
    life.settle_by_hand(1)
    life.answer("Is that so?")
    before = life.writes
    life.review()
    assert life.writes == before, "resolved by a person although it is still there: stays resolved"
    life.push({"a.py": "# All is well.\n"})
    life.review()
    assert life.resolved == 2, "the one with a reply is not resolved"
    life.push({"a.py": flawed(3)})
    life.review()
    assert life.resolved == 1, "ours is open again, the person's is not"
    assert len(life.inline) == 3


def test_a_rule_that_people_reject_keeps_to_the_summary_and_is_reported(github: Life, tmp_path: Path) -> None:
    feedback = str(tmp_path / "feedback.sqlite")
    for count in (10, 20):
        github.push({"a.py": flawed(count)})
        github.review(KIBITZ_FEEDBACK_FILE=feedback)
    assert len(github.inline) == 20
    for comment in [one for one in github.server.comments if "in_reply_to_id" not in one][:7]:
        github.server.say("ann", "/kibitz ignore no", below=comment["id"])
    github.review(KIBITZ_FEEDBACK_FILE=feedback)
    github.push({"a.py": flawed(22)})
    said = github.review(KIBITZ_FEEDBACK_FILE=feedback)
    assert "mutable-default is only in the summary now: 7 of 20 comments were rejected" in said
    assert len(github.inline) == 20
    (summary,) = github.summaries
    assert "`mutable-default` is told only here: 7 of 20 comments were rejected." in summary


def test_a_rebase_a_squash_and_a_force_push_say_nothing_new(life: Life) -> None:
    life.push({"a.py": flawed(2), "b.py": flawed(1)})
    life.review()
    assert len(life.inline) == 3
    before = life.writes
    run = life.site.run
    run("switch", "-q", "main")
    life.site.commit({"other.py": flawed(4), "c.py": "import os\n"}, "Go on")
    run("push", "-q", "origin", "main")
    run("switch", "-q", "topic")
    run("rebase", "-q", "main")
    life.push()
    life.review()
    run("reset", "-q", "--soft", "main")
    life.site.commit({}, "All in one")
    life.push()
    life.review()
    assert (len(life.inline), life.writes) == (3, before)


def test_a_file_with_another_name_is_the_same_file(life: Life) -> None:
    """Renamed by the change from the start, in a later push, and once more after the change itself had added it."""
    run = life.site.run
    run("switch", "-q", "main")
    life.site.base = life.site.commit({"old.py": "X = 1\n" * 40}, "A file to rename")
    run("push", "-q", "origin", "main")
    run("switch", "-q", "topic")
    run("rebase", "-q", "main")
    life.push({"old.py": "X = 1\n" * 40 + flawed(1), "added.py": flawed(2)})
    life.review()
    assert len(life.inline) == 3
    before = life.writes
    run("mv", "old.py", "renamed.py")
    run("mv", "added.py", "moved.py")
    life.site.commit({}, "Rename them")
    life.push()
    life.review()
    assert (len(life.inline), life.resolved, life.writes) == (3, 0, before)
    life.push({"moved.py": flawed(1)})
    life.review()
    assert (len(life.inline), life.resolved) == (3, 1)


def test_forty_findings_are_ten_comments_and_one_summary(life: Life) -> None:
    life.push({"a.py": flawed(40)})
    life.review()
    assert len(life.inline) == 10
    (summary,) = life.summaries
    assert len(fingerprints_in(summary)) == 30
    life.push({"a.py": flawed(41)})
    life.review()
    assert len(life.summaries) == 1
    said = {mark for text in (*life.inline, *life.summaries) for mark in fingerprints_in(text)}
    assert len(said) == 41


def test_two_runs_at_once_say_everything_once(life: Life) -> None:
    life.push({"a.py": flawed(12)})
    both_are_about_to_write = threading.Barrier(2, timeout=TIMEOUT_S)

    def wait(count: int) -> None:
        # A process waits for the answer to each write, so that the first two are of two processes.
        if count <= 2:
            both_are_about_to_write.wait()

    life.happens = wait
    runs = [life.start() for _ in range(2)]
    ended = [(process.communicate(timeout=TIMEOUT_S)[1], process.returncode) for process in runs]
    assert [status for _, status in ended] == [0, 0], ended
    assert sorted(life.marks) == sorted(set(life.marks))
    assert len(life.marks) == 10
    assert len([text for text in life.summaries if "a.py" in text]) == 1
    before = life.writes
    life.review()
    assert life.writes == before


#: The write before which the run is killed. GitHub takes one review whole, so there a comment is refused and halves are tried.
KILLED_AT = {"github": 7, "gitlab": 5, "bitbucket": 5, "codecommit": 5}


def test_a_run_killed_while_it_posts_is_finished_by_the_next(life: Life) -> None:
    life.push({"a.py": flawed(12)})
    if life.name == "github":
        accepts = life.server._wrong
        life.server._wrong = lambda one: "no" if one["line"] == 4 else accepts(one)
    started: list[subprocess.Popen[str]] = []

    def kill(count: int) -> None:
        if count == KILLED_AT[life.name]:
            started[0].send_signal(signal.SIGKILL)

    life.happens = kill
    started.append(life.start())
    started[0].communicate(timeout=TIMEOUT_S)
    assert started[0].returncode == -signal.SIGKILL
    life.happens = lambda _: None
    before = len(life.marks)
    assert before < 10
    life.review()
    # The request under way when it was killed may have been carried out or not.
    assert len(life.marks) > before
    life.review()
    assert sorted(life.marks) == sorted(set(life.marks))
    remembered = {mark for text in life.summaries for mark in fingerprints_in(text)}
    assert len(remembered.union(life.marks)) == 12
    assert len(life.summaries) == 1


SEVERE = '"""Runs."""\nimport os\n\n\ndef run(word):\n    os.system("ls " + word)\n'


def test_nothing_is_blocked_unless_somebody_asks(github: Life) -> None:
    github.push({"a.py": SEVERE})
    github.review(status=0, KIBITZ_CHECK_RUN="1")
    assert [run["conclusion"] for run in github.server.check_runs] == ["neutral"]
    # A change cannot ask for it, nor against it: the configuration is the base's.
    github.push({"pyproject.toml": '[tool.kibitz]\nfail_on = "high"\n'})
    github.review(status=0)
    run = github.site.run
    run("switch", "-q", "main")
    github.site.commit({"pyproject.toml": '[tool.kibitz]\nfail_on = "high"\n'}, "Ask")
    run("switch", "-q", "-C", "topic")
    github.push({"a.py": SEVERE, "pyproject.toml": '[tool.kibitz]\nfail_on = "never"\n'})
    github.review(status=1, KIBITZ_CHECK_RUN="1")
    assert github.server.check_runs[-1]["conclusion"] == "failure"


def test_a_refused_comment_loses_nothing(github: Life) -> None:
    github.push({"a.py": flawed(6)})
    accepts = github.server._wrong
    github.server._wrong = lambda one: "no" if one["line"] == 14 else accepts(one)
    github.review()
    assert len(github.inline) == 5
    (summary,) = github.summaries
    assert "`a.py`:14" in summary
    assert len(fingerprints_in(summary).union(github.marks)) == 6
    before = github.writes
    github.review()
    assert github.writes == before


def test_a_fork_gets_everything_as_annotations_and_on_the_steps_page(github: Life, tmp_path: Path) -> None:
    github.push({"a.py": flawed(40)})
    github.server.may_write = False
    page = tmp_path / "step.md"
    said = github.review(GITHUB_STEP_SUMMARY=str(page), GITHUB_ACTIONS="true")
    assert github.inline == []
    assert len([line for line in said.splitlines() if line.startswith("::warning file=a.py,line=")]) == 10
    listed = [line for line in page.read_text().splitlines() if line.startswith("- `a.py`:")]
    assert len(set(listed)) == 40
    assert "on the job's own page" in said


def test_a_secondary_limit_is_obeyed_and_a_spent_budget_reported(
    github: Life, stand_in: Callable[[str], Any]
) -> None:
    fault = stand_in("fake_github").Fault
    github.push({"a.py": flawed(3)})
    slow_down = "You have exceeded a secondary rate limit"
    github.server.faults = [fault("POST", "/reviews$", 403, slow_down, {"Retry-After": "2"})]
    times: list[float] = []
    github.happens = lambda _: times.append(time.monotonic())
    github.review()
    assert len(times) == 2
    assert times[1] - times[0] >= 2
    assert len(github.inline) == 3
    github.push({"a.py": flawed(4)})
    spent = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 3000)}
    github.server.faults = [fault("GET", "/pulls/7$", 403, "API rate limit exceeded", spent)]
    process = github.start()
    out, said = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 2
    assert "rate limit is used up: try again in" in said
    assert "add_3" in out
    github.server.faults = []
    github.review()
    assert len(github.inline) == 4
