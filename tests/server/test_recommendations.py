"""Patterns and their matching: every pattern's own proof, and the matcher's rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kibitz_agent.profile import Frame, ProfileBuilder
from kibitz_server.recommendations import Pattern, calls_of_profile, calls_of_stacks, recommend
from kibitz_server.recommendations.catalogue import built_in

PATTERNS = built_in()
SHOP = Pattern("shop", "Shop", "", (), (("shop:view", "...", "db:ask"),), threshold=0.1, unless=("cache:*",))


def spoken(stacks: dict[str, int], pattern: Pattern) -> float:
    return sum(one.share for one in recommend(calls_of_stacks(stacks), [pattern]))


def test_the_catalogue_holds_at_least_forty_patterns_named_as_their_files() -> None:
    assert len(PATTERNS) >= 40
    assert len({pattern.id for pattern in PATTERNS}) == len(PATTERNS)
    assert all(pattern.name and pattern.description and pattern.steps for pattern in PATTERNS)


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.id)
def test_a_pattern_speaks_of_its_example_and_not_of_the_other(pattern: Pattern) -> None:
    assert spoken(dict(pattern.matching), pattern) >= pattern.threshold
    assert spoken(dict(pattern.other), pattern) == 0


def test_any_depth_may_lie_between_and_none() -> None:
    assert spoken({"shop:view;a:a;b:b;db:ask;c:c": 50, "x:x": 50}, SHOP) == 0.5
    assert spoken({"shop:view;db:ask": 50, "x:x": 50}, SHOP) == 0.5
    assert spoken({"db:ask;shop:view": 100}, SHOP) == 0


def test_without_any_depth_the_next_frame_must_be_the_direct_callee() -> None:
    direct = replace(SHOP, frames=(("shop:view", "db:ask"),))
    assert spoken({"shop:view;db:ask": 100}, direct) == 1
    assert spoken({"shop:view;a:a;db:ask": 100}, direct) == 0


def test_recursion_counts_once() -> None:
    assert spoken({"shop:view;db:ask;shop:view;db:ask": 30, "shop:view;db:ask": 30, "x:x": 40}, SHOP) == 0.6


def test_an_excused_match_does_not_count() -> None:
    assert spoken({"cache:fill;shop:view;db:ask": 100}, SHOP) == 0
    assert spoken({"shop:view;cache:fill;db:ask": 100}, SHOP) == 0


def test_a_star_stands_for_any_text_and_a_bracket_for_itself() -> None:
    wild = replace(SHOP, frames=(("db*:*.ask[0]",),))
    assert spoken({"db.pool:Pool.ask[0]": 100}, wild) == 1
    assert spoken({"db.pool:Pool.ask0": 100}, wild) == 0


def test_few_samples_are_no_ground_to_speak() -> None:
    assert spoken({"shop:view;db:ask": 9}, SHOP) == 0


def test_places_are_told_the_largest_first() -> None:
    stacks = {"a:a;shop:view;db:ask": 20, "b:b;shop:view;x:x;db:ask": 60, "c:c": 20}
    (only,) = recommend(calls_of_stacks(stacks), [SHOP])
    assert [match.path[0] for match in only.top] == ["b:b", "a:a"]
    assert [match.share for match in only.top] == [0.6, 0.2]
    assert only.places == 2


def test_wall_time_stands_in_where_no_cpu_time_was_measured() -> None:
    builder = ProfileBuilder()
    for stack, count in {"shop:view;db:ask": 50, "x:x": 50, "w:w;threading:Condition.wait": 900}.items():
        builder.add_stack([Frame(name) for name in stack.split(";")], (count, count, 0), {"state": "waiting"})
    (only,) = recommend(calls_of_profile(builder.build()), [SHOP])
    assert only.share == 0.5


def test_a_match_says_which_of_the_patterns_sequences_it_is() -> None:
    either = replace(SHOP, frames=(("shop:view", "...", "db:ask"), ("mail:*",)))
    (only,) = recommend(calls_of_stacks({"shop:view;db:ask": 60, "mail:send": 40}), [either])
    assert [match.sequence for match in only.top] == [0, 1]
