"""Announcing: what is told, once, and tried again until it is taken."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import replace
from typing import Any

import pytest

from kibitz_server import channels, feedback
from kibitz_server.channels import created, listed, shown
from kibitz_server.channels.delivery import MOST_ATTEMPTS, Announcer, announce, pause_s, senders
from kibitz_server.findings import GONE

NOW = 1_800_000_000.0
DAY_S = 86_400


def test_an_anomaly_is_announced_once_and_once_more_when_it_went_away(
    shop: Any, hooks: Any, by: Any, add: Any, found: Any
) -> None:
    add(hooks.address)
    for later in range(5):
        announce(shop, "shop", by(), NOW + 10_000 * later)
    shop.save_findings("shop", [replace(found(), end=NOW, details={**found().details, GONE: True})])
    for later in range(5):
        announce(shop, "shop", by(), NOW + 100_000 + later)
    assert [json.loads(body)["event"] for _, _, body in hooks.requests] == [
        "anomaly.found",
        "anomaly.went_away",
    ]


def test_what_went_away_before_it_was_announced_is_not(
    shop: Any, hooks: Any, by: Any, add: Any, found: Any
) -> None:
    shop.save_findings("shop", [found(**{GONE: True})])
    add(hooks.address)
    assert announce(shop, "shop", by(), NOW) == 0
    assert hooks.requests == []


def test_what_was_not_taken_is_tried_again_with_longer_pauses(
    shop: Any, hooks: Any, by: Any, add: Any
) -> None:
    add(hooks.address)
    hooks.answers = [500, 429, 200]
    seconds = [0, 29, 30, 89, 90, 100_000]
    taken = [announce(shop, "shop", by(), NOW + second) for second in seconds]
    assert taken == [0, 0, 0, 0, 1, 0]
    assert [pause_s(attempts) for attempts in (1, 2)] == [30, 60]
    assert len(hooks.requests) == 3
    assert len({headers["X-Kibitz-Delivery"] for _, headers, _ in hooks.requests}) == 1


def test_what_is_never_taken_is_given_up(shop: Any, hooks: Any, by: Any, add: Any) -> None:
    add(hooks.address)
    hooks.answers = [503] * 50
    for hour in range(0, 150, 6):
        announce(shop, "shop", by(), NOW + 3600 * hour)
    assert len(hooks.requests) == MOST_ATTEMPTS


@pytest.mark.parametrize("status", [400, 404, 410, 302])
def test_an_answer_that_will_not_change_ends_it_and_no_redirect_is_followed(
    shop: Any, hooks: Any, status: int, by: Any, add: Any
) -> None:
    add(hooks.address)
    hooks.answers = [status]
    for day in range(3):
        announce(shop, "shop", by(), NOW + 86_400 * day)
    assert [path for path, _, _ in hooks.requests] == ["/"]


def test_one_channel_that_fails_does_not_keep_another_from_its_message(
    shop: Any, hooks: Any, by: Any, add: Any
) -> None:
    class Broken:
        def send(self, *_: Any) -> None:
            raise RuntimeError("no")

    channels.add(shop, "shop", created(channels.EMAIL, "a@example.com"))
    add(hooks.address)
    assert announce(shop, "shop", by(email=Broken()), NOW) == 1


def test_useless_and_old_anomalies_are_not_announced(shop: Any, hooks: Any, by: Any, found: Any) -> None:
    feedback.judge(shop, found(), feedback.NEGATIVE, NOW)
    shop.save_findings("shop", [found("m:old", NOW - 90_000)])
    channels.add(shop, "shop", created(channels.WEBHOOK, hooks.address, now=NOW - 7200))
    assert announce(shop, "shop", by(), NOW) == 0
    assert hooks.requests == []


def test_errors_and_logs_hold_no_secret(
    shop: Any, hooks: Any, caplog: pytest.LogCaptureFixture, by: Any, add: Any
) -> None:
    add(f"{hooks.address}/services/T0/SECRETPATH", channels.SLACK)
    hooked = add(f"{hooks.address}/hook?key=SECRETQUERY")
    hooks.answers = [500, 404]
    with caplog.at_level(logging.DEBUG):
        announce(shop, "shop", by(), NOW)
    for secret in ("SECRETPATH", "SECRETQUERY", hooked.secret):
        assert secret not in caplog.text
        assert all(secret not in shown(channel) for channel in listed(shop.document("shop", "channels")))


def test_the_announcer_survives_what_fails(shop: Any, hooks: Any, by: Any, add: Any) -> None:
    add(hooks.address)
    came = threading.Event()
    calls: list[int] = []

    def first_fails() -> dict[str, Any]:
        calls.append(1)
        if len(calls) == 1:
            raise OSError("disk full")
        came.set()
        return by()

    announcer = Announcer(shop, first_fails, clock=lambda: NOW, interval_s=0.01)
    announcer.start()
    assert came.wait(120)
    announcer.stop()
    Announcer(shop, by).stop()


def test_there_is_a_sender_for_every_kind() -> None:
    assert set(senders()) == set(channels.KINDS)


def test_a_heap_that_grows_is_announced_once_however_long_it_does(
    shop: Any, hooks: Any, by: Any, add: Any, grown: Any
) -> None:
    add(hooks.address)
    for hour in range(0, 90 * 24, 12):
        now = NOW + 3600 * hour
        growing = replace(grown("m.Session"), end=now)
        shop.save_findings(
            "shop", [growing, replace(grown("m.Other"), id="0" * 32, end=now - 1)][: 1 + hour % 24]
        )
        announce(shop, "shop", by(), now)
    heaps = [told for told in hooks.told() if told["event"] == "heap.grows"]
    assert sorted(told["heap"]["type"] for told in heaps) == ["m.Other", "m.Session"]


def test_of_types_that_grow_in_one_heap_the_class_of_ones_own_is_announced(
    shop: Any, hooks: Any, by: Any, add: Any, grown: Any
) -> None:
    add(hooks.address)
    together = [
        grown("dict", grows_with=["m.Session", "str"]),
        grown("str", grows_with=["m.Session", "dict"]),
        grown("m.Session", grows_with=["dict", "str"]),
    ]
    shop.save_findings("shop", together)
    for second in (0, 60, 4000):
        announce(shop, "shop", by(), NOW + second)
    told = [one["heap"] for one in hooks.told() if one["event"] == "heap.grows"]
    assert [(one["type"], one["grows_with"]) for one in told] == [("m.Session", ["dict", "str"])]


def test_a_heap_that_could_not_be_told_of_is_tried_again_by_the_same_type(
    shop: Any, hooks: Any, by: Any, add: Any, grown: Any
) -> None:
    shop.save_findings("shop", [grown("m.A", grows_with=["m.B"]), grown("m.B", grows_with=["m.A"])])
    add(hooks.address)
    hooks.answers = [503, 503]
    for second in (0, 30, 90, 1000):
        announce(shop, "shop", by(), NOW + second)
    told = [one["heap"]["type"] for one in hooks.told() if one["event"] == "heap.grows"]
    assert len(told) == 2
    assert len(set(told)) == 1


def test_other_heaps_and_later_times_are_announced_by_themselves(
    shop: Any, hooks: Any, by: Any, add: Any, grown: Any
) -> None:
    add(hooks.address)
    shop.save_findings("shop", [grown("m.A", grows_with=["dict"]), grown("m.Unrelated")])
    announce(shop, "shop", by(), NOW)
    shop.save_findings("shop", [grown("m.A", NOW + 5 * DAY_S, grows_with=["dict"])])
    announce(shop, "shop", by(), NOW + 5 * DAY_S)
    told = [one["heap"]["type"] for one in hooks.told() if one["event"] == "heap.grows"]
    assert told == ["m.A", "m.Unrelated", "m.A"] or told == ["m.Unrelated", "m.A", "m.A"]


def test_an_anomaly_is_not_announced_again_when_what_was_sent_is_forgotten(
    shop: Any, hooks: Any, by: Any, add: Any, found: Any
) -> None:
    add(hooks.address)
    for day in range(0, 200, 5):  # each time there is another one, so that the old ones are let go
        shop.save_findings("shop", [found("m:g", NOW + DAY_S * day - 7200)])
        announce(shop, "shop", by(), NOW + DAY_S * day)
    ids = [told["id"] for told in hooks.told()]
    assert len(ids) == len(set(ids)) == 41
    assert len(shop.document("shop", "announced")) < 20


def test_news_of_over_a_week_ago_are_none(shop: Any, hooks: Any, by: Any, add: Any) -> None:
    add(hooks.address)
    assert announce(shop, "shop", by(), NOW + 8 * DAY_S) == 0
    assert hooks.requests == []


def test_a_channel_that_hangs_keeps_nobody_waiting_that_stops_the_announcer(
    shop: Any, hooks: Any, by: Any, add: Any
) -> None:
    began, go_on = threading.Event(), threading.Event()

    class Hanging:
        def send(self, *_: Any) -> None:
            began.set()
            assert go_on.wait(120)

    channels.add(shop, "shop", created(channels.EMAIL, "a@example.com"))
    announcer = Announcer(shop, lambda: by(email=Hanging()), clock=lambda: NOW, interval_s=0.01)
    announcer.start()
    assert began.wait(120)
    before = shop.document("shop", "announced")
    shop.change_document("shop", "other", lambda _: {"written": True})  # nothing is locked meanwhile
    assert shop.document("shop", "other") == {"written": True}
    assert len(before) == 1
    go_on.set()
    announcer.stop()
