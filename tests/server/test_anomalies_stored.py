"""The anomaly detector over stored profiles: planted changes, edits, large steps of the last minutes."""

from __future__ import annotations

import pytest

from kibitz_agent.profile import Frame, Header, ProfileBuilder
from kibitz_server.anomalies import detect_group
from kibitz_server.findings import GONE

HOUR = 3600
NOW = 1_800_000_000 // HOUR * HOUR + 900.0


def keep(store, back, stacks, revision="", line=1, group="shop"):
    """One profile that ended half way through the ``back``-th whole hour before NOW."""
    end = (NOW // HOUR - back) * HOUR + HOUR / 2
    builder = ProfileBuilder()
    for text, count in stacks.items():
        builder.add_stack([Frame(name, "shop.py", line) for name in text.split(";")], (count, count, count))
    header = Header(group=group, start_ns=int((end - 60) * 1e9), end_ns=int(end * 1e9), revision=revision)
    assert store.add(group, builder.build(header), f"{group}-{back}", "test")


USUAL = {"m:main;m:serve;m:slow": 100, "m:main;m:serve;m:a": 500, "m:main;m:b": 400, "m:main;m:c": 300}
AFTER = USUAL | {"m:main;m:serve;m:slow": 500}


def plant(store, hours=30, changed=6, **after):
    for back in range(hours, 0, -1):
        keep(store, back, AFTER if back <= changed else USUAL, **(after if back <= changed else {}))


def test_a_planted_step_in_a_stored_series_is_the_one_finding(store):
    plant(store)
    (found,) = detect_group(store, "shop", NOW)
    assert found.frame == "m:slow"
    assert found.start == (NOW // HOUR - 6) * HOUR
    assert found.end == NOW // HOUR * HOUR
    assert found.reason == "m:slow rose from 7.7% to 29.4% of all samples."
    assert found.details["usual_share"] == pytest.approx(100 / 1300)


@pytest.mark.parametrize("past_s", [0.0, 0.001, 1.0, 3599.0, 3599.999])
def test_it_makes_no_difference_when_in_the_hour_it_is_looked(store, past_s):
    plant(store)
    (found,) = detect_group(store, "shop", NOW // HOUR * HOUR + past_s)
    assert (found.frame, found.start) == ("m:slow", (NOW // HOUR - 6) * HOUR)


@pytest.mark.parametrize("hours", range(1, 8))
def test_a_group_of_a_few_hours_has_no_finding(store, hours):
    for back in range(hours, 0, -1):
        keep(store, back, AFTER if back == 1 else USUAL)
    assert detect_group(store, "shop", NOW) == []


def test_hours_of_which_nothing_came_are_no_change(store):
    for back in range(40, 0, -1):
        if back % 3:
            keep(store, back, USUAL)
    assert detect_group(store, "shop", NOW) == []


def test_twice_the_instances_are_no_change(store):
    for back in range(30, 0, -1):
        keep(store, back, {text: count * (2 if back <= 6 else 1) for text, count in USUAL.items()})
    assert detect_group(store, "shop", NOW) == []


def test_a_flat_stored_series_has_no_finding(store):
    plant(store, changed=0)
    assert detect_group(store, "shop", NOW) == []


def test_an_unknown_or_empty_group_has_no_finding(store):
    store.create_group("empty", NOW)
    assert detect_group(store, "empty", NOW) == []


def test_the_revision_that_came_with_the_change_is_named(store):
    for back in range(30, 0, -1):
        keep(store, back, AFTER if back <= 6 else USUAL, revision="new" if back <= 6 else "old")
    (found,) = detect_group(store, "shop", NOW)
    assert found.reason.endswith(", as revision new appeared.")


def test_an_edit_that_moves_lines_is_no_change(store):
    for back in range(24, 0, -1):
        keep(store, back, USUAL, line=7 if back <= 3 else 1)
    assert detect_group(store, "shop", NOW) == []


def test_an_anomaly_that_goes_on_keeps_its_id_and_grows(store):
    plant(store)
    first = detect_group(store, "shop", NOW - HOUR)
    store.save_findings("shop", first)
    second = detect_group(store, "shop", NOW)
    store.save_findings("shop", second)
    assert [finding.id for finding in second] == [finding.id for finding in first]
    (kept,) = store.findings("shop")
    assert kept.end == first[0].end + HOUR


def test_the_hour_still_filling_is_not_judged(store):
    for back in range(30, 0, -1):
        keep(store, back, AFTER if back <= 3 else USUAL)
    keep(store, 0, AFTER)
    assert detect_group(store, "shop", NOW) == []
    assert [found.frame for found in detect_group(store, "shop", NOW + HOUR)] == ["m:slow"]


BEFORE = {
    "m:main;m:serve;m:page;m:read": 300,
    "m:main;m:serve;m:page;m:write": 200,
    "m:main;m:serve;m:page": 100,
    "m:main;m:batch;m:read": 290,
    "m:main;m:other": 250,
    "m:main;m:other;m:a": 150,
    "m:main;m:other;m:b": 150,
}


def renamed(stacks, *pairs):
    for old, new in pairs:
        stacks = {text.replace(old, new): count for text, count in stacks.items()}
    return stacks


EDITS = {
    "a new function around another": renamed(BEFORE, ("m:page", "m:wrapper;m:page")),
    "one around several": renamed(BEFORE, ("m:page", "m:wrapper;m:page"), ("m:other", "m:wrapper;m:other")),
    "three around everything": renamed(BEFORE, ("m:main", "m:main;m:x;m:y;m:z")),
    "a new name for one that calls": renamed(BEFORE, ("m:page", "m:sheet")),
    "a new name for one that several call": renamed(BEFORE, ("m:read", "m:load")),
    "a new file for three": renamed(
        BEFORE, ("m:page", "n:page"), ("m:read", "n:read"), ("m:write", "n:write")
    ),
    "one split in two, one below the other": renamed(BEFORE, ("m:page", "m:first;m:second")),
    "one split in two, side by side": {text: count for text, count in BEFORE.items() if "m:page" not in text}
    | {
        text.replace("m:page", name): count // 2
        for text, count in BEFORE.items()
        if "m:page" in text
        for name in ("m:one", "m:two")
    },
}


def five_minutes(store, start, stacks):
    builder = ProfileBuilder()
    for text, count in stacks.items():
        builder.add_stack([Frame(name, "shop.py", 1) for name in text.split(";")], (count, count, count))
    header = Header(group="shop", start_ns=int((start + 1) * 1e9), end_ns=int((start + 299) * 1e9))
    assert store.add("shop", builder.build(header), f"slot-{start}", "test")


def test_a_large_step_is_found_within_half_an_hour(store):
    for back in range(24, 0, -1):
        keep(store, back, USUAL)
    now = NOW // HOUR * HOUR + 1500
    for slot in range(5):
        five_minutes(store, now - 1500 + 300 * slot, USUAL if slot == 0 else AFTER)
    (found,) = detect_group(store, "shop", now)
    assert (found.frame, found.start, found.end) == ("m:slow", now - 1200, now)


@pytest.mark.parametrize("edit", EDITS)
def test_no_edit_is_taken_for_a_large_step_while_it_is_new(store, edit):
    for back in range(24, 0, -1):
        keep(store, back, BEFORE)
    begun = NOW // HOUR * HOUR + 1200
    for slot in range(30):
        now = begun + 300 * (slot + 1)
        five_minutes(store, now - 300, EDITS[edit])
        if slot in (3, 4, 7, 12, 18, 29):
            assert [found.reason for found in detect_group(store, "shop", now)] == [], slot


def test_what_one_function_takes_over_from_another_is_no_large_step(store):
    for back in range(24, 0, -1):
        keep(store, back, BEFORE)
    taken = {text: count for text, count in BEFORE.items() if not text.endswith(":b")}
    taken["m:main;m:other;m:a"] += BEFORE["m:main;m:other;m:b"]
    now = NOW // HOUR * HOUR + 1500
    for slot in range(5):
        five_minutes(store, now - 1500 + 300 * slot, BEFORE if slot == 0 else taken)
    assert detect_group(store, "shop", now) == []


def test_a_new_function_that_makes_its_caller_larger_is_a_large_step(store):
    for back in range(24, 0, -1):
        keep(store, back, BEFORE)
    now = NOW // HOUR * HOUR + 1500
    for slot in range(5):
        five_minutes(
            store, now - 1500 + 300 * slot, BEFORE | {"m:main;m:batch;m:new": 500} if slot else BEFORE
        )
    assert [found.frame for found in detect_group(store, "shop", now)] == ["m:new"]


def test_a_burst_of_ten_minutes_is_no_large_step(store):
    for back in range(24, 0, -1):
        keep(store, back, USUAL)
    now = NOW // HOUR * HOUR + 1200
    for slot in range(4):
        five_minutes(store, now - 1200 + 300 * slot, AFTER if slot in (1, 2) else USUAL)
    assert detect_group(store, "shop", now) == []


def test_an_anomaly_that_went_away_is_said_to_have(store):
    plant(store)
    found = detect_group(store, "shop", NOW)
    store.save_findings("shop", found)
    for ahead in range(8):
        keep(store, -ahead, USUAL)
    (gone,) = detect_group(store, "shop", NOW + 8 * HOUR)
    assert gone.id == found[0].id
    assert gone.end == found[0].end
    assert gone.details[GONE] is True


def test_work_moved_between_functions_that_one_calls_is_no_anomaly(store):
    after = dict(USUAL)
    after["m:main;m:serve;m:new"] = after.pop("m:main;m:serve;m:a")
    for back in range(30, 0, -1):
        keep(store, back, after if back <= 6 else USUAL)
    assert detect_group(store, "shop", NOW) == []


def test_work_taken_over_by_the_caller_is_no_anomaly(store):
    after = dict(USUAL)
    after["m:main;m:serve"] = after.pop("m:main;m:serve;m:a")
    for back in range(30, 0, -1):
        keep(store, back, after if back <= 6 else USUAL)
    assert detect_group(store, "shop", NOW) == []


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("back", [False, True])
def test_an_edit_after_which_the_same_work_is_done_is_no_anomaly(store, edit, back):
    before, after = (EDITS[edit], BEFORE) if back else (BEFORE, EDITS[edit])
    for ago in range(30, 0, -1):
        keep(store, ago, after if ago <= 6 else before)
    assert [found.reason for found in detect_group(store, "shop", NOW)] == []


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_that_makes_more_work_too_is_found_by_where_the_work_is(store, edit):
    more = {text: count + 400 * text.endswith(":write") for text, count in EDITS[edit].items()}
    for ago in range(30, 0, -1):
        keep(store, ago, more if ago <= 6 else BEFORE)
    rose = [found.frame for found in detect_group(store, "shop", NOW) if found.details["direction"] == "rose"]
    names = {name.partition(":")[2] for name in rose}
    if edit in ("a new file for three", "one split in two, side by side"):
        assert names & {"page", "write"}  # the function itself, or what has a new name around it
    else:
        assert names == {"write"}


def test_a_call_that_goes_through_a_function_that_was_there_before_is_no_anomaly(store):
    before = BEFORE | {"m:main;m:serve;m:cached": 20, "m:main;m:serve;m:cached;m:look": 80}
    after = renamed(before, ("m:serve;m:page", "m:serve;m:cached;m:page"))
    for ago in range(30, 0, -1):
        keep(store, ago, after if ago <= 6 else before)
    assert [found.reason for found in detect_group(store, "shop", NOW)] == []


def test_a_call_by_another_way_that_takes_longer_is_found_by_what_takes_longer(store):
    before = BEFORE | {"m:main;m:serve;m:cached": 20, "m:main;m:serve;m:cached;m:look": 80}
    after = renamed(before, ("m:serve;m:page", "m:serve;m:cached;m:page"))
    after["m:main;m:serve;m:cached;m:look"] += 500
    for ago in range(30, 0, -1):
        keep(store, ago, after if ago <= 6 else before)
    rose = [found.frame for found in detect_group(store, "shop", NOW) if found.details["direction"] == "rose"]
    assert "m:look" in rose


def test_a_new_function_that_works_is_found_by_its_name(store):
    for ago in range(30, 0, -1):
        new = {
            "m:main;m:serve;m:new": 50,
            "m:main;m:serve;m:new;m:read": 100,
            "m:main;m:serve;m:new;m:leaf": 600,
        }
        keep(store, ago, BEFORE | new if ago <= 6 else BEFORE)
    assert [found.frame for found in detect_group(store, "shop", NOW)] == ["m:leaf"]


def test_a_frames_own_code_is_told_from_what_it_calls(store):
    for back in range(30, 0, -1):
        keep(store, back, USUAL | {"m:main;m:serve": 900 if back <= 6 else 100})
    (found,) = detect_group(store, "shop", NOW)
    assert (found.frame, found.details["metric"]) == ("m:serve", "self")
    assert found.reason.startswith("m:serve, in its own code, rose from")


def test_what_was_over_two_days_ago_is_not_news(store):
    for back in range(100, 0, -1):
        keep(store, back, AFTER if 60 <= back < 63 else USUAL)
    assert detect_group(store, "shop", NOW) == []
