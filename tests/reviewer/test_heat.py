"""Findings say how hot their code is: joined by blob ids, by the ends of paths, by modules; from a collector's answer or a file."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kibitz_agent import exporters
from kibitz_agent.profile import Frame, Header, ProfileBuilder
from kibitz_reviewer.finding import Finding, Heat, Severity, fingerprinted
from kibitz_reviewer.forges.plan import planned, rank, summary
from kibitz_reviewer.heat import HeatError, HeatFileError, HeatProfile, Hot, heated, load
from kibitz_reviewer.heat.texts import texts_of
from kibitz_reviewer.runner import Target


def finding(path: str = "shop/cart.py", scope: str = "add", **changes: Any) -> Finding:
    (made,) = fingerprinted(
        [
            Finding(
                **{
                    "rule": "mutable-default",
                    "path": path,
                    "line": 3,
                    "column": 1,
                    "end_line": 3,
                    "end_column": 5,
                    "message": "A list as a default is shared by all calls.",
                    "severity": Severity.MEDIUM,
                    "category": "correctness",
                    "scope": scope,
                    **changes,
                }
            )
        ]
    )
    return made


def share(
    one: Finding, functions: list[Hot], texts: dict[str, frozenset[str]] | None = None, **more: Any
) -> float | None:
    (result,) = heated([one], [HeatProfile("`shop`", functions, **more)], texts or {})
    return result.heat.share if result.heat else None


def test_a_file_is_found_by_the_text_that_ran_wherever_it_lay() -> None:
    hot = [Hot("anything:add", "/srv/app-7/site/cart-of-old.py", 0.12)]
    blobs = {"/srv/app-7/site/cart-of-old.py": frozenset({"b1"})}
    assert share(finding(), hot, {"shop/cart.py": frozenset({"b0", "b1"})}, blobs=blobs) == 0.12
    assert share(finding(), hot, {"shop/cart.py": frozenset({"b0"})}, blobs=blobs) is None


@pytest.mark.parametrize(
    ("name", "file", "path", "expected"),
    [
        ("x:add", "/app/shop/cart.py", "shop/cart.py", 0.5),
        ("x:add", "C:\\app\\shop\\cart.py", "shop/cart.py", 0.5),
        ("x:add", "/app/other/cart.py", "shop/cart.py", None),
        ("x:add", "/app/cart.py", "cart.py", None),  # the end of a path with no folder tells nothing
        ("shop.cart:add", "", "shop/cart.py", 0.5),
        ("shop.cart:add", "", "src/shop/cart.py", 0.5),
        ("shop.cart:add", "", "tests/shop/cart.py", None),
        ("shop:add", "", "shop/__init__.py", 0.5),
        ("__main__:add", "", "__main__.py", None),
        ("shop.cart:remove", "/app/shop/cart.py", "shop/cart.py", None),
    ],
)
def test_without_a_text_a_file_is_found_by_its_place_or_its_module(
    name: str, file: str, path: str, expected: float | None
) -> None:
    assert share(finding(path), [Hot(name, file, 0.5)]) == expected


@pytest.mark.parametrize(
    ("name", "scope"),
    [
        ("shop.cart:Cart.add", "Cart.add"),
        ("shop.cart:outer.<locals>.inner", "outer.inner"),
        ("shop.cart:<module>", ""),
    ],
)
def test_a_function_is_found_by_its_qualified_name(name: str, scope: str) -> None:
    assert share(finding(scope=scope), [Hot(name, "", 0.25)]) == 0.25


def test_two_versions_of_a_function_add_up_and_what_is_hardly_seen_is_cold() -> None:
    assert share(
        finding(), [Hot("shop.cart:add", "a", 0.2), Hot("shop.cart:add", "b", 0.1)]
    ) == pytest.approx(0.3)
    assert share(finding(), [Hot("shop.cart:add", "", 0.0009)]) is None


def test_the_hottest_of_several_programs_is_told() -> None:
    profiles = [
        HeatProfile(name, [Hot("shop.cart:add", "", part)]) for name, part in (("`a`", 0.1), ("`b`", 0.4))
    ]
    (one,) = heated([finding()], profiles, {})
    assert one.heat == Heat(0.4, "`b`")


def test_hot_findings_come_first_and_severe_ones_before_lukewarm_ones() -> None:
    cold = finding(path="a.py")
    hot = finding(path="b.py", heat=Heat(0.12, "x"))
    severe = finding(path="c.py", severity=Severity.CRITICAL)
    warm = finding(path="d.py", heat=Heat(0.002, "x"))
    assert sorted([cold, warm, severe, hot], key=rank) == [hot, severe, warm, cold]


def test_the_comment_and_the_summary_say_how_hot() -> None:
    one = finding(heat=Heat(0.1234, "`shop` in the last 7 days"))
    (comment,) = planned([one], {"shop/cart.py": {3: 0}}).comments
    assert "12 % of CPU time in `shop` in the last 7 days goes through `add`" in comment.body.replace(
        "\\", ""
    )
    assert "hot: 12 % of CPU time" in summary(0, [one])
    assert str(Heat(0.004, "x")) == "0.4 % of CPU time in x"


def test_hostile_names_of_programs_stay_text() -> None:
    one = finding(heat=Heat(0.5, "@everyone <img src=x>"))
    (comment,) = planned([one], {"shop/cart.py": {3: 0}}).comments
    assert "<img" not in comment.body
    assert "@everyone" not in comment.body


# Files


def profile_of(stacks: dict[str, tuple[int, int]]) -> Any:
    """Stacks of names with (wall, CPU) milliseconds, all in /app/MODULE.py."""
    builder = ProfileBuilder()
    for text, (wall_ms, cpu_ms) in stacks.items():
        frames = [
            Frame(name, f"/app/{name.split(':')[0].replace('.', '/')}.py", 1) for name in text.split(";")
        ]
        builder.add_stack(frames, (max(1, wall_ms // 10), wall_ms * 10**6, cpu_ms * 10**6))
    return builder.build(Header(group="shop", instance="i", start_ns=0, end_ns=10**10))


def test_collapsed_stacks_count_recursion_once(tmp_path: Path) -> None:
    file = tmp_path / "shop.txt"
    file.write_text("main:run;shop.cart:add;shop.cart:add 30\nmain:run;shop.cart:pay 10\n\n")
    (profile,) = load(str(file), {})
    assert {hot.name: hot.share for hot in profile.functions} == {
        "main:run": 1.0,
        "shop.cart:add": 0.75,
        "shop.cart:pay": 0.25,
    }
    assert "shop.txt" in profile.where


def test_pprof_is_read_with_files_and_by_cpu_time(tmp_path: Path) -> None:
    made = profile_of({"main:run;shop.cart:add": (900, 100), "main:run;shop.cart:pay": (100, 300)})
    file = tmp_path / "shop.pb.gz"
    file.write_bytes(exporters.by_suffix("profile.pb.gz")(made))
    (profile,) = load(str(file), {})
    found = {hot.name: (hot.file, hot.share) for hot in profile.functions}
    assert found["shop.cart:add"] == ("/app/shop/cart.py", 0.25)
    assert found["shop.cart:pay"] == ("/app/shop/cart.py", 0.75)
    assert profile.measure == "CPU time"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"a;b\n",
        b"a;b x\n",
        b"\x1f\x8bnot gzip",
        b"\0\0\0\0",
        b"\x0a\xff\xff\xff\xff\0",
        bytes(range(256)),
    ],
)
def test_what_is_no_profile_is_explained(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.pb.gz"
    file.write_bytes(content)
    with pytest.raises(HeatFileError):
        load(str(file), {})


def test_a_collector_that_is_not_there_is_an_error() -> None:
    with pytest.raises(HeatError, match="cannot reach"):
        load("http://127.0.0.1:9/groups/shop", {"no_proxy": "127.0.0.1"})


# Texts


def test_texts_are_those_of_now_and_of_the_commits_before_renames_included(
    tmp_path: Path, need: Callable[[str], str]
) -> None:
    git = need("git")

    def run(*words: str) -> str:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            [git, *who, *words], cwd=tmp_path, env=clean, check=True, capture_output=True, text=True
        )
        return done.stdout

    def blob(text: str) -> str:
        return hashlib.sha1(b"blob %d\0" % len(text) + text.encode(), usedforsecurity=False).hexdigest()

    run("init", "-q", "-b", "main")
    for text in ("x = 1\n", "x = 2\n", "x = 3\n"):
        (tmp_path / "odd name.py").write_text(text)
        (tmp_path / "other.py").write_text(text)
        run("add", "--all")
        run("commit", "-q", "-m", "x")
    targets = [
        Target("new.py", tmp_path / "new.py", b"x = 4\n", before="odd name.py"),
        Target("added.py", tmp_path / "added.py", b"y\n"),
        Target("other.py", tmp_path / "other.py"),
    ]
    assert texts_of(targets, {"new.py", "added.py"}, tmp_path, "HEAD") == {
        "new.py": {blob(f"x = {n}\n") for n in (1, 2, 3, 4)},
        "added.py": {blob("y\n")},
    }
