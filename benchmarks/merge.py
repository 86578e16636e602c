"""How long does it take to merge a day of five-minute profiles, and fifteen days by rollup?

    python benchmarks/merge.py [--quick]

288 profiles of 2,000 stacks, five minutes apart, are merged into one tree: as single reports, and rolled up. Fifteen days
(4,320 profiles; fewer distinct ones, put in again and again) are merged from daily buckets. Beside them DuckDB adds up
the same samples, one row each, by stack. Each figure is the median of several runs; the page's payload is not part of it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import ingest

from kibitz_agent.profile import Profile
from kibitz_server import query
from kibitz_server.store import Span
from kibitz_server.store.sql import SqlStore, open_sqlite

NOW = 1_800_000_000 // 86_400 * 86_400.0
STEP_S = 300.0


def median_ms(work: Callable[[], object], runs: int) -> float:
    times = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)


def put(store: SqlStore, group: str, made: list[Profile], count: int) -> Span:
    """``count`` profiles up to NOW, five minutes apart, from several threads as agents would send them."""

    def add(number: int) -> None:
        end = NOW - (count - number) * STEP_S + 1
        profile = made[number % len(made)]
        header = replace(profile.header, start_ns=int((end - STEP_S) * 1e9), end_ns=int(end * 1e9))
        store.add(group, profile.with_header(header), str(number), "benchmark")

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(add, range(count)))
    return Span(group, NOW - count * STEP_S, NOW)


def merge_ms(store: SqlStore, span: Span, runs: int) -> float:
    return median_ms(lambda: query.merged_tree(store, span), runs)


def duckdb_ms(made: list[Profile], count: int, runs: int) -> float | None:
    try:
        import duckdb
        import pyarrow as pa
    except ImportError:
        return None
    stacks: dict[tuple[str, ...], int] = {}
    columns: list[list[int]] = [[], [], [], [], []]
    for number in range(count):
        for frames, _, values in made[number % len(made)].stacks():
            stack = stacks.setdefault(tuple(frame.name for frame in frames), len(stacks))
            for column, value in zip(columns, (number, stack, *values), strict=True):
                column.append(value)
    with duckdb.connect() as connection:
        names = ("report", "stack", "samples", "wall", "cpu")
        rows = pa.table(dict(zip(names, columns, strict=True)))
        connection.execute("CREATE TABLE samples AS SELECT * FROM rows")
        del rows
        text = "SELECT stack, sum(samples), sum(wall), sum(cpu) FROM samples GROUP BY stack"
        return median_ms(lambda: connection.execute(text).fetchnumpy(), runs)


def line(what: str, profiles: int, milliseconds: float | None, **more: object) -> None:
    figure = None if milliseconds is None else round(milliseconds, 1)
    print(json.dumps({"benchmark": "merge", "what": what, "profiles": profiles, "ms": figure, **more}))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a smoke run")
    args = parser.parse_args()
    day, days, stacks, distinct, runs = (24, 2, 200, 8, 2) if args.quick else (288, 15, 2000, 96, 9)
    for shape in ingest.SHAPES:
        made = ingest.profiles(distinct, stacks, shape)
        with tempfile.TemporaryDirectory() as folder:
            store = open_sqlite(str(Path(folder) / "k.sqlite"), clock=lambda: NOW)
            one_day = put(store, "day", made, day)
            line(f"{shape}: single reports", day, merge_ms(store, one_day, runs))
            while store.roll_up("day"):
                pass
            line(f"{shape}: rolled up", day, merge_ms(store, one_day, runs))
            many = put(store, "days", made, day * days)
            while store.roll_up("days"):
                pass
            line(f"{shape}: {days} days rolled up", day * days, merge_ms(store, many, runs))
            store.close()
        line(f"{shape}: DuckDB rows", day, duckdb_ms(made, day, runs))


if __name__ == "__main__":
    main()
