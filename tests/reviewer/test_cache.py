"""The cache gives back what was found, unless something it depends on has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz_reviewer import runner
from kibitz_reviewer.runner import Review, Target, review

MAIN = "from flask import request\nimport os\nfrom tools import clean\ndef view():\n    os.system(clean(request.args['v']))\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "main.py").write_text(MAIN)
    (folder / "tools.py").write_text("def clean(v):\n    return 'ls'\n")
    return folder


def run(project: Path) -> Review:
    runner._space.cache_clear()
    runner._digest.cache_clear()
    targets = [Target("main.py", project / "main.py")]
    return review(targets, cache=project.parent / "cache")


def test_the_second_run_finds_the_same(project: Path) -> None:
    (project / "main.py").write_text(MAIN + "import yaml\nyaml.load(x)\n")
    first = run(project)
    assert [f.rule for f in first.findings if f.rule == "unsafe-yaml-load"] == ["unsafe-yaml-load"]
    assert run(project).findings == first.findings


def test_an_unchanged_file_is_not_reviewed_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(project)
    monkeypatch.setattr(runner, "review_source", lambda *_, **__: pytest.fail("reviewed again"))
    assert run(project).findings == first.findings


def test_a_changed_import_is_noticed(project: Path) -> None:
    before = {f.rule for f in run(project).findings}
    (project / "tools.py").write_text("def clean(v):\n    return v\n")
    after = {f.rule for f in run(project).findings}
    assert "command-injection" in after - before


def test_a_broken_entry_is_no_harm(project: Path) -> None:
    first = run(project)
    for entry in (project.parent / "cache").rglob("*.json"):
        entry.write_text("{")
    assert run(project).findings == first.findings
