"""The list of groups: each one's status, and thousands of them."""

from __future__ import annotations

import html
import time

import pytest

from kibitz_agent.profile import Overhead
from kibitz_server import settings
from kibitz_server.store import Group, Report
from kibitz_server.web.groups_pages import PAGE, status_of

NOW = 1_700_000_000.0
S = 10**9


@pytest.mark.parametrize(
    ("profiles", "back", "kept", "status"),
    [
        (0, 0, {}, "pending"),
        (3, 100, {}, "profiling"),
        (3, 2000, {}, "silent"),
        (3, 2000, {"period_s": 1000}, "profiling"),
        (3, 100, {"profiling_enabled": False}, "off"),
    ],
)
def test_status_tells_whether_reports_come(profiles, back, kept, status):
    group = Group("shop", 0.0, last_seen=NOW - back, profiles=profiles)
    assert status_of(group, settings.parse(kept), NOW) == status


def test_group_is_listed_with_cpu_and_overhead(client, store, make):
    now_ns = time.time_ns()
    for number in range(2):
        end_ns = now_ns - number * 3600 * S
        profile = make(
            {"m:a": 1}, start_ns=end_ns - 10 * S, end_ns=end_ns, process_cpu_ns=3 * S,
            overhead=Overhead(cpu_ns=S // 10, ticks=9),
        )  # fmt: skip
        store.add("shop", profile, str(number), "test")
    store.create_group("waits", time.time())
    page = client.get("/").text
    assert "30 %" in page
    assert "1.00 %" in page
    assert "CPU over time: from 30.0% to 30.0%" in page
    assert "waiting for the first" in page


def test_five_thousand_groups_are_searched_sorted_and_paged(client, store, make):
    now_ns = time.time_ns()
    profile = make({"m:a": 1}, start_ns=now_ns - S, end_ns=now_ns)
    store.add_all([Report(f"group-{number:04d}", profile, "t", "test") for number in range(5000)])
    page = client.get("/?sort=name").text
    assert page.count('<th scope="row">') == PAGE
    assert "5,000 of 5,000 groups" in page
    assert "Page 1 of 100" in page
    assert len(page) < 200_000
    second = client.get("/?sort=name&page=2").text
    assert f"group-{PAGE:04d}<" in second
    assert "group-4999<" in client.get("/?sort=name&page=999999").text
    found = client.get("/?q=GROUP-49&sort=name").text
    assert "100 of 5,000 groups" in found
    assert html.unescape(found).count("q=GROUP-49&sort=name&page=2") == 1


def test_ten_thousand_instances_of_a_group_are_counted_and_told(client, store, make):
    now_ns = time.time_ns()
    reports = [
        Report(
            "fleet",
            make(
                {"m:a;m:b": 1},
                instance=f"i-{number}",
                start_ns=now_ns - S,
                end_ns=now_ns,
                process_cpu_ns=S // 2,
            ),
            str(number),
            "test",
        )
        for number in range(10_000)
    ]
    assert all(store.add_all(reports))
    page = client.get("/").text
    assert "50 %" in page
    summary = client.get("/groups/fleet/summary").text
    assert "10,000" in summary
    values = client.get("/api/groups/fleet/labels?from=-1h").json["labels"]
    assert len(values["instance"]) >= 100
    assert (
        client.get("/api/groups/fleet/flamegraph?value=samples&packed=1").json["values"][0]["sum"] == 10_000
    )


def test_search_without_a_match_shows_the_way_back(client, store):
    store.create_group("shop", time.time())
    page = client.get("/?q=<b>").text
    assert "&lt;b&gt;" in page
    assert "All groups" in page
    assert client.get("/?sort=nonsense&page=-1").status_code == 200


def test_empty_collector_tells_the_commands(client):
    page = client.get("/").text
    assert "kibitz run --group my-app --collector http://localhost app.py" in page


def test_cost_of_a_year_is_told_with_its_basis_once_there_is_a_price(client, store, make):
    now_ns = time.time_ns()
    store.add(
        "shop", make({"m:a": 1}, start_ns=now_ns - 10 * S, end_ns=now_ns, process_cpu_ns=5 * S), "t", "x"
    )
    assert "set a price" in client.get("/").text
    assert (
        client.put("/api/groups/shop/price", json={"per_vcpu_hour": 0.1, "currency": "EUR"}).status_code
        == 200
    )
    page = client.get("/").text
    assert "€438" in page
    assert "5.0 CPU-seconds measured" in page
    summary = client.get("/groups/shop/summary").text
    assert "€438" in summary
    assert "5.0 CPU-seconds measured" in summary
