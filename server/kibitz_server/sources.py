"""Where a group's source can be read: templates of addresses on a forge and in an editor, and whose code is whose."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DOCUMENT = "sources"

_LONGEST = 500
_MOST_PARTS = 100
_FORGE = re.compile(r"https?://[^\s/]+/\S*\{path\}\S*")
_EDITOR = re.compile(
    r"(vscode|vscode-insiders|vscodium|idea|pycharm|jetbrains|txmt|subl|mvim|emacs|zed):\S*\{(file|path)\}\S*"
)
_PART = re.compile(r"[\w.<>-]+|/\S*")


class SourcesError(ValueError):
    """A template that no page should open; the message says which, and gives one that would do."""


@dataclass(frozen=True, slots=True)
class Sources:
    """``forge`` and ``editor``: templates with {path}, {file}, {line}, {revision}; "" where there is none.

    ``root``: the folder the programs run from, which a forge's paths begin below; ``own`` and ``library``: packages,
    modules or the beginnings of paths that are counted as such, whatever their files say.
    """

    forge: str = ""
    editor: str = ""
    root: str = ""
    own: tuple[str, ...] = ()
    library: tuple[str, ...] = ()


def parse(entered: Mapping[str, str]) -> Sources:
    """What a form holds; ``own`` and ``library`` in words. `SourcesError` for what no page should open or draw by."""
    texts = {name: entered.get(name, "").strip() for name in ("forge", "editor", "root")}
    for name, text in texts.items():
        if len(text) > _LONGEST or not text.isprintable():
            raise SourcesError(f"{name}: expected at most {_LONGEST} printable characters")
    if texts["forge"] and not _FORGE.fullmatch(texts["forge"]):
        raise SourcesError(
            "forge: expected a web address with {path} in it, such as "
            "https://github.com/you/shop/blob/{revision}/{path}#L{line}"
        )
    if texts["editor"] and not _EDITOR.fullmatch(texts["editor"]):
        raise SourcesError(
            "editor: expected an editor's address with {file} in it, such as vscode://file/{file}:{line}"
        )
    return Sources(**texts, own=_parts("own", entered), library=_parts("library", entered))


def stored(document: Mapping[str, Any]) -> Sources:
    """What a group's document holds; the defaults where it holds nothing that can be used."""
    entered = {
        name: " ".join(value) if isinstance(value, list | tuple) else str(value)
        for name, value in document.items()
    }
    try:
        return parse(entered)
    except SourcesError:
        return Sources()


def _parts(name: str, entered: Mapping[str, str]) -> tuple[str, ...]:
    parts = tuple(dict.fromkeys(re.split(r"[\s,]+", entered.get(name, "").strip())))
    parts = tuple(part for part in parts if part)
    if len(parts) > _MOST_PARTS or any(len(part) > _LONGEST or not _PART.fullmatch(part) for part in parts):
        raise SourcesError(
            f"{name}: expected packages, modules or paths that begin with /, such as shop shop.stock /srv/shop/"
        )
    return parts
