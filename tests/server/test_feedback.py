"""Thumbs up and down, and what is shown after them: as data, over HTTP, and on the page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kibitz_server import feedback
from kibitz_server.app import create_app
from kibitz_server.config import Config
from kibitz_server.feedback import NEGATIVE, POSITIVE, instance_id, judge, shown
from kibitz_server.findings import GONE, anomaly

HOUR = 3600.0


def found(frame="m:f", start=0.0, usual=0.1, seen=0.2):
    return anomaly(group="shop", frame=frame, start=start, end=start + HOUR, usual=usual, seen=seen)


@pytest.fixture
def client(store, tmp_path):
    store.create_group("shop", 0.0)
    store.save_findings("shop", [found(), found("m:g", 7 * HOUR)])
    return create_app(store, Config(data=tmp_path)).test_client()


def said(store):
    return store.document("shop", feedback.DOCUMENT)


def test_an_anomaly_judged_useless_is_not_shown_nor_is_one_like_it(store):
    store.create_group("shop", 0.0)
    judge(store, found(), NEGATIVE, 1.0)
    later, larger = found(start=50 * HOUR, seen=0.22), found(start=50 * HOUR, seen=0.26)
    fell, other = found(start=50 * HOUR, seen=0.02), found("m:g")
    assert shown([found(), later], said(store)) == []
    assert shown([larger, fell, other], said(store)) == [larger, fell, other]


def test_a_later_word_replaces_an_earlier_one(store):
    store.create_group("shop", 0.0)
    judge(store, found(), NEGATIVE, 1.0)
    judge(store, found(), POSITIVE, 2.0)
    assert shown([found()], said(store)) == [found()]


def test_frames_judged_useful_come_first_and_what_went_away_last(store):
    store.create_group("shop", 0.0)
    judge(store, found("m:useful"), POSITIVE, 1.0)
    gone = found("m:gone", 90 * HOUR)
    gone = replace(gone, details={**gone.details, GONE: True})
    order = shown([gone, found("m:new", 80 * HOUR), found("m:useful", 10 * HOUR)], said(store))
    assert [one.frame for one in order] == ["m:useful", "m:new", "m:gone"]


@pytest.mark.parametrize(("kind", "comment"), [("Maybe", ""), (POSITIVE, "x" * 4097)])
def test_what_cannot_be_said_is_refused(store, kind, comment):
    store.create_group("shop", 0.0)
    with pytest.raises(feedback.FeedbackError):
        judge(store, found(), kind, 1.0, comment)
    assert said(store) == {}


def test_anomalies_are_listed_and_judged_over_http(client):
    first, second = client.get("/api/groups/shop/anomalies").json["anomalies"]
    assert (first["frame"], second["frame"]) == ("m:g", "m:f")
    assert first["reason"] == "m:g rose from 10.0% to 20.0% of all samples."
    path = f"/api/groups/shop/anomalies/{first['id']}/feedback"
    assert client.post(path, json={"type": "Negative"}).json == {"feedback": "Negative"}
    assert [one["frame"] for one in client.get("/api/groups/shop/anomalies").json["anomalies"]] == ["m:f"]
    everything = client.get("/api/groups/shop/anomalies?all=1").json["anomalies"]
    assert [one["feedback"] for one in everything] == ["Negative", ""]
    assert client.post(path, json={"type": "Maybe"}).status_code == 400
    assert client.post(path, json=["Positive"]).status_code == 400
    assert (
        client.post("/api/groups/shop/anomalies/nobody/feedback", json={"type": "Positive"}).status_code
        == 404
    )
    assert client.get("/api/groups/nobody/anomalies").status_code == 404


def test_a_thumb_on_the_page_needs_no_script(client):
    page = client.get("/groups/shop/findings").text
    path = f"/groups/shop/findings/{instance_id(found())}/feedback"
    assert f'action="{path}"' in page
    answer = client.post(path, data={"type": "Negative"})
    assert answer.status_code == 303
    after = client.get(answer.location).text
    assert "<h2>m:f</h2>" not in after
    assert "1 judged not useful" in after
    assert "<h2>m:f</h2>" in client.get("/groups/shop/findings?all=1").text
    assert "<h2>m:f</h2>" not in client.get("/findings").text
    assert client.post(path, data={"type": "?"}).status_code == 400
    assert (
        client.post(path, data={"type": "Positive"}, headers={"Origin": "https://evil.example"}).status_code
        == 403
    )
