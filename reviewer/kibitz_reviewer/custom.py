"""Rules of a repository's own: files of one rule each, in a folder, written like those of the package.

Nothing of them runs unless the command line asks for it with ``--rules``. For a change they are read from the commit it is
based on: a pull request cannot bring the code that reviews it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from types import ModuleType

from kibitz_reviewer.diff import split_range
from kibitz_reviewer.repository import Repository
from kibitz_reviewer.rule import Rule, install, rule_in, rule_named

FOLDER = ".kibitz/rules"
PACKAGE = "kibitz_custom"
#: The category of a rule whose file lies in no folder of its own.
CATEGORY = "custom"
_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")


class CustomRuleError(Exception):
    """A rule of the repository's own cannot be used; the message names its file."""


Sources = tuple[tuple[str, str], ...]
"""(path within the folder, text) of each rule's file."""


def sources_on_disk(folder: Path) -> Sources:
    """The rules' files in ``folder``; raises ``CustomRuleError`` if there is no such folder."""
    if not folder.is_dir():
        raise CustomRuleError(f"{folder}: no such folder of rules; `kibitz rules new NAME` makes one")
    files = sorted(file for file in folder.rglob("*.py") if _is_rule(file.relative_to(folder).as_posix()))
    return tuple((file.relative_to(folder).as_posix(), _text(file.read_bytes(), str(file))) for file in files)


def sources_for(folder: Path, diff: str | None) -> Sources:
    """The rules' files in ``folder``: for ``--diff`` text ``diff`` those of its base commit, if the folder is the repository's."""
    if diff is None:
        return sources_on_disk(folder)
    repository = Repository(Path.cwd())
    place = Path.cwd() / folder
    if not place.resolve().is_relative_to(repository.root.resolve()):
        return sources_on_disk(folder)
    base_name, head_name = split_range(diff)
    base = repository.base(repository.commit(base_name), repository.commit(head_name or "HEAD"))
    below = place.resolve().relative_to(repository.root.resolve()).as_posix() + "/"
    entries = [
        entry
        for entry in repository.files(base)
        if entry.path.startswith(below) and _is_rule(entry.path.removeprefix(below))
    ]
    texts = repository.contents([entry.blob for entry in entries])
    pairs = ((entry.path.removeprefix(below), text) for entry, text in zip(entries, texts, strict=True))
    return tuple((path, _text(text, path)) for path, text in sorted(pairs))


def load(sources: Sources) -> list[Rule]:
    """The rules of these files, which are run for it; raises ``CustomRuleError``."""
    found: list[Rule] = []
    for path, text in sources:
        rule = _load(path, text)
        if rule_named(rule.id) is not None or any(rule.id == other.id for other in found):
            raise CustomRuleError(f"{path}: there is a rule {rule.id!r} already; give the file another name")
        found.append(rule)
    return found


def use(sources: Sources) -> None:
    """Load and install the rules of these files; also what a new process starts with. Raises ``CustomRuleError``."""
    install(())
    install(load(sources))
    _used[:] = sources


def in_use() -> Sources:
    """The files of the rules that are installed."""
    return tuple(_used)


def digest(rules: Sequence[Rule]) -> str:
    """A hash of the rules' texts; "" for those of the package."""
    texts = [text for rule in rules if (text := _texts.get(type(rule).__module__))]
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest() if texts else ""


_texts: dict[str, str] = {}
_used: list[tuple[str, str]] = []


def _load(path: str, text: str) -> Rule:
    place = PurePosixPath(path)
    if not _NAME.fullmatch(place.stem):
        raise CustomRuleError(
            f"{path}: expected a name in small letters with underscores, like call_of_sleep.py"
        )
    category = place.parent.name or CATEGORY
    module = ModuleType(f"{PACKAGE}.{category}.{place.stem}")
    module.__file__ = path
    try:
        exec(compile(text, path, "exec", dont_inherit=True), module.__dict__)
        rule = rule_in(module)
    except Exception as error:
        raise CustomRuleError(f"{path}: {type(error).__name__}: {error}") from None
    _texts[module.__name__] = f"{path}\0{text}"
    return rule


def _is_rule(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return path.endswith(".py") and not any(part.startswith((".", "_")) for part in parts)


def _text(content: bytes, path: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeError as error:
        raise CustomRuleError(f"{path}: expected UTF-8: {error}") from None
