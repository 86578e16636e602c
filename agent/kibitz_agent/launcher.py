"""Runs a program under the agent so that it cannot tell: the interpreter starts anew, with the agent already in it.

``kibitz run`` replaces its own process by ``python SCRIPT ...`` whose PYTHONPATH begins with the folder ``bootstrap``. The
``sitecustomize`` there calls `take` and `begin` before the program's first line; the import path and the program's own
``sitecustomize`` are as they would have been. So arguments, ``__main__``, pickling, multiprocessing, tracebacks, exit codes and
signals are plain Python's.

The two variables stay in the environment for the Pythons that the program starts, which are profiled as well; without
``children`` they go, and no trace is left.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from kibitz_agent.command_line import flags_of, is_deaf

if TYPE_CHECKING:
    from kibitz_agent.reporters import Reporter

OPTIONS_VARIABLE = "KIBITZ_RUN_OPTIONS"
"""Carries the options from `launch` to `take`, and on to the program's children."""

BOOTSTRAP = Path(__file__).parent / "bootstrap"


class LaunchError(Exception):
    """The program cannot be started under the agent; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    """What `launch` was asked for. ``output`` is absolute: the program may change its working directory.

    ``python_path`` is what PYTHONPATH was before; ``program_id`` the program's process id, ``parts`` the folder where its children
    leave their profiles for it.
    """

    group: str = ""
    collector: str = ""
    output: str = ""
    summary: bool = False
    verbose: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    python_path: str | None = None
    children: bool = True
    program_id: int = 0
    parts: str = ""

    @property
    def in_child(self) -> bool:
        """Whether this process was started by the program, and is not the program itself."""
        # On Windows, which cannot replace a process, `launch` does not know the program's id.
        return bool(self.program_id) and self.program_id != os.getpid()


def launch(program: Sequence[str], options: Options) -> int:
    """Become ``python *program`` under the agent. Returns only on Windows, which cannot replace a process."""
    if sys.flags.ignore_environment:
        raise LaunchError(
            "this Python ignores PYTHONPATH (-I or -E), which carries the agent: start kibitz without them"
        )
    # The program runs with the flags that kibitz was started with (-X, -W, -O ...).
    command = [sys.executable, *flags_of(sys.orig_argv), *program]
    environ = _environment(options)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return subprocess.call(command, env=environ) if os.name == "nt" else _become(command, environ)


def _become(command: list[str], environ: Mapping[str, str]) -> NoReturn:
    os.execve(command[0], command, environ)


def _environment(options: Options) -> dict[str, str]:
    environ = dict(os.environ)
    before = environ.get("PYTHONPATH")
    program_id = 0 if os.name == "nt" else os.getpid()
    environ[OPTIONS_VARIABLE] = _as_text(replace(options, python_path=before, program_id=program_id))
    environ["PYTHONPATH"] = os.pathsep.join([str(BOOTSTRAP), before] if before else [str(BOOTSTRAP)])
    return environ


def _as_text(options: Options) -> str:
    return json.dumps({**asdict(options), "settings": dict(options.settings)})


def take() -> Options | None:
    """The options for this process, None if it is not to be profiled; the import path is as it would have been."""
    text = os.environ.get(OPTIONS_VARIABLE)
    sys.path[:] = [entry for entry in sys.path if entry != str(BOOTSTRAP)]
    if text is None:
        return None
    options = Options(**json.loads(text))
    if not options.children or (options.in_child and is_deaf(sys.orig_argv)):
        _leave_no_trace(options)
        return None if options.in_child else options
    return options


def _leave_no_trace(options: Options) -> None:
    del os.environ[OPTIONS_VARIABLE]
    if options.python_path is None:
        os.environ.pop("PYTHONPATH", None)
    else:
        os.environ["PYTHONPATH"] = options.python_path


def begin(options: Options | None) -> None:
    """Start the profiler that `launch` asked for. Called once, before the program. Never raises.

    When the profiler cannot be started, one line says so on standard error, and the program runs without.
    """
    if options is None:
        return
    try:
        _start(options)
    except Exception as error:
        if not options.in_child:
            sys.stderr.write(f"kibitz: the profiler could not start, the program runs without: {error}\n")


def _start(options: Options) -> None:
    import logging

    from kibitz_agent import profiler, starting
    from kibitz_agent.config import Configuration, collector_url, group_name
    from kibitz_agent.fleet import identify
    from kibitz_agent.preload import preload

    if options.verbose:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("kibitz: %(message)s"))
        logging.getLogger("kibitz").addHandler(handler)
        logging.getLogger("kibitz").setLevel(logging.INFO)
    configuration = Configuration(options.settings)
    is_sent = not options.output and not options.summary
    preload(sends=is_sent)
    if is_sent:
        starting.start(
            group_name(options.group or None), collector_url(options.collector or None), **options.settings
        )
        return
    profiler.Profiler(_file_reporter(options), identify(options.group), configuration).start()


def _file_reporter(options: Options) -> Reporter:
    from kibitz_agent.reporters.file import FileReporter
    from kibitz_agent.reporters.part import PartReporter

    if options.in_child:
        return PartReporter(Path(options.parts))
    path = Path(options.output) if options.output else None
    reporter = FileReporter(path, announce=True, summarise=options.summary)
    if options.children:
        os.environ[OPTIONS_VARIABLE] = _as_text(replace(options, parts=str(reporter.parts)))
    return reporter
