"""What the pages say, without a browser: HTML to people, JSON to programs, names never as markup."""

from __future__ import annotations

import time

import pytest

from kibitz_agent.profile import Frame, Header, ProfileBuilder
from kibitz_server.findings import anomaly
from kibitz_server.web import views

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
HOSTILE = "<script>alert(1)</script>:\"'&"


def report(store, group="shop", name="shop.search:find"):
    now_ns = int(time.time() * 1e9)
    builder = ProfileBuilder()
    builder.add_stack([Frame("__main__:<module>"), Frame(name)], (3, 30, 20))
    header = Header(group=group, instance="i-1", start_ns=now_ns - 10**9, end_ns=now_ns)
    assert store.add(group, builder.build(header), f"token-{group}", "kibitz")


def test_empty_collector_says_how_to_send_the_first_report(client):
    page = client.get("/", headers=BROWSER).text
    assert "Nothing has reported yet" in page
    assert "kibitz run --group my-app --collector http://localhost" in page


def test_groups_page_lists_each_group_with_links(client, store):
    report(store)
    store.create_group("idle", time.time())
    page = client.get("/", headers=BROWSER).text
    assert 'href="/groups/shop"' in page
    assert 'href="/groups/shop/findings"' in page
    assert "waiting for the first" in page


def test_missing_group_is_a_page_to_people_and_json_to_programs(client):
    page = client.get("/groups/nobody", headers=BROWSER)
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "No profiling group nobody" in page.text
    answer = client.get("/groups/nobody", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.mimetype) == (404, "application/json")
    assert answer.json == {"message": "no profiling group nobody"}
    # An API's address gives JSON whatever a browser would like best.
    assert client.get("/api/groups/nobody/functions", headers=BROWSER).mimetype == "application/json"


def test_group_name_with_other_characters_is_refused_without_repeating_markup(client):
    page = client.get("/groups/%3Cb%3Ebold", headers=BROWSER)
    assert page.status_code == 400
    assert "<b>bold" not in page.text


def test_findings_page_shows_names_as_text_and_links_to_their_time(client, store):
    found = anomaly(group="shop", frame=HOSTILE, start=7200.0, end=10_800.0, usual=0.1, seen=0.3)
    store.save_findings("shop", [found])
    for address in ("/findings", "/groups/shop/findings"):
        page = client.get(address, headers=BROWSER).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page
        assert "/groups/shop?from=7200&amp;to=10800&amp;search=%3Cscript%3E" in page
        assert "rose from 10.0% to 30.0%" in page


def test_findings_page_without_findings_says_what_it_takes(client):
    assert "at least six hours" in client.get("/findings", headers=BROWSER).text


def test_parameters_of_the_address_stay_text(client, store):
    report(store)
    page = client.get('/groups/shop?from="><b>&value="><i>&to=<u>', headers=BROWSER)
    assert page.status_code == 200
    for markup in ("<b>", "<i>", "<u>"):
        assert markup not in page.text


@pytest.mark.parametrize(
    ("start", "end", "label"),
    [
        ("7200", "10800", "1970-01-01 02:00 UTC to 1970-01-01 03:00 UTC"),
        ("-3h", None, "-3h to now"),
        ("999999999999", "nan", "999999999999 to nan"),
    ],
)
def test_range_of_the_address_is_shown_as_times(start, end, label):
    assert views.range_label(start, end) == label


@pytest.mark.parametrize("suffix", ["pb.gz", "txt", "json", "html"])
def test_export_is_an_attachment_named_after_the_group(client, store, suffix):
    report(store)
    answer = client.get(f"/groups/shop/profile.{suffix}")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == f'attachment; filename="shop.{suffix}"'
    assert answer.data


def test_unknown_export_format_names_those_there_are(client, store):
    report(store)
    answer = client.get("/groups/shop/profile.exe")
    assert answer.status_code == 400
    assert answer.json["message"] == "no format .exe: there are pb.gz, txt, json, html"


@pytest.mark.parametrize(
    ("passed", "said"), [(5, "5 s ago"), (120, "2 min ago"), (7200, "2 h ago"), (-50, "0 s ago")]
)
def test_ago_speaks_as_people_do(monkeypatch, passed, said):
    monkeypatch.setattr(views.time, "time", lambda: 1_000_000.0)
    assert views.ago(1_000_000.0 - passed) == said


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("/nowhere", 404, "All profiling groups"),
        ("/groups/shop/profile.txt?from=bogus", 400, "expected epoch seconds"),
        ("/groups/shop/profile.exe", 400, "No format .exe"),
    ],
)
def test_every_error_of_a_page_is_a_page(client, store, address, status, said):
    report(store)
    page = client.get(address, headers=BROWSER)
    assert (page.status_code, page.mimetype) == (status, "text/html")
    assert said in page.text


def test_groups_page_counts_findings(client, store):
    report(store)
    store.save_findings(
        "shop",
        [
            anomaly(group="shop", frame="m:f", start=s, end=s + 3600, usual=0.1, seen=0.3)
            for s in (0.0, 7200.0)
        ],
    )
    assert 'aria-label="Findings of shop: 2">2</a>' in client.get("/", headers=BROWSER).text


def test_what_stands_between_backticks_is_code_and_all_of_it_text():
    assert views.ticks("copy `a<b>` now & `c`") == "copy <code>a&lt;b&gt;</code> now &amp; <code>c</code>"
    assert views.ticks("plain") == "plain"
