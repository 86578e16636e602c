"""Path patterns as configuration files write them: ``*`` within a folder, ``**`` across folders."""

from __future__ import annotations

import functools
import re


def matches(pattern: str, path: str) -> bool:
    """Whether ``path`` (relative, forward slashes) is what ``pattern`` means; a folder's name means all beneath it."""
    return _compiled(pattern).fullmatch(path) is not None


@functools.lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    text, regex = pattern.strip().removeprefix("./").lstrip("/"), ""
    position = 0
    while position < len(text):
        if text.startswith("**/", position):
            regex, position = regex + "(?:[^/]+/)*", position + 3
        elif text.startswith("**", position):
            regex, position = regex + ".*", position + 2
        elif text[position] == "*":
            regex, position = regex + "[^/]*", position + 1
        elif text[position] == "?":
            regex, position = regex + "[^/]", position + 1
        else:
            regex, position = regex + re.escape(text[position]), position + 1
    below = ".*" if text.endswith("/") else "(?:/.*)?"
    return re.compile(regex + below, re.DOTALL)
