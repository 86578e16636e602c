"""Reviews that are asked of the collector: kept as documents in one file, carried out by `kibitz review` in its own process."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from kibitz_server.reviews.documents import Document, Documents
from kibitz_server.reviews.runner import Runner

FILE = "reviews.sqlite"
UPLOADS = "uploads"
REPORTS = "reviews/done"
REVIEW, SCAN = "code-review", "scan"
"""The kinds of documents that work is done for."""
PULL, FEEDBACK = "pull", "feedback"


@dataclass(frozen=True, slots=True)
class Reviews:
    """What an operation on reviews works with. ``uploads``: the folder of what clients sent; ``environ``: settings.

    ``reports``: the folder in which webhooks leave what they found.
    """

    documents: Documents
    runner: Runner
    uploads: Path
    reports: Path
    environ: Mapping[str, str] = field(repr=False)
    clock: Callable[[], float] = time.time

    def close(self) -> None:
        """End what is under way and close the file."""
        self.runner.close()
        self.documents.close()


def opened(data: Path, environ: Mapping[str, str] = os.environ) -> Reviews:
    """The reviews of a collector that keeps its files in ``data``."""
    uploads = data / UPLOADS
    uploads.mkdir(mode=0o700, parents=True, exist_ok=True)
    documents = Documents(data / FILE)
    return Reviews(documents, Runner(environ), uploads, data / REPORTS, environ)


def end_interrupted(data: Path) -> None:
    """Say of reviews that were under way when the collector ended that they failed; call before any are under way."""
    if (data / FILE).is_file():
        with closing(Documents(data / FILE)) as documents:
            _end_interrupted(documents)


def _changed(change: Document, old: Document) -> Document:
    return {**old, **change}


def _end_interrupted(documents: Documents) -> None:
    """What was under way when the collector ended is not known: say that it failed, so that nobody waits for it."""
    reason = "the collector was stopped meanwhile: ask again"

    def ended(run: Document) -> Document:
        return {**run, "state": "Failed", "error": reason} if run["state"] == "InProgress" else run

    for one in documents.all(REVIEW):
        if one["State"] == "Pending":
            change: Document = {"State": "Failed", "StateReason": reason}
            documents.change(REVIEW, one["CodeReviewArn"], functools.partial(_changed, change))
    for one in documents.all(SCAN):
        documents.change(
            SCAN, one["scanName"], lambda old: {**old, "runs": [ended(run) for run in old["runs"]]}
        )
