"""say whether a revision is slower than another: the gate that a deployment asks before it goes on

  kibitz verify --group shop --baseline 1f3a --candidate 9c2b                    the collector's store in its usual place
  kibitz verify --group shop --baseline 1f3a --candidate 9c2b --url http://collector:8787   over HTTP, with KIBITZ_TOKEN
  kibitz verify ... --max-regression 10% --hours 6 --format markdown

Functions are compared by CPU time relative to the others, over hosts and hours. It may be asked as often as one likes.

Exit status: 0 pass, 1 fail (a function is slower), 3 not enough data yet, 2 it could not be asked.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

PASS, FAIL, ERROR, NOT_ENOUGH = 0, 1, 2, 3
TOKEN_VARIABLE = "KIBITZ_TOKEN"
TOKEN_FILE_VARIABLE = "KIBITZ_TOKEN_FILE"
_STATUS = {"pass": PASS, "fail": FAIL, "not enough data": NOT_ENOUGH}
_TIMEOUT_S = 120.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--group", required=True, metavar="G", help="profiling group")
    parser.add_argument("--baseline", required=True, metavar="REV", help="the revision that is good enough")
    parser.add_argument("--candidate", required=True, metavar="REV", help="the revision to judge")
    parser.add_argument(
        "--max-regression",
        type=_share,
        default=0.05,
        metavar="5%",
        help="growth of a function to refuse (default 5%%)",
    )
    parser.add_argument("--hours", type=float, default=24.0, help="how far to look back (default 24)")
    parser.add_argument("--format", choices=("markdown", "json"), default="markdown", help="default markdown")
    parser.add_argument(
        "--url", default="", help="ask this collector; its token in KIBITZ_TOKEN or KIBITZ_TOKEN_FILE"
    )
    parser.add_argument(
        "--store", default="", metavar="FILE", help="or read this store (default: the collector's)"
    )


def run(args: argparse.Namespace) -> int:
    """0: pass; 1: fail; 3: not enough data; 2: it could not be asked."""
    from kibitz_server.store import StoreError
    from kibitz_server.verify.written import markdown

    try:
        plain = _asked(args) if args.url else _read(args)
    except (OSError, StoreError, ValueError) as error:
        sys.stderr.write(f"kibitz verify: {error}\n")
        return ERROR
    sys.stdout.write(json.dumps(plain, indent=2) + "\n" if args.format == "json" else markdown(plain))
    return _STATUS[plain["verdict"]]


def _read(args: argparse.Namespace) -> dict[str, Any]:
    from contextlib import closing

    from kibitz_server.config import STORE_FILE, default_data_dir
    from kibitz_server.store import Span
    from kibitz_server.store.opening import open_store
    from kibitz_server.verify import Limits, judge
    from kibitz_server.verify.blocks import blocks_of
    from kibitz_server.verify.written import fields

    path = args.store or str(default_data_dir() / STORE_FILE)
    if "://" not in path and not Path(path).is_file():
        raise OSError(f"no store at {path}: name it with --store, or a collector with --url")
    now = time.time()
    with closing(open_store(path)) as store:
        if store.group(args.group) is None:
            raise ValueError(f"no profiling group {args.group}")
        span = Span(args.group, now - args.hours * 3600, now + 1)
        blocks = blocks_of(store, span, args.baseline, args.candidate)
        return fields(judge(blocks, Limits(max_regression=args.max_regression)))


def _asked(args: argparse.Namespace) -> dict[str, Any]:
    if not args.url.startswith(("http://", "https://")):
        raise ValueError(f"--url {args.url}: expected http:// or https://")
    words = {
        "baseline": args.baseline,
        "candidate": args.candidate,
        "max_regression": args.max_regression,
        "hours": args.hours,
    }
    address = f"{args.url.rstrip('/')}/api/groups/{urllib.parse.quote(args.group, safe='')}/verify?{urllib.parse.urlencode(words)}"
    token = _token()
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
            plain: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            said = error.read(500).decode("utf-8", "replace")
        raise OSError(f"{args.url} answered {error.code}: {said}") from error
    if plain.get("verdict") not in _STATUS:
        raise ValueError(f"{args.url} gave no verdict")
    return plain


def _token() -> str:
    """The collector's token, from `TOKEN_VARIABLE`, else from the file that agents read theirs from."""
    path = os.environ.get(TOKEN_FILE_VARIABLE, "")
    return os.environ.get(TOKEN_VARIABLE, "") or (Path(path).read_text("utf-8").strip() if path else "")


def _share(text: str) -> float:
    value = float(text.rstrip("%")) / (100 if text.endswith("%") else 1)
    if not 0 <= value <= 10:
        raise argparse.ArgumentTypeError(f"{text}: expected a growth such as 5% or 0.05")
    return value
