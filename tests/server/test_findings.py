"""Findings: their identity and their words."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from kibitz_server.findings import anomaly, continued


def rose(**changes):
    facts = {"group": "shop", "frame": "m:slow", "start": 7200.0, "end": 10800.0, "usual": 0.1, "seen": 0.3}
    return anomaly(**{**facts, **changes})


def test_the_id_is_the_same_in_every_run_and_while_the_finding_grows():
    assert rose().id == "27a67a5a072e3bbe594421dcf59d36e9"
    assert rose().id == rose(end=14400.0, seen=0.4).id


def test_the_id_tells_group_frame_direction_and_start_apart():
    ids = {
        finding.id
        for finding in (rose(), rose(group="other"), rose(frame="m:b"), rose(start=3600.0), rose(seen=0.0))
    }
    assert len(ids) == 5


@given(st.text(), st.text())
def test_any_names_have_an_id_and_a_sentence(group, frame):
    finding = rose(group=group, frame=frame)
    assert len(finding.id) == 32
    assert frame in finding.reason


def test_lone_surrogates_in_a_name_have_an_id():
    assert rose(frame="m:\ud800").id != rose(frame="m:?").id


def test_the_reason_says_from_what_to_what_and_with_which_revision():
    assert rose().reason == "m:slow rose from 10.0% to 30.0% of all samples."
    assert rose(seen=0.012, revision="abc").reason == (
        "m:slow fell from 10.0% to 1.2% of all samples, as revision abc appeared."
    )


def test_a_finding_that_touches_a_known_one_goes_on_from_it():
    known = rose()
    later = rose(start=10800.0, end=14400.0)
    assert [finding.id for finding in continued([later], [known])] == [known.id]
    assert continued([later], [known])[0].end == 14400.0


def test_another_frame_direction_or_time_is_another_finding():
    known = rose()
    for other in (
        rose(frame="m:b"),
        rose(seen=0.01),
        rose(start=90000.0, end=93600.0),
        replace(known, kind="x"),
    ):
        assert continued([other], [known]) == [other]


def test_a_finding_that_fell_in_two_stays_one_from_its_first_start():
    shares = {"group": "shop", "frame": "m:f", "usual": 0.1, "seen": 0.3}
    known = anomaly(**shares, start=0.0, end=36_000.0)
    parts = [anomaly(**shares, start=3600.0, end=7200.0), anomaly(**shares, start=18_000.0, end=39_600.0)]
    (found,) = continued(parts, [known])
    assert (found.id, found.start, found.end) == (known.id, 0.0, 39_600.0)
