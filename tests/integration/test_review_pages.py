"""Reviews on the collector's pages, in a real browser without JavaScript: told by a job in CI, judged by a person."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

OURS = ("GITHUB_", "GIT_", "GH_", "CI_", "GITLAB_", "KIBITZ_")
CHANGE = '''"""Baskets."""
import subprocess


def add(item, basket=[]):
    basket.append(item)
    return basket


def run(word):
    return subprocess.call("ls " + word, shell=True)
'''
FIXED = CHANGE.replace(", basket=[])", ", basket)")


@pytest.fixture
def site(tmp_path: Path, need: Callable[[str], str], stand_in: Callable[[str], Any]) -> Any:
    return stand_in("bare_repository").BareRepository(tmp_path, need("git"))


def review(site: Any, github: Any, collector: str) -> str:
    """Push what is there, review it as a job would, and tell the collector; what was said."""
    github.files, github.head = site.patches(), site.head
    outer = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
    done = subprocess.run(
        [sys.executable, "-m", "kibitz_agent.cli", "review", "--diff", "main..HEAD", "--post", "github"],
        cwd=site.work,
        env={**outer, **github.environ(KIBITZ_REVIEWS=collector), "no_proxy": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stderr


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_reviews_told_by_a_job_are_found_by_repository_and_by_rule_and_judged(
    browser: Any, collector: Any, site: Any, stand_in: Callable[[str], Any], theme: str
) -> None:
    with stand_in("fake_github").FakeGitHub({}) as github:
        site.push({"shop/cart.py": CHANGE})
        assert "not told" not in review(site, github, collector.url)
        site.push({"shop/cart.py": FIXED})
        review(site, github, collector.url)
    context = browser.new_context(java_script_enabled=False, color_scheme=theme)
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.goto(collector.url)
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Reviews").click()
    by_rule = page.get_by_role("region", name="By rule")
    by_rule.get_by_role("link", name="mutable-default").click()
    assert page.get_by_role("listitem").filter(has_text="mutable-default").count() == 1
    assert page.locator(".finding .state", has_text="Fixed").count() == 1
    page.get_by_role("link", name="All reviews").click()
    page.get_by_role("region", name="By repository").get_by_role("link", name="o/r").click()
    shell = page.locator(".finding", has_text="shell-command")
    assert "shell=True" in shell.locator("pre[aria-label=Code]").inner_text()
    shell.get_by_role("link", name="o/r#7").click()
    mutable = page.locator(".finding", has_text="mutable-default")
    assert "basket=[]" in mutable.locator("pre[aria-label=Code]").inner_text()
    assert "basket=None" in mutable.locator("pre[aria-label=Fix]").inner_text()
    page.get_by_role("button", name="Not useful: shell-command").click()
    pressed = page.get_by_role("button", name="Not useful: shell-command").get_attribute("aria-pressed")
    assert pressed == "true"
    page.get_by_role("link", name="All reviews").click()
    row = page.get_by_role("region", name="By rule").get_by_role("row", name="shell-command")
    assert row.get_by_role("cell").nth(6).inner_text() == "1"
    assert problems == []
    context.close()


def test_a_collector_that_is_gone_costs_the_review_nothing(site: Any, stand_in: Callable[[str], Any]) -> None:
    with stand_in("fake_github").FakeGitHub({}) as github:
        site.push({"a.py": CHANGE})
        said = review(site, github, "http://127.0.0.1:9")
        assert len(github.comments) >= 2
    assert "the collector was not told: cannot reach 127.0.0.1" in said
