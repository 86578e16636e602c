"""Verify: a slower revision is refused, the same one accepted, and little data is neither."""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from werkzeug.serving import make_server

from kibitz_agent.profile import Frame, Header, ProfileBuilder
from kibitz_server.commands import verify as command
from kibitz_server.store.sql import SqlStore
from kibitz_server.verify import Blocks, Limits, Verdict, judge
from kibitz_server.verify.judge import always_valid_p, block_sizes, bound, discovered

FRAMES, TARGET = 40, 2


def blocks(seed: int, growth: float, hosts: int = 6, hours: int = 6) -> Blocks:
    """Counts with 3 % of noise by host and by hour, and loads that differ; the candidate's third function grows."""
    random = np.random.default_rng(seed)
    usual = 1 / np.arange(1, FRAMES + 1)
    usual /= usual.sum()
    columns, host, side = [], [], []
    for candidate in (False, True):
        for number in range(hosts):
            of_host = np.exp(random.normal(0, 0.03, FRAMES) + random.normal(0, 0.2))
            for _ in range(hours):
                mean = 4000 * usual * of_host * np.exp(random.normal(0, 0.03, FRAMES))
                mean[TARGET] *= growth if candidate else 1
                columns.append(random.poisson(mean))
                host.append(number + hosts * candidate)
                side.append(candidate)
    counts = np.array(columns, np.float64).T
    return Blocks([f"m:f{i}" for i in range(FRAMES)], counts, counts, np.array(host), np.array(side))


def test_the_same_revision_twice_is_accepted_in_95_of_100_runs() -> None:
    verdicts = [judge(blocks(seed, 1.0), Limits()).verdict for seed in range(100)]
    assert verdicts.count(Verdict.PASS) >= 95


def test_a_function_half_as_slow_again_is_refused_and_no_other_is_blamed() -> None:
    judgements = [judge(blocks(seed, 1.5), Limits()) for seed in range(50)]
    assert sum(one.verdict is Verdict.FAIL for one in judgements) >= 48
    assert {change.frame for one in judgements for change in one.regressions} == {f"m:f{TARGET}"}


def test_a_function_that_triples_leaves_the_others_innocent_though_their_shares_fall() -> None:
    (change,) = judge(blocks(1, 3.0), Limits()).regressions
    assert change.low < 2.0 < change.high


def test_a_repair_is_no_regression() -> None:
    assert all(judge(blocks(seed, 0.3), Limits()).verdict is not Verdict.FAIL for seed in range(30))


@pytest.mark.parametrize(("hosts", "hours"), [(1, 1), (2, 1), (3, 1)])
def test_few_hosts_and_hours_are_not_enough_data(hosts: int, hours: int) -> None:
    assert judge(blocks(1, 1.0, hosts, hours), Limits()).verdict is Verdict.NOT_ENOUGH


def test_looking_after_every_hour_accuses_nobody() -> None:
    accused = 0
    for seed in range(30):
        looks = (judge(blocks(seed, 1.0, 4, hours), Limits()) for hours in range(1, 9))
        accused += any(one.verdict is Verdict.FAIL for one in looks)
    assert accused <= 1


def test_nothing_at_all_is_not_enough_data() -> None:
    empty = Blocks([], np.zeros((0, 0)), np.zeros((0, 0)), np.zeros(0, np.int64), np.zeros(0, bool))
    assert judge(empty, Limits()).verdict is Verdict.NOT_ENOUGH


def test_a_blocks_size_is_not_moved_by_one_function() -> None:
    own = np.full((5, 2), 100.0)
    own[0, 1] = 10_000.0
    sizes = block_sizes(own)
    assert sizes is not None
    assert sizes[1] / sizes[0] == pytest.approx(1.0)
    assert block_sizes(own[:2]) is None


def test_p_values_and_bounds_are_two_sides_of_one_sequence() -> None:
    for units in (3.0, 12.0, 100.0):
        z = np.array([bound(units, 0.01)])
        assert always_valid_p(z, units)[0] == pytest.approx(0.01)


def test_discoveries_follow_benjamini_and_hochberg() -> None:
    assert discovered([0.001, 0.5, 0.019, 0.9], 0.04).tolist() == [True, False, True, False]
    assert not discovered([0.5, 0.9], 0.01).any()


def told(store: SqlStore, growth: float) -> None:
    """Four hosts of each revision, four hours each, that end an hour ago."""
    random, now = np.random.default_rng(5), time.time()
    for revision, factor in (("old", 1.0), ("new", growth)):
        for host in range(4):
            for hour in range(4):
                builder = ProfileBuilder()
                for frame in range(12):
                    count = int(random.poisson(400 * (factor if frame == TARGET else 1.0)))
                    stack = [Frame("app:main"), Frame(f"shop:f{frame}")]
                    builder.add_stack(stack, (count, count, count), {"state": "running"})
                end = int((now - 3600 * (hour + 1)) * 1e9)
                header = Header(
                    group="shop",
                    instance=f"{revision}-{host}",
                    revision=revision,
                    start_ns=end - 10**9,
                    end_ns=end,
                )
                store.add("shop", builder.build(header), f"{revision} {host} {hour}", "test")


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(
        parser.parse_args(["--group", "shop", "--baseline", "old", "--candidate", "new", *words])
    )


@pytest.fixture
def url(client: Any) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, client.application, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("over", ["url", "store"])
@pytest.mark.parametrize(("growth", "status"), [(1.0, command.PASS), (2.5, command.FAIL)])
def test_the_command_tells_by_its_status(
    growth: float,
    status: int,
    over: str,
    store: SqlStore,
    url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    told(store, growth)
    where = ("--url", url) if over == "url" else ("--store", str(tmp_path / "kibitz.sqlite"))
    assert run(*where, "--format", "json") == status
    plain = json.loads(capsys.readouterr().out)
    assert plain["hosts"] == {"baseline": 4, "candidate": 4}
    assert [one["frame"] for one in plain["regressions"]][:1] == ["shop:f2"] * status
    assert run(*where) == status
    assert ("| `shop:f2` |" in capsys.readouterr().out) == bool(status)


def test_an_unknown_revision_is_not_enough_data(
    store: SqlStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told(store, 1.0)
    assert run("--store", str(tmp_path / "kibitz.sqlite"), "--candidate", "newer") == command.NOT_ENOUGH
    assert capsys.readouterr().out.startswith("**Not enough data**")


def test_what_cannot_be_asked_is_an_error(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--store", str(tmp_path / "none.sqlite")) == command.ERROR
    assert run("--url", url) == command.ERROR
    assert run("--url", "ftp://x") == command.ERROR
    assert capsys.readouterr().err.count("kibitz verify: ") == 3


def test_the_token_is_read_from_the_variable_else_from_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("from-file\n")
    monkeypatch.delenv("KIBITZ_TOKEN", raising=False)
    monkeypatch.setenv("KIBITZ_TOKEN_FILE", str(tmp_path / "token"))
    assert command._token() == "from-file"
    monkeypatch.setenv("KIBITZ_TOKEN", "given")
    assert command._token() == "given"
