"""Importing this begins profiling: the interpreter does so at its start where ``KIBITZ_ENABLED`` is set.

A line in ``kibitz-autostart.pth``, in site-packages, imports it before the program's first line; so processes that are
forked, spawned or run as commands are profiled as well, under ``-I`` and ``-E`` too. Tools that only install or check
programs are left alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

ENABLED_VARIABLE = "KIBITZ_ENABLED"
DISABLED_VARIABLE = "KIBITZ_DISABLED"

_OFF = frozenset({"", "0", "false", "no", "off"})
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


def group_of(argv: Sequence[str]) -> str:
    """What the program is called, for want of a profiling group: its module's, its file's or its folder's name."""
    words = _program(argv)
    if not words:
        return "python"
    if words[0] in ("-m", "-c"):
        return words[1].partition(".")[0] if words[0] == "-m" and len(words) > 1 else "python"
    path, name = os.path.split(words[0])
    stem = name.removesuffix(".py")
    return os.path.basename(path) or stem if stem == "__main__" else stem  # noqa: PTH119


def is_wanted(argv: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Whether the program with this command line (``sys.orig_argv``) should be profiled."""
    if (
        environ.get(ENABLED_VARIABLE, "").lower() in _OFF
        or environ.get(DISABLED_VARIABLE, "").lower() not in _OFF
    ):
        return False
    if "KIBITZ_RUN_OPTIONS" in environ:
        return False  # `kibitz run` has its own way in, with its own options
    words = _program(argv)
    if not words:
        return False  # an interactive session
    name = words[1] if words[0] == "-m" and len(words) > 1 else os.path.basename(words[0]).removesuffix(".py")  # noqa: PTH119
    return name not in _DEAF and name.partition(".")[0] not in _DEAF


def _program(argv: Sequence[str]) -> list[str]:
    """The command line from the program on: a file's path, or ``-m``, a module's name, or ``-c``."""
    words = list(argv[1:])
    while words:
        word = words[0]
        if word.startswith(("-m", "-c")):
            return [word[:2], *([word[2:]] if len(word) > 2 else []), *words[1:]]
        if not word.startswith("-") or word == "-":
            return words
        # Flags may be joined, the last of them -m, -c, or one that takes the next word.
        if not word.startswith("--") and word[-1] in "mc":
            return [f"-{word[-1]}", *words[1:]]
        takes_next = word in ("-X", "-W", "--check-hash-based-pycs")
        words = words[2:] if takes_next else words[1:]
    return words


def _begin() -> None:
    if not is_wanted(sys.orig_argv, os.environ):
        return
    from kibitz_agent import profiler
    from kibitz_agent.config import group_name

    profiler.start(group_name(None) or group_of(sys.orig_argv))


_begin()
