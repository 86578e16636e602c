"""How hot reviewed code is: joins findings with a profile of the program as it runs, and says it in each finding.

    profile = load("https://collector.example/groups/shop", os.environ)     # or a file: collapsed stacks, pprof
    findings = heated(findings, profile, Blobs(...))

A file of the profile is found by the git blob id of the text that ran, so that neither paths nor revisions need to agree; where
there is none, by the end of its path or by its module's name. In it, a function is found by its qualified name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kibitz_reviewer.finding import Finding, Heat

LEAST_SHARE = 0.001
"""What took less is cold: a sampled share that small is mostly chance."""
_SOURCE_ROOTS = ("", "src/", "lib/")


class HeatError(Exception):
    """The profile cannot be had; the message says why."""


class HeatFileError(HeatError):
    """A file that was named is missing or is no profile."""


@dataclass(frozen=True, slots=True)
class Hot:
    """A function of a profile: ``name`` is ``module:qualname``, or the qualname alone; ``share`` (0 to 1) with all it calls."""

    name: str
    file: str
    share: float


@dataclass(frozen=True, slots=True)
class HeatProfile:
    """What ran: ``where`` in words ("`shop` in the last 7 days"), ``measure`` ("CPU time"), its functions.

    ``blobs``: by file name, the blob ids of the texts that ran.
    """

    where: str
    functions: Sequence[Hot]
    measure: str = "CPU time"
    blobs: Mapping[str, frozenset[str]] = field(default_factory=dict)


def load(source: str, environ: Mapping[str, str]) -> list[HeatProfile]:
    """The profiles of a collector's address (one group's page, or all groups), or of a file. Raises ``HeatError``."""
    from kibitz_reviewer.heat import collector, files

    if source.startswith(("http://", "https://")):
        return collector.load(source, environ.get("KIBITZ_TOKEN", "").strip())
    return [files.load(Path(source))]


def heated(
    findings: Iterable[Finding], profiles: Sequence[HeatProfile], texts: Mapping[str, frozenset[str]]
) -> list[Finding]:
    """``findings``, each with the heat of the function it is in, where that is known and worth a word.

    ``texts``: by reviewed path, the blob ids of that file now and before.
    """
    findings = list(findings)
    paths = {finding.path for finding in findings}
    tables = [(profile, _shares(profile, paths, texts)) for profile in profiles]
    result = []
    for finding in findings:
        key = (finding.path, finding.scope or "<module>")
        best = max(((table.get(key, 0.0), profile) for profile, table in tables), key=lambda one: one[0])
        hot = best[0] >= LEAST_SHARE
        heat = Heat(min(1.0, best[0]), best[1].where, best[1].measure) if hot else None
        result.append(replace(finding, heat=heat) if heat else finding)
    return result


def _shares(
    profile: HeatProfile, paths: set[str], texts: Mapping[str, frozenset[str]]
) -> dict[tuple[str, str], float]:
    """The share of each function, by reviewed path and qualified name."""
    places = _Places(profile, paths, texts)
    shares: dict[tuple[str, str], float] = defaultdict(float)
    for function in profile.functions:
        module, colon, qualname = function.name.rpartition(":")
        path = places.path_of(function.file, module if colon else "")
        if path:
            # The same function of two versions of a file has two entries: their samples do not overlap.
            shares[path, qualname.replace("<locals>.", "")] += function.share
    return shares


class _Places:
    """Which reviewed path a file of the profile is."""

    def __init__(self, profile: HeatProfile, paths: set[str], texts: Mapping[str, frozenset[str]]) -> None:
        by_blob = {blob: path for path in paths for blob in texts.get(path, ())}
        self._by_file = {
            file: by_blob[blob] for file, blobs in profile.blobs.items() for blob in blobs if blob in by_blob
        }
        # The end of a path is telling only with a folder in it: every second package has an `utils.py`.
        self._ends = {path for path in paths if "/" in path}
        self._modules = {module: path for path in paths for module in _modules_of(path)}

    def path_of(self, file: str, module: str) -> str:
        """The path, "" if it is none of those."""
        known = self._by_file.get(file)
        if known is not None:
            return known
        parts = file.replace("\\", "/").split("/")
        for start in range(len(parts) - 1):
            end = "/".join(parts[start:])
            if end in self._ends:
                return end
        return self._modules.get(module, "") if module != "__main__" else ""


def _modules_of(path: str) -> list[str]:
    plain = re.sub(r"(?:/__init__)?\.pyw?\Z", "", path)
    return [
        plain.removeprefix(root).replace("/", ".")
        for root in _SOURCE_ROOTS
        if plain.startswith(root) and plain != root
    ]
