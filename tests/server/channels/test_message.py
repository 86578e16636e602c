"""Every message against the documented schema."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from kibitz_server.channels import message
from kibitz_server.findings import GONE

NOW = 1_800_000_000.0


def test_every_message_is_as_the_schema_says(schema: Any, found: Any, grown: Any) -> None:
    told = [
        message.of_finding(found(), NOW),
        message.of_finding(found(**{GONE: True}), NOW),
        message.of_finding(grown(grows_with=["dict"]), NOW),
        message.of_test("shop", "1", NOW),
    ]
    for one in told:
        jsonschema.validate(one, schema)
    assert {one["event"] for one in told} == set(schema["properties"]["event"]["enum"])


def test_a_heap_that_grows_is_told_by_its_type_its_process_and_how_fast(grown: Any) -> None:
    told = message.of_finding(grown("m.Session", grows_with=["dict", "str"]), NOW)
    assert told["text"] == (
        "shop: m.Session grows steadily in web-1: 100 more objects an hour (surely 90 to 110); "
        "its heap went from 1.0 to 2.0 MiB."
    )
    assert told["anomaly"] is None
    assert told["heap"]["type"] == "m.Session"
    assert told["heap"]["instance"] == "web-1"
    assert told["heap"]["objects_per_hour"] == 100
    assert told["heap"]["grows_with"] == ["dict", "str"]


@pytest.mark.parametrize("event", ["anomaly.found", "heap.grows", "test"])
def test_the_schema_refuses_a_message_whose_parts_do_not_fit_its_event(
    schema: Any, found: Any, grown: Any, event: str
) -> None:
    for told in (message.of_finding(found(), NOW), message.of_finding(grown(), NOW)):
        if told["event"] != event:
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate({**told, "event": event}, schema)
