"""Arguments that several commands share: the settings, and the file a profile goes to."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

LOCAL_INTERVAL_MS = 10
"""Between two looks when the profile stays here: a short program gives enough samples."""

_NUMBERS = (
    (
        "--sampling-interval-ms",
        "sampling_interval_ms",
        "between two looks (default 1000; 10 without --group)",
    ),
    ("--reporting-interval-ms", "reporting_interval_ms", "between two reports (default 300000)"),
    ("--minimum-reporting-ms", "minimum_reporting_ms", "shorter profiles join the next one (default 60000)"),
    ("--max-stack-depth", "max_stack_depth", "outermost frames kept of a stack (default 1000)"),
    ("--memory-limit-percent", "memory_limit_percent", "of the process's memory for the agent (default 10)"),
    ("--heap-pause-limit-ms", "heap_pause_limit_ms", "for counting objects, at most (default 50)"),
)


class UsageError(ValueError):
    """The command line makes no sense; the message says what would."""


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Declare the agent's settings, in milliseconds, frames and per cent."""
    for option, _, meaning in _NUMBERS:
        parser.add_argument(option, type=int, metavar="N", help=meaning)
    parser.add_argument(
        "--heap-summary", action="store_true", default=None, help="send live objects by type with each report"
    )


def settings_of(args: argparse.Namespace) -> dict[str, int]:
    """The settings that were given, by the names they have in `config.Settings`."""
    names = [*(name for _, name, _ in _NUMBERS), "heap_summary"]
    return {name: getattr(args, name) for name in names if getattr(args, name) is not None}


def checked_output(path: Path) -> Path:
    """The file's absolute path, if a profile can be written there; `UsageError` before anything is started."""
    from kibitz_agent import exporters

    try:
        exporters.by_suffix(path.name)
    except exporters.ExportError as error:
        raise UsageError(str(error)) from error
    path = path.absolute()
    if path.is_dir():
        raise UsageError(f"--output {path} is a folder: name a file in it")
    if not path.parent.is_dir():
        raise UsageError(f"--output: there is no folder {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageError(f"--output: may not write {path}")
    return path
