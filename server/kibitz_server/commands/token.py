"""make, list and revoke the tokens that agents, scripts, AWS clients and people use

  kibitz token create --name web --role agent      prints a bearer token, once
  kibitz token create --name web --role agent --aws   prints an access key and its secret for AWS's own agent and SDKs
  kibitz token list
  kibitz token revoke ID

Roles: agent hands in profiles, viewer reads, admin does everything.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kibitz_server.auth.tokens import Tokens

USAGE_ERROR = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from kibitz_server.auth import ROLES
    from kibitz_server.config import default_data_dir

    parser.add_argument("action", choices=("create", "list", "revoke"))
    parser.add_argument("id", nargs="?", help="the token to revoke")
    parser.add_argument("--name", default="", help="what the token is for")
    parser.add_argument("--role", choices=ROLES, default="agent", help="what it may do (default agent)")
    parser.add_argument("--aws", action="store_true", help="an access key and secret for AWS clients (SigV4)")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help=f"the collector's (default {default_data_dir()})"
    )
    parser.add_argument("--store", default="", metavar="URL", help="the collector's database, if it has one")


def run(args: argparse.Namespace) -> int:
    """0: done; 1: no such token; 2: it could not be done."""
    from contextlib import closing

    from kibitz_server.auth.tokens import Tokens, read_key
    from kibitz_server.config import STORE_FILE, default_data_dir
    from kibitz_server.store import StoreError
    from kibitz_server.store.opening import open_store

    if (args.id is None) == (args.action == "revoke"):
        sys.stderr.write(
            f"kibitz token {args.action}: {'which one?' if args.id is None else 'takes no id'}\n"
        )
        return USAGE_ERROR
    data = args.data or default_data_dir()
    try:
        key = read_key(data)
        with closing(open_store(args.store or str(data / STORE_FILE))) as store:
            return _act(args, Tokens(store.engine, key))
    except (StoreError, OSError) as error:
        sys.stderr.write(f"kibitz token {args.action}: {error}\n")
        return USAGE_ERROR


def _act(args: argparse.Namespace, tokens: Tokens) -> int:
    from datetime import UTC, datetime

    if args.action == "create":
        identity, secret = tokens.create(args.name, args.role, "aws" if args.aws else "bearer")
        if args.aws:
            print(f"AWS_ACCESS_KEY_ID={identity}\nAWS_SECRET_ACCESS_KEY={secret}")
        else:
            print(secret)
    elif args.action == "list":
        for token in tokens.list():
            made = datetime.fromtimestamp(token.created, UTC).strftime("%Y-%m-%d %H:%M UTC")
            print(f"{token.id}\t{token.kind}\t{token.role}\t{made}\t{token.name}")
    elif not tokens.revoke(args.id):
        sys.stderr.write(f"kibitz token revoke: no token {args.id}\n")
        return 1
    return 0
