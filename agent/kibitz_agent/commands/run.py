"""run a Python program under the profiler

The program behaves exactly as under plain `python`: arguments, exit code, signals, multiprocessing. Everything after
SCRIPT or MODULE belongs to it.

  kibitz run --output profile.html slow.py        a flame graph in a file; no collector needed
  kibitz run --output p.pb.gz -m pytest tests     the same as pprof; .txt and .json (Speedscope) work too
  kibitz run --group shop app.py --port 8000      profiles go to the collector, every few minutes
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

USAGE_ERROR = 2
_LOCAL_INTERVAL_MS = 10

_NUMBERS = (
    ("--sampling-interval-ms", "sampling_interval_ms", "between two looks (default 1000; 10 with --output)"),
    ("--reporting-interval-ms", "reporting_interval_ms", "between two reports (default 300000)"),
    ("--minimum-reporting-ms", "minimum_reporting_ms", "shorter profiles join the next one (default 60000)"),
    ("--max-stack-depth", "max_stack_depth", "outermost frames kept of a stack (default 1000)"),
    ("--memory-limit-percent", "memory_limit_percent", "of the process's memory for the agent (default 10)"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.usage = "kibitz run [options] SCRIPT|-m MODULE|-c CODE [ARGS ...]"
    parser.add_argument("--group", metavar="G", help="profiling group; profiles go to the collector")
    parser.add_argument(
        "--collector", metavar="URL", help="default: $KIBITZ_COLLECTOR, else http://127.0.0.1:8787"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="by its ending: .html .pb.gz .txt .json")
    for option, _, meaning in _NUMBERS:
        parser.add_argument(option, type=int, metavar="N", help=meaning)
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="say on standard error what the agent does"
    )
    # Each takes the rest of the line: it belongs to the program.
    parser.add_argument("-m", dest="module", nargs=argparse.REMAINDER, metavar="MODULE", help="run a module")
    parser.add_argument(
        "-c", dest="code", nargs=argparse.REMAINDER, metavar="CODE", help="run a line of code"
    )
    parser.add_argument(
        "script", nargs=argparse.REMAINDER, metavar="SCRIPT", help="run a file, a folder, a zip or -"
    )


def run(args: argparse.Namespace) -> int:
    """Become the program; its exit status is ours. 2 if it cannot be started."""
    from kibitz_agent.config import ConfigError
    from kibitz_agent.launcher import LaunchError, launch

    try:
        program = _program(args)
        return launch(program, _options(args))
    except (ConfigError, LaunchError, UsageError) as error:
        sys.stderr.write(f"kibitz run: {error}\n")
        return USAGE_ERROR


class UsageError(ValueError):
    """The command line makes no sense; the message says what would."""


def _program(args: argparse.Namespace) -> list[str]:
    for option, words in (("-m", args.module), ("-c", args.code)):
        if words is not None:
            if not words:
                raise UsageError(f"{option} needs a {'module' if option == '-m' else 'line of code'}")
            return [option, *words]
    script: list[str] = args.script[1:] if args.script[:1] == ["--"] else args.script
    if not script:
        raise UsageError("nothing to run: give a SCRIPT, -m MODULE or -c CODE")
    return script


def _options(args: argparse.Namespace) -> Any:
    from kibitz_agent.config import Configuration, collector_url, group_name
    from kibitz_agent.launcher import Options

    settings = {name: getattr(args, name) for _, name, _ in _NUMBERS if getattr(args, name) is not None}
    asked = Configuration(settings)  # refuses what is wrong, in the environment too
    group, collector = group_name(args.group), collector_url(args.collector)
    if args.output is None and not group:
        raise UsageError(
            "where should the profile go? Give --output FILE, or --group G to send it to a collector"
        )
    output = ""
    if args.output is not None:
        if args.group and args.collector:
            raise UsageError("--output keeps the profile here, --collector sends it away: give one of them")
        output = str(_checked_output(args.output))
        from_environment = (
            asked.settings.sampling_interval_ms != Configuration({}, {}).settings.sampling_interval_ms
        )
        if "sampling_interval_ms" not in settings and not from_environment:
            settings["sampling_interval_ms"] = _LOCAL_INTERVAL_MS
    return Options(
        group=group or "", collector=collector or "", output=output, verbose=args.verbose, settings=settings
    )


def _checked_output(path: Path) -> Path:
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
