"""Reviews as the collector keeps and shows them: told by CI, left by webhooks, asked for by AWS's clients."""

from __future__ import annotations

import html
import json
import re

import pytest

from kibitz_server import reviews
from kibitz_server.app import create_app
from kibitz_server.config import Config
from kibitz_server.reviews import history, pulls

DAY_S = 86_400.0


def finding(letter, **changes):
    return {
        "rule": "mutable-default",
        "path": "shop/cart.py",
        "line": 3,
        "end_line": 3,
        "severity": "Medium",
        "category": "correctness",
        "confidence": "High",
        "cwe": [],
        "message": f"All calls share the default {letter}.",
        "scope": "add",
        "fingerprint": letter * 32,
        "code": "def add(item, basket=[]):",
        "fix": {
            "title": "Make the object inside",
            "safe": False,
            "edits": [{"line": 3, "end_line": 3, "text": "def add(item, basket=None):\n"}],
        },
        **changes,
    }


def report(*findings, **changes):
    about = {
        "forge": "github",
        "repository": "o/shop",
        "number": 7,
        "head": "ad" * 20,
        "url": "https://x.example/7",
    }
    return {**about, "findings": list(findings), "waved": [], **changes}


@pytest.fixture
def kept(tmp_path):
    with_clock = reviews.opened(tmp_path, {})
    yield with_clock
    with_clock.close()


@pytest.fixture
def client(store, tmp_path, kept):
    return create_app(store, Config(data=tmp_path), reviews=kept).test_client()


def at(kept, moment):
    return reviews.Reviews(kept.documents, kept.runner, kept.uploads, kept.reports, {}, lambda: moment)


def test_a_finding_is_open_until_a_review_no_longer_has_it(kept):
    pulls.keep(at(kept, 1000.0), report(finding("a"), finding("b")))
    pulls.keep(at(kept, 2000.0), report(finding("a")))
    (past,) = history.history(kept)
    assert [
        (one.finding["fingerprint"][0], one.status, one.first_at, one.last_at) for one in past.findings
    ] == [
        ("a", "Open", 1000.0, 1000.0),
        ("b", "Fixed", 1000.0, 2000.0),
    ]
    assert (past.runs, past.at, past.repository) == (2, 2000.0, "o/shop")


def test_what_people_waved_away_is_ignored_and_may_come_back(kept):
    pulls.keep(kept, report(finding("a"), finding("b"), waved=["a" * 16]))
    (past,) = history.history(kept)
    assert [one.status for one in past.findings] == ["Ignored", "Open"]
    pulls.keep(kept, report(finding("a"), finding("b")))
    assert [one.status for one in history.history(kept)[0].findings] == ["Open", "Open"]


def test_lines_count_by_repository_and_by_rule(kept):
    pulls.keep(kept, report(finding("a"), finding("b", rule="shell-command"), waved=["a" * 16]))
    pulls.keep(kept, report(finding("a"), repository="o/other", number=1))
    past = next(one for one in history.history(kept) if one.repository == "o/other")
    assert history.judge(kept, past, "a" * 32, "ThumbsDown")
    pasts = history.history(kept)
    by_name = {line.name: line for line in history.by_repository(pasts)}
    assert {name: (line.found, line.open, line.ignored) for name, line in by_name.items()} == {
        "o/shop": (2, 1, 1),
        "o/other": (1, 1, 0),
    }
    first, second = history.by_rule(pasts)
    assert (first.name, first.reviews, first.found, first.down, first.rejected) == (
        "mutable-default",
        2,
        2,
        1,
        1.0,
    )
    assert (second.name, second.rejected) == ("shell-command", 0.0)


def test_days_count_what_is_new_and_what_is_done(kept):
    pulls.keep(at(kept, 100 * DAY_S + 5), report(finding("a"), finding("b")))
    pulls.keep(at(kept, 101 * DAY_S + 5), report(finding("a")))
    days = history.by_day(history.history(kept), 102 * DAY_S, 3)
    assert days == [(100 * DAY_S, 2, 0), (101 * DAY_S, 0, 1), (102 * DAY_S, 0, 0)]


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        {},
        report(number="7"),
        report(number=0),
        report(forge="a b"),
        report(repository=""),
        report(finding("a"), findings={}),
        report(finding("x")),
        report(finding("a", severity="Awful")),
        report(finding("a", line="3")),
        report(findings=[finding("a")] * 5001),
        report(waved="all"),
    ],
)
def test_a_report_that_is_none_is_refused_with_what_was_expected(client, kept, wrong):
    answer = client.post("/api/reviews", json=wrong)
    assert answer.status_code == 400
    assert "expected" in answer.json["message"]
    assert history.history(kept) == []


def test_texts_are_cut_and_addresses_that_are_no_web_pages_left_out(client, kept):
    long = finding("a", message="m" * 9_999, code="c" * 9_999)
    assert client.post("/api/reviews", json=report(long, url="javascript:alert(1)")).json == {
        "kept": "github:o/shop#7"
    }
    (past,) = history.history(kept)
    assert past.url == ""
    assert [len(past.findings[0].finding[key]) for key in ("message", "code")] == [4_000, 4_000]


