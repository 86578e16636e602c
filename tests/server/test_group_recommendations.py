"""Recommendations of a group: over the API, on its page, with the cost of the year, and in AWS's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kibitz_agent import wire
from kibitz_agent.profile import Frame, Header, Profile, ProfileBuilder

STACKS = {"app:main;shop:view;copy:deepcopy": 360, "app:main;shop:view": 640}


def profile(stacks: dict[str, int]) -> Profile:
    """Ten CPU-milliseconds a sample, over a hundred seconds: a tenth of a vCPU."""
    builder = ProfileBuilder()
    for text, count in stacks.items():
        frames = [Frame(name, "/srv/shop.py", 7) for name in text.split(";")]
        builder.add_stack(frames, (count, count * 10**7, count * 10**7), {"state": "running"})
    return builder.build(Header(group="shop", instance="i", start_ns=1000 * 10**9, end_ns=1100 * 10**9))


@pytest.fixture
def told(client: Any) -> Callable[[dict[str, int]], None]:
    def tell(stacks: dict[str, int]) -> None:
        answer = client.post(
            "/profilingGroups/shop/agentProfile",
            data=wire.encode(profile(stacks)),
            content_type="application/x-kibitz-profile",
        )
        assert answer.status_code < 300, answer.get_data(as_text=True)

    return tell


def asked(client: Any) -> list[dict[str, Any]]:
    answer = client.get("/api/groups/shop/recommendations?from=900&to=1200")
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.get_json()["recommendations"]
    return found


def test_a_groups_waste_is_told_without_a_cost_while_no_price_is_set(client: Any, told: Any) -> None:
    told(STACKS)
    (only,) = asked(client)
    assert (only["id"], only["share"], only["cost"]) == ("deepcopy", 0.36, None)


def test_the_yearly_cost_is_that_of_the_measured_cpu_time(client: Any, told: Any) -> None:
    told(STACKS)
    assert client.put("/api/groups/shop/price", json={"per_vcpu_hour": 0.04}).status_code == 200
    (only,) = asked(client)
    assert only["cost"]["amount"] == pytest.approx(3.6 / 100 * 8766 * 0.04)
    assert "3.6 CPU-seconds" in only["cost"]["basis"]


def test_a_price_that_makes_no_sense_is_refused(client: Any, told: Any) -> None:
    told(STACKS)
    assert client.put("/api/groups/shop/price", json={"per_vcpu_hour": "much"}).status_code == 400
    assert client.put("/api/groups/shop/price", json={"color": 1}).status_code == 400
    assert client.get("/api/groups/shop/price").get_json() == {}


def test_the_page_lists_the_waste_with_steps_and_links(client: Any, told: Any) -> None:
    told(STACKS)
    text = client.get("/groups/shop/findings").get_data(as_text=True)
    assert "Deep copies: 36 %" in text
    assert "search=copy:deepcopy" in text
    assert "Nothing unusual" not in text


def test_a_group_that_wastes_nothing_is_told_nothing(client: Any, told: Any) -> None:
    told({"app:main;shop:view": 1000})
    assert asked(client) == []
    assert "Time that can be saved" not in client.get("/groups/shop/findings").get_data(as_text=True)
