"""look after the collector's store: check, backup, restore, compact, migrate

kibitz store check                        read everything, say what is wrong (exit 1 if something is)
kibitz store check --store URL            the same of a store in PostgreSQL or ClickHouse, which have backups of their own
kibitz store backup FILE                  a checked copy, also while the collector runs
kibitz store restore FILE [--force]       put a backup in the store's place; the collector must not run
kibitz store compact                      give free space back
kibitz store migrate                      bring an older store up to date
kibitz store migrate --to URL             and copy it into another database, e.g. postgresql://user@host/name,
                                          or its samples into clickhouse://user@host/name?with=postgresql://...
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kibitz_server.store.sql import SqlStore

USAGE_ERROR = 2

_ELSEWHERE = (
    "works on the SQLite file in the data directory; for PostgreSQL use pg_dump and pg_restore, for ClickHouse its "
    "BACKUP and RESTORE statements, and keep what is beside it (?with=, or the data directory) of the same moment"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from kibitz_server.config import default_data_dir

    parser.add_argument("action", choices=("check", "backup", "restore", "compact", "migrate"))
    parser.add_argument("file", nargs="?", type=Path, help="the backup to write or to restore")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help=f"the collector's (default {default_data_dir()})"
    )
    parser.add_argument("--force", action="store_true", help="restore over a store that is there")
    parser.add_argument("--store", metavar="URL", help="check: the database that kibitz serve --store names")
    parser.add_argument("--to", metavar="URL", help="migrate: the database to copy into")


def run(args: argparse.Namespace) -> int:
    """0: done, and sound; 1: check found something; 2: it could not be done."""
    from kibitz_server.config import STORE_FILE, default_data_dir
    from kibitz_server.store import StoreError

    if (args.file is None) == (args.action in ("backup", "restore")):
        sys.stderr.write(
            f"kibitz store {args.action}: {'a file is needed' if args.file is None else 'takes no file'}\n"
        )
        return USAGE_ERROR
    if args.store and args.action != "check":
        sys.stderr.write(f"kibitz store {args.action}: {_ELSEWHERE}\n")
        return USAGE_ERROR
    path = (args.data or default_data_dir()) / STORE_FILE
    try:
        return _act(args, path)
    except (StoreError, OSError) as error:
        sys.stderr.write(f"kibitz store {args.action}: {error}\n")
        return USAGE_ERROR


def _act(args: argparse.Namespace, path: Path) -> int:
    from contextlib import closing

    from kibitz_server.store import StoreError, maintenance
    from kibitz_server.store.sql import open_sqlite

    if args.action == "check":
        problems = _problems(args.store, path)
        print("\n".join(problems) or f"{'the store' if args.store else path}: sound")
        return 1 if problems else 0
    if args.action == "backup":
        maintenance.back_up(path, args.file)
        print(f"{args.file}: backed up and checked")
    elif args.action == "restore":
        maintenance.restore(args.file, path, force=args.force)
        print(f"{path}: restored")
    else:
        if not path.is_file():
            raise StoreError(f"{path}: there is no store")
        with closing(open_sqlite(str(path))) as store:
            if args.action == "compact":
                maintenance.compact(store)
                print(f"{path}: {path.stat().st_size} bytes")
            elif args.to:
                print(_copied(store, args.to))
            else:
                print(f"{path}: up to date")
    return 0


def _problems(address: str | None, path: Path) -> list[str]:
    from contextlib import closing

    from kibitz_server.store import maintenance
    from kibitz_server.store.opening import open_store

    if not address:
        return maintenance.check(path)
    with closing(open_store(address, beside=str(path) if path.is_file() else "")) as store:
        return store.check()


def _copied(store: SqlStore, address: str) -> str:
    """Copy the store into another database; what was done."""
    from contextlib import closing

    from kibitz_server.store import maintenance
    from kibitz_server.store.clickhouse import connection, copying
    from kibitz_server.store.opening import open_clickhouse, open_sql, store_engine

    if address.partition("://")[0] not in connection.SCHEMES:
        open_sql(address).close()  # an address that does not answer is said before anything is read
        return f"{maintenance.copy(store.engine, store_engine(address))} rows copied"
    _, named = connection.beside(address)
    beside = named or str(store.engine.url.database)
    with closing(open_clickhouse(address, beside=beside)) as target:
        if named:
            maintenance.copy_beside(store.engine, target.engine)
        return f"{copying.copy_samples(store, target)} reports and sums copied"
