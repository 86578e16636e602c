"""show all of Kibitz at work, in a minute

Starts a collector and a small web shop with known inefficiencies under the agent, sends it customers, reviews a change to
its source, and says where to look. Nothing stays behind when it ends, unless you give --data.

  kibitz demo           goes on until Ctrl-C; open the address it prints
  kibitz demo --once    runs to the end unattended; exit status 0 if everything was found
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

FAILED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from kibitz_server.config import DEFAULT_PORT

    parser.add_argument("--once", action="store_true", help="end when everything was shown")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="keep the profiles in DIR (default: a temporary folder)"
    )
    parser.add_argument(
        "--port",
        type=int,
        default=DEFAULT_PORT,
        help=f"the collector's port (default {DEFAULT_PORT}, or a free one)",
    )


def run(args: argparse.Namespace) -> int:
    """Play. 0: all was shown, or a person ended it; 1: something was missing."""
    # Before the first child is started: what the demo needs should be missing here, with a clear word.
    import flask  # noqa: F401
    import libcst  # noqa: F401

    from kibitz_server.demo.change_review import ReviewError
    from kibitz_server.demo.play import DemoError, Plan, play
    from kibitz_server.demo.processes import ChildError

    signal.signal(signal.SIGTERM, _interrupt)
    try:
        play(Plan(args.once, args.data, args.port), _say)
    except KeyboardInterrupt:
        _say("\nended")
        return 0
    except (ChildError, DemoError, ReviewError) as error:
        sys.stderr.write(f"kibitz demo: {error}\n")
        return FAILED
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(text, flush=True)
