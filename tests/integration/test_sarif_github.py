"""SARIF as GitHub's code scanning takes it: what it asks beyond the standard, checked here and by SARIF's own examiner."""

from __future__ import annotations

import base64
import gzip
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

EXAMINER = "@microsoft/sarif-multitool-linux@5.7.0"
SINS = """import subprocess

import yaml


def read(text, kind, more=[]):
    if kind is "yaml":
        return yaml.load(text)
    return subprocess.call("ls " + text, shell=True)
"""
FLOW = """import subprocess

from flask import request


def run():
    word = request.args["word"]
    return subprocess.call("ls " + word, shell=True)
"""
OURS = ("GITHUB_", "GIT_", "GH_", "KIBITZ_")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A review with fixes, flows, odd names and a file that does not parse."""
    top = tmp_path_factory.mktemp("project")
    for name, text in (
        ("a.py", SINS),
        ("with space/café #1.py", SINS),
        ("flow.py", FLOW),
        ("broken.py", "def f(:\n"),
    ):
        (top / name).parent.mkdir(exist_ok=True)
        (top / name).write_text(text)
    command = [sys.executable, "-m", "kibitz_agent.cli", "review", ".", "--format", "sarif"]
    done = subprocess.run(command, cwd=top, capture_output=True, check=False, timeout=240)
    return json.loads(done.stdout)


def complaints(log: Any) -> list[str]:
    """What code scanning would refuse, cut, or be unable to show."""
    found: list[str] = []

    def must(holds: bool, text: str) -> None:
        if not holds:
            found.append(text)

    must(log["version"] == "2.1.0", "version")
    must(len(log["runs"]) <= 20, "more than 20 runs")
    for run in log["runs"]:
        rules = run["tool"]["driver"]["rules"]
        must(run["automationDetails"]["id"].endswith("/"), "a category ends in a slash")
        must(len(rules) <= 25_000 and len(run["results"]) <= 25_000, "too many rules or results")
        for rule in rules:
            _check_rule(rule, must)
        for result in run["results"]:
            must(rules[result["ruleIndex"]]["id"] == result["ruleId"], f"{result['ruleId']}: index")
            _check_result(result, must)
    return found


def _check_rule(rule: dict[str, Any], must: Callable[[bool, str], None]) -> None:
    name, facts = rule["id"], rule["properties"]
    must(0 < len(rule["shortDescription"]["text"]) <= 1024, f"{name}: shortDescription")
    must(0 < len(rule["fullDescription"]["text"]) <= 1024, f"{name}: fullDescription")
    must(bool(rule["help"]["text"]) and bool(rule["help"]["markdown"]), f"{name}: help")
    must(len(name) <= 255 and len(rule["name"]) <= 255, f"{name}: name")
    must(len(facts["tags"]) <= 10, f"{name}: more than 10 tags")
    must(facts["precision"] in ("very-high", "high", "medium", "low"), f"{name}: precision")
    must(rule["defaultConfiguration"]["level"] in ("note", "warning", "error"), f"{name}: level")
    if "security" in facts["tags"]:
        must(0.0 < float(facts["security-severity"]) <= 10.0, f"{name}: security-severity")
    else:
        must(facts["problem.severity"] in ("error", "warning", "recommendation"), f"{name}: problem.severity")


def _check_result(result: dict[str, Any], must: Callable[[bool, str], None]) -> None:
    name = result["ruleId"]
    must(bool(result["message"]["text"]), f"{name}: message")
    must(1 <= len(result["locations"]) <= 10, f"{name}: locations")
    must(bool(result["partialFingerprints"]["primaryLocationLineHash"]), f"{name}: fingerprint")
    steps = [
        one for flow in result.get("codeFlows", []) for way in flow["threadFlows"] for one in way["locations"]
    ]
    must(len(steps) <= 10_000, f"{name}: steps")
    places = [
        one["physicalLocation"] for one in (*result["locations"], *(step["location"] for step in steps))
    ]
    for place in places:
        uri, region = unquote(place["artifactLocation"]["uri"]), place["region"]
        must(
            not uri.startswith(("/", "file:")) and "\\" not in uri and ".." not in uri.split("/"),
            f"{name}: {uri}",
        )
        must(place["artifactLocation"]["uriBaseId"] == "%SRCROOT%", f"{name}: base")
        must(
            min(region[key] for key in ("startLine", "startColumn", "endLine", "endColumn")) >= 1,
            f"{name}: region",
        )


def test_code_scanning_has_nothing_to_complain_of(log: Any) -> None:
    assert complaints(log) == []
    results = log["runs"][0]["results"]
    assert any("codeFlows" in one for one in results)
    assert any("fixes" in one for one in results)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda run: run["tool"]["driver"]["rules"][0].pop("help") and run, "help"),
        (
            lambda run: run["results"][0]["partialFingerprints"].pop("primaryLocationLineHash"),
            "primaryLocationLineHash",
        ),
        (lambda run: run.pop("automationDetails"), "automationDetails"),
    ],
)
def test_the_check_notices_what_is_missing(log: Any, change: Callable[[Any], Any], said: str) -> None:
    spoiled = json.loads(json.dumps(log))
    change(spoiled["runs"][0])
    with pytest.raises(KeyError, match=said):
        complaints(spoiled)


@pytest.fixture(scope="module")
def examiner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examiner that knows GitHub's rules, from npm: a second opinion, of 100 MB, that CI too can do without.

    The schema and `complaints` above hold everywhere.
    """
    if shutil.which("npm") is None or platform.machine() != "x86_64":
        pytest.skip("npm on x86_64 is missing")
    folder = tmp_path_factory.mktemp("examiner")
    command = [
        "npm",
        "install",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--prefix",
        str(folder),
        EXAMINER,
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm takes too long to bring {EXAMINER}")
    program = folder / "node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool"
    if done.returncode or not program.exists():
        pytest.skip(f"{EXAMINER} cannot be had from npm: {done.stderr.strip()[-200:]}")
    program.chmod(0o755)
    return program


def test_the_examiner_finds_no_error_and_nothing_against_githubs_rules(
    log: Any, examiner: Path, tmp_path: Path
) -> None:
    file, verdict = tmp_path / "ours.sarif", tmp_path / "verdict.sarif"

    def examined(text: Any) -> list[tuple[str, str]]:
        file.write_text(json.dumps(text))
        done = subprocess.run(
            [
                *(str(examiner), "validate", str(file), "--rule-kind", "Sarif;Ghas"),
                *("--level", "Error;Warning;Note", "--output", str(verdict), "--log", "ForceOverwrite"),
            ],
            env={**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert verdict.exists(), done.stdout + done.stderr
        results = json.loads(verdict.read_text("utf-8-sig"))["runs"][0]["results"]
        return [(one["ruleId"], one.get("level", "warning")) for one in results]

    found = examined(log)
    assert [one for one in found if one[1] == "error" or one[0].startswith("GH")] == []
    spoiled = json.loads(json.dumps(log))
    for rule in spoiled["runs"][0]["tool"]["driver"]["rules"]:
        del rule["help"]
    assert [one for one in examined(spoiled) if one[0].startswith("GH")], (
        "the examiner looks at GitHub's rules"
    )


def test_an_upload_stays_within_what_code_scanning_takes(
    tmp_path: Path, need: Callable[[str], str], stand_in: Callable[[str], Any]
) -> None:
    site = stand_in("bare_repository").BareRepository(tmp_path, need("git"))
    many = "\n\n".join(f"def add_{n}(item, basket=[]):\n    return [*basket, item]\n" for n in range(5_300))
    site.push({"many.py": many, "a.py": SINS})
    outer = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
    with stand_in("fake_github").FakeGitHub(site.patches(), head=site.head) as github:
        command = [
            sys.executable,
            "-m",
            "kibitz_agent.cli",
            "review",
            "--diff",
            "main..HEAD",
            "--post",
            "github",
        ]
        done = subprocess.run(
            command,
            cwd=site.work,
            env={**outer, **github.environ(KIBITZ_SARIF_UPLOAD="1"), "no_proxy": "127.0.0.1"},
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        (upload,) = github.sarifs
    packed = base64.b64decode(upload["sarif"])
    assert len(packed) < 10_000_000
    sent = json.loads(gzip.decompress(packed))
    assert complaints(sent) == []
    results = sent["runs"][0]["results"]
    assert len(results) == 5_000
    assert {one["ruleId"] for one in results} >= {"shell-command", "unsafe-yaml-load"}, (
        "the weightiest are sent"
    )
