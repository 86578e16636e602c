"""A program runs under the agent, its collector holds the profile, and the review of a change to it says what is hot."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

OURS = ("GITHUB_", "GIT_", "GH_", "CI_", "GITLAB_", "KIBITZ_")
WORK = '''"""The till."""
import time


def price(words, until):
    total = 0
    while time.process_time() < until:
        for word in words:
            total += len(word) ** 2 % 7
    return total


def print_receipt(words):
    return " ".join(words)
'''
MAIN = '''"""Keeps busy."""
import time

from till import price, print_receipt

price(["a", "bb"], time.process_time() + 2)
print_receipt(["a"])
'''
# Two equal sins, the cold one first in the file.
CHANGE = WORK.replace(
    "def price(words, until):",
    "def print_again(words, seen=[]):\n    seen.append(words)\n    return seen\n\n\ndef price(words, until, seen=[]):",
).replace("    total = 0\n", "    total = 0\n    seen.append(words)\n")


@pytest.fixture
def site(tmp_path: Path, need: Callable[[str], str], stand_in: Callable[[str], Any]) -> Any:
    before = {"shop/till.py": WORK, "shop/main.py": MAIN}
    return stand_in("bare_repository").BareRepository(tmp_path, need("git"), before)


def profiled(site: Any, kibitz: Callable[..., Any], *where: str) -> None:
    """Run the program as of ``main`` from a folder where nothing reminds of the repository."""
    elsewhere = site.work.parent / "deployed" / "v1"
    elsewhere.mkdir(parents=True)
    for name, text in (("till.py", WORK), ("main.py", MAIN)):
        (elsewhere / name).write_text(text)
    outer = {key: value for key, value in os.environ.items() if not key.startswith("KIBITZ_")}
    outer["KIBITZ_SAMPLING_INTERVAL_MS"] = "10"
    done = kibitz("run", "--group", "shop", *where, str(elsewhere / "main.py"), cwd=elsewhere, env=outer)
    assert done.returncode == 0, done.stderr


def review(site: Any, github: Any, heat: str, **environ: str) -> str:
    github.files, github.head = site.patches(), site.head
    outer = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "kibitz_agent.cli",
            "review",
            "--diff",
            "main..HEAD",
            "--post",
            "github",
            "--heat",
            heat,
        ],
        cwd=site.work,
        env={**outer, **github.environ(**environ), "no_proxy": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stderr


def bodies(github: Any) -> dict[str, str]:
    """Our inline comments by the function they are about."""
    lines = CHANGE.splitlines()
    names = {
        number: match[1]
        for number, line in enumerate(lines, start=1)
        if (match := re.match(r"def (\w+)", line))
    }
    return {names[one["line"]]: one["body"] for one in github.comments if one["line"] in names}


def test_a_comment_says_how_hot_the_code_is_in_production_and_hot_ones_come_first(
    collector: Any, site: Any, kibitz: Callable[..., Any], stand_in: Callable[[str], Any]
) -> None:
    profiled(site, kibitz, "--collector", collector.url)
    answer = collector.get("/api/groups/shop/heat?from=-7d")
    assert [file for file in answer["blobs"] if file.endswith("till.py")], (
        "the profile names the text that ran"
    )
    site.push({"shop/till.py": CHANGE})
    with stand_in("fake_github").FakeGitHub({}) as github:
        review(site, github, f"{collector.url}/groups/shop")
        said = bodies(github)
        assert set(said) == {"price", "print_again"}
        match = re.search(
            r"\*\*Hot:\*\* (\d+) % of CPU time in `shop` in the last 7 days goes through `price`",
            said["price"],
        )
        assert match, said["price"]
        assert int(match[1]) >= 50
        assert "Hot" not in said["print_again"]
        assert github.comments[0]["body"] == said["price"], "the hot one first"


def test_a_file_renamed_by_the_change_and_a_profile_in_a_file_are_joined_too(
    site: Any, kibitz: Callable[..., Any], stand_in: Callable[[str], Any], tmp_path: Path
) -> None:
    profiled(site, kibitz, "--output", str(tmp_path / "shop.txt"))
    assert "till:price" in (tmp_path / "shop.txt").read_text()
    site.run("mv", "shop/till.py", "till.py")
    site.push({"till.py": CHANGE})
    with stand_in("fake_github").FakeGitHub({}) as github:
        review(site, github, str(tmp_path / "shop.txt"))
        assert re.search(r"\*\*Hot:\*\* \d+ % of the time in the profile shop.txt", bodies(github)["price"])


def test_a_collector_that_does_not_answer_costs_the_review_nothing(
    site: Any, stand_in: Callable[[str], Any]
) -> None:
    site.push({"shop/till.py": CHANGE})
    with stand_in("fake_github").FakeGitHub({}) as github:
        said = review(site, github, "http://127.0.0.1:9/groups/shop")
        assert "going on without" in said
        assert len(github.comments) == 2
