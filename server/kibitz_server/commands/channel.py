"""add, list, remove and try out the channels that a group's anomalies are announced on

  kibitz channel add --group shop --kind webhook https://hooks.example.com/kibitz    prints the signing secret, once
  kibitz channel add --group shop --kind slack --address-file FILE
  kibitz channel add --group shop --kind email ops@example.com
  kibitz channel add --group shop --kind sns arn:aws:sns:eu-west-1:123456789012:anomalies
  kibitz channel list --group shop
  kibitz channel test --group shop ID
  kibitz channel sign --group shop ID         gives a webhook a new secret, printed once: one added through AWS's API has none you know
  kibitz channel remove --group shop ID

An address that is itself a secret (Slack's are) is better given in a file than on a command line, which others can see.
docs/channels.md has what is sent.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kibitz_server.channels import Channel
    from kibitz_server.store import Store

USAGE_ERROR = 2
KINDS = ("webhook", "slack", "email", "sns")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from kibitz_server.config import default_data_dir

    parser.add_argument("action", choices=("add", "list", "remove", "sign", "test"))
    parser.add_argument("target", nargs="?", default="", help="an address to add, or a channel's id")
    parser.add_argument("--group", required=True, help="the profiling group")
    parser.add_argument("--kind", choices=KINDS, default="webhook", help="of the channel (default webhook)")
    parser.add_argument("--address-file", type=Path, metavar="FILE", help="a file with the address")
    parser.add_argument(
        "--secret-file", type=Path, metavar="FILE", help="what to sign with (default: a new one)"
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help=f"the collector's (default {default_data_dir()})"
    )
    parser.add_argument("--store", default="", metavar="URL", help="the collector's database, if it has one")


def run(args: argparse.Namespace) -> int:
    """0: done; 1: no such channel, or it took no message; 2: it could not be done."""
    from contextlib import closing

    from kibitz_server.channels import ChannelError
    from kibitz_server.config import STORE_FILE, default_data_dir
    from kibitz_server.store import StoreError
    from kibitz_server.store.opening import open_store

    try:
        if args.address_file is not None:
            args.target = args.address_file.read_text().strip()
        if bool(args.target) == (args.action == "list"):
            sys.stderr.write(
                f"kibitz channel {args.action}: {'takes no id' if args.target else 'which one?'}\n"
            )
            return USAGE_ERROR
        with closing(open_store(args.store or str((args.data or default_data_dir()) / STORE_FILE))) as store:
            if store.group(args.group) is not None:
                return _act(args, store)
            sys.stderr.write(f"kibitz channel {args.action}: no profiling group {args.group}\n")
            return USAGE_ERROR
    except (StoreError, ChannelError, OSError) as error:
        sys.stderr.write(f"kibitz channel {args.action}: {error}\n")
        return USAGE_ERROR


def _act(args: argparse.Namespace, store: Store) -> int:
    import time

    from kibitz_server import channels

    secret = args.secret_file.read_text().strip() if args.secret_file else ""
    if args.action == "add":
        channel = channels.created(args.kind, args.target, secret, time.time())
        channels.add(store, args.group, channel)
        print(channel.id)
        if channel.secret and not secret:
            print(f"secret {channel.secret}")
        return 0
    known = channels.listed(store.document(args.group, channels.DOCUMENT))
    if args.action == "list":
        for channel in known:
            print(f"{channel.id}\t{channel.kind}\t{channels.shown(channel)}")
        return 0
    chosen = next((channel for channel in known if channel.id == args.target), None)
    if chosen is None:
        sys.stderr.write(f"kibitz channel {args.action}: no channel {args.target}\n")
        return 1
    if args.action == "sign":
        made = channels.sign_anew(store, args.group, chosen.id, secret)
        if not secret:
            print(f"secret {made}")
        return 0
    if args.action == "remove":
        channels.remove(store, args.group, chosen.id)
        return 0
    return _test(chosen, args.group)


def _test(channel: Channel, group: str) -> int:
    import time

    from kibitz_server.channels import ChannelError, delivery

    try:
        delivery.try_out(channel, group, delivery.senders(), time.time())
    except ChannelError as error:
        sys.stderr.write(f"kibitz channel test: {error}\n")
        return 1
    print("the channel took the message")
    return 0
