"""The packed payload: every number survives, it is small, and the renderer reads the same tree from it."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kibitz_agent import flamegraph
from kibitz_agent.flamegraph import packing
from kibitz_agent.profile import Frame, ProfileBuilder

names = st.sampled_from(["a:f", "a:g", "b:f", "c:<h>", "d:\u202ek"])
stacks = st.lists(st.tuples(st.lists(names, min_size=1, max_size=6), st.integers(0, 10**15)), max_size=20)


def payload_of(given_stacks: list[tuple[list[str], int]]) -> dict[str, Any]:
    builder = ProfileBuilder()
    for stack, spent in given_stacks:
        frames = [Frame(name, f"/srv/{name[0]}.py", len(name)) for name in stack]
        builder.add_stack(frames, (1, spent, spent // 3))
    return flamegraph.payload(builder.build())


def unpacked(packed: dict[str, Any]) -> Counter[tuple[tuple[tuple[str, str, int], ...], str, int]]:
    """(way from the root, value, self) of every node with something: straight from the description of the form."""
    columns = {field: packing.numbers(packed["frames"][field]) for field in ("file", "line")}
    frames = [
        (name, packed["files"][file], line)
        for name, file, line in zip(packed["names"], columns["file"], columns["line"], strict=True)
    ]
    callees, calls = packing.numbers(packed["calls"]["frame"]), []
    for count in packing.numbers(packed["calls"]["count"]):
        calls.append(callees[:count])
        callees = callees[count:]
    nodes = packed["nodes"]
    ways, way = [(nodes["root"],)], [nodes["root"]]
    for up, place in zip(packing.numbers(nodes["up"]), packing.numbers(nodes["callee"]), strict=True):
        way = way[: len(way) - up]
        way.append(calls[way[-1]][place])
        ways.append(tuple(way))
    assert len(ways) == nodes["count"]
    told: Counter[tuple[tuple[tuple[str, str, int], ...], str, int]] = Counter()
    for value in packed["values"]:
        spent = [value["least"] + value["scale"] * number for number in packing.numbers(value["self"])]
        assert sum(spent) == value["sum"]
        for at, self in zip(ways, spent, strict=True):
            told[tuple(frames[frame] for frame in at), value["name"], self] += bool(self)
    return +told


def plain(payload: dict[str, Any]) -> Counter[tuple[tuple[tuple[str, str, int], ...], str, int]]:
    frames = [
        (payload["strings"][name], payload["strings"][file], line)
        for name, file, line in zip(
            *(payload["frames"][key] for key in ("name", "file", "line")), strict=True
        )
    ]
    ways: list[tuple[tuple[str, str, int], ...]] = []
    for parent, frame in zip(payload["nodes"]["parent"], payload["nodes"]["frame"], strict=True):
        ways.append((*(ways[parent] if parent >= 0 else ()), frames[frame]))
    told: Counter[tuple[tuple[tuple[str, str, int], ...], str, int]] = Counter()
    for value in payload["values"]:
        for at, self in zip(ways, value["self"], strict=True):
            told[at, value["name"], self] += bool(self)
    return +told


@given(st.lists(st.integers(0, 2**60)))
def test_numbers_come_back_from_their_text(wanted: list[int]) -> None:
    assert packing.numbers(packing.digits(wanted)) == wanted


@given(stacks)
def test_packing_keeps_every_stack_and_every_amount(given_stacks: list[tuple[list[str], int]]) -> None:
    payload = payload_of(given_stacks)
    assert unpacked(flamegraph.pack(payload)) == plain(payload)
    assert unpacked(flamegraph.pack(payload, "cpu")) == plain(payload)


def test_amounts_below_nothing_are_kept() -> None:
    payload = payload_of([(["a:f"], 5), (["a:g"], 9)])
    payload["values"][0]["self"] = [0, -7, 21]
    assert unpacked(flamegraph.pack(payload)) == plain(payload)


def test_a_hundred_thousand_nodes_fit_into_120_kilobytes() -> None:
    choose = random.Random(7)
    callees = [
        [choose.randrange(6000) for _ in range(1 if choose.random() < 0.72 else 8)] for _ in range(6000)
    ]
    builder = ProfileBuilder()
    frames = [
        builder.frame(
            f"package{k % 53}.module{k % 211}:Class{k % 17}.call_{k}", f"/srv/p{k % 211}.py", k % 900
        )
        for k in range(6000)
    ]
    nodes: dict[tuple[int, int], int] = {}
    while len(nodes) < 100_000:
        at, frame = -1, choose.randrange(40)
        for _ in range(choose.randint(5, 60)):
            at = nodes.setdefault((at, frame), builder.node(at, frames[frame], 0))
            below = callees[frame]
            frame = below[min(int(choose.paretovariate(0.9)) - 1, len(below) - 1)]
        builder.add(at, (1, 10_000_000, 9_000_000))
    packed = flamegraph.pack(flamegraph.payload(builder.build(), max_nodes=10**6))
    assert packed["nodes"]["count"] >= 100_000
    assert len(gzip.compress(json.dumps(packed).encode(), 6)) <= 120 * 1024


def test_the_renderer_reads_the_same_tree_from_either_form(
    need: Callable[[str], str], tmp_path: Path
) -> None:
    choose = random.Random(3)
    given_stacks = [
        ([choose.choice("abcdefgh") + ":f" for _ in range(choose.randint(1, 9))], choose.randrange(10**13))
        for _ in range(300)
    ]
    payload = payload_of(given_stacks)
    (tmp_path / "package.json").write_text(json.dumps({"type": "module"}))
    for name in flamegraph.ASSETS:
        (tmp_path / name).write_text(flamegraph.asset(name), encoding="utf-8")
    (tmp_path / "payloads.json").write_text(
        json.dumps([payload, flamegraph.pack(payload), flamegraph.pack(payload, "cpu")])
    )
    (tmp_path / "told.mjs").write_text(
        """
        import { readFileSync } from "node:fs";
        import { decodeTree, functionsOf, layOut } from "./model.js";
        const told = JSON.parse(readFileSync("payloads.json", "utf8")).map((payload) => {
          const tree = decodeTree(payload);
          return tree.values.map((value, which) => {
            const layout = layOut(tree, which);
            const name = (node) => tree.name[tree.frame[node]] + tree.file[tree.frame[node]] + tree.line[tree.frame[node]];
            return [value.name, [...layout.start], [...layout.x], [...layout.total], [...layout.node].map(name),
              functionsOf(layout).map((row) => [tree.name[row.frame], row.self, row.total])];
          });
        });
        console.log(JSON.stringify(told));
        """
    )
    ran = subprocess.run(
        [need("node"), "told.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=240, check=True
    )
    one, two, three = json.loads(ran.stdout)
    assert one == two == three
    assert len(one[0][2]) > 300
