"""What the documentation tells CI systems to run, run: the Action's step, GitLab's, Bitbucket's and CodeBuild's, a hook's."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kibitz_reviewer.forges.plan import lines_of

session = pytest.importorskip("botocore.session")
validate = pytest.importorskip("botocore.validate")

BEFORE = "import json\n"
AFTER = "import json\nimport subprocess\n\n\ndef run(word, words=[]):\n    words.append(word)\n    return subprocess.call('ls ' + word, shell=True)\n"


class Work:
    """A clone with an origin, its ``main`` and one commit on top."""

    def __init__(self, top: Path, git: str) -> None:
        self.top, self._git = top / "clone", git
        subprocess.run([git, "init", "-q", "--bare", str(top / "origin")], check=True)
        self.top.mkdir()
        self.git("init", "-q", "-b", "main")
        self.git("remote", "add", "origin", str(top / "origin"))
        self.base = self.commit(BEFORE)
        self.git("push", "-q", "origin", "main")
        self.git("switch", "-q", "-c", "topic")
        self.head = self.commit(AFTER)
        self.git("push", "-q", "origin", "topic")

    def git(self, *words: str) -> str:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            [self._git, *who, *words], cwd=self.top, env=clean, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, text: str) -> str:
        (self.top / "a.py").write_text(text)
        self.git("add", "a.py")
        self.git("commit", "-q", "-m", "Change it")
        return self.git("rev-parse", "HEAD")

    @property
    def diff(self) -> str:
        text = self.git("diff", "main", "topic", "--", "a.py")
        return text[text.index("@@") :]

    def shell(self, script: str, **environ: str) -> subprocess.CompletedProcess[str]:
        ours = ("GITHUB_", "GIT_", "CI_", "GITLAB_", "BITBUCKET_", "CODEBUILD_", "AWS_", "KIBITZ_")
        outer = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        outer["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{outer['PATH']}"
        outer["no_proxy"] = "127.0.0.1"
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.top,
            env={**outer, **environ},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )


@pytest.fixture
def work(tmp_path: Path, need: Callable[[str], str]) -> Work:
    need("bash")
    return Work(tmp_path, need("git"))


@pytest.fixture(scope="module")
def snippets(root: Path) -> list[Any]:
    """The YAML blocks of the page on pull requests."""
    text = (root / "docs" / "pull-requests.md").read_text()
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]


def review_line(commands: list[str]) -> str:
    (line,) = [command for command in commands if command.startswith("kibitz review")]
    return line


def test_the_action_reviews_once(
    work: Work, stand_in: Callable[[str], Any], root: Path, tmp_path: Path
) -> None:
    step = yaml.safe_load((root / "action.yml").read_text())["runs"]["steps"][1]
    program = tmp_path / "runner" / "kibitz" / "bin"
    program.mkdir(parents=True)
    (program / "kibitz").symlink_to(Path(sys.executable).parent / "kibitz")
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7, "head": {"sha": work.head}}}))
    work.git("checkout", "-q", work.base)
    with stand_in("fake_github").FakeGitHub({"a.py": work.diff}, head=work.head) as github:
        environ = {
            **github.environ(GITHUB_EVENT_PATH=str(event), GITHUB_ACTIONS="true"),
            "RUNNER_TEMP": str(tmp_path / "runner"),
            "FAIL_ON": "never",
            "KIBITZ_CHECK_RUN": "1",
            "KIBITZ_SARIF_UPLOAD": "0",
            "BASE": work.base,
            "HEAD": work.head,
        }
        assert set(step["env"]) <= set(environ)
        first = work.shell(step["run"], **environ)
        assert first.returncode == 0, first.stderr
        said = len(github.comments)
        second = work.shell(step["run"], **environ)
    assert said == len(github.comments) >= 2
    assert "nothing new to post" in second.stderr
    assert len(github.check_runs) == 2
    assert {comment["line"] for comment in github.comments} <= set(lines_of(work.diff))


def test_the_action_reviews_a_fork_after_the_workflow_that_ran_for_it(
    work: Work, stand_in: Callable[[str], Any], root: Path, tmp_path: Path
) -> None:
    step = yaml.safe_load((root / "action.yml").read_text())["runs"]["steps"][1]
    program = tmp_path / "runner" / "kibitz" / "bin"
    program.mkdir(parents=True)
    (program / "kibitz").symlink_to(Path(sys.executable).parent / "kibitz")
    event = tmp_path / "event.json"
    # What GitHub says of a fork's run: no pull request, but its head. The artifacts would be the fork's to forge.
    run = {"event": "pull_request", "head_sha": work.head, "pull_requests": [], "head_branch": "topic"}
    event.write_text(
        json.dumps({"action": "completed", "workflow_run": run, "repository": {"default_branch": "main"}})
    )
    work.git("push", "-q", "origin", "topic:refs/pull/7/head", ":topic")
    work.git("checkout", "-q", work.base)
    with stand_in("fake_github").FakeGitHub({"a.py": work.diff}, head=work.head) as github:
        environ = {
            **github.environ(
                GITHUB_EVENT_PATH=str(event), GITHUB_ACTIONS="true", GITHUB_REF="refs/heads/main"
            ),
            "RUNNER_TEMP": str(tmp_path / "runner"),
            "FAIL_ON": "never",
            "KIBITZ_CHECK_RUN": "0",
            "KIBITZ_SARIF_UPLOAD": "0",
            "BASE": "main",
            "HEAD": work.head,
        }
        done = work.shell(step["run"], **environ)
        assert done.returncode == 0, done.stderr
        assert len(github.comments) >= 2
        github.head = "f" * 40
        late = work.shell(step["run"], **environ)
    assert late.returncode == 2
    assert "pushed again, merged or closed meanwhile" in late.stderr


def test_gitlabs_job_posts(work: Work, stand_in: Callable[[str], Any], snippets: list[Any]) -> None:
    (job,) = [one["review"] for one in snippets if "review" in one]
    with stand_in("fake_gitlab").FakeGitLab({"a.py": ("a.py", work.diff)}) as gitlab:
        environ = gitlab.environ(CI_MERGE_REQUEST_DIFF_BASE_SHA=work.base, CI_COMMIT_SHA=work.head)
        done = work.shell(review_line(job["script"]), **environ)
    assert done.returncode == 0, done.stderr
    assert len(gitlab.comments) >= 2
    assert gitlab.notifications == 1


def test_bitbuckets_step_posts(work: Work, stand_in: Callable[[str], Any], snippets: list[Any]) -> None:
    (pipelines,) = [one["pipelines"] for one in snippets if "pipelines" in one]
    script = pipelines["pull-requests"]["**"][0]["step"]["script"]
    with stand_in("fake_bitbucket").FakeBitbucket(["a.py"]) as bitbucket:
        done = work.shell(review_line(script), **bitbucket.environ(BITBUCKET_PR_DESTINATION_BRANCH="main"))
    assert done.returncode == 0, done.stderr
    assert len(bitbucket.inline) >= 2
    assert len(bitbucket.annotations) >= 2


def valid(service: str, operation: str, given: dict[str, Any]) -> None:
    """``given`` is what the service's own description asks for."""
    shape = session.get_session().get_service_model(service).operation_model(operation).input_shape
    report = validate.ParamValidator().validate(given, shape)
    assert not report.has_errors(), report.generate_report()
    assert set(given) <= set(shape.members)


