"""The summary for terminals: shares that add up, the hottest first, nothing that plays with the terminal."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from kibitz_agent.exporters.terminal import summary
from kibitz_agent.profile import Frame, Header, ProfileBuilder


def profile(stacks, **header):
    builder = ProfileBuilder()
    for path, ns in stacks.items():
        frames = [Frame(name, f"/app/{name}.py", 1) for name in path.split(";")]
        builder.add_stack(frames, (ns, ns * 10, ns * 5), {"state": "running"})
    return builder.build(Header(**header))


STACKS = {"main;slow;inner": 60, "main;slow": 10, "main;fast": 25, "main": 5}


def rows(text):
    return [line for line in text.splitlines() if re.match(r" *[\d.]+ %", line)]


def test_tree_shows_shares_of_the_whole_the_heaviest_branch_first():
    text = summary(profile(STACKS))
    assert rows(text)[:4] == [
        "100.0 %   5.0 %  main",
        " 70.0 %  10.0 %   slow",
        " 60.0 %  60.0 %    inner",
        " 25.0 %  25.0 %   fast",
    ]


def test_hottest_lines_are_listed_by_what_was_measured_in_them_alone():
    text = summary(profile(STACKS))
    lines = text[text.index("self  line") :].splitlines()[1:]
    assert lines[0].split() == ["60.0", "%", "inner.py:0", "inner"]
    assert [line.split()[2] for line in lines] == ["inner.py:0", "fast.py:0", "slow.py:0", "main.py:0"]


def test_headline_tells_samples_duration_cpu_and_what_struck():
    head = summary(profile(STACKS, start_ns=0, end_ns=2 * 10**9, limits=("MaxStackDepth",))).splitlines()[0]
    assert head == "100 samples, 2.0 s, 0.0 s of CPU time (MaxStackDepth struck)"


def test_small_branches_are_left_out_and_said_to_be():
    text = summary(profile({"main;big": 1000, "main;small": 1}))
    assert "small.py" in text
    assert "  small" not in text.split("self  line")[0].replace("smaller", "")
    assert "(smaller branches are left out)" in text


def test_rows_are_bounded_however_many_branches_there_are():
    text = summary(profile({f"f{n}": 10 for n in range(50)}), rows=7)
    assert len([line for line in text.split("self  line")[0].splitlines() if re.search(r" f\d+$", line)]) == 7


def test_deep_stacks_keep_room_for_names():
    text = summary(profile({";".join(f"level{n}" for n in range(300)): 10}), columns=80, rows=400)
    deepest = [line for line in text.splitlines() if line.endswith("level299")]
    assert len(deepest) >= 1
    assert max(map(len, text.splitlines())) <= 80


def test_profile_without_samples_says_so():
    assert summary(ProfileBuilder().build()) == "nothing was sampled\n"


@given(st.text(max_size=30), st.integers(1, 200))
def test_no_name_breaks_a_line_or_reaches_the_terminal_as_a_command(name, columns):
    text = summary(profile({"main;" + name.replace(";", ""): 5}), columns=columns)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    assert max(map(len, text.splitlines())) <= max(columns, 40)
