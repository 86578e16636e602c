"""What was acknowledged stays, whatever happens to the process, the disk or the file; and the store can be cared for."""

from __future__ import annotations

import importlib.util
import os
import sqlite3
import sys
from contextlib import closing

import pytest

from kibitz_server.store import schema
from kibitz_server.store.opening import open_store


@pytest.fixture
def crashes(root):
    spec = importlib.util.spec_from_file_location("crashes", root / "benchmarks" / "crashes.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["crashes"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["crashes"]


def functions(collector, group="shop"):
    found = collector.get(f"/api/groups/{group}/functions?value=samples&limit=1000")
    return {function["name"]: function["self"] for function in found["functions"]}


def test_killed_under_load_it_loses_and_repeats_nothing(crashes, tmp_path):
    result = crashes.crash(tmp_path, kills=6, seed=1)
    assert result.kills == 6
    assert len(result.acknowledged) > 10
    assert (result.lost, result.repeated, result.problems) == ([], [], [])


def test_store_is_backed_up_while_it_serves_and_restored(collector, kibitz, make_profile, tmp_path):
    data, backup = str(collector.data), str(tmp_path / "backup.sqlite")
    assert collector.post(make_profile({"m:a;m:b": 3}), token="one") == 204
    done = kibitz("store", "backup", backup, "--data", data)
    assert done.returncode == 0, done.stderr
    assert collector.post(make_profile({"m:a;m:b": 4}), token="two") == 204
    again = kibitz("store", "backup", backup, "--data", data)
    assert again.returncode == 2
    assert "exists already" in again.stderr
    refused = kibitz("store", "restore", backup, "--data", data, "--force")
    assert refused.returncode == 2
    assert "collector uses it" in refused.stderr
    assert functions(collector)["m:b"] == 7
    collector.stop()
    refused = kibitz("store", "restore", backup, "--data", data)
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    done = kibitz("store", "restore", backup, "--data", data, "--force")
    assert done.returncode == 0, done.stderr
    collector.start()
    assert functions(collector)["m:b"] == 3
    assert collector.post(make_profile({"m:a;m:b": 4}), token="two") == 204
    assert functions(collector)["m:b"] == 7


def test_store_is_checked_compacted_and_brought_up_to_date(collector, kibitz, make_profile):
    data = str(collector.data)
    for number in range(30):
        collector.post(make_profile({f"m:a;m:b{number}": 1}), token=str(number))
    sound = kibitz("store", "check", "--data", data)
    assert (sound.returncode, "sound" in sound.stdout) == (0, True), sound.stderr
    before = functions(collector)
    done = kibitz("store", "compact", "--data", data)
    assert done.returncode == 0, done.stderr
    assert functions(collector) == before
    assert collector.post(make_profile({"m:a;m:new": 1}), token="new") == 204
    assert functions(collector)["m:new"] == 1
    assert kibitz("store", "check", "--data", data).returncode == 0
    assert kibitz("store", "migrate", "--data", data).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("check",), "there is no store"),
        (("backup", "x"), "there is no store"),
        (("backup",), "a file is needed"),
        (("check", "x"), "takes no file"),
        (("restore", "nothing"), "there is no store"),
        (("migrate", "--to", "mysql://h/d"), "there is no store"),
    ],
)
def test_what_cannot_be_done_is_said(kibitz, tmp_path, arguments, said):
    done = kibitz("store", *arguments, "--data", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr


def test_corrupt_page_is_found_and_the_rest_is_still_said_to_be_damaged(collector, kibitz, make_profile):
    for number in range(40):
        stacks = {f"m:f{number}_{i};m:g{i}": i + 1 for i in range(80)}
        assert collector.post(make_profile(stacks), token=str(number)) == 204
    collector.stop()
    path = collector.data / "kibitz.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'profiles'").fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(os.urandom(size))
    done = kibitz("store", "check", "--data", str(collector.data))
    assert done.returncode == 1
    assert done.stdout.strip()
    backup = kibitz("store", "backup", str(collector.data / "copy"), "--data", str(collector.data))
    assert backup.returncode == 2
    assert "not sound" in backup.stderr


def test_directory_nobody_can_write_to_is_refused_with_a_reason(kibitz):
    done = kibitz("serve", "--port", "0", "--data", "/proc/kibitz")  # not even the superuser can
    assert done.returncode == 2
    assert "cannot use /proc/kibitz as data directory" in done.stderr


def test_full_disk_is_answered_as_unavailable_and_nothing_is_lost(collector, make_profile):
    """A limit on the size of files stands for the full disk: SQLite meets the same failed write."""
    import resource

    assert collector.post(make_profile({"m:kept": 1}), token="kept") == 204
    limit = collector.data.joinpath("kibitz.sqlite-wal").stat().st_size + 4096
    resource.prlimit(collector.process.pid, resource.RLIMIT_FSIZE, (limit, limit))
    stacks = {f"m:f{i};m:{'g' * 50}{i}": i + 1 for i in range(3000)}
    status = collector.post(make_profile(stacks), token="too-much")
    assert status == 503
    collector.kill()
    collector.start()
    assert functions(collector) == {"m:kept": 1}
    assert collector.post(make_profile({"m:kept": 2}), token="more") == 204
    assert functions(collector) == {"m:kept": 3}


def test_a_store_elsewhere_is_checked_by_its_address_and_saved_by_its_own_means(
    database, kibitz, tmp_path, make_profile
):
    with closing(open_store(database)) as store:
        store.add("g", make_profile({"m:a;m:b": 3}), "1", "test")
    sound = kibitz("store", "check", "--store", database)
    assert (sound.returncode, sound.stdout) == (0, "the store: sound\n")
    with closing(open_store(database)) as store, store.engine.begin() as connection:
        connection.execute(schema.profiles.update().values(samples=b"\x02"))
    damaged = kibitz("store", "check", "--store", database)
    assert damaged.returncode == 1
    assert "damaged" in damaged.stdout
    for action in (["backup", tmp_path / "b"], ["restore", tmp_path / "b"], ["compact"]):
        refused = kibitz("store", *action, "--store", database)
        assert refused.returncode == 2
        assert "pg_dump" in refused.stderr
    missing = kibitz("store", "check", "--store", "clickhouse://127.0.0.1:1/none?with=" + database)
    assert missing.returncode == 2
    assert "ClickHouse cannot be used" in missing.stderr
