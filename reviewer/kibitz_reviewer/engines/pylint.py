"""pylint as a second source: chosen messages, in its own process, told nothing by the reviewed repository.

pylint puts the folders of reviewed files on its import path and imports lazily, so a reviewed ``toml.py`` could run
inside it. Files are therefore copied under neutral names into an empty folder, which is all pylint ever sees; no rc
file is read, no plugin loaded, no C extension imported.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kibitz_reviewer.finding import Confidence, Finding, Severity

_STAR = re.compile(r"^[ \t]*from[ \t]+\S+[ \t]+import[ \t]*\(?[ \t]*\*", re.MULTILINE)

TIMEOUT_S = 120.0


class PylintError(Exception):
    """pylint could not be run to its end; the message says why."""


@dataclass(frozen=True, slots=True)
class Message:
    """One of pylint's messages as we report it; ``ours`` are rules of ours that say the same and go first."""

    symbol: str
    code: str
    category: str
    severity: Severity
    ours: tuple[str, ...] = ()
    cwe: tuple[int, ...] = ()

    @property
    def rule(self) -> str:
        """The id its findings carry: ``pylint-unreachable``."""
        return f"pylint-{self.symbol}"


# Only what a file shows by itself, and what is a defect rather than a taste.
MESSAGES: dict[str, Message] = {
    message.symbol: message
    for message in (
        Message("assert-on-tuple", "W0199", "correctness", Severity.HIGH),
        Message("assignment-from-no-return", "E1111", "correctness", Severity.MEDIUM),
        Message("bad-except-order", "E0701", "correctness", Severity.MEDIUM),
        Message("bad-format-string-key", "W1300", "correctness", Severity.MEDIUM),
        Message("bad-reversed-sequence", "E0111", "correctness", Severity.HIGH),
        Message("bad-str-strip-call", "E1310", "correctness", Severity.MEDIUM),
        Message("catching-non-exception", "E0712", "correctness", Severity.HIGH),
        Message("cell-var-from-loop", "W0640", "correctness", Severity.MEDIUM),
        Message("comparison-with-callable", "W0143", "correctness", Severity.MEDIUM),
        Message("comparison-with-itself", "R0124", "correctness", Severity.MEDIUM),
        Message("dangerous-default-value", "W0102", "correctness", Severity.MEDIUM, ("mutable-default",)),
        Message("duplicate-argument-name", "E0108", "correctness", Severity.HIGH),
        Message("duplicate-key", "W0109", "correctness", Severity.MEDIUM),
        Message("format-needs-mapping", "E1303", "correctness", Severity.HIGH),
        Message("function-redefined", "E0102", "correctness", Severity.MEDIUM),
        Message("init-is-generator", "E0100", "correctness", Severity.HIGH),
        Message("inconsistent-mro", "E0240", "correctness", Severity.HIGH),
        Message("invalid-slots", "E0238", "correctness", Severity.MEDIUM),
        Message("logging-too-few-args", "E1206", "correctness", Severity.MEDIUM),
        Message("logging-too-many-args", "E1205", "correctness", Severity.MEDIUM),
        Message("lost-exception", "W0150", "correctness", Severity.MEDIUM, ("return-in-finally",)),
        Message("method-hidden", "E0202", "correctness", Severity.MEDIUM),
        Message("missing-format-argument-key", "W1303", "correctness", Severity.HIGH),
        Message(
            "modified-iterating-dict", "E4702", "correctness", Severity.HIGH, ("changed-while-iterating",)
        ),
        Message(
            "modified-iterating-list", "W4701", "correctness", Severity.MEDIUM, ("changed-while-iterating",)
        ),
        Message(
            "modified-iterating-set", "E4703", "correctness", Severity.HIGH, ("changed-while-iterating",)
        ),
        Message("no-self-argument", "E0213", "correctness", Severity.MEDIUM),
        Message("not-callable", "E1102", "correctness", Severity.HIGH),
        Message("notimplemented-raised", "E0711", "correctness", Severity.MEDIUM),
        Message("possibly-used-before-assignment", "E0606", "correctness", Severity.LOW),
        Message("raising-bad-type", "E0702", "correctness", Severity.HIGH),
        Message("raising-non-exception", "E0710", "correctness", Severity.HIGH),
        Message("return-in-init", "E0101", "correctness", Severity.HIGH),
        Message("self-assigning-variable", "W0127", "correctness", Severity.LOW),
        Message("self-cls-assignment", "W0642", "correctness", Severity.LOW),
        Message("too-few-format-args", "E1306", "correctness", Severity.HIGH),
        Message("too-many-format-args", "E1305", "correctness", Severity.HIGH),
        Message("undefined-all-variable", "E0603", "correctness", Severity.MEDIUM),
        Message("undefined-variable", "E0602", "correctness", Severity.HIGH),
        Message("unreachable", "W0101", "correctness", Severity.LOW),
        Message("used-before-assignment", "E0601", "correctness", Severity.HIGH),
        Message("useless-else-on-loop", "W0120", "correctness", Severity.LOW),
        Message("using-constant-test", "W0125", "correctness", Severity.LOW),
        Message("yield-outside-function", "E0105", "correctness", Severity.HIGH),
        Message(
            "consider-using-with",
            "R1732",
            "resources",
            Severity.LOW,
            ("unclosed-file", "unclosed-connection", "lock-not-released"),
        ),
    )
}


