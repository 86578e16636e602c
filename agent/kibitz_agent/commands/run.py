"""run a Python program under the profiler

The program behaves exactly as under plain `python`: arguments, exit code, signals, multiprocessing. Everything after
SCRIPT or MODULE belongs to it. The Pythons that it forks, spawns or runs as commands are profiled as well.

  kibitz run --output profile.html slow.py        a flame graph in a file; no collector needed
  kibitz run --output p.pb.gz -m pytest tests     the same as pprof; .txt and .json (Speedscope) work too
  kibitz run --summary slow.py                    where the time went, on standard error at the end
  kibitz run --group shop app.py --port 8000      profiles go to the collector, every few minutes
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from kibitz_agent.arguments import LOCAL_INTERVAL_MS, UsageError, add_settings, checked_output, settings_of

USAGE_ERROR = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.usage = "kibitz run [options] SCRIPT|-m MODULE|-c CODE [ARGS ...]"
    parser.add_argument("--group", metavar="G", help="profiling group; profiles go to the collector")
    parser.add_argument(
        "--collector", metavar="URL", help="default: $KIBITZ_COLLECTOR, else http://127.0.0.1:8787"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="by its ending: .html .pb.gz .txt .json")
    parser.add_argument("--summary", action="store_true", help="show at the end where the time went")
    parser.add_argument(
        "--no-children",
        action="store_true",
        help="leave alone the Pythons that the program starts as commands",
    )
    add_settings(parser)
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

    settings = settings_of(args)
    asked = Configuration(settings)  # refuses what is wrong, in the environment too
    group, collector = group_name(args.group), collector_url(args.collector)
    stays = args.output is not None or args.summary
    if not stays and not group:
        raise UsageError(
            "where should the profile go? Give --summary, --output FILE, or --group G to send it to a collector"
        )
    output = ""
    if stays:
        if args.group and args.collector:
            raise UsageError(
                "--output and --summary keep the profile here, --collector sends it away: give one of them"
            )
        output = "" if args.output is None else str(checked_output(args.output))
        from_environment = (
            asked.settings.sampling_interval_ms != Configuration({}, {}).settings.sampling_interval_ms
        )
        if "sampling_interval_ms" not in settings and not from_environment:
            settings["sampling_interval_ms"] = LOCAL_INTERVAL_MS
    return Options(
        group=group or "",
        collector=collector or "",
        output=output,
        summary=args.summary,
        verbose=args.verbose,
        settings=settings,
        children=not args.no_children,
    )
