"""Processes that share a folder show the sums of their counts, also after one of them was replaced."""

from __future__ import annotations

import json

import pytest

from kibitz_server import metrics as module
from kibitz_server.metrics import Gauge, Metrics


@pytest.fixture
def opened(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_WRITE_EVERY_S", 0.01)
    made = []

    def open_one(number):
        made.append(Metrics(tmp_path, number))
        return made[-1]

    yield open_one
    for one in made:
        one.close()


def written(path, wanted):
    """Wait until a process has written ``wanted`` of its counts down."""
    for _ in range(60_000):
        if path.is_file() and wanted in [row[2] for row in json.loads(path.read_text())["counters"]]:
            return
        module.threading.Event().wait(0.001)
    raise AssertionError(f"{path}: never {wanted}")


def test_counts_and_gauges_of_all_processes_are_added_up(opened, tmp_path):
    one, other = opened(0), opened(1)
    for metrics, waiting in ((one, 2.0), (other, 3.0)):
        metrics.declare("posts", "What was posted.")
        metrics.watch(Gauge("waiting", "What waits.", lambda waiting=waiting: waiting))
    one.count("posts", {"status": "204"}, 5)
    other.count("posts", {"status": "204"}, 7)
    other.count("posts", {"status": "429"})
    written(tmp_path / "1.json", 7)
    written(tmp_path / "1.json", 1)
    text = one.text()
    assert 'posts{status="204"} 12\n' in text
    assert 'posts{status="429"} 1\n' in text
    assert "\nwaiting 5\n" in text


def test_process_that_takes_anothers_place_goes_on_from_its_counts(opened, tmp_path):
    first = opened(0)
    first.count("posts", by=4)
    written(tmp_path / "0.json", 4)
    first.close()
    second = opened(0)
    second.count("posts")
    assert "posts 5\n" in second.text()


def test_alone_it_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    metrics = Metrics()
    metrics.count("posts", {"path": 'a"b\\c\n'})
    assert metrics.text().splitlines()[-1] == 'posts{path="a\\"b\\\\c\\n"} 1'
    assert list(tmp_path.iterdir()) == []