def review(sources: Mapping[str, str], timeout_s: float = TIMEOUT_S) -> list[Finding]:
    """pylint's findings in ``sources`` (path to text); raises ``PylintError``."""
    if not sources:
        return []
    with tempfile.TemporaryDirectory(prefix="kibitz-pylint-") as folder:
        root = Path(folder).resolve()
        (root / "reviewed").mkdir()
        (root / "home").mkdir()
        (root / "rc").write_text("[MAIN]\n", encoding="utf-8")
        names: dict[str, str] = {}
        for number, (path, text) in enumerate(sources.items()):
            copy = root / "reviewed" / f"kibitz_reviewed_{number:04}.py"
            copy.write_bytes(_recoded(text).encode("utf-8", "replace"))
            names[copy.name] = path
        answer = _run(root, sorted(names), timeout_s)
    found = [_finding(item, names, sources) for item in answer]
    return [finding for finding in found if finding is not None]


def without_duplicates(ours: Iterable[Finding], theirs: Iterable[Finding]) -> list[Finding]:
    """``theirs`` without what a rule of ours says of the same line."""
    said = {(finding.path, finding.line, finding.rule) for finding in ours}
    kept = []
    for finding in theirs:
        message = MESSAGES[finding.rule.removeprefix("pylint-")]
        if not any((finding.path, finding.line, rule) in said for rule in message.ours):
            kept.append(finding)
    return kept


def _run(root: Path, names: list[str], timeout_s: float) -> list[dict[str, Any]]:
    """Run pylint over the copies and return its messages."""
    command = [
        sys.executable,
        "-I",
        "-m",
        "pylint",
        f"--rcfile={root / 'rc'}",
        "--load-plugins=",
        "--persistent=n",
        "--unsafe-load-any-extension=n",
        "--extension-pkg-allow-list=",
        "--score=n",
        "--output-format=json",
        "--disable=all",
        f"--enable={','.join(sorted(MESSAGES))}",
        *names,
    ]
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYLINT", "PYTHON"))}
    environment = {**kept, "PYLINTHOME": str(root / "home"), "PYLINTRC": str(root / "rc")}
    try:
        done = subprocess.run(
            command,
            cwd=root / "reviewed",
            env=environment,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=timeout_s,
            check=False,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        raise PylintError(f"pylint did not finish within {timeout_s:.0f} s") from None
    except OSError as error:
        raise PylintError(f"pylint could not be started: {error}") from None
    if done.returncode & 32 or not done.stdout.strip():
        reason = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise PylintError(f"pylint failed: {reason[0]}")
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise PylintError("pylint's answer is not JSON") from None
    return [item for item in answer if isinstance(item, dict)]


def _finding(item: dict[str, Any], names: Mapping[str, str], sources: Mapping[str, str]) -> Finding | None:
    message = MESSAGES.get(str(item.get("symbol")))
    path = names.get(Path(str(item.get("path", ""))).name)
    if message is None or path is None:
        return None
    # It looks at copies under other names, which cannot import each other: what a star brings is not known there.
    if item.get("symbol") == "undefined-variable" and _STAR.search(sources[path]):
        return None
    line = int(item.get("line") or 1)
    lines = sources[path].split("\n")
    text = lines[line - 1].rstrip("\r") if line <= len(lines) else ""
    column = int(item.get("column") or 0) + 1
    end_line = int(item.get("endLine") or line)
    end_column = int(item.get("endColumn") or len(text)) + 1
    if end_line != line:
        end_line, end_column = line, len(text) + 1
    return Finding(
        rule=message.rule,
        path=path,
        line=line,
        column=column,
        end_line=end_line,
        end_column=max(end_column, column),
        message=str(item.get("message", "")).splitlines()[0] + ".",
        severity=message.severity,
        category=message.category,
        confidence=Confidence.MEDIUM,
        cwe=message.cwe,
        scope=_scope(str(item.get("obj") or "")),
        snippet=text.strip(),
        source_line=text,
    )


def _scope(name: str) -> str:
    return name if all(part.isidentifier() for part in name.split(".")) else ""


def _recoded(text: str) -> str:
    """The text for a UTF-8 copy: a coding line of another encoding would be a lie there."""
    head, separator, rest = text.partition("\n")
    second, separator2, tail = rest.partition("\n")
    lines = [
        line.replace("coding", "c0ding") if line.lstrip().startswith("#") else line for line in (head, second)
    ]
    return lines[0] + separator + lines[1] + separator2 + tail
