"""Configuration: the nearest table wins, AWS's files are honoured, a change cannot configure its own review."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kibitz_reviewer.config import ConfigError, Configuration, for_review
from kibitz_reviewer.finding import Confidence, Finding, Severity, fingerprinted


def finding(path: str, rule: str = "mutable-default", severity: Severity = Severity.MEDIUM) -> Finding:
    (made,) = fingerprinted([Finding(rule, path, 1, 1, 1, 2, "m", severity, "correctness", cwe=(665,))])
    return made


def of(files: dict[str, str]) -> Configuration:
    return Configuration(lambda path: files[path].encode() if path in files else None)


def kept(config: Configuration, *findings: Finding) -> list[str]:
    return [one.path for one in config.kept(findings)]


def test_nothing_said_keeps_everything() -> None:
    assert kept(of({}), finding("a.py"), finding("b/c.py")) == ["a.py", "b/c.py"]


def test_the_nearest_table_wins_key_by_key() -> None:
    config = of(
        {
            "pyproject.toml": "[tool.kibitz]\nmin_severity = 'high'\n[tool.kibitz.rules]\nx-rule = 'off'\n",
            "api/pyproject.toml": "[tool.kibitz]\nmin_severity = 'low'\n",
        }
    )
    assert kept(config, finding("a.py"), finding("api/deep/b.py"), finding("api/c.py", "x-rule")) == [
        "api/deep/b.py"
    ]


def test_exclusions_add_up_and_are_relative_to_their_file() -> None:
    config = of(
        {
            "pyproject.toml": "[tool.kibitz]\nexclude = ['docs/**']\n",
            "api/pyproject.toml": "[tool.kibitz]\nexclude = ['gen']\n",
        }
    )
    paths = ["docs/a.py", "api/gen/b.py", "gen/c.py", "api/d.py"]
    assert kept(config, *map(finding, paths)) == ["gen/c.py", "api/d.py"]


def test_a_rule_can_weigh_more_or_less() -> None:
    config = of({"pyproject.toml": "[tool.kibitz.rules]\nmutable-default = 'critical'\n"})
    assert config.kept([finding("a.py")])[0].severity is Severity.CRITICAL


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.kibitz]\nexcluded = []\n", "knows .*exclude"),
        ("[tool.kibitz]\nmax_inline = -1\n", "0 to 100"),
        ("[tool.kibitz]\nreview_bots = 'yes'\n", "true or false"),
        ("[tool.kibitz.rules]\nx = 'loud'\n", "expected a severity"),
        ("[tool.kibitz\n", "pyproject.toml: "),
    ],
)
def test_a_mistake_is_named(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        _ = of({"pyproject.toml": text}).top


def test_aws_reviewer_file_excludes_files() -> None:
    text = "version: 1.0\n\nexcludeFiles:\n  - tests/**\n  - **/gen_*.py   # made by a program\n  - 'docs/'\n"
    config = of({"aws-codeguru-reviewer.yml": text})
    paths = ["tests/a/b.py", "x/y/gen_a.py", "gen_b.py", "docs/conf.py", "src/a.py"]
    assert kept(config, *map(finding, paths)) == ["src/a.py"]


def test_codeguru_ignore_file_is_honoured() -> None:
    text = """
