"""Runs become samples under labels, samples a profile, and nothing is lost on the way."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from kibitz_agent.aggregator import MAX_STACK_DEPTH, Aggregator
from kibitz_agent.calltree import CallTree
from kibitz_agent.profile import COLLECTION, Header, check
from kibitz_agent.sampler import AskedSampler, Run


class Script(AskedSampler):
    """A sampler that hands over the runs it was given; every node of it is the test's own stack."""

    name = "script"
    estimates_cpu = False
    memory_bytes = 0

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.tree = CallTree()
        self.node = self.tree.walk(sys._getframe(), 1000)[0]

    def run(self, thread: str = "main", running: bool = True, cut: int = 0, ticks: int = 1) -> None:
        self.runs.append(Run(thread, self.node, cut, running, ticks, ticks * 10, ticks * 4))

    def sample(self, elapsed_ns: int, max_depth: int) -> list[Run]:
        self.looks += 1
        runs, self.runs = self.runs, []
        return runs

    def drain(self) -> tuple[CallTree, list[Run]]:
        tree, self.tree = self.tree, CallTree()
        self.node = self.tree.walk(sys._getframe(), 1000)[0]
        runs, self.runs = self.runs, []
        return tree, runs


def test_runs_of_one_place_thread_and_state_add_up():
    script = Script()
    aggregator = Aggregator(script)
    script.run(ticks=3)
    aggregator.tick(10, 100)
    script.run(ticks=2)
    script.run(running=False)
    profile = aggregator.cut().profile(Header())
    found = {dict(labels)["state"]: values for _, labels, values in profile.stacks()}
    assert found == {"running": (5, 50, 20), "waiting": (1, 10, 4)}


def test_thread_without_a_name_has_no_thread_label():
    script = Script()
    aggregator = Aggregator(script)
    script.run(thread="")
    assert [dict(labels) for _, labels, _ in aggregator.cut().profile(Header()).stacks()] == [
        {"state": "running"}
    ]


def test_garbage_collection_stands_below_the_function_that_it_interrupted():
    script = Script()
    aggregator = Aggregator(script)
    script.run(ticks=3)
    script.runs.append(Run("main", script.node, 0, True, 2, 20, 8, collects=True))
    found = {frames[-1].name: values for frames, _, values in aggregator.cut().profile(Header()).stacks()}
    assert found.pop(COLLECTION) == (2, 20, 8)
    assert list(found.values()) == [(3, 30, 12)]


def test_cut_stack_is_labelled_and_named_in_the_limits():
    script = Script()
    aggregator = Aggregator(script)
    script.run(cut=1234)
    batch = aggregator.cut()
    assert batch.limits == {MAX_STACK_DEPTH}
    assert [dict(labels)["truncated"] for _, labels, _ in batch.profile(Header()).stacks()] == ["1234"]
    assert aggregator.cut().limits == set()


def test_cut_begins_a_new_period_and_discard_forgets_one():
    script = Script()
    aggregator = Aggregator(script)
    script.run()
    aggregator.tick(10, 100)
    assert aggregator.cut().ticks == 1
    assert aggregator.ticks == 0
    script.run()
    aggregator.tick(10, 100)
    aggregator.discard()
    assert aggregator.cut().profile(Header()).total() == 0


def test_endless_thread_names_do_not_fill_the_profile():
    script = Script()
    aggregator = Aggregator(script)
    for index in range(5000):
        script.run(thread=f"Thread-{index} (handle)")
    for index in range(5000):
        script.run(thread=f"{index:032x}")
    profile = aggregator.cut().profile(Header())
    assert profile.total() == 10_000
    assert len(profile.label_sets) < 1100
    assert any(("thread", "Thread-N (handle)") in labels for labels in profile.label_sets)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.sampled_from([0, 40]), st.integers(1, 9)))
)
def test_profile_holds_every_tick_that_was_folded(runs: list[tuple[str, bool, int, int]]):
    script = Script()
    aggregator = Aggregator(script)
    for index, (thread, running, cut, ticks) in enumerate(runs):
        script.run(thread, running, cut, ticks)
        if index % 3 == 0:
            aggregator.tick(10, 100)
    profile = check(aggregator.cut().profile(Header()))
    total = sum(ticks for *_, ticks in runs)
    assert [profile.total(name) for name in ("samples", "wall", "cpu")] == [total, 10 * total, 4 * total]


def test_memory_grows_with_samples():
    script = Script()
    aggregator = Aggregator(script)
    before = aggregator.memory_bytes
    for index in range(200):
        script.run(thread=f"t{index}")
    aggregator.tick(1, 1)
    assert aggregator.memory_bytes - before > 200 * 200
