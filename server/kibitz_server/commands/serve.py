"""run the collector: it receives profiles, keeps them, and shows their flame graphs

The store is one SQLite file in the data directory; nothing else needs to run. Only this machine can reach the collector
unless you give --host, which needs a token.

  kibitz serve                              then open http://127.0.0.1:8787
  kibitz serve --host 0.0.0.0 --token-file /etc/kibitz/token
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

USAGE_ERROR = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from kibitz_server.config import DEFAULT_HOST, DEFAULT_PORT, default_data_dir

    parser.add_argument("--host", default=DEFAULT_HOST, help=f"address to listen on (default {DEFAULT_HOST})")
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help=f"default {DEFAULT_PORT}; 0: any free one"
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help=f"where profiles are kept (default {default_data_dir()})"
    )
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="requests must carry the bearer token in FILE"
    )
    parser.add_argument(
        "--require-token",
        action="store_true",
        help="ask for a token on this machine's own address too (kibitz token create makes one)",
    )
    parser.add_argument(
        "--secure-cookies",
        action="store_true",
        help="browsers come by HTTPS through a proxy: send cookies only there",
    )
    parser.add_argument(
        "--threads", type=int, default=32, metavar="N", help="requests served at once (default 32)"
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="processes that serve, with so many threads each (default 1; webhooks need 1)",
    )
    parser.add_argument(
        "--rate-limit",
        type=float,
        default=500,
        metavar="N",
        help="requests a second of one address, where a token is needed (default 500)",
    )
    parser.add_argument(
        "--log-format", choices=("text", "json"), default="text", help="json: one object a line"
    )
    parser.add_argument(
        "--store",
        default="",
        metavar="URL",
        help="keep profiles in a database: postgresql://user@host/name or clickhouse://user@host/name",
    )
    parser.add_argument(
        "--no-auto-create",
        action="store_true",
        help="refuse agents of unknown profiling groups instead of making the group",
    )

    for what, default, text in (
        ("reports", "2d", "single reports"),
        ("5m", "15d", "sums of 5 minutes"),
        ("1h", "60d", "sums of an hour"),
        ("1d", "3y", "sums of a day"),
    ):
        parser.add_argument(
            f"--keep-{what}",
            default=default,
            dest=f"keep_{what}",
            metavar="TIME",
            help=f"how long {text} are kept (default {default})",
        )


def run(args: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM. 0: ended on request, 2: could not start."""
    from kibitz_server.config import (
        Config,
        ConfigError,
        checked,
        default_data_dir,
        read_token,
        retention_of,
    )
    from kibitz_server.serving import serve, tokens_of
    from kibitz_server.store import StoreError

    try:
        data = args.data or default_data_dir()
        config = checked(
            Config(
                data=data,
                host=args.host,
                port=args.port,
                token=read_token(args.token_file),
                auto_create=not args.no_auto_create,
                store=args.store,
                has_tokens=bool(tokens_of(data, args.store)),
                require_token=args.require_token,
                secure_cookies=args.secure_cookies,
                threads=max(1, min(args.threads, 512)),
                workers=max(1, min(args.workers, 64)),
                rate_per_s=max(1.0, args.rate_limit),
                log_form=args.log_format,
                retention=retention_of(args.keep_reports, args.keep_5m, args.keep_1h, args.keep_1d),
            )
        )
        return serve(config)
    except (ConfigError, StoreError, OSError) as error:
        sys.stderr.write(f"kibitz serve: {error}\n")
        return USAGE_ERROR
