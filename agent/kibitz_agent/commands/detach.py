"""take an agent out of a process that `kibitz attach` put it in

What it has sampled and not yet sent is sent first. The process goes on as before; the agent's modules stay loaded but
do nothing.
"""

from __future__ import annotations

import argparse
import sys

FAILED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("pid", type=int, metavar="PID", help="the process")


def run(args: argparse.Namespace) -> int:
    """Stop the agent in the process. 0: it was there and is stopped, 1: it was not, or could not be reached."""
    from kibitz_agent.attach.errors import AttachError
    from kibitz_agent.attach.session import open_session
    from kibitz_agent.attach.target import Target

    target = Target(args.pid)
    try:
        with open_session(target, {"action": "stop"}) as session:
            hello = session.enter(target)
    except AttachError as error:
        sys.stderr.write(f"kibitz detach: {error}\n")
        return FAILED
    if not hello["stopped"]:
        sys.stderr.write(f"kibitz detach: no agent was attached to process {args.pid}\n")
        return FAILED
    sys.stderr.write(f"kibitz: detached from {args.pid}\n")
    return 0
