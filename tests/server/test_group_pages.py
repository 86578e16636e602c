"""A group's summary and settings pages, without a browser and without a script."""

from __future__ import annotations

import time

from kibitz_agent.heap import HeapSummary, HeapType
from kibitz_agent.profile import Frame, Header, ProfileBuilder
from kibitz_server import settings
from kibitz_server.web import group_pages

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
FORM = {
    "profiling_enabled": "on",
    "period_s": "120",
    "sampling_interval_ms": "50",
    "minimum_reporting_ms": "60000",
    "max_stack_depth": "200",
    "cpu_limit_percent": "5",
}


def report(store, make, stacks):
    now_ns = int(time.time() * 1e9)
    profile = make(stacks, start_ns=now_ns - 10**10, end_ns=now_ns)
    assert store.add("shop", profile, "token", "kibitz")


def test_summary_tells_samples_functions_and_hours(client, store, make):
    report(store, make, {"m:main;m:hot": 30, "m:main;m:cold": 10})
    summary = group_pages.summarise(store, "shop", time.time())
    assert summary.samples == 40
    assert summary.on_cpu == 0.5
    assert [function.frame.name for function in summary.functions[:2]] == ["m:hot", "m:cold"]
    assert sum(count for _, count in summary.hours) == 40
    page = client.get("/groups/shop/summary", headers=BROWSER).text
    assert "50.0% of their time" in page
    assert "m:hot" in page


def test_summary_of_a_silent_group_tells_the_command_to_run(client, store):
    store.create_group("idle", time.time())
    page = client.get("/groups/idle/summary", headers=BROWSER).text
    assert "waits for its first report" in page
    assert "kibitz run --group idle --collector http://localhost" in page


def test_names_in_a_summary_are_text(client, store, make):
    report(store, make, {"<script>alert(1)</script>:f": 5})
    page = client.get("/groups/shop/summary", headers=BROWSER).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_settings_are_changed_by_the_form(client, store):
    store.create_group("shop", time.time())
    page = client.get("/groups/shop/settings", headers=BROWSER).text
    assert 'name="period_s"' in page
    assert 'max="86400"' in page
    answer = client.post("/groups/shop/settings", data=FORM, headers=BROWSER)
    assert answer.status_code == 303
    kept = settings.stored(store.document("shop", settings.DOCUMENT))
    assert (kept.period_s, kept.max_stack_depth, kept.profiling_enabled) == (120, 200, True)
    assert "were saved" in client.get(answer.location, headers=BROWSER).text


def test_harmful_settings_are_explained_and_not_kept(client, store):
    store.create_group("shop", time.time())
    answer = client.post("/groups/shop/settings", data={**FORM, "max_stack_depth": "0"}, headers=BROWSER)
    assert answer.status_code == 400
    assert "max_stack_depth: expected a whole number from 1 to 10000" in answer.text
    assert 'value="120"' in answer.text
    assert settings.stored(store.document("shop", settings.DOCUMENT)) == settings.GroupSettings()


def test_forms_of_other_sites_change_nothing(client, store):
    store.create_group("shop", time.time())
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://elsewhere.example"}):
        answer = client.post("/groups/shop/settings", data=FORM, headers={**BROWSER, **headers})
        assert answer.status_code == 403
    assert settings.stored(store.document("shop", settings.DOCUMENT)) == settings.GroupSettings()


def test_summary_tells_what_can_be_saved_and_what_that_costs(client, store):
    builder = ProfileBuilder()
    for names, count in ((("app:main", "shop:view", "copy:deepcopy"), 360), (("app:main", "shop:view"), 640)):
        builder.add_stack(
            [Frame(name) for name in names], (count, count * 10**7, count * 10**7), {"state": "running"}
        )
    now_ns = int(time.time() * 1e9)
    store.add("shop", builder.build(Header(instance="i", start_ns=now_ns - 10**11, end_ns=now_ns)), "t", "x")
    page = client.get("/groups/shop/summary", headers=BROWSER).text
    assert "Deep copies</a>: 36 % of CPU time</p>" in page
    client.put("/api/groups/shop/price", json={"per_vcpu_hour": 1})
    assert "Deep copies</a>: 36 % of CPU time, up to $316 a year" in client.get("/groups/shop/summary").text


def test_summary_tells_resident_memory_and_its_growth(client, store, make):
    store.create_group("shop", time.time())
    now_ns = int(time.time() * 1e9)
    for number in range(20):
        end_ns = now_ns - (19 - number) * 300 * 10**9
        baskets = HeapType("shop.Basket", 1000 * number, 2**20 * number)
        heap = HeapSummary(end_ns, 0, (100 + number) << 20, baskets.count, types=(baskets,))
        profile = make({"m:a": 1}, start_ns=end_ns - 10**9, end_ns=end_ns, heap=heap)
        assert store.add("shop", profile, str(number), "kibitz")
    page = client.get("/groups/shop/summary", headers=BROWSER).text
    assert "119.0 MiB resident" in page
    assert "live objects +12.0 MiB an hour, steadily" in page
    assert "/groups/shop/heap" in page
