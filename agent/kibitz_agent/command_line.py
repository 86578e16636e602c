"""An interpreter's command line (``sys.orig_argv``): its own flags, and the program they are for."""

from __future__ import annotations

import os
from collections.abc import Sequence

# Programs and modules whose own running nobody wants to see.
_DEAF = frozenset(
    [
        "pip",
        "pip3",
        "pipx",
        "uv",
        "venv",
        "virtualenv",
        "ensurepip",
        "build",
        "twine",
        "setup",
        "compileall",
        "py_compile",
        "pyflakes",
        "flake8",
        "pylint",
        "mypy",
        "pyright",
        "ruff",
        "black",
        "isort",
        "pre-commit",
        "conda",
        "poetry",
        "hatch",
        "tox",
        "nox",
        "kibitz",
        "kibitz_agent.cli",
    ]
)
# What multiprocessing runs beside its workers.
_TRACKER = "from multiprocessing.resource_tracker import main"


def program_of(argv: Sequence[str]) -> list[str]:
    """The command line from the program on: a file's path, or ``-m``, a module's name, or ``-c``; empty without one."""
    return _split(argv)[1]


def flags_of(argv: Sequence[str]) -> list[str]:
    """The interpreter's own flags, such as ``-O`` or ``-X dev``."""
    return _split(argv)[0]


def is_deaf(argv: Sequence[str]) -> bool:
    """Whether nobody wants to see this program run: tools that install or check, and helpers of the standard library."""
    words = program_of(argv)
    if words[:1] == ["-c"]:
        return words[1:2] != [] and words[1].startswith(_TRACKER)
    if not words:
        return False
    name = words[1] if words[0] == "-m" and len(words) > 1 else os.path.basename(words[0]).removesuffix(".py")  # noqa: PTH119
    return name in _DEAF or name.partition(".")[0] in _DEAF


def _split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    flags: list[str] = []
    words = list(argv[1:])
    while words:
        word = words[0]
        if word.startswith(("-m", "-c")):
            return flags, [word[:2], *([word[2:]] if len(word) > 2 else []), *words[1:]]
        if not word.startswith("-") or word == "-":
            return flags, words
        # Flags may be joined, the last of them -m, -c, or one that takes the next word.
        if not word.startswith("--") and word[-1] in "mc":
            return [*flags, word[:-1]], [f"-{word[-1]}", *words[1:]]
        taken = 2 if word in ("-X", "-W", "--check-hash-based-pycs") else 1
        flags += words[:taken]
        words = words[taken:]
    return flags, []
