"""`kibitz review --format sarif`, as a process over real files, against the published schema of SARIF 2.1.0."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest

SCHEMA = json.loads((Path(__file__).parent / "data" / "sarif-2.1.0-rtm.5.json").read_text("utf-8"))
FORMATS = jsonschema.FormatChecker(formats=())
# RFC 3986: what is neither reserved nor unreserved is percent-encoded.
_URI_TEXT = re.compile(r"(?:%[0-9A-Fa-f]{2}|[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-])*\Z")

FIXABLE = "import yaml\n\n\ndef read(text, kind):\n    if kind is 'yaml':\n        return yaml.load(text)\n"
UNFIXABLE = (
    "import subprocess\n\n\ndef call(word):\n    return subprocess.call('ls | grep ' + word, shell=True)\n"
)
FILES = {
    "plain.py": FIXABLE,
    "with space/café ☕.py": FIXABLE,
    "100% #1?.py": UNFIXABLE,
    "astral 🐍.py": "# 🐍\n" + UNFIXABLE.replace("'ls '", "'🐍🐍 '"),
    "crlf.py": FIXABLE.replace("\n", "\r\n"),
}


@FORMATS.checks("uri-reference")
def is_uri_reference(value: object) -> bool:
    return not isinstance(value, str) or _URI_TEXT.match(value) is not None


@FORMATS.checks("uri")
def is_uri(value: object) -> bool:
    return is_uri_reference(value) and (
        not isinstance(value, str) or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", value) is not None
    )


VALIDATOR = jsonschema.Draft4Validator(SCHEMA, format_checker=FORMATS)


def errors(log: Any) -> list[str]:
    return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in VALIDATOR.iter_errors(log)]


def review(folder: Path, *words: str) -> tuple[int, Any]:
    command = [sys.executable, "-m", "kibitz_agent.cli", "review", "--format", "sarif", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=240)
    assert done.returncode in (0, 1, 2), done.stderr.decode()
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("project")
    for name, source in FILES.items():
        (top / name).parent.mkdir(exist_ok=True)
        (top / name).write_bytes(source.encode())
    return top


@pytest.fixture(scope="module")
def log(folder: Path) -> Any:
    status, log = review(folder)
    assert status == 1
    return log


def test_a_review_with_and_without_fixes_follows_the_schema(log: Any) -> None:
    assert errors(log) == []
    results = log["runs"][0]["results"]
    assert {"unsafe-yaml-load", "identity-of-literal", "shell-command"} <= {r["ruleId"] for r in results}
    assert any("fixes" in result for result in results)
    assert any("fixes" not in result for result in results)


def test_every_file_is_found_again_from_its_uri(log: Any) -> None:
    places = [result["locations"][0]["physicalLocation"] for result in log["runs"][0]["results"]]
    assert {unquote(place["artifactLocation"]["uri"]) for place in places} == set(FILES)


def test_a_region_in_code_points_holds_its_snippet(log: Any) -> None:
    assert log["runs"][0]["columnKind"] == "unicodeCodePoints"
    results = [result for result in log["runs"][0]["results"] if result["ruleId"] == "shell-command"]
    assert len(results) == 2
    for result in results:
        place = result["locations"][0]["physicalLocation"]
        region = place["region"]
        line = FILES[unquote(place["artifactLocation"]["uri"])].split("\n")[region["startLine"] - 1]
        assert line[region["startColumn"] - 1 : region["endColumn"] - 1] == region["snippet"]["text"]


def test_a_fix_read_from_the_log_alone_repairs_the_file(log: Any) -> None:
    (result,) = [
        result
        for result in log["runs"][0]["results"]
        if result["ruleId"] == "unsafe-yaml-load"
        and result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "plain.py"
    ]
    (change,) = result["fixes"][0]["artifactChanges"]
    lines = FIXABLE.splitlines(keepends=True)
    for replacement in sorted(
        change["replacements"], key=lambda r: r["deletedRegion"]["startLine"], reverse=True
    ):
        region = replacement["deletedRegion"]
        assert (region["startColumn"], region["endColumn"]) == (1, 1)
        lines[region["startLine"] - 1 : region["endLine"] - 1] = [replacement["insertedContent"]["text"]]
    assert "".join(lines) == FIXABLE.replace("yaml.load", "yaml.safe_load")


def test_the_way_of_a_value_is_a_code_flow(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text("def ask():\n    return input()\n\n\nword = ask()\neval(word)\n")
    _, log = review(tmp_path)
    assert errors(log) == []
    (result,) = [r for r in log["runs"][0]["results"] if r["ruleId"] == "code-injection"]
    (flow,) = result["codeFlows"][0]["threadFlows"]
    lines = [place["location"]["physicalLocation"]["region"]["startLine"] for place in flow["locations"]]
    assert (lines[0], lines[-1], len(lines) > 2) == (2, 6, True)
    assert all(place["location"]["message"]["text"] for place in flow["locations"])
    (rule,) = [r for r in log["runs"][0]["tool"]["driver"]["rules"] if r["id"] == "code-injection"]
    assert rule["help"]["markdown"]


def test_what_could_not_be_read_follows_the_schema_too(tmp_path: Path) -> None:
    (tmp_path / "ça casse.py").write_text("def (:\n", encoding="utf-8")
    (tmp_path / "latin.py").write_bytes(b"name = 'caf\xe9'\n")
    _, log = review(tmp_path)
    assert errors(log) == []
    (run,) = log["runs"]
    notes = run["invocations"][0]["toolExecutionNotifications"]
    uris = {note["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for note in notes}
    assert uris == {"%C3%A7a%20casse.py", "latin.py"}


def test_an_empty_review_follows_the_schema(tmp_path: Path) -> None:
    (tmp_path / "fine.py").write_text("WORD = 'fine'\n")
    status, log = review(tmp_path)
    assert (status, errors(log), log["runs"][0]["results"]) == (0, [], [])


def test_an_absolute_path_is_a_file_uri(folder: Path, tmp_path: Path) -> None:
    _, log = review(tmp_path, str(folder / "with space"))
    assert errors(log) == []
    (uri,) = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in log["runs"][0]["results"]
    }
    assert unquote(uri).endswith("with space/café ☕.py")


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("region", "startLine"), 0),
        (("artifactLocation", "uri"), "a b.py"),
        (("artifactLocation", "uri"), "café.py"),
        (("artifactLocation", "path"), "a.py"),
    ],
)
def test_the_validator_refuses_what_the_standard_refuses(log: Any, path: tuple[str, str], wrong: Any) -> None:
    spoilt = json.loads(json.dumps(log))
    spoilt["runs"][0]["results"][0]["locations"][0]["physicalLocation"][path[0]][path[1]] = wrong
    assert errors(spoilt)
