"""What was found in a file the last time, under everything it depends on: its text, its rules, the files it imports."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kibitz_reviewer.duplicates.shape import Shape
from kibitz_reviewer.finding import Confidence, Edit, Finding, Fix, Severity, Step

PACKAGE = Path(__file__).resolve().parent


@functools.cache
def engine() -> str:
    """A hash of the reviewer itself: another version finds other things."""
    digest = hashlib.sha256()
    for file in sorted([*PACKAGE.rglob("*.py"), *PACKAGE.glob("data/*.toml")]):
        digest.update(file.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Known:
    """What a review of a file came to."""

    findings: list[Finding]
    suppressed: int = 0
    shape: Shape | None = None


class Cache:
    """A folder of JSON files, one for each reviewed text. What cannot be read counts as not there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, path: str, text: str, digest_of: Callable[[str], str | None]) -> Known | None:
        """What was found in ``text``; None if they are not known or a file they depend on has changed.

        ``digest_of(path)`` gives the hash of another file as it is now, None if it is not there.
        """
        try:
            document = json.loads(self._place(path, text).read_text(encoding="utf-8"))
            if any(digest_of(other) != digest for other, digest in document["depends"].items()):
                return None
            findings = [_finding(entry) for entry in document["findings"]]
            return Known(findings, document["suppressed"], Shape.of_lists(document["shape"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, path: str, text: str, known: Known, depends: Mapping[str, str | None]) -> None:
        """Remember what was found in ``text``, which holds as long as the files of ``depends`` have these hashes."""
        findings = [asdict(finding) for finding in known.findings]
        document = {
            "depends": dict(depends),
            "findings": findings,
            "suppressed": known.suppressed,
            "shape": None if known.shape is None else known.shape.as_lists(),
        }
        try:
            place = self._place(path, text)
            place.parent.mkdir(parents=True, exist_ok=True)
            temporary = place.with_suffix(".new")
            temporary.write_text(json.dumps(document), encoding="utf-8")
            temporary.replace(place)
        except (OSError, UnicodeError):
            return

    def _place(self, path: str, text: str) -> Path:
        key = f"{engine()}\0{path}\0{text}".encode("utf-8", "surrogatepass")
        name = hashlib.sha256(key).hexdigest()
        return self._folder / name[:2] / f"{name[2:]}.json"


def digest(content: bytes) -> str:
    """The hash of a file's content."""
    return hashlib.sha256(content).hexdigest()


def _finding(entry: dict[str, Any]) -> Finding:
    fix = entry["fix"]
    return Finding(
        **{
            **entry,
            "severity": Severity(entry["severity"]),
            "confidence": Confidence(entry["confidence"]),
            "cwe": tuple(entry["cwe"]),
            "steps": tuple(Step(**step) for step in entry["steps"]),
            "anchor": tuple(entry["anchor"]) if entry["anchor"] else None,
            "fix": Fix(fix["title"], fix["safe"], tuple(Edit(**e) for e in fix["edits"])) if fix else None,
        }
    )
