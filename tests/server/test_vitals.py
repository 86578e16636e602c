"""How groups are, from the headers of their reports."""

from __future__ import annotations

import pytest

from kibitz_agent.profile import Header, Overhead
from kibitz_server.costs import Price
from kibitz_server.vitals import MOST_REPORTS, SPAN_S, Vitals, vitals, vitals_of, yearly_cost

S = 10**9
NOW = 1_700_000_000.0


def header(end=NOW, cpu_s=5.0, duration_s=10.0, **facts):
    end_ns = int(end * S)
    return Header(
        start_ns=end_ns - int(duration_s * S), end_ns=end_ns, process_cpu_ns=int(cpu_s * S), **facts
    )


def test_cpu_is_that_of_a_process_and_of_its_machine():
    told = vitals([header(cpu_s=5, host={"cpus": 4}), header(cpu_s=15, host={"cpus": 4})])
    assert told.cpu == pytest.approx(1.0)
    assert told.of_machine == pytest.approx(0.25)


def test_what_is_not_known_is_none_and_counts_for_nothing():
    told = vitals([header(cpu_s=0), header(cpu_s=4)])
    assert told.cpu == pytest.approx(0.4)
    assert (told.of_machine, told.overhead) == (None, None)
    assert vitals([]) == Vitals()


def test_overhead_is_the_agents_share_of_one_cpu():
    told = vitals([header(overhead=Overhead(cpu_ns=S // 20, ticks=10))])
    assert told.overhead == pytest.approx(0.005)


def test_versions_are_counted_once_per_process_by_its_latest_report():
    headers = [
        header(instance="i-1", process_id=1, agent_version="0.1", revision="aaa"),
        header(instance="i-1", process_id=1, agent_version="0.2", revision="bbb"),
        header(instance="i-2", process_id=1, agent_version="0.2", runtime="CPython 3.14"),
    ]
    told = vitals(headers)
    assert told.agents == {"0.2": 2}
    assert told.revisions == {"bbb": 1}
    assert told.runtimes == {"CPython 3.14": 1}
    assert told.instances == 2


def test_trend_is_in_the_order_of_time():
    told = vitals([header(end=NOW - 7200 + 1800 * k, cpu_s=k) for k in range(4)])
    assert [round(share, 3) for _, share in told.trend] == [0.0, 0.1, 0.2, 0.3][1:]


def test_store_tells_the_headers_of_the_groups_asked_for(store, make):
    for group in ("shop", "other"):
        for back in (100.0, SPAN_S + 1000.0):
            end_ns = int((NOW - back) * S)
            profile = make(
                {"m:a": 1}, instance=group, start_ns=end_ns - 10 * S, end_ns=end_ns, process_cpu_ns=2 * S
            )
            store.add(group, profile, f"{back}", "test")
    told = vitals_of(store, ["shop"], NOW)
    assert list(told) == ["shop"]
    assert told["shop"].cpu == pytest.approx(0.2)
    assert len(store.headers(["shop", "other"], 0, NOW, MOST_REPORTS)) == 4
    assert len(store.headers(["shop", "other"], 0, NOW, 2)) == 2
    assert vitals_of(store, ["nobody"], NOW) == {}


def test_store_without_headers_leaves_vitals_unknown():
    assert vitals_of(object(), ["shop"], NOW) == {}


def test_a_choice_of_reports_stands_for_all_of_them_in_the_cost_of_a_year():
    headers = [header(end=NOW - 10, cpu_s=5), header(end=NOW, cpu_s=5)]
    told = vitals(headers, reports=8)
    assert (told.cpu_s, told.covered_s) == (pytest.approx(40.0), pytest.approx(20.0))
    cost = yearly_cost(told, Price(0.05, "set for this group"))
    assert cost is not None
    assert cost.amount == pytest.approx(2 * 8766 * 0.05)


def test_without_a_price_or_measured_cpu_a_year_costs_nothing_that_is_known():
    assert yearly_cost(vitals([header()]), None) is None
    assert yearly_cost(vitals([header(cpu_s=0)]), Price(0.05, "")) is None
