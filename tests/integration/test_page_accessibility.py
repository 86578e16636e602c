"""Every page under axe-core in a real browser, light and dark: no serious violation; and hostile shapes of profiles."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

PATHS = [
    "/",
    "/findings",
    "/reviews",
    "/reviews/findings",
    "/settings",
    "/groups/nobody",
    "/groups/waits",
    "/groups/waits/summary",
    "/groups/shop/summary",
    "/groups/shop/settings",
    "/groups/shop/findings",
    "/groups/shop/heap",
    "/groups/shop/channels",
]
REVIEW = {
    "forge": "github",
    "repository": "o/shop",
    "number": 7,
    "findings": [
        {
            "rule": "mutable-default",
            "path": "shop/cart.py",
            "line": 3,
            "severity": severity,
            "category": "correctness",
            "message": "All calls share this default.",
            "fingerprint": letter * 32,
            "code": "def add(item, basket=[]):",
            "fix": {
                "title": "Make it inside",
                "edits": [{"line": 3, "end_line": 3, "text": "def add(item):\n"}],
            },
        }
        for letter, severity in (("a", "High"), ("b", "Low"))
    ],
    "waved": ["b" * 16],
}
EXPLORE = ["", "?view=hotspots", "?view=inspect&inspect=shop.stock:ask", "?compare=previous", "?search=stock"]


@pytest.fixture(scope="session")
def axe() -> Path:
    """axe-core's script, from the package that carries it."""
    package = pytest.importorskip("axe_playwright_python")
    return Path(package.__file__).with_name("axe.min.js")


@pytest.fixture
def full(collector, make_profile):
    """A collector whose group has reports now and before."""
    stacks = {
        "__main__:<module>;shop.app:main;shop.search:find": 40,
        "__main__:<module>;shop.app:main;shop.stock:reserve;shop.stock:ask": 25,
    }
    assert collector.post(make_profile(stacks)) == 204
    before = {"__main__:<module>;shop.old:path": 60}
    assert collector.post(make_profile(before, end=time.time() - 5000)) == 204
    waits = b'{"profilingGroupName": "waits"}'
    assert collector.request("/profilingGroups?clientToken=t", waits, "application/json")[0] < 300
    assert collector.request("/api/reviews", json.dumps(REVIEW).encode(), "application/json")[0] == 200
    return collector


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_has_a_serious_violation(browser, full, axe, theme):
    # The pages' policy lets no foreign script in; the examiner comes past it.
    context = browser.new_context(
        color_scheme=theme, bypass_csp=True, viewport={"width": 1280, "height": 800}
    )
    page = context.new_page()
    found = {}
    page.goto(f"{full.url}/reviews")
    review = page.get_by_role("link", name="o/shop#7").get_attribute("href")
    for path in [*PATHS, review, *(f"/groups/shop{query}" for query in EXPLORE)]:
        page.goto(full.url + path)
        if path.removeprefix("/groups/shop") in EXPLORE:
            page.wait_for_selector(".kb-function")
            page.wait_for_selector("#strip canvas")
        page.add_script_tag(path=str(axe))
        results = page.evaluate("axe.run()")
        assert results["passes"], path
        serious = [one for one in results["violations"] if one["impact"] in ("serious", "critical")]
        if serious:
            found[path] = [(one["id"], [node["html"][:200] for node in one["nodes"]][:3]) for one in serious]
    context.close()
    assert found == {}


def test_a_thousand_levels_can_be_walked_and_scrolled(browser, becomes, collector, make_profile):
    deep = ";".join(f"m:f{level}" for level in range(1000))
    assert collector.post(make_profile({deep: 5})) == 204
    page = browser.new_page(viewport={"width": 1200, "height": 700})
    page.goto(f"{collector.url}/groups/shop")
    page.wait_for_selector(".kb-function")
    assert page.evaluate("globalThis.flameGraph.layout.levels") == 1001
    # The strip and the table, when they come, leave the picture less height.
    page.wait_for_selector("#strip canvas")
    shown = "globalThis.flameGraph.visibleFrames().some((frame) => frame.name === 'm:f999')"
    becomes(page, f"(globalThis.flameGraph.reveal(1000), {shown})")
    assert page.evaluate("document.querySelector('.kb-canvas').height") < 3000
    page.close()


def test_one_sample_is_a_profile(browser, collector, make_profile):
    assert collector.post(make_profile({"m:only": 1})) == 204
    page = browser.new_page()
    page.goto(f"{collector.url}/groups/shop?view=inspect&inspect=m:only")
    page.wait_for_selector(".kb-function")
    names = page.evaluate("globalThis.flameGraph.visibleFrames().map((frame) => frame.name)")
    assert names == ["m:only"]
    page.close()
