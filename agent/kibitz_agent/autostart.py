"""Importing this begins profiling: the interpreter does so at its start where ``KIBITZ_ENABLED`` is set.

A line in ``kibitz-autostart.pth``, in site-packages, imports it before the program's first line; so processes that are
forked, spawned or run as commands are profiled as well, under ``-I`` and ``-E`` too. Tools that only install or check
programs are left alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from kibitz_agent.command_line import is_deaf, program_of

ENABLED_VARIABLE = "KIBITZ_ENABLED"
DISABLED_VARIABLE = "KIBITZ_DISABLED"

_OFF = frozenset({"", "0", "false", "no", "off"})


def group_of(argv: Sequence[str]) -> str:
    """What the program is called, for want of a profiling group: its module's, its file's or its folder's name."""
    words = program_of(argv)
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
    # Without a program it is an interactive session.
    return bool(program_of(argv)) and not is_deaf(argv)


def _begin() -> None:
    if not is_wanted(sys.orig_argv, os.environ):
        return
    from kibitz_agent import starting
    from kibitz_agent.config import group_name
    from kibitz_agent.preload import preload

    preload()
    starting.start(group_name(None) or group_of(sys.orig_argv))


_begin()