def build_started(root: Path, work: Work) -> dict[str, str]:
    """The variables of the build that EventBridge starts for a pull request, by the transformer of the page."""
    text = (root / "docs" / "pull-requests.md").read_text()
    transformer = json.loads(re.findall(r"```json\n(.*?)```", text, re.DOTALL)[0])
    target = {
        "Id": "1",
        "Arn": "arn:aws:codebuild:us-east-1:123456789012:project/kibitz",
        "InputTransformer": transformer,
    }
    valid("events", "PutTargets", {"Rule": "kibitz", "Targets": [target]})
    # What CodeCommit sends, as its documentation shows it.
    event = {"detail": {"pullRequestId": "7", "destinationCommit": work.base, "sourceCommit": work.head}}
    template = transformer["InputTemplate"]
    for name, path in transformer["InputPathsMap"].items():
        *_, key = path.split(".")
        template = template.replace(f"<{name}>", event["detail"][key])
    started = json.loads(template)
    valid("codebuild", "StartBuild", {"projectName": "kibitz", **started})
    assert started["sourceVersion"] == work.head
    return {one["name"]: one["value"] for one in started["environmentVariablesOverride"]}


def test_codepipelines_gate_lets_through_what_is_clean_and_stops_what_is_not(
    work: Work, snippets: list[Any]
) -> None:
    _, spec = (one for one in snippets if one.get("version") == 0.2)
    (pipeline,) = [one for one in snippets if "stages" in one]
    declared = {"name": "shop", "roleArn": "arn:aws:iam::123456789012:role/pipeline", **pipeline}
    store = {"type": "S3", "location": "artifacts"}
    valid("codepipeline", "CreatePipeline", {"pipeline": {**declared, "artifactStore": store}})
    source, gate = (stage["actions"][0] for stage in pipeline["stages"])
    assert gate["inputArtifacts"] == source["outputArtifacts"]
    assert source["configuration"]["OutputArtifactFormat"] == "CODEBUILD_CLONE_REF", (
        "the gate needs the history"
    )
    line = review_line(spec["phases"]["build"]["commands"])
    stopped = work.shell(line, **spec["env"]["variables"])
    assert stopped.returncode == 1
    assert "shell-command" in stopped.stdout
    work.commit(AFTER + "\n\ndef more(words):\n    return len(words)\n")
    passed = work.shell(line, **spec["env"]["variables"])
    assert passed.returncode == 0, "what was there before stops nobody"


