"""watch where a running Python process spends its time

Attaches to the process as `kibitz attach` does, shows its hottest branches and lines every few seconds, and leaves it as it
was. Ends with Ctrl-C, or with the process.

  kibitz top 4711                      the last 10 seconds, every 2 seconds
  kibitz top 4711 --value cpu          by CPU time: waiting does not count
  kibitz top 4711 --rounds 1 | head    once, for a pipe
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections import deque
from typing import TYPE_CHECKING

from kibitz_agent.arguments import LOCAL_INTERVAL_MS

if TYPE_CHECKING:
    from kibitz_agent.attach.session import Session
    from kibitz_agent.profile import Profile

FAILED = 1
USAGE_ERROR = 2
_LONGEST_S = 24 * 3600.0
_CLEAR = "\x1b[H\x1b[J"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("pid", type=int, metavar="PID", help="the process")
    parser.add_argument(
        "--interval", type=float, default=2.0, metavar="SECONDS", help="between two looks (default 2)"
    )
    parser.add_argument(
        "--window", type=float, default=10.0, metavar="SECONDS", help="what is shown (default: the last 10)"
    )
    parser.add_argument(
        "--value", choices=("wall", "cpu", "samples"), default="wall", help="what counts (default wall)"
    )
    parser.add_argument("--rounds", type=int, default=0, metavar="N", help="end after N (default: go on)")


def run(args: argparse.Namespace) -> int:
    """Watch. 0: ended by a person, by --rounds or with the process; 1: could not attach; 2: usage."""
    from kibitz_agent.attach.errors import AttachError
    from kibitz_agent.attach.session import open_session
    from kibitz_agent.attach.target import Target

    if not 0.5 <= args.interval <= 60 or args.window < args.interval or args.rounds < 0:
        sys.stderr.write(
            "kibitz top: --interval must be 0.5 to 60 seconds, --window at least that, --rounds not negative\n"
        )
        return USAGE_ERROR
    target = Target(args.pid)
    try:
        with open_session(target, _options(args)) as session:
            session.enter(target)
            try:
                _watch(args, session)
            except KeyboardInterrupt:
                sys.stdout.write("\n")
            session.finish()
    except AttachError as error:
        sys.stderr.write(f"kibitz top: {error}\n")
        return FAILED
    return 0


def _options(args: argparse.Namespace) -> dict[str, object]:
    settings = {
        "sampling_interval_ms": LOCAL_INTERVAL_MS,
        "reporting_interval_ms": max(1000, int(1000 * args.interval)),
        "minimum_reporting_ms": 0,
    }
    return {
        "action": "start", "group": "", "collector": None, "duration_s": _LONGEST_S, "stay": False, "follow": False,
        "settings": settings,
    }  # fmt: skip


def _watch(args: argparse.Namespace, session: Session) -> None:
    seen: deque[tuple[float, Profile]] = deque()
    shown = 0
    while session.listener.connections and (not args.rounds or shown < args.rounds):
        session.wait(args.interval, lambda _: None)
        now = time.monotonic()
        for profiles in session.profiles.values():
            seen.extend((now, profile) for profile in profiles)
            profiles.clear()
        while seen and seen[0][0] < now - args.window:
            seen.popleft()
        if seen:
            shown += 1
            _draw(args, [profile for _, profile in seen])


def _draw(args: argparse.Namespace, profiles: list[Profile]) -> None:
    from kibitz_agent.exporters.terminal import summary
    from kibitz_agent.profile import merge

    size = shutil.get_terminal_size((100, 40))
    text = summary(merge(profiles), size.columns, max(5, size.lines - 16), args.value)
    head = f"process {args.pid}, Ctrl-C ends: "
    sys.stdout.write((_CLEAR if sys.stdout.isatty() else "") + head + text)
    sys.stdout.flush()
