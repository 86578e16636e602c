"""The detector on profiles of a real program: the demo shop, sampled while it works. A slice of it stands for an hour."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kibitz_agent import wire
from kibitz_agent.profile import Profile
from kibitz_server import query
from kibitz_server.anomalies import Thresholds, detect_group
from kibitz_server.anomalies.group import causes
from kibitz_server.anomalies.series import series_of
from kibitz_server.store import Span
from kibitz_server.store.sql import SqlStore, open_sqlite

HOUR = 3600
BEGAN = 1_800_000_000 // HOUR * HOUR
USUAL, SLOWER, LOOKS = 32, 10, 200
FEW = Thresholds(least_samples=LOOKS // 2)
TARGET = Path(__file__).parents[1] / "targets" / "shop" / "slices.py"


@pytest.fixture(scope="module")
def profiles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Profile]]:
    folder = tmp_path_factory.mktemp("slices")
    command = [sys.executable, str(TARGET), str(folder), str(USUAL), str(SLOWER), str(LOOKS)]
    subprocess.run(command, check=True, timeout=500)
    found = {
        name: [wire.decode(path.read_bytes()) for path in sorted(folder.glob(f"{name}-*"))]
        for name in ("usual", "slower")
    }
    assert [len(slices) for slices in found.values()] == [USUAL, SLOWER]
    return found


@pytest.fixture
def fill(profiles: dict[str, list[Profile]], tmp_path: Path) -> Callable[..., SqlStore]:
    def stored(*names: str) -> SqlStore:
        store = open_sqlite(str(tmp_path / "kibitz.sqlite"))
        hours = [profile for name in names for profile in profiles[name]]
        for at, profile in enumerate(hours):
            end = (BEGAN + at * HOUR + HOUR // 2) * 10**9
            header = replace(profile.header, start_ns=end - 60 * 10**9, end_ns=end)
            assert store.add("shop", replace(profile, header=header), f"hour-{at}", "kibitz")
        return store

    return stored


def test_an_hour_is_as_good_as_another_whatever_their_order(fill: Callable[..., SqlStore]) -> None:
    store = fill("usual")
    shares = query.hourly_shares(store, Span("shop", BEGAN, BEGAN + USUAL * HOUR))
    store.close()
    assert len(shares.hours) == USUAL
    assert shares.samples.min() >= FEW.least_samples
    known = series_of(shares)
    assert {"shop.search:pattern", "shop.catalogue:export", "shop.basket:shared"} <= set(known.names)
    rng = np.random.default_rng(1)
    for _ in range(50):
        order = rng.permutation(USUAL)
        series = replace(known, shares=known.shares[:, order], self_share=known.self_share[:, order])
        found = causes(series, shares.samples[order], FEW)
        assert [(series.names[one.frame], one.usual, one.seen) for one in found] == []


def test_a_slower_shop_is_found_by_its_new_function(fill: Callable[..., SqlStore]) -> None:
    store = fill("usual", "slower")
    found = detect_group(store, "shop", BEGAN + (USUAL + SLOWER) * HOUR + 60, FEW)
    store.close()
    rose = [one for one in found if one.details["direction"] == "rose"]
    assert [one.frame for one in rose] == ["shop.search:rank"], [one.reason for one in found]
    assert rose[0].reason.endswith("as revision slower appeared.")
    assert abs(rose[0].start - (BEGAN + USUAL * HOUR)) <= HOUR
