"""Does the gate let the same revision through and stop a slower one, on samples of a real program?

    python benchmarks/verify_quality.py [--quick] [--hosts N] [--hours N] [--looks N]

The demo's shop is sampled while it works, in a process of its own for each host, as it is and after a deployment that makes
its search slower. A stretch of CPU time stands for an hour. Then, a hundred times: some hosts for the baseline, others for
the candidate, and of each some of its hours; what is drawn anew are hosts and hours, never samples. Asked are the same
revision twice, the same after every hour as it comes (any of the answers may be the one that stops a deployment), and the
slower one. Beside it, on the same draws, a rule that many use: any function whose share of the samples grew by more than 5 %
of itself and half a per cent of the whole.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kibitz_agent import wire
from kibitz_server.store import Report, Span
from kibitz_server.store.sql import open_sqlite
from kibitz_server.verify import Blocks, Limits, Verdict, judge
from kibitz_server.verify.blocks import blocks_of

HOURS = Path(__file__).parents[1] / "tests" / "targets" / "shop" / "hours.py"
HOUR_S, BEGAN_S = 3600, 1_800_000_000 // 3600 * 3600
RUNS = 100
LIMITS = Limits(least_samples=100)  # hours here are short


@dataclass(frozen=True, slots=True)
class Draw:
    """Which columns of the sampled blocks a run compares: ``baseline`` and ``candidate``."""

    baseline: np.ndarray
    candidate: np.ndarray


def sampled(folder: Path, hosts: int, hours: int, looks: int) -> Blocks:
    """Every host's hours of both revisions, the slower one as the candidate."""

    def work(host: int) -> Path:
        own = folder / f"host-{host}"
        own.mkdir()
        subprocess.run([sys.executable, str(HOURS), str(own), *map(str, (hours, hours, looks))], check=True)
        return own

    with ThreadPoolExecutor(2) as pool:
        folders = list(pool.map(work, range(hosts)))
    store = open_sqlite(str(folder / "kibitz.sqlite"))
    try:
        store.add_all(report for host, own in enumerate(folders) for report in reports(host, own))
        return blocks_of(store, Span("shop", 0, 2 * BEGAN_S), "usual", "slower")
    finally:
        store.close()


def reports(host: int, folder: Path) -> list[Report]:
    """A host's profiles, each as the report of an hour."""
    made = []
    for path in sorted(folder.glob("*.kibitz")):
        revision, hour = path.stem.split("-")
        profile = wire.decode(path.read_bytes())
        end = (BEGAN_S + int(hour) * HOUR_S + HOUR_S // 2) * 10**9
        header = replace(
            profile.header,
            instance=f"host-{host}",
            revision=revision,
            start_ns=end - 60 * 10**9,
            end_ns=end,
        )
        made.append(Report("shop", replace(profile, header=header), f"{host}-{path.stem}", "kibitz"))
    return made


def drawn(blocks: Blocks, rng: np.random.Generator, *, slower: bool) -> Draw:
    """Half of the hosts for one side, the others for the other, and of each three of four hours."""
    hosts = rng.permutation(np.unique(blocks.host))
    half = len(hosts) // 2

    def hours(host: int, *, candidate: bool) -> np.ndarray:
        columns = np.flatnonzero((blocks.host == host) & (blocks.is_candidate == candidate))
        return rng.permutation(columns)[: -(-3 * len(columns) // 4)]

    return Draw(
        np.concatenate([hours(host, candidate=False) for host in hosts[:half]]),
        np.concatenate([hours(host, candidate=slower) for host in hosts[half:]]),
    )


def chosen(blocks: Blocks, draw: Draw) -> Blocks:
    """The drawn blocks as what `judge` is asked."""
    columns = np.concatenate([draw.baseline, draw.candidate])
    return Blocks(
        blocks.frames,
        blocks.own[:, columns],
        blocks.total[:, columns],
        blocks.host[columns],
        np.arange(len(columns)) >= len(draw.baseline),
    )


def asked_every_hour(blocks: Blocks, draw: Draw) -> Verdict:
    """`FAIL` if any of the answers was, given after each hour's blocks of all hosts; else the last answer."""
    hosts = len(np.unique(blocks.host[draw.baseline]))
    sides = [side.reshape(hosts, -1) for side in (draw.baseline, draw.candidate)]
    answers = []
    for hour in range(1, sides[0].shape[1] + 1):
        so_far = Draw(*(side[:, :hour].ravel() for side in sides))
        answers.append(judge(chosen(blocks, so_far), LIMITS).verdict)
    return Verdict.FAIL if Verdict.FAIL in answers else answers[-1]


def by_share(blocks: Blocks) -> Verdict:
    """What a comparison of shares says."""
    shares = [
        blocks.total[:, side].sum(axis=1) / blocks.own[:, side].sum()
        for side in (~blocks.is_candidate, blocks.is_candidate)
    ]
    grew = (shares[1] > shares[0] * 1.05) & (shares[1] - shares[0] > 0.005)
    return Verdict.FAIL if grew.any() else Verdict.PASS


def quality(blocks: Blocks, runs: int = RUNS) -> list[dict[str, object]]:
    """One figure for each question and each rule: how often each answer was given."""
    questions: dict[str, tuple[bool, Callable[[Blocks, Draw], Verdict]]] = {
        "the same revision": (
            False,
            lambda all_of_them, draw: judge(chosen(all_of_them, draw), LIMITS).verdict,
        ),
        "the same revision, asked every hour": (False, asked_every_hour),
        "a slower revision": (
            True,
            lambda all_of_them, draw: judge(chosen(all_of_them, draw), LIMITS).verdict,
        ),
    }
    figures = []
    for question, (slower, answer) in questions.items():
        rng = np.random.default_rng(7)
        draws = [drawn(blocks, rng, slower=slower) for _ in range(runs)]
        given = {
            "kibitz verify": Counter(answer(blocks, draw) for draw in draws),
            "shares compared": Counter(by_share(chosen(blocks, draw)) for draw in draws),
        }
        for rule, counts in given.items():
            answers = {str(verdict): counts[verdict] for verdict in Verdict}
            figures.append(
                {"benchmark": "verify_quality", "asked": question, "rule": rule, "runs": runs, **answers}
            )
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a smoke run")
    parser.add_argument("--hosts", type=int, default=12)
    parser.add_argument("--hours", type=int, default=8)
    parser.add_argument("--looks", type=int, default=1500, help="of an hour, one each millisecond")
    args = parser.parse_args()
    size = (4, 4, 250) if args.quick else (args.hosts, args.hours, args.looks)
    with tempfile.TemporaryDirectory() as folder:
        blocks = sampled(Path(folder), *size)
    for figure in quality(blocks, 10 if args.quick else RUNS):
        print(json.dumps(figure))


if __name__ == "__main__":
    main()
