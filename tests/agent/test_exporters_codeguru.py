"""CodeGuru's JSON: counts add up, depth is no limit, and each profile tells of itself alone."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kibitz_agent.exporters.codeguru import encode
from kibitz_agent.profile import Frame, Header, Overhead, Profile, ProfileBuilder

S = 1_000_000_000


def profile(stacks: list[tuple[list[Frame], int]], **header: Any) -> Profile:
    builder = ProfileBuilder()
    for frames, count in stacks:
        builder.add_stack(frames, (count, count, count))
    return builder.build(Header(start_ns=S, end_ns=11 * S, **header))


def counted(body: bytes) -> int:
    """The sum of all counts, by text: `json` cannot read what is deeper than Python's recursion."""
    return sum(int(part.split(b"}")[0]) for part in body.split(b'"WALL_TIME": ')[2:])


def test_tree_carries_self_counts_files_and_lines():
    work = Frame("m:Cart.work", "m.py", 9)
    document = json.loads(
        encode(profile([([Frame("m:main", "m.py", 1), work], 3), ([Frame("m:main", "m.py", 1)], 2)]))
    )
    main = document["callgraph"]["children"]["m:main"]
    assert main["counts"] == {"WALL_TIME": 2}
    assert main["children"] == {"m:Cart:work": {"counts": {"WALL_TIME": 3}, "file": "m.py"}}
    assert (document["start"], document["end"]) == (1000, 11_000)


def test_profile_without_samples_is_still_a_document():
    assert json.loads(encode(profile([])))["callgraph"] == {}


def test_stack_deeper_than_pythons_recursion_is_written_whole():
    body = encode(profile([([Frame(f"m:f{number}") for number in range(20_000)], 7)]))
    assert body.count(b'"children"') == 20_000
    assert body.count(b"{") == body.count(b"}")
    assert counted(body) == 7


def test_frames_of_one_name_in_different_files_add_up():
    stacks = [([Frame("m:main"), Frame("a:f", f"/site{number}/a.py", 1)], number) for number in range(1, 5)]
    document = json.loads(encode(profile(stacks)))
    assert document["callgraph"]["children"]["m:main"]["children"]["a:f"]["counts"] == {"WALL_TIME": 10}


def test_metadata_is_this_profiles_own():
    told = []
    for ticks in (10, 500):
        overhead = Overhead(cpu_ns=ticks * 1_000_000, ticks=ticks, memory_bytes=ticks << 20)
        body = encode(profile([([Frame("m:f")], 2 * ticks)], overhead=overhead, process_cpu_ns=ticks * S))
        told.append(json.loads(body)["agentMetadata"])
    assert [one["numTimesSampled"] for one in told] == [10, 500]
    assert [one["sampleWeights"]["WALL_TIME"] for one in told] == [1.0, 50.0]
    assert [one["agentOverhead"] for one in told] == [
        {"memoryInMB": 10, "timeInMs": 10},
        {"memoryInMB": 500, "timeInMs": 500},
    ]
    assert [one["metrics"]["numThreads"] for one in told] == [3.0, 3.0]


_frames = st.lists(
    st.builds(Frame, st.sampled_from(["m:a", "m:A.b", "n:<lambda>", 'x"\\:ü'])), min_size=1, max_size=6
)


@given(st.lists(st.tuples(_frames, st.integers(1, 1000)), max_size=20))
def test_no_sample_is_lost_or_invented(stacks):
    body = encode(profile(stacks))
    json.loads(body)
    assert counted(body) == sum(count for _, count in stacks)
