"""profile a Python process that is already running

Attaches to the process, samples it for a while and leaves it as it was; no restart, no debugger. CPython 3.11 and newer
on Linux. You need the right to trace the process: your own processes, or root.

  kibitz attach 4711                              60 s, then kibitz-4711.html with the flame graph
  kibitz attach 4711 --duration 10 --output p.pb.gz
  kibitz attach 4711 --children --group shop      it and its workers, profiles go to the collector
  kibitz attach 4711 --group shop --duration 0    until `kibitz detach 4711`
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kibitz_agent.arguments import LOCAL_INTERVAL_MS, UsageError, add_settings, checked_output, settings_of
from kibitz_agent.config import ConfigError, Configuration, collector_url

if TYPE_CHECKING:
    from kibitz_agent.attach.session import Session
    from kibitz_agent.attach.target import Target

FAILED = 1
USAGE_ERROR = 2
_DEFAULT_COLLECTOR = "http://127.0.0.1:8787"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("pid", type=int, metavar="PID", help="the process")
    parser.add_argument("--group", help="profiling group; profiles go to the collector")
    parser.add_argument(
        "--collector", metavar="URL", help=f"default: $KIBITZ_COLLECTOR, else {_DEFAULT_COLLECTOR}"
    )
    parser.add_argument("--children", action="store_true", help="its child processes, and theirs, as well")
    parser.add_argument(
        "--duration", type=float, default=60.0, metavar="SECONDS", help="default 60; 0: until `kibitz detach`"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="by its ending: .html .pb.gz .txt .json")
    add_settings(parser)


def run(args: argparse.Namespace) -> int:
    """Attach, wait, write. 0: done, 1: could not attach, 2: usage."""
    from kibitz_agent.attach.errors import AttachError
    from kibitz_agent.attach.session import open_session
    from kibitz_agent.attach.target import Target

    try:
        options = _options(args)
    except (ConfigError, UsageError) as error:
        sys.stderr.write(f"kibitz attach: {error}\n")
        return USAGE_ERROR
    target = Target(args.pid)
    try:
        with open_session(target, options) as session:
            return _profile(args, session, target)
    except AttachError as error:
        sys.stderr.write(f"kibitz attach: {error}\n")
        return FAILED


def _options(args: argparse.Namespace) -> dict[str, Any]:
    if args.output is not None:
        if args.group or args.collector:
            raise UsageError(
                "--output keeps the profile here, --group sends it to a collector: give one of them"
            )
        args.output = checked_output(args.output)
    if args.duration < 0:
        raise UsageError(f"--duration {args.duration:g}: expected 0 (until detached) or a number of seconds")
    if args.duration == 0 and not args.group:
        raise UsageError(
            "--duration 0 leaves the agent in the process, which needs a collector to report to: give --group"
        )
    settings = settings_of(args)
    if args.group is None:
        settings = {"sampling_interval_ms": LOCAL_INTERVAL_MS, "minimum_reporting_ms": 0, **settings}
    Configuration(settings)  # refuses what is wrong
    return {
        "action": "start",
        "group": args.group or "",
        "collector": (collector_url(args.collector) or _DEFAULT_COLLECTOR) if args.group else None,
        "duration_s": args.duration,
        "stay": args.duration == 0,
        "follow": args.children,
        "settings": settings,
    }


def _profile(args: argparse.Namespace, session: Session, target: Target) -> int:
    from kibitz_agent.attach.errors import AttachError, QueuedError
    from kibitz_agent.attach.target import Target

    hello = session.enter(target)
    _say(
        f"attached to {args.pid} (Python {hello['python']}, {hello['how']}) in {hello['took_s'] * 1000:.0f} ms"
    )
    for child in target.descendants() if args.children else ():
        try:
            session.enter(Target(child))
            _say(f"attached to child {child}")
        except QueuedError as error:
            _say(str(error))
        except AttachError as error:
            _say(f"left child {child} alone: {error}")
    if args.duration == 0:
        _say(f"the agent stays; `kibitz detach {args.pid}` takes it out")
        return 0
    try:
        session.wait(args.duration, _progress)
    except KeyboardInterrupt:
        _say("stopping early")
    session.finish()
    children = len(session.entered - {args.pid})
    _say(f"detached from {args.pid}" + (f" and {children} children" if children else ""))
    return _write(args, session)


def _write(args: argparse.Namespace, session: Session) -> int:
    from kibitz_agent import exporters
    from kibitz_agent.profile import merge

    if args.group:
        _say("the profiles are at the collector")
        return 0
    profiles = [profile for held in session.profiles.values() for profile in held]
    if not profiles:
        _say("no samples arrived: the process ended or was idle in C code all the time")
        return FAILED
    output = args.output or Path(f"kibitz-{args.pid}.html")
    exporters.write(merge(profiles), output)
    _say(f"the profile is in {output}")
    return 0


def _progress(left_s: float) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\rkibitz: sampling, {left_s:4.0f} s left (Ctrl-C stops early) ")


def _say(text: str) -> None:
    lead = "\r\x1b[K" if sys.stderr.isatty() else ""
    sys.stderr.write(f"{lead}kibitz: {text}\n")
