"""Which files no person wrote here: generated code says so at its head, vendored code by where it lies."""

from __future__ import annotations

import re

HEAD_LINES = 8
_PLACE = re.compile(
    r"(?:^|/)(?:vendor|vendored|_vendor|third_party|node_modules|site-packages)/"
    r"|_pb2(?:_grpc)?\.pyi?$|(?:^|/)migrations/\d{4}_[^/]*\.py$|(?:^|/)_version\.py$"
)
_SAYS_SO = re.compile(
    r"(?i)^\s*(?:#|\"\"\"|''')?.*(?:@generated\b|\b(?:auto-?generated|generated (?:by|from|with)|do not edit)\b)"
)


def is_generated(path: str, source: str) -> bool:
    """Whether the file at ``path`` (forward slashes) with this text was made by a program or brought from elsewhere."""
    if _PLACE.search(path):
        return True
    comments = [line for line in source.split("\n", HEAD_LINES)[:HEAD_LINES] if line.lstrip().startswith("#")]
    return any(_SAYS_SO.match(line) for line in comments)
