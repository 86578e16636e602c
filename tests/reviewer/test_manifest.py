"""Requirements files and pyproject.toml: what may become something else, and from where."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from kibitz_reviewer.finding import Confidence, Finding
from kibitz_reviewer.manifest import ManifestError, parse
from kibitz_reviewer.runner import Target, review_file
from kibitz_reviewer.sources import is_manifest, is_reviewed, walk

COMMIT = "0123456789" * 4


def findings(text: str, path: str = "requirements.txt", folder: Path = Path("none")) -> list[Finding]:
    content = textwrap.dedent(text).encode()
    return review_file(Target(path, folder / path, content)).findings


def lines(text: str, path: str = "requirements.txt") -> list[int]:
    return [finding.line for finding in findings(text, path)]


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        ("requirements.txt", True),
        ("a/requirements-prod.txt", True),
        ("a/requirements/base.txt", True),
        ("a/pyproject.toml", True),
        ("notes.txt", False),
        ("my_requirements.txt", False),
        ("setup.cfg", False),
    ],
)
def test_manifests_are_known_by_their_names(path: str, is_one: bool) -> None:
    assert is_manifest(path) is is_one
    assert is_reviewed(path) is is_one


def test_open_versions_are_told_once_in_a_file() -> None:
    (finding,) = findings("# what we need\nflask==3.0\nrequests\nurllib3>=2  # new\n")
    assert (finding.rule, finding.line) == ("unpinned-dependency", 3)
    assert "`requests` and 1 more" in finding.message


@pytest.mark.parametrize(
    "text",
    [
        "flask==3.0\nurllib3>=2,<3\nyarl~=1.9\nidna === 3.7\nanyio[trio]==4.*; python_version > '3.8'\n",
        "flask \\\n    --hash=sha256:aa\n",
        "-c constraints.txt\nflask\n",
        "-e .\n./libs/own\nhttps://example.org/own-1.0.whl\n-r base.txt\n",
        f"git+https://example.org/own.git@{COMMIT}#egg=own\n",
        "own @ https://example.org/own-1.0.whl#sha256=aa\nown @ file:///srv/own\n",
        "--index-url https://pypi.example.org/simple\nown==1\n",
        "flask  # kibitz: ignore[unpinned-dependency] always the newest\n",
        "",
    ],
)
def test_what_is_bounded_or_answered_is_not_told(text: str) -> None:
    assert lines(text) == []


@pytest.mark.parametrize("path", ["requirements-dev.txt", "tests/requirements.txt", "requirements/docs.txt"])
def test_tools_and_tests_may_have_what_they_like(path: str) -> None:
    assert lines("flask\n", path) == []


def test_a_lock_file_fixes_all_versions(tmp_path: Path) -> None:
    assert len(findings("flask\n", folder=tmp_path)) == 1
    (tmp_path / "uv.lock").write_text("")
    assert findings("flask\n", folder=tmp_path) == []


def test_indexes_and_hosts_that_let_others_in_are_told() -> None:
    text = """\
        --extra-index-url https://pypi.example.org/simple
        --trusted-host pypi.example.org
        --index-url=http://pypi.example.org/simple
        own==1 \\
            ; python_version > "3.8"
        git+https://example.org/own.git@main
        """
    assert lines(text) == [1, 2, 3, 6]


def test_pyproject_tells_of_dependencies_without_any_version() -> None:
    text = """\
        [build-system]
        requires = ["setuptools"]
        [project]
        name = "own"
        dependencies = [
            "flask>=3",
            "requests",
        ]
        """
    (finding,) = findings(text, "pyproject.toml")
    assert (finding.line, finding.confidence) == (7, Confidence.LOW)
    assert findings(text.replace('"requests",', '"requests>=2",'), "pyproject.toml") == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[tool.uv]\nindex-strategy = "unsafe-best-match"\n', 2),
        ('[[tool.uv.index]]\nname = "own"\nurl = "http://pypi.example.org"\n', 3),
        (
            '[[tool.poetry.source]]\nname = "own"\nurl = "https://pypi.example.org"\npriority = "secondary"\n',
            3,
        ),
        ('[[tool.pdm.source]]\nurl = "https://pypi.example.org"\nverify_ssl = false\n', 2),
    ],
)
def test_pyproject_tells_of_indexes(text: str, line: int) -> None:
    assert lines(text, "pyproject.toml") == [line]
    assert lines('[[tool.uv.index]]\nurl = "https://pypi.example.org"\n', "pyproject.toml") == []


def test_what_is_no_toml_is_told_as_broken() -> None:
    result = review_file(Target("pyproject.toml", Path("pyproject.toml"), b"[tool\n"))
    assert [problem.broken for problem in result.problems] == [True]
    with pytest.raises(ManifestError):
        parse("[" * 10_000, "pyproject.toml")


@pytest.mark.parametrize(
    "text", ["[project]\ndependencies = 1\n", "[tool]\nuv = 1\n", "project = 1\ntool = 2\n"]
)
def test_toml_of_another_shape_is_no_mistake_of_ours(text: str) -> None:
    result = review_file(Target("pyproject.toml", Path("pyproject.toml"), text.encode()))
    assert (result.findings, result.problems) == ([], [])


def test_only_changed_lines_are_told() -> None:
    target = Target("requirements.txt", Path("requirements.txt"), b"flask\n", frozenset({2}))
    assert review_file(target).findings == []


def test_a_walk_finds_them(tmp_path: Path) -> None:
    for name in ("requirements.txt", "pyproject.toml", "notes.txt", "a.py"):
        (tmp_path / name).write_text("")
    assert [path.name for path, _ in walk(tmp_path)] == ["a.py", "pyproject.toml", "requirements.txt"]