version: 1.0
ExcludeFiles:
- legacy/**
ExcludeBelowSeverity: medium
ExcludeTags:
  - cwe-1
ExcludeRecommendations:
  - detectorId: 'python/sql-injection@v1.0'
  - detectorId: mutable-default
    Locations:
      - scripts/*.py
      - tools/**
"""
    config = of({".codeguru-ignore.yml": text})
    assert kept(
        config,
        finding("legacy/a.py"),
        finding("b.py", severity=Severity.LOW),
        finding("scripts/c.py"),
        finding("scripts/deep/d.py"),
        finding("e.py", "sql-from-strings"),
        finding("f.py", "shell-command"),
    ) == ["scripts/deep/d.py", "f.py"]


def test_one_finding_is_excluded_by_its_id() -> None:
    one = finding("a.py")
    config = of({".codeguru-ignore.yml": f"ExcludeById:\n  - {one.fingerprint[:12]}\n"})
    assert kept(config, one, finding("b.py")) == ["b.py"]


def test_a_broken_aws_file_is_named() -> None:
    with pytest.raises(ConfigError, match=r"\.codeguru-ignore\.yml: line 1"):
        of({".codeguru-ignore.yml": "&anchor\n"})


def test_a_change_cannot_configure_its_own_review(tmp_path: Path, need: Callable[[str], str]) -> None:
    def git(*words: str) -> None:
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run([need("git"), *who, *words], cwd=tmp_path, check=True, capture_output=True)

    quiet = "[tool.kibitz.rules]\nmutable-default = 'off'\n"
    git("init", "-q", "-b", "main")
    (tmp_path / "a.py").write_text("x = 1\n")
    git("add", ".")
    git("commit", "-qm", "Before")
    git("switch", "-qc", "topic")
    (tmp_path / "pyproject.toml").write_text(quiet)
    (tmp_path / ".codeguru-ignore.yml").write_text("ExcludeFiles:\n- '**'\n")
    git("add", ".")
    git("commit", "-qm", "Hush")
    assert kept(for_review("main..topic", tmp_path), finding("a.py")) == ["a.py"]
    assert kept(for_review("main", tmp_path), finding("a.py")) == ["a.py"]
    assert kept(for_review(None, tmp_path), finding("a.py")) == []


def test_a_link_is_not_followed_for_configuration(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.toml").write_text("[tool.kibitz]\nmax_inline = 3\n")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "pyproject.toml").symlink_to(tmp_path / "elsewhere.toml")
    assert for_review(None, tmp_path / "tree").top.max_inline == 10


def test_patterns_say_what_holds_for_some_files() -> None:
    config = of(
        {
            "pyproject.toml": "[tool.kibitz.rules]\nx-rule = 'low'\n"
            "[tool.kibitz.paths.'tests/**']\nmin_severity = 'high'\n"
            "[tool.kibitz.paths.'**/generated_*.py']\nrules = { mutable-default = 'off' }\n",
            "api/pyproject.toml": "[tool.kibitz.paths.'old/*']\nmin_confidence = 'high'\n",
        }
    )
    paths = ["a.py", "tests/a.py", "lib/generated_a.py", "api/a.py", "old/a.py"]
    assert kept(config, *(finding(path) for path in paths)) == ["a.py", "api/a.py", "old/a.py"]
    unsure = replace(finding("api/old/a.py"), confidence=Confidence.MEDIUM)
    assert kept(config, unsure, finding("api/old/a.py"), replace(unsure, path="api/a.py")) == [
        "api/old/a.py",
        "api/a.py",
    ]
    (changed,) = config.kept([finding("lib/generated_a.py", "x-rule")])
    assert changed.severity is Severity.LOW


def test_a_published_id_names_a_rule_in_the_configuration() -> None:
    text = "[tool.kibitz.rules]\n'python/sql-injection@v1.0' = 'off'\n"
    assert kept(of({"pyproject.toml": text}), finding("a.py", "sql-injection")) == []


@pytest.mark.parametrize(
    "text",
    [
        "min_confidence = 'sure'",
        "fail_on = 'always'",
        "paths = 1",
        "[tool.kibitz.paths]\n'a/**' = 1",
        "[tool.kibitz.paths.'a/**']\nexclude = ['b']",
        "[tool.kibitz.paths.'a/**']\nmin_severity = 'huge'",
    ],
)
def test_what_cannot_be_is_refused_with_its_key(text: str) -> None:
    with pytest.raises(ConfigError, match=r"pyproject\.toml"):
        of({"pyproject.toml": f"[tool.kibitz]\n{text}\n"}).kept([finding("a.py")])


def test_a_tree_says_what_fails_its_review() -> None:
    assert of({}).top.fail_on == ""
    assert of({"pyproject.toml": "[tool.kibitz]\nfail_on = 'Never'\n"}).top.fail_on == "never"
