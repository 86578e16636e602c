"""One review in a process of its own: fetch the two commits as data, review, post. Run by the workers:

    python -m kibitz_reviewer.webhooks.job FORGE REPOSITORY NUMBER FOLDER

Its limits are its own first act. Nothing is checked out, no hook and no filter runs, no configuration of the head is read.
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from kibitz_reviewer.forges import ForgeError, connect
from kibitz_reviewer.webhooks.events import Job

MEMORY_BYTES = 4 * 1024**3
CPU_S = 900
FILE_BYTES = 4 * 1024**3
FETCH_S = 300.0
HOSTS = {"github": "https://github.com", "gitlab": "https://gitlab.com", "bitbucket": "https://bitbucket.org"}


def limit_ourselves() -> None:
    """Bound memory, processor time and file sizes of this process and its children, where the system can."""
    try:
        import resource
    except ImportError:
        return
    limits = [
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ]
    for what, most in limits:
        _, hard = resource.getrlimit(what)
        resource.setrlimit(what, (min(most, hard) if hard >= 0 else most, hard))


def reviewed(job: Job, folder: Path, environ: Mapping[str, str]) -> int:
    """Fetch and review ``job`` in ``folder``; the exit status of `kibitz review`. Raises ``ForgeError``."""
    pull = connect(job.forge, environ).pull()
    if not pull.base or not pull.head:
        raise ForgeError(f"{job.key}: the forge does not say which commits")
    fetch(address_of(job, environ), (pull.base, pull.head), folder, job, environ)
    command = [sys.executable, "-P", "-m", "kibitz_reviewer.webhooks.review"]
    command += ["--diff", f"{pull.base}..{pull.head}", "--post", job.forge]
    done = subprocess.run(command, cwd=folder, env=dict(environ), stdin=subprocess.DEVNULL, check=False)
    return done.returncode


def address_of(job: Job, environ: Mapping[str, str]) -> str:
    """Where to fetch from: ``KIBITZ_CLONE`` with ``{repository}`` in it, else the forge's own address."""
    template = environ.get("KIBITZ_CLONE", "") or f"{HOSTS[job.forge]}/{{repository}}.git"
    return template.replace("{repository}", job.repository)


def fetch(address: str, commits: tuple[str, str], folder: Path, job: Job, environ: Mapping[str, str]) -> None:
    """Bring ``commits`` into the repository at ``folder``, made if need be. Raises ``ForgeError``."""
    if not (folder / ".git").exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _git(folder, environ, "init", "--quiet", "--template=")
    names = {"github": f"refs/pull/{job.number}/head", "gitlab": f"refs/merge-requests/{job.number}/head"}
    wanted = [commits[0], names.get(job.forge, commits[1])]
    given = {**environ, **_credentials(address, job.forge, environ)}
    _git(
        folder,
        given,
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-recurse-submodules",
        "--no-auto-gc",
        address,
        *wanted,
    )


def _credentials(address: str, forge: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The token as a header for this one address, by environment: arguments can be read by everyone on the machine."""
    users = {"github": "x-access-token", "gitlab": "oauth2", "bitbucket": "x-token-auth"}
    token = environ.get(f"{forge.upper()}_TOKEN", "")
    if not token or not address.startswith("https://"):
        return {}
    basic = base64.b64encode(f"{users[forge]}:{token}".encode()).decode()
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{address}.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
    }


def _git(folder: Path, environ: Mapping[str, str], *words: str) -> None:
    quiet = [
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "fetch.fsckObjects=true",
        "-c",
        "protocol.ext.allow=never",
    ]
    environ = {**environ, "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", *quiet, *words],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=FETCH_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ForgeError(f"git {words[0]}: {type(error).__name__}") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()[-500:]
        raise ForgeError(f"git {words[0]}: {said}")


def main(arguments: list[str]) -> int:
    """0: reviewed and posted; 2: it could not be done, and standard error says why."""
    forge, repository, number, folder = arguments
    limit_ourselves()
    try:
        status = reviewed(Job(forge, repository, int(number)), Path(folder), os.environ)
    except ForgeError as error:
        print(f"kibitz: {error}", file=sys.stderr)
        return 2
    return 0 if status in (0, 1) else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
