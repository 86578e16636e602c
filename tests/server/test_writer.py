"""Group commit: what waits together is written together, and one bad report does not take the others with it."""

from __future__ import annotations

import threading

import pytest

from kibitz_server.store import BusyError, StoreError, writer
from kibitz_server.store.writer import GroupWriter


def together(group_writer, items):
    """Submit from a thread each; what became of every item."""
    outcomes = {}

    def submit(item):
        try:
            outcomes[item] = group_writer.write(item)
        except Exception as error:
            outcomes[item] = error

    threads = [threading.Thread(target=submit, args=(item,)) for item in items]
    for thread in threads:
        thread.start()
    return threads, outcomes


def wait_until(condition):
    for _ in range(60_000):
        if condition():
            return
        threading.Event().wait(0.001)
    raise AssertionError("it did not come to pass")


class Disk:
    """Commits that wait for ``go``, and fail where a 13 is among the items."""

    def __init__(self):
        self.batches, self.go, self.began = [], threading.Event(), threading.Event()

    def commit(self, items):
        self.began.set()
        assert self.go.wait(120)
        if 13 in items:
            raise StoreError("unlucky")
        self.batches.append(list(items))
        return [True] * len(items)


def test_reports_that_wait_are_written_in_one_transaction():
    disk = Disk()
    group_writer = GroupWriter(disk.commit)
    first, _ = together(group_writer, [0])
    assert disk.began.wait(120)
    rest, outcomes = together(group_writer, range(1, 9))
    wait_until(lambda: group_writer.waiting == 8)
    disk.go.set()
    for thread in first + rest:
        thread.join(120)
    assert [len(batch) for batch in disk.batches] == [1, 8]
    assert outcomes == dict.fromkeys(range(1, 9), True)
    group_writer.close()


def test_report_that_cannot_be_written_fails_alone():
    disk = Disk()
    group_writer = GroupWriter(disk.commit)
    first, _ = together(group_writer, [0])
    assert disk.began.wait(120)
    rest, outcomes = together(group_writer, [12, 13, 14])
    wait_until(lambda: group_writer.waiting == 3)
    disk.go.set()
    for thread in first + rest:
        thread.join(120)
    assert (outcomes[12], outcomes[14]) == (True, True)
    assert "unlucky" in str(outcomes[13])
    group_writer.close()


def test_too_many_waiting_are_told_to_come_back(monkeypatch):
    monkeypatch.setattr(writer, "MOST_WAITING", 2)
    disk = Disk()
    group_writer = GroupWriter(disk.commit)
    first, _ = together(group_writer, [0])
    assert disk.began.wait(120)
    rest, _ = together(group_writer, [1, 2])
    wait_until(lambda: group_writer.waiting == 2)
    with pytest.raises(BusyError) as caught:
        group_writer.write(3)
    assert caught.value.retry_after_s >= 1
    disk.go.set()
    for thread in first + rest:
        thread.join(120)
    group_writer.close()


def test_closed_writer_refuses():
    group_writer = GroupWriter(lambda items: [True] * len(items))
    assert group_writer.write(1)
    group_writer.close()
    with pytest.raises(StoreError, match="closed"):
        group_writer.write(2)


def test_who_comes_alone_is_written_at_once(monkeypatch):
    monkeypatch.setattr(writer, "GATHER_S", 3600.0)
    group_writer = GroupWriter(lambda items: [True] * len(items))
    assert group_writer.write(1)
    assert group_writer.write(2)
    group_writer.close()


def test_who_came_together_is_waited_for(monkeypatch):
    monkeypatch.setattr(writer, "GATHER_S", 3600.0)
    disk = Disk()
    group_writer = GroupWriter(disk.commit)
    disk.go.set()
    assert group_writer.write_all([1, 2]) == [True, True]
    first, outcomes = together(group_writer, [3])
    wait_until(lambda: group_writer.waiting == 1)
    assert outcomes == {}
    rest, _ = together(group_writer, [4])
    for thread in first + rest:
        thread.join(120)
    assert disk.batches == [[1, 2], [3, 4]]
    group_writer.close()


def test_closing_does_not_wait_for_more(monkeypatch):
    monkeypatch.setattr(writer, "GATHER_S", 3600.0)
    group_writer = GroupWriter(lambda items: [True] * len(items))
    group_writer.write_all([1, 2])
    last, outcomes = together(group_writer, [3])
    wait_until(lambda: group_writer.waiting == 1)
    group_writer.close()
    last[0].join(120)
    assert outcomes == {3: True}


def test_all_are_tried_before_a_failure_is_raised():
    disk = Disk()
    disk.go.set()
    group_writer = GroupWriter(disk.commit)
    with pytest.raises(StoreError, match="unlucky"):
        group_writer.write_all([12, 13, 14])
    assert disk.batches == [[12], [14]]
    group_writer.close()
