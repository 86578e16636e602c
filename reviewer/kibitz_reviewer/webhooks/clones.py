"""The clones that reviews read, one a pull request: made when first needed, gone when nobody pushed for long or there are many."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from contextlib import suppress
from pathlib import Path

from kibitz_reviewer.webhooks.events import Job

KEPT_S = 14 * 86_400.0
MOST = 100
_NAME = re.compile(r"[0-9a-f]{24}-\d+\Z")


def folder_of(top: Path, job: Job) -> Path:
    """Where the clone of ``job`` is, below ``top``, marked as used now.

    Two pull requests of one repository may be reviewed at once, so each has its own.
    """
    name = hashlib.sha256(f"{job.forge}:{job.repository}".encode()).hexdigest()[:24]
    folder = top / f"{name}-{job.number}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.utime(folder)
    return folder


def prune(top: Path, in_use: int, now: float | None = None) -> int:
    """Delete clones not used for ``KEPT_S``, and the longest unused ones beyond ``MOST``; how many.

    The ``in_use`` newest are never touched: a review may be reading them.
    """
    now = time.time() if now is None else now
    used: list[tuple[float, Path]] = []
    for path in top.iterdir():
        with suppress(OSError):
            if _NAME.match(path.name) and not path.is_symlink():
                used.append((path.stat().st_mtime, path))
    used.sort(reverse=True)
    gone = [
        path for rank, (at, path) in enumerate(used) if rank >= in_use and (rank >= MOST or at < now - KEPT_S)
    ]
    for path in gone:
        shutil.rmtree(path, ignore_errors=True)
    return len(gone)
