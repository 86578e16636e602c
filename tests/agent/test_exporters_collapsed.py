"""Collapsed stacks: one line a stack, whatever the names hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kibitz_agent.exporters import collapsed
from kibitz_agent.profile import CPU, Frame, ProfileBuilder

stacks = st.lists(
    st.tuples(st.lists(st.builds(Frame, st.text(max_size=8)), min_size=1, max_size=4), st.integers(1, 9)),
    max_size=8,
)


def test_stacks_are_root_first_with_their_samples() -> None:
    builder = ProfileBuilder()
    builder.add_stack([Frame("app:main"), Frame("app:Cart.total")], (2, 20, 10), {"state": "running"})
    builder.add_stack([Frame("app:main"), Frame("app:Cart.total")], (3, 30, 0), {"state": "waiting"})
    builder.add_stack([Frame("app:main")], (1, 10, 0))
    assert collapsed.encode(builder.build()) == b"app:main 1\napp:main;app:Cart.total 5\n"


def test_separators_and_controls_in_names_are_escaped() -> None:
    builder = ProfileBuilder()
    builder.add_stack([Frame("a;b\nc\r\td\u2028e\x85f\udc80")], (1, 1, 1))
    assert collapsed.encode(builder.build()) == b"a\\x3bb\\x0ac\\x0d\\x09d\\u2028e\\x85f\\udc80 1\n"


def test_without_a_sample_count_the_first_value_is_the_weight() -> None:
    builder = ProfileBuilder((CPU,))
    builder.add_stack([Frame("app:main")], (7,))
    assert collapsed.encode(builder.build()) == b"app:main 7\n"


@given(stacks)
def test_a_line_stays_a_line_and_weights_add_up(given_stacks: list[tuple[list[Frame], int]]) -> None:
    builder = ProfileBuilder()
    for frames, weight in given_stacks:
        builder.add_stack(frames, (weight, 0, 0))
    lines = collapsed.encode(builder.build()).decode().splitlines()
    assert sum(int(line.rpartition(" ")[2]) for line in lines) == sum(weight for _, weight in given_stacks)
    depths = {len(frames) for frames, _ in given_stacks}
    assert {line.rpartition(" ")[0].count(";") + 1 for line in lines} == depths
