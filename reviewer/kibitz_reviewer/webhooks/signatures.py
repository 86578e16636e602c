"""Whether a webhook is what its forge sent: judged on the raw bytes, before anything is parsed, in constant time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

TOLERANCE_S = 300.0
FORGES = ("github", "gitlab", "bitbucket")


def secrets_of(environ: Mapping[str, str]) -> dict[str, bytes]:
    """The webhook secret of each forge that has one."""
    named = {forge: environ.get(f"KIBITZ_{forge.upper()}_WEBHOOK_SECRET", "") for forge in FORGES}
    return {forge: secret.encode() for forge, secret in named.items() if secret}


def is_genuine(forge: str, secret: bytes, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether ``headers`` (names in lower case) prove that whoever sent ``body`` knows ``secret``. ``now``: epoch seconds."""
    if forge == "github":
        return _is_hex(secret, headers.get("x-hub-signature-256", ""), body)
    if forge == "bitbucket":
        # The name that GitHub gave to SHA-1, here with SHA-256.
        return _is_hex(secret, headers.get("x-hub-signature", ""), body)
    if forge == "gitlab":
        if headers.get("webhook-signature"):
            return _is_standard(secret, headers, body, now)
        return hmac.compare_digest(headers.get("x-gitlab-token", "").encode("utf-8", "replace"), secret)
    return False


def _is_hex(secret: bytes, given: str, body: bytes) -> bool:
    wanted = f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _is_standard(secret: bytes, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Standard Webhooks: id, time and body are signed together; an old time is a replay."""
    stamp = headers.get("webhook-timestamp", "")
    if not stamp.isdecimal() or len(stamp) > 12 or abs(now - float(stamp)) > TOLERANCE_S:
        return False
    signed = f"{headers.get('webhook-id', '')}.{stamp}.".encode("utf-8", "replace") + body
    wanted = base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest())
    given = headers.get("webhook-signature", "").split()
    return any(
        hmac.compare_digest(one.removeprefix("v1,").encode("utf-8", "replace"), wanted)
        for one in given
        if one.startswith("v1,")
    )


def _key(secret: bytes) -> bytes:
    """The signing key: after ``whsec_`` it is written in base64."""
    if not secret.startswith(b"whsec_"):
        return secret
    try:
        return base64.b64decode(secret.removeprefix(b"whsec_"), validate=True)
    except binascii.Error:
        return secret
