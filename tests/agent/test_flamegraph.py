"""The payload: a profile's tree in the renderer's columns, whole or pruned; and the renderer's own tests in Node."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz_agent import flamegraph
from kibitz_agent.flamegraph import tree
from kibitz_agent.profile import Frame, Header, Profile, ProfileBuilder

names = st.sampled_from(["a:f", "a:g", "b:f", "c:h", "d:k"])
stacks = st.lists(
    st.tuples(st.lists(names, min_size=1, max_size=6), st.integers(1, 50), st.integers(0, 50)),
    max_size=30,
)


def profile_of(given_stacks: list[tuple[list[str], int, int]], header: Header | None = None) -> Profile:
    builder = ProfileBuilder()
    for stack, samples, cpu in given_stacks:
        builder.add_stack([Frame(name) for name in stack], (samples, samples * 10, cpu))
    return builder.build(header)


def columns(payload: dict[str, Any]) -> dict[str, list[int]]:
    return {value["name"]: value["self"] for value in payload["values"]}


@given(stacks, st.integers(2, 40))
def test_widths_add_up_at_any_budget(given_stacks: list[tuple[list[str], int, int]], max_nodes: int) -> None:
    profile = profile_of(given_stacks)
    payload = flamegraph.payload(profile, max_nodes=max_nodes)
    parent = payload["nodes"]["parent"]
    assert len(parent) == len(payload["nodes"]["frame"]) <= max_nodes
    assert parent[0] == -1
    assert all(0 <= above < node for node, above in enumerate(parent) if node)
    for name, self_values in columns(payload).items():
        assert len(self_values) == len(parent)
        assert sum(self_values) == profile.total(name)


@given(stacks, st.integers(2, 40))
def test_kept_nodes_keep_their_totals(given_stacks: list[tuple[list[str], int, int]], max_nodes: int) -> None:
    whole = tree.fold(profile_of(given_stacks))
    pruned = tree.prune(whole, max_nodes)

    def totals(given_tree: tree.CallTree) -> dict[tuple[str, ...], list[int]]:
        paths: list[tuple[str, ...]] = []
        for above, frame in zip(given_tree.parent, given_tree.frame, strict=True):
            paths.append((*(paths[above] if above >= 0 else ()), given_tree.frames[frame].name))
        sums = given_tree.totals()
        return {path: [column[node] for column in sums] for node, path in enumerate(paths)}

    before = totals(whole)
    remainder = re.compile(r"\(\d+ small frames?\)")
    kept = {path: value for path, value in totals(pruned).items() if not remainder.fullmatch(path[-1])}
    assert all(before[path] == value for path, value in kept.items())
    small = [path[-1] for path in totals(pruned) if remainder.fullmatch(path[-1])]
    assert sum(int(name[1:].split()[0]) for name in small) == len(before) - len(kept)


def test_lines_are_folded_away_and_wall_comes_first() -> None:
    builder = ProfileBuilder()
    main = builder.frame("app:main", "/srv/app.py", 3)
    for line in (5, 6):
        builder.add(builder.node(-1, main, line), (1, 10, 4))
    payload = flamegraph.payload(builder.build())
    assert payload["nodes"]["parent"] == [-1, 0]
    assert [(value["name"], value["unit"]) for value in payload["values"]] == [
        ("wall", "nanoseconds"),
        ("cpu", "nanoseconds"),
        ("samples", "count"),
    ]
    assert columns(payload)["wall"] == [0, 20]
    frames, strings = payload["frames"], payload["strings"]
    shown = [strings[frames[field][payload["nodes"]["frame"][1]]] for field in ("name", "file")]
    assert shown == ["app:main", "/srv/app.py"]
    assert frames["line"][1] == 3


def test_small_frames_are_counted_in_the_notes() -> None:
    payload = flamegraph.payload(profile_of([([f"m:f{k}"], 1 + k, 0) for k in range(10)]), max_nodes=4)
    assert "(8 small frames)" in payload["strings"]
    assert any("smallest frames" in note for note in payload["notes"])


def test_limits_and_period_are_told() -> None:
    header = Header(
        group="shop", start_ns=10**9, end_ns=3 * 10**9, interval_ns=10**7, limits=("MaxStackDepth",)
    )
    payload = flamegraph.payload(profile_of([(["a:f"], 3, 0)], header))
    assert payload["title"] == "shop"
    assert payload["subtitle"] == "2.0 s · 3 samples · every 10 ms"
    assert (payload["start"], payload["end"]) == (1.0, 3.0)
    assert payload["notes"] == ["A limit struck while sampling: MaxStackDepth."]


def test_a_budget_too_small_for_a_remainder_is_refused() -> None:
    with pytest.raises(ValueError, match="max_nodes: expected 2 or more, found 1"):
        flamegraph.payload(profile_of([(["a:f", "a:g"], 1, 1)]), max_nodes=1)


def test_every_renderer_file_is_an_asset_and_no_other_name_is() -> None:
    folder = Path(flamegraph.__file__).parent
    assert set(flamegraph.ASSETS) == {
        path.name for path in folder.iterdir() if path.suffix in (".js", ".css")
    }
    with pytest.raises(KeyError, match="no renderer file"):
        flamegraph.asset("../profile.py")


def test_the_inline_script_is_one_module_without_imports(need: Callable[[str], str], tmp_path: Path) -> None:
    script = flamegraph.inline_script()
    assert not re.search(r"^(import|export)\b", script, re.MULTILINE)
    assert "</" not in script
    assert "<!--" not in script
    (tmp_path / "one.mjs").write_text(script, encoding="utf-8")
    subprocess.run([need("node"), "--check", str(tmp_path / "one.mjs")], check=True, timeout=240)


def test_each_script_imports_only_what_stands_before_it() -> None:
    for index, name in enumerate(flamegraph.ASSETS):
        imported = re.findall(r'from "\./([a-z]+\.js)"', flamegraph.asset(name))
        assert set(imported) <= set(flamegraph.ASSETS[:index])


def test_the_renderer_passes_its_own_tests_in_node(
    need: Callable[[str], str], root: Path, tmp_path: Path
) -> None:
    # Node takes a .js file for an ES module where the nearest package.json says so: a copy gets one.
    folder = tmp_path / "flamegraph"
    folder.mkdir()
    (tmp_path / "package.json").write_text(json.dumps({"type": "module"}))
    for name in flamegraph.ASSETS:
        (folder / name).write_text(flamegraph.asset(name), encoding="utf-8")
    tests = sorted((root / "tests" / "agent" / "js").glob("*.test.mjs"))
    assert tests
    for test in tests:
        (tmp_path / test.name).write_text(test.read_text(encoding="utf-8"), encoding="utf-8")
    ran = subprocess.run(
        [need("node"), "--test", *(test.name for test in tests)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
