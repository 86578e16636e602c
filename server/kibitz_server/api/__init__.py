"""The collector's HTTP interfaces: AWS's own (`aws`) and ours (`ours`)."""

from __future__ import annotations

import re

GROUP_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)


class ApiError(Exception):
    """An answer that is an error: AWS's code, the HTTP status, and a sentence for a person."""

    def __init__(self, code: str, status: int, message: str) -> None:
        """``code`` goes into the header ``x-amzn-ErrorType``, which AWS's clients turn into an exception class."""
        super().__init__(message)
        self.code, self.status, self.message = code, status, message


def validation_error(message: str) -> ApiError:
    """400: the request is wrong."""
    return ApiError("ValidationException", 400, message)


def not_found(message: str) -> ApiError:
    """404: no such thing."""
    return ApiError("ResourceNotFoundException", 404, message)


def checked_group_name(name: str) -> str:
    """``name``, if it may name a profiling group; else a validation error."""
    if not GROUP_NAME.fullmatch(name):
        raise validation_error(
            f"profiling group name {name[:80]!r}: expected 1 to 255 letters, digits, hyphens or underscores"
        )
    return name
