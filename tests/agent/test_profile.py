"""The profile: folding keeps every value, merging is a sum, and `check` believes nothing."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz_agent.profile import (
    CPU,
    SAMPLES,
    WALL,
    Frame,
    Header,
    Labels,
    Profile,
    ProfileBuilder,
    ProfileError,
    ValueType,
    check,
    merge,
)

frames = st.builds(
    Frame, st.sampled_from(["m:a", "m:b", "n:C.d", "ü:λ"]), st.sampled_from(["", "/a.py"]), st.integers(0, 9)
)
label_maps = st.dictionaries(st.sampled_from(["thread", "state"]), st.text(max_size=3), max_size=2)
stacks = st.lists(
    st.tuples(st.lists(frames, min_size=1, max_size=6), st.tuples(*[st.integers(0, 2**40)] * 3), label_maps),
    max_size=15,
)

Given = list[tuple[list[Frame], tuple[int, int, int], dict[str, str]]]


def build(given_stacks: Given, header: Header | None = None) -> Profile:
    builder = ProfileBuilder()
    for given_frames, values, labels in given_stacks:
        builder.add_stack(given_frames, values, labels)
    return builder.build(header)


def tally(profile: Profile) -> Counter[tuple[tuple[Frame, ...], Labels, int]]:
    """Every value by stack, labels and column; zero values count for nothing."""
    counts: Counter[tuple[tuple[Frame, ...], Labels, int]] = Counter()
    for path, labels, values in profile.stacks():
        for index, value in enumerate(values):
            if value:
                counts[path, labels, index] += value
    return counts


def expected(given_stacks: Given) -> Counter[tuple[tuple[Frame, ...], Labels, int]]:
    counts: Counter[tuple[tuple[Frame, ...], Labels, int]] = Counter()
    for path, values, labels in given_stacks:
        for index, value in enumerate(values):
            if value:
                counts[tuple(path), tuple(sorted(labels.items())), index] += value
    return counts


@given(stacks)
def test_folding_loses_no_value(given_stacks: Given):
    assert tally(check(build(given_stacks))) == expected(given_stacks)


@given(st.lists(stacks, max_size=4))
def test_merging_is_the_sum_whatever_the_order(parts: list[Given]):
    profiles = [build(part) for part in parts]
    total = sum((expected(part) for part in parts), Counter())
    assert tally(check(merge(profiles))) == tally(check(merge(profiles[::-1]))) == total


@given(stacks)
def test_building_goes_on_after_a_profile_was_taken(given_stacks: Given):
    builder = ProfileBuilder()
    for path, values, labels in given_stacks:
        builder.add_stack(path, values, labels)
        builder.build()
    assert tally(builder.build()) == expected(given_stacks)


def test_every_name_frame_node_and_label_set_is_kept_once():
    profile = build([([Frame("m:a"), Frame("m:b")], (1, 2, 3), {"state": "running"})] * 5)
    assert profile.strings == ("", "m:a", "m:b")
    assert (len(profile.frame_name), len(profile.node_parent), len(profile.sample_node)) == (2, 2, 1)
    assert [values[0] for values in profile.values] == [5, 10, 15]


def test_order_of_labels_does_not_matter():
    builder = ProfileBuilder()
    assert (
        builder.label_set([("a", "1"), ("b", "2")])
        == builder.label_set({"b": "2", "a": "1"})
        != builder.label_set({})
    )


def test_parent_precedes_its_children_and_path_goes_from_the_root():
    profile = build([([Frame("m:a"), Frame("m:b"), Frame("m:c")], (1, 1, 1), {})])
    assert [profile.frame(profile.node_frame[node]).name for node in profile.path(2)] == ["m:a", "m:b", "m:c"]
    assert profile.node_parent.tolist() == [-1, 0, 1]


def test_merged_header_spans_the_whole_time():
    first = build([], Header(group="g", start_ns=5, end_ns=7))
    second = build([], Header(group="h", start_ns=3, end_ns=9))
    assert merge([first, second]).header == Header(group="g", start_ns=3, end_ns=9)
    assert merge([first, second], Header(group="x")).header == Header(group="x")
    assert merge([]).total() == 0


def test_profiles_of_other_value_types_do_not_merge():
    other = ProfileBuilder((ValueType("heap", "bytes"),))
    with pytest.raises(ProfileError, match="cannot merge"):
        ProfileBuilder().add_profile(other.build())


def test_stack_without_frames_is_refused():
    with pytest.raises(ProfileError, match="at least one frame"):
        ProfileBuilder().add_stack([], (1, 1, 1))


@pytest.mark.parametrize("values", [(1, 2), (1, 2, 3, 4), ()])
def test_sample_with_another_number_of_values_is_refused(values: tuple[int, ...]):
    builder = ProfileBuilder()
    node = builder.node(-1, builder.frame("m:a"))
    for _ in range(2):
        with pytest.raises(ProfileError, match=r"expected 3 values"):
            builder.add(node, values)
    assert len(builder) == 0


def test_unknown_value_type_is_refused_and_the_known_named():
    with pytest.raises(ProfileError, match="'heap' in this profile: it has samples, wall, cpu"):
        build([]).total("heap")


def test_period_that_ends_before_it_starts_has_no_length():
    assert Header(start_ns=9, end_ns=5).duration_ns == 0


GOOD = build([([Frame("m:a", "/a.py", 1), Frame("m:b")], (1, 2, 3), {"state": "running"})])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frame_name": array("I", [99, 0])}, r"frames.name\[0\]: 99 is out of range"),
        ({"frame_file": array("I", [0, 99])}, r"frames.file\[1\]: 99"),
        ({"frame_line": array("I", [1])}, "frames: columns of different length"),
        ({"node_frame": array("I", [0, 2])}, r"nodes.frame\[1\]: 2"),
        ({"node_parent": array("i", [-1, 1])}, r"nodes.parent\[1\]: expected -1..0, found 1"),
        ({"node_parent": array("i", [-2, 0])}, r"nodes.parent\[0\]: expected -1..-1, found -2"),
        ({"node_line": array("I", [])}, "nodes: columns of different length"),
        ({"sample_node": array("I", [2])}, r"samples.node\[0\]: 2"),
        ({"sample_labels": array("I", [2])}, r"samples.labels\[0\]: 2"),
        ({"values": (array("q", [1]),)}, "values: 1 columns for 3 value types"),
        ({"values": (array("q", [1]), array("q", [1]), array("q"))}, "samples: columns of different length"),
        ({"strings": ()}, "strings: index 0 must be the empty string"),
        ({"strings": ("m:a", "", "", "")}, "strings: index 0 must be the empty string"),
        ({"label_sets": ((("a", "b"),),)}, "label_sets: index 0 must be the empty set"),
    ],
)
def test_broken_table_is_refused_by_name(change: dict[str, object], message: str):
    with pytest.raises(ProfileError, match=message):
        check(replace(GOOD, **change))


def test_value_types_of_the_agent_are_what_the_server_expects():
    assert (SAMPLES.name, WALL.name, CPU.name) == ("samples", "wall", "cpu")
    assert (SAMPLES.unit, WALL.unit, CPU.unit) == ("count", "nanoseconds", "nanoseconds")