def test_reports_that_webhooks_left_are_taken_in_once(client, kept, caplog):
    kept.reports.mkdir(parents=True)
    (kept.reports / "1.json").write_text(json.dumps(report(finding("a"))))
    (kept.reports / "2.json").write_text("not JSON")
    (kept.reports / "3.part").write_text("being written")
    assert "o/shop#7" in client.get("/reviews").text
    assert [path.name for path in kept.reports.iterdir()] == ["3.part"]
    assert "cannot be read" in caplog.text
    client.get("/reviews")
    assert history.history(kept)[0].runs == 1


def test_the_pages_show_each_finding_with_its_code_and_its_fix(client):
    client.post("/api/reviews", json=report(finding("a"), finding("b", rule="shell-command")))
    overview = html.unescape(client.get("/reviews").text)
    assert 'aria-label="By repository"' in overview
    address = re.search(r'href="(/reviews/[0-9a-f]{16})"', overview)[1]
    page = html.unescape(client.get(address).text)
    for text in (
        "All calls share the default a.",
        "def add(item, basket=[]):",
        "def add(item, basket=None):",
        "shop/cart.py:3",
        "https://x.example/7",
    ):
        assert text in page
    by_rule = client.get("/reviews/findings?rule=shell-command").text
    assert "default b" in by_rule
    assert "default a" not in by_rule
    assert "default a" in client.get("/reviews/findings?repository=o/shop").text
    assert "default a" not in client.get("/reviews/findings?repository=o/else").text
    assert "default a" not in client.get("/reviews/findings?status=Fixed").text


def test_a_thumb_is_kept_and_taken_back(client, kept):
    client.post("/api/reviews", json=report(finding("a")))
    (past,) = history.history(kept)
    place = f"/reviews/{past.id}/findings/{'a' * 32}/feedback"
    answer = client.post(place, data={"type": "ThumbsDown"})
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith(f"/reviews/{past.id}#{'a' * 32}")
    assert history.history(kept)[0].findings[0].judged == "ThumbsDown"
    assert 'aria-pressed="true"' in client.get(f"/reviews/{past.id}").text
    client.post(place, data={"type": ""})
    assert history.history(kept)[0].findings[0].judged == ""
    assert client.post(place, data={"type": "Odd"}).status_code == 400
    assert client.post(place.replace("a" * 32, "f" * 32), data={"type": "ThumbsUp"}).status_code == 404
    assert (
        client.post(place, data={"type": "ThumbsUp"}, headers={"Sec-Fetch-Site": "cross-site"}).status_code
        == 403
    )


@pytest.mark.parametrize(("waved", "marked"), [(6, False), (7, True)])
def test_a_rule_that_people_often_reject_is_marked(client, waved, marked):
    many = [finding("a", fingerprint=f"{n:032x}") for n in range(20)]
    marks = [one["fingerprint"] for one in many[:waved]]
    client.post("/api/reviews", json=report(*many, waved=marks))
    assert ("often rejected" in client.get("/reviews").text) is marked


def test_hostile_text_stays_text(client, kept):
    evil = "<script>alert(1)</script>"
    client.post(
        "/api/reviews", json=report(finding("a", message=evil, code=evil, path=evil, scope=evil, rule=evil))
    )
    (past,) = history.history(kept)
    for page in ("/reviews", f"/reviews/{past.id}", "/reviews/findings"):
        assert evil not in client.get(page).text
        assert "&lt;script&gt;" in client.get(page).text


@pytest.mark.parametrize("share", [None, "0.5", -1, 2, float("nan"), []])
def test_heat_is_shown_and_nonsense_left_out(client, kept, share):
    hot = {"share": 0.123, "measure": "CPU time", "where": "`shop` in the last 7 days"}
    client.post("/api/reviews", json=report(finding("a", heat=hot), finding("b", heat={"share": share})))
    (past,) = history.history(kept)
    assert [bool(one.finding["heat"]) for one in past.findings] == [True, False]
    assert "12 % of CPU time in shop in the last 7 days" in client.get(f"/reviews/{past.id}").text


def test_code_that_holds_a_secret_is_not_shown(client, kept):
    client.post("/api/reviews", json=report(finding("a", cwe=[798], code="")))
    assert "it holds a secret" in client.get(f"/reviews/{history.history(kept)[0].id}").text


def test_a_collector_without_reviews_says_so(store, tmp_path):
    client = create_app(store, Config(data=tmp_path)).test_client()
    assert "No reviews in this time" in client.get("/reviews").text
    assert client.get("/reviews/none").status_code == 404
    assert client.post("/api/reviews", json=report()).status_code == 404


@pytest.mark.parametrize("days", ["0", "-1", "x", "99999"])
def test_odd_ranges_are_explained(client, days):
    assert client.get(f"/reviews?days={days}").status_code == 400


def test_many_findings_come_a_page_at_a_time(client):
    many = [finding("a", fingerprint=f"{n:032x}", message=f"number {n:03}.") for n in range(120)]
    client.post("/api/reviews", json=report(*many))
    shown = [
        set(re.findall(r"number (\d+)\.", client.get(f"/reviews/findings?page={page}").text))
        for page in (1, 2, 3)
    ]
    assert [len(numbers) for numbers in shown] == [50, 50, 20]
    assert len(set.union(*shown)) == 120
