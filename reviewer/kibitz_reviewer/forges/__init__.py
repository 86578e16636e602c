"""The forges that host pull requests: each knows how to put findings on one as a review, one module each.

    forge = connect("github", os.environ)
    posted = forge.publish(findings)

A forge keeps no state of its own: what was said before is read back from the pull request, so that a run in CI, on a
laptop or on a server gives the same result, and a second run says nothing twice.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from kibitz_reviewer.finding import Finding

FORGES = {"github": "kibitz_reviewer.forges.github"}


class ForgeError(Exception):
    """A forge refused, or could not be reached; the message says what to do. It never holds a token."""


@dataclass(frozen=True, slots=True)
class Posted:
    """What a publication did: inline comments, findings listed in the summary, findings said in an earlier run."""

    comments: int = 0
    summarised: int = 0
    known: int = 0
    url: str = ""

    def __str__(self) -> str:
        if not (self.comments or self.summarised):
            return f"nothing new to post ({self.known} already on the pull request)"
        where = f": {self.url}" if self.url else ""
        return (
            f"posted {self.comments} inline comment(s), {self.summarised} finding(s) in the summary, "
            f"{self.known} already on the pull request{where}"
        )


class Forge(Protocol):
    """One pull request on one forge."""

    def publish(self, findings: Sequence[Finding]) -> Posted:
        """Put those ``findings`` that were not said before on the pull request; ``ForgeError`` if it refuses."""
        ...


def connect(name: str, environ: Mapping[str, str]) -> Forge:
    """The forge ``name`` for the pull request that ``environ`` describes; ``ForgeError`` says what is missing."""
    try:
        module = importlib.import_module(FORGES[name])
    except KeyError:
        raise ForgeError(f"expected a forge ({', '.join(sorted(FORGES))}), got {name!r}") from None
    forge: Forge = module.connect(environ)
    return forge