def test_codebuilds_phase_posts_and_gates(
    work: Work, stand_in: Callable[[str], Any], snippets: list[Any], root: Path
) -> None:
    spec, _ = (one for one in snippets if one.get("version") == 0.2)
    with stand_in("fake_codecommit").FakeCodeCommit(["a.py"]) as codecommit:
        environ = codecommit.environ(
            CODEBUILD_BUILD_ID="review:1",
            CODEBUILD_SOURCE_REPO_URL="https://git-codecommit.us-east-1.amazonaws.com/v1/repos/shop",
            **{"KIBITZ_APPROVE": "1", **spec["env"]["variables"], **build_started(root, work)},
        )
        done = work.shell(review_line(spec["phases"]["build"]["commands"]), **environ)
    assert done.returncode == 1, done.stderr
    assert len(codecommit.inline) >= 2
    assert codecommit.states == ["REVOKE"]
    (artifact,) = spec["artifacts"]["files"]
    assert json.loads((work.top / artifact).read_text())["version"] == "2.1.0"


def test_the_hook_reads_the_files_it_is_given(work: Work, root: Path) -> None:
    (hook,) = yaml.safe_load((root / ".pre-commit-hooks.yaml").read_text())
    done = work.shell(f"{hook['entry']} a.py")
    assert done.returncode == 1
    assert "shell-command" in done.stdout


def test_the_workflow_and_the_hook_of_the_page_are_whole(snippets: list[Any], root: Path) -> None:
    # YAML 1.1 reads the key `on` as true.
    review, ask, after = (one for one in snippets if "jobs" in one)
    assert ask["permissions"] == {}
    assert review["permissions"] == after["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert after[True]["workflow_run"]["workflows"] == [ask["name"]]
    assert not [step for step in ask["jobs"]["ask"]["steps"] if "uses" in step], (
        "what runs for a fork does nothing"
    )
    (hooks,) = [one for one in snippets if "repos" in one]
    (hook,) = yaml.safe_load((root / ".pre-commit-hooks.yaml").read_text())
    assert hooks["repos"][0]["hooks"] == [{"id": hook["id"]}]
