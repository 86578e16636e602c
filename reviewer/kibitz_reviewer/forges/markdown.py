"""Markdown for comments, in which text taken from source can neither ping people nor draw anything.

Text comes in two kinds: inside backticks it becomes a code span whose fence is longer than any backtick in it, and
everything else is escaped. Zero-width spaces break what a forge would turn into a mention, an issue or a link.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_CODE = re.compile(r"`([^`\n]+)`")
_MARKUP = re.compile(r"([\\`*_\[\]~|])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_BREAK = "\u200b"


def escaped(text: str) -> str:
    """``text`` (one paragraph, code in backticks) as markdown that shows exactly that."""
    return "".join(_pieces(" ".join(_CONTROL.sub(" ", text).split())))


def code(text: str) -> str:
    """``text`` as one code span, on one line."""
    flat = " ".join(_CONTROL.sub(" ", text).split()) or " "
    fence = "`" * (_longest_run(flat) + 1)
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{pad}{flat}{pad}{fence}"


def block(text: str, language: str = "") -> str:
    """``text`` as a fenced block of ``language``; an empty text gives an empty block."""
    fence = "`" * max(3, _longest_run(text) + 1)
    body = text if not text or text.endswith("\n") else text + "\n"
    return f"{fence}{language}\n{body}{fence}"


def _pieces(text: str) -> Iterator[str]:
    position = 0
    for match in _CODE.finditer(text):
        yield _plain(text[position : match.start()])
        yield code(match[1])
        position = match.end()
    yield _plain(text[position:])


def _plain(text: str) -> str:
    """Prose: no mark-up, no mention (@), no issue or heading (#), no link."""
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    text = _MARKUP.sub(r"\\\1", text)
    text = text.replace("@", "@" + _BREAK).replace("#", "#" + _BREAK).replace("://", f":{_BREAK}//")
    return re.sub(r"(?i)\bwww\.", lambda match: match[0][:-1] + _BREAK + ".", text)


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)
