"""Runs a program under the agent so that it cannot tell: the interpreter starts anew, with the agent already in it.

``kibitz run`` replaces its own process by ``python SCRIPT ...`` whose PYTHONPATH begins with the folder ``bootstrap``. The
``sitecustomize`` there calls `take` and `begin` before the program's first line and leaves no trace: the path, the environment and
the program's own ``sitecustomize`` are as they would have been. So arguments, ``__main__``, pickling, multiprocessing,
tracebacks, exit codes and signals are plain Python's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NoReturn

OPTIONS_VARIABLE = "KIBITZ_RUN_OPTIONS"
"""Carries the options from `launch` to `take`; gone before the program runs."""

BOOTSTRAP = Path(__file__).parent / "bootstrap"


class LaunchError(Exception):
    """The program cannot be started under the agent; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    """What `launch` was asked for. ``output`` is absolute: the program may change its working directory."""

    group: str = ""
    collector: str = ""
    output: str = ""
    summary: bool = False
    verbose: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    python_path: str | None = None


def launch(program: Sequence[str], options: Options) -> int:
    """Become ``python *program`` under the agent. Returns only on Windows, which cannot replace a process."""
    if sys.flags.ignore_environment:
        raise LaunchError(
            "this Python ignores PYTHONPATH (-I or -E), which carries the agent: start kibitz without them"
        )
    command = [sys.executable, *_interpreter_flags(), *program]
    environ = _environment(options)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return subprocess.call(command, env=environ) if os.name == "nt" else _become(command, environ)


def _become(command: list[str], environ: Mapping[str, str]) -> NoReturn:
    os.execve(command[0], command, environ)


def _interpreter_flags() -> list[str]:
    """This interpreter's own flags (-X, -W, -O ...), which the program would have run with."""
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001
    return flags


def _environment(options: Options) -> dict[str, str]:
    environ = dict(os.environ)
    before = environ.get("PYTHONPATH")
    fields = {**asdict(options), "settings": dict(options.settings), "python_path": before}
    environ[OPTIONS_VARIABLE] = json.dumps(fields)
    environ["PYTHONPATH"] = os.pathsep.join([str(BOOTSTRAP), before] if before else [str(BOOTSTRAP)])
    return environ


def begin(options: Options | None) -> None:
    """Start the profiler that `launch` asked for. Called once, before the program. Never raises.

    When the profiler cannot be started, one line says so on standard error, and the program runs without.
    """
    if options is None:
        return
    try:
        _start(options)
    except Exception as error:
        sys.stderr.write(f"kibitz: the profiler could not start, the program runs without: {error}\n")


def take() -> Options | None:
    """The options, with every trace of them removed from the environment and the import path."""
    text = os.environ.pop(OPTIONS_VARIABLE, None)
    sys.path[:] = [entry for entry in sys.path if entry != str(BOOTSTRAP)]
    if text is None:
        return None
    options = Options(**json.loads(text))
    if options.python_path is None:
        os.environ.pop("PYTHONPATH", None)
    else:
        os.environ["PYTHONPATH"] = options.python_path
    return options


def _start(options: Options) -> None:
    import logging

    from kibitz_agent import profiler
    from kibitz_agent.config import Configuration, collector_url, group_name
    from kibitz_agent.fleet import identify

    if options.verbose:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("kibitz: %(message)s"))
        logging.getLogger("kibitz").addHandler(handler)
        logging.getLogger("kibitz").setLevel(logging.INFO)
    configuration = Configuration(options.settings)
    if not options.output and not options.summary:
        profiler.start(
            group_name(options.group or None), collector_url(options.collector or None), **options.settings
        )
        return
    from kibitz_agent.reporters.file import FileReporter

    path = Path(options.output) if options.output else None
    reporter = FileReporter(path, announce=True, summarise=options.summary)
    profiler.Profiler(reporter, identify(options.group), configuration).start()
