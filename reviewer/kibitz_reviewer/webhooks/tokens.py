"""What a review's process may know: its one token, and where its pull request is. Nothing else of our environment.

A GitHub App signs a short-lived assertion with its key (by the openssl command) and gets a token for one repository.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import time
from collections.abc import Mapping

from kibitz_reviewer.forges import ForgeError
from kibitz_reviewer.forges.answers import address, needed, record
from kibitz_reviewer.forges.rest import Rest
from kibitz_reviewer.webhooks.events import Job

# What programs need to run at all; never a secret.
_HARMLESS = re.compile(
    r"(?:PATH|HOME|LANG|LC_\w+|TZ|TMPDIR|VIRTUAL_ENV|PYTHONPATH|SSL_CERT_\w+|(?:https?|no|all)_proxy)\Z",
    re.IGNORECASE,
)


def environment_for(job: Job, environ: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of the process that reviews ``job``. ``ForgeError`` if there is no token for it."""
    harmless = {key: value for key, value in environ.items() if _HARMLESS.match(key)}
    made = {"github": _github, "gitlab": _gitlab, "bitbucket": _bitbucket}[job.forge](job, environ)
    switches = (
        "KIBITZ_CHECK_RUN",
        "KIBITZ_SARIF_UPLOAD",
        "KIBITZ_COMMIT_STATUS",
        "KIBITZ_BITBUCKET_ACCOUNT",
        "KIBITZ_HEAT",
        "KIBITZ_WRITE_INTERVAL_S",
    )
    asked = {key: environ[key] for key in switches if key in environ}
    clone = environ.get(f"KIBITZ_{job.forge.upper()}_CLONE", "")
    return {**harmless, **asked, **made, **({"KIBITZ_CLONE": clone} if clone else {})}


def _github(job: Job, environ: Mapping[str, str]) -> dict[str, str]:
    api = address(environ, "KIBITZ_GITHUB_API_URL", "https://api.github.com")
    token = environ.get("KIBITZ_GITHUB_TOKEN", "").strip()
    if not token and job.installation:
        token = installation_token(job, environ, api)
    if not token:
        raise ForgeError(
            "no token: set KIBITZ_GITHUB_TOKEN, or KIBITZ_GITHUB_APP_ID and KIBITZ_GITHUB_APP_KEY_FILE"
        )
    return {
        "GITHUB_REPOSITORY": job.repository,
        "GITHUB_REF": f"refs/pull/{job.number}/head",
        "GITHUB_TOKEN": token,
        "GITHUB_API_URL": api,
    }


def _gitlab(job: Job, environ: Mapping[str, str]) -> dict[str, str]:
    return {
        "CI_API_V4_URL": address(environ, "KIBITZ_GITLAB_API_URL", "https://gitlab.com/api/v4"),
        "CI_PROJECT_ID": job.repository,
        "CI_MERGE_REQUEST_IID": str(job.number),
        "GITLAB_TOKEN": needed(environ, "KIBITZ_GITLAB_TOKEN", "a token for GitLab is needed"),
    }


def _bitbucket(job: Job, environ: Mapping[str, str]) -> dict[str, str]:
    workspace, _, slug = job.repository.partition("/")
    return {
        "BITBUCKET_API_URL": address(environ, "KIBITZ_BITBUCKET_API_URL", "https://api.bitbucket.org/2.0"),
        "BITBUCKET_WORKSPACE": workspace,
        "BITBUCKET_REPO_SLUG": slug,
        "BITBUCKET_PR_ID": str(job.number),
        "BITBUCKET_TOKEN": needed(environ, "KIBITZ_BITBUCKET_TOKEN", "a token for Bitbucket is needed"),
    }


def installation_token(job: Job, environ: Mapping[str, str], api: str) -> str:
    """A token for the one repository of ``job``, with the rights a review needs; it lives an hour."""
    app = needed(environ, "KIBITZ_GITHUB_APP_ID", "the App's id is needed")
    key_file = needed(environ, "KIBITZ_GITHUB_APP_KEY_FILE", "the App's private key is needed")
    proof = assertion(app, key_file, time.time())
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {proof}",
        "User-Agent": "kibitz",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    body = {
        "repositories": [job.repository.rpartition("/")[2]],
        "permissions": {"contents": "read", "pull_requests": "write", "checks": "write", "metadata": "read"},
    }
    rest = Rest(api, headers, secrets=(proof,))
    answer = rest.call("POST", f"/app/installations/{job.installation}/access_tokens", body)
    token = record(answer).get("token")
    if not isinstance(token, str) or not token:
        raise ForgeError("GitHub gave no installation token")
    return token


def assertion(app: str, key_file: str, now: float) -> str:
    """The App's word (a JWT, RS256) that it is itself, good for nine minutes from ``now`` (epoch seconds)."""
    claims = {"iss": app, "iat": int(now) - 60, "exp": int(now) + 540}
    signed = f"{_base64({'alg': 'RS256', 'typ': 'JWT'})}.{_base64(claims)}"
    program = shutil.which("openssl")
    if program is None:
        raise ForgeError("a GitHub App needs the openssl command to sign, which was not found on PATH")
    done = subprocess.run(
        [program, "dgst", "-sha256", "-sign", key_file],
        input=signed.encode(),
        capture_output=True,
        timeout=30,
        check=False,
    )
    if done.returncode:
        raise ForgeError(
            "KIBITZ_GITHUB_APP_KEY_FILE: openssl cannot sign with it; expected an RSA key in PEM"
        )
    return f"{signed}.{_encoded(done.stdout)}"


def _base64(value: Mapping[str, object]) -> str:
    return _encoded(json.dumps(value, separators=(",", ":")).encode())


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
