"""The demo from beginning to end."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kibitz_server.demo.change_review import Comment, review_change
from kibitz_server.demo.load import Load
from kibitz_server.demo.processes import Child

GROUP = "demo-shop"
LEAST_COMMENTS = 5
_START_S = 30.0
_ATTACH_S = 120.0
_WARM_UP_S = 12.0
_LOOK_S = 2.0
_SHOWN_FUNCTIONS = 12

# What the shop is known to waste time in: each must be found in its flame graph.
KNOWN_FUNCTIONS = (
    "shop.payments:PaymentClient.__init__",
    "shop.search:find",
    "shop.basket:often_bought_together",
    "shop.catalogue:export",
    "shop.stock:reserve",
)


class DemoError(Exception):
    """The demo did not show what it should; the message says what was missing."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to play: ``once`` ends by itself; ``data`` keeps the profiles there; ``port`` is the collector's wish."""

    once: bool
    data: Path | None
    port: int


def play(plan: Plan, say: Callable[[str], None]) -> None:
    """Run the demo; `DemoError`, or an error of one of its parts, if it fails. Whatever was started is ended."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kibitz-demo-")))
        url, collector = _start_collector(stack, plan, folder, say)
        shop_url, shop = _start_shop(stack, url, say)
        load = stack.enter_context(Load(shop_url))
        review_folder = folder / "repository"
        review_folder.mkdir()
        say("reviewing a change to the shop ...")
        comments = review_change(review_folder)
        functions = _await_functions(url, (collector, shop), load, say)
        _show(url, functions, comments, say)
        _judge(functions, comments)
        if plan.once:
            return
        say("\nThe load goes on and the page is live. Ctrl-C ends everything.")
        while True:
            time.sleep(_LOOK_S)
            collector.check()
            shop.check()


def _start_collector(
    stack: ExitStack, plan: Plan, folder: Path, say: Callable[[str], None]
) -> tuple[str, Child]:
    port = plan.port
    if port and not _is_free(port):
        say(f"port {port} is taken, using a free one")
        port = 0
    data = plan.data or folder / "data"
    say("starting the collector ...")
    child = Child(
        "collector", ["-m", "kibitz_agent.cli", "serve", "--port", str(port), "--data", str(data.absolute())]
    )
    stack.enter_context(child)
    return child.wait_for(r"listening on (http://\S+)", _START_S)[1], child


def _start_shop(stack: ExitStack, url: str, say: Callable[[str], None]) -> tuple[str, Child]:
    # As a top-level package, the way a shop is: its functions are called shop.search:find, not after this demo.
    shop = stack.enter_context(Child("shop", ["-m", "shop"], cwd=Path(__file__).parent))
    address = shop.wait_for(r"shop on (http://\S+)", _START_S)[1]
    say("attaching the agent to the running shop ...")
    command = ["attach", str(shop.pid), "--duration", "0", *_agent_options(url)]
    attached = subprocess.run(
        [sys.executable, "-m", "kibitz_agent.cli", *command],
        capture_output=True,
        text=True,
        timeout=_ATTACH_S,
        check=False,
    )
    for line in attached.stderr.splitlines():
        say(f"  {line}")
    if attached.returncode == 0:
        return address, shop
    say("so the shop is started again, under the agent ...")
    shop.end()
    shop = Child(
        "shop",
        ["-m", "kibitz_agent.cli", "run", *_agent_options(url), "-m", "shop"],
        cwd=Path(__file__).parent,
    )
    stack.enter_context(shop)
    return shop.wait_for(r"shop on (http://\S+)", _START_S)[1], shop


def _agent_options(url: str) -> list[str]:
    intervals = [
        "--sampling-interval-ms",
        "10",
        "--reporting-interval-ms",
        "2000",
        "--minimum-reporting-ms",
        "0",
    ]
    return ["--group", GROUP, "--collector", url, *intervals]


def _await_functions(
    url: str, children: tuple[Child, ...], load: Load, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """The shop's functions as the collector ranks them, once all known ones are there or time is up."""
    end = time.monotonic() + 4 * _WARM_UP_S
    warm = time.monotonic() + _WARM_UP_S
    while True:
        time.sleep(_LOOK_S)
        for child in children:
            child.check()
        functions = _functions(url)
        say(f"serving customers: {load.answered} pages, {len(functions)} functions seen")
        names = {function["name"] for function in functions}
        if (time.monotonic() > warm and names.issuperset(KNOWN_FUNCTIONS)) or time.monotonic() > end:
            return functions


def _functions(url: str) -> list[dict[str, Any]]:
    address = f"{url}/api/groups/{GROUP}/functions?value=wall&limit=10000"
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)["functions"]
    except urllib.error.HTTPError as error:
        if error.code == 404:  # no report yet
            return []
        raise
    return found


def _show(
    url: str, functions: list[dict[str, Any]], comments: list[Comment], say: Callable[[str], None]
) -> None:
    ours = sorted((f for f in functions if f["name"].startswith("shop.")), key=lambda f: -f["total"])
    say("\nThe shop's functions by total time (waiting included):")
    for function in ours[:_SHOWN_FUNCTIONS]:
        say(
            f"  {function['total'] / 1e9:7.1f} s  {function['name']}  ({Path(function['file']).name}:{function['line']})"
        )
    say("\nThe review of the change says:")
    for comment in comments:
        say(f"  {comment.path}:{comment.line}  {comment.severity.lower()}  {comment.rule}: {comment.message}")
    say(f"\nFlame graph:  {url}/groups/{GROUP}")
    say(f"All groups:   {url}/")


def _judge(functions: list[dict[str, Any]], comments: list[Comment]) -> None:
    missing = set(KNOWN_FUNCTIONS) - {function["name"] for function in functions}
    if missing:
        raise DemoError(f"the flame graph lacks {', '.join(sorted(missing))}")
    if len({comment.rule for comment in comments}) < LEAST_COMMENTS:
        raise DemoError(f"the review found {len(comments)} problems, at least {LEAST_COMMENTS} were planted")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        if sys.platform != "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
