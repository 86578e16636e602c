"""Reviews on a forge's call: webhooks come in, a durable queue holds what is to be reviewed, each review has its own process.

`kibitz serve` mounts this under ``/webhooks/`` when the reviewer is installed and a secret is set; it knows no web framework:

    mount = opened(data, os.environ)          # None: no secret, no webhooks
    mount.handle("POST", "github", headers, body) -> (202, {"queued": "github:o/r#7"})

Secrets, one forge each: ``KIBITZ_GITHUB_WEBHOOK_SECRET``, ``KIBITZ_GITLAB_WEBHOOK_SECRET``, ``KIBITZ_BITBUCKET_WEBHOOK_SECRET``.
Tokens: ``KIBITZ_GITHUB_TOKEN`` (or an App: ``KIBITZ_GITHUB_APP_ID`` with ``KIBITZ_GITHUB_APP_KEY_FILE``),
``KIBITZ_GITLAB_TOKEN``, ``KIBITZ_BITBUCKET_TOKEN``. ``KIBITZ_REVIEW_WORKERS`` (2) reviews run at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kibitz_reviewer.webhooks.mount import Mount
from kibitz_reviewer.webhooks.queue import Queue
from kibitz_reviewer.webhooks.signatures import secrets_of
from kibitz_reviewer.webhooks.workers import Workers

PREFIX = "webhooks"
FOLDER = "reviews"


def opened(data: Path, environ: Mapping[str, str]) -> Mount | None:
    """The webhooks of a collector that keeps its files in ``data``, at work; None if no secret is set."""
    secrets = secrets_of(environ)
    if not secrets:
        return None
    folder = data / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    queue = Queue(folder / "queue.sqlite")
    workers = Workers(queue, folder, environ)
    workers.start()
    return Mount(queue, secrets, workers)
