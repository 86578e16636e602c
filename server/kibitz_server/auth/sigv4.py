"""AWS's Signature Version 4, checked: method, raw address, signed headers, body and time, in constant time."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

MAX_SKEW_S = 300.0
SERVICES = frozenset({"codeguru-profiler", "codeguru-reviewer", "codeguru-security"})
_ALGORITHM = "AWS4-HMAC-SHA256"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=([\w+=.@-]{1,128})/(\d{8})/([\w-]{1,64})/([\w-]{1,64})/aws4_request,\s*"
    r"SignedHeaders=([a-z0-9;-]{1,1024}),\s*Signature=([0-9a-f]{64})",
    re.ASCII,
)
_NEEDED = frozenset({"host", "x-amz-date"})


class SignatureError(Exception):
    """A request that is not signed as it should be; ``code`` is AWS's word for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What is signed. ``uri``: path and query as they were sent, undecoded; headers by lower-case name."""

    method: str
    uri: str
    headers: Mapping[str, str]
    body: bytes


def verify(request: SignedRequest, secret_of: Callable[[str], str | None], now: float) -> str:
    """The access key id that signed the request; `SignatureError` if none of ours did, rightly and lately.

    ``secret_of`` gives the secret for an access key id, None for one that is unknown; ``now`` is epoch seconds.
    """
    match = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if match is None:
        raise SignatureError("IncompleteSignatureException", "the Authorization header is no SigV4 signature")
    key_id, day, region, service, names, signature = match.groups()
    signed = names.split(";")
    moment = request.headers.get("x-amz-date", "")
    _check_time(moment, day, now)
    if service not in SERVICES:
        raise SignatureError(
            "InvalidSignatureException", f"signed for the service {service}, which is not here"
        )
    if not _NEEDED.issubset(signed) or any(name not in request.headers for name in signed):
        raise SignatureError("IncompleteSignatureException", "host and x-amz-date must be there, and signed")
    secret = secret_of(key_id)
    scope = f"{day}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(_canonical(request, signed).encode()).hexdigest()
    text = f"{_ALGORITHM}\n{moment}\n{scope}\n{digest}"
    expected = _signature(secret or "unknown", day, region, service, text)
    if not hmac.compare_digest(expected, signature) or secret is None:
        code = "InvalidSignatureException" if secret is not None else "UnrecognizedClientException"
        raise SignatureError(code, "the signature does not match, or the access key is unknown")
    return key_id


def _check_time(moment: str, day: str, now: float) -> None:
    try:
        signed_at = datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise SignatureError(
            "IncompleteSignatureException", "x-amz-date: expected YYYYMMDDTHHMMSSZ"
        ) from error
    if abs(now - signed_at) > MAX_SKEW_S or not moment.startswith(day):
        raise SignatureError(
            "InvalidSignatureException",
            f"the signature is of another time: {now - signed_at:+.0f} s off, at most {MAX_SKEW_S:.0f} s are accepted",
        )


def _canonical(request: SignedRequest, signed: list[str]) -> str:
    path, _, query = request.uri.partition("?")
    headers = "".join(f"{name}:{' '.join(request.headers[name].split())}\n" for name in signed)
    # Only what was hashed here counts, whatever a header claims of the body.
    body = hashlib.sha256(request.body).hexdigest()
    parts = (request.method, _canonical_path(path), _canonical_query(query), headers, ";".join(signed), body)
    return "\n".join(parts)


def _canonical_path(path: str) -> str:
    """Dot segments and doubled slashes resolved, then encoded once more: the path came encoded already."""
    resolved: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del resolved[-1:]
        elif segment not in ("", "."):
            resolved.append(segment)
    text = "/" + "/".join(resolved)
    if resolved and path.endswith("/"):
        text += "/"
    return quote(text, safe="/~")


def _canonical_query(query: str) -> str:
    pairs = sorted(pair.partition("=")[::2] for pair in query.split("&") if pair)
    return "&".join(f"{key}={value}" for key, value in pairs)


def _signature(secret: str, day: str, region: str, service: str, text: str) -> str:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request", text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key.hex()
