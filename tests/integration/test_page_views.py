"""The views of a group's page in a real browser: hotspots, inspect, hidden frames, the keyboard, the address."""

from __future__ import annotations

import time

import pytest

STACKS = {
    "__main__:<module>;shop.app:main;shop.search:find": 40,
    "__main__:<module>;shop.app:main;shop.stock:reserve;shop.stock:ask": 25,
    "__main__:<module>;shop.jobs:nightly;shop.stock:ask": 10,
    "__main__:<module>;shop.app:main": 5,
}


@pytest.fixture
def page(browser, collector, make_profile):
    assert collector.post(make_profile(STACKS)) == 204
    page = browser.new_page(viewport={"width": 1200, "height": 700})
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    assert complaints == []
    page.close()


def open_group(page, collector, query=""):
    page.goto(f"{collector.url}/groups/shop{query}")
    page.wait_for_selector(".kb-canvas")
    wait_until(lambda: page.evaluate("!!globalThis.flameGraph"))


def address(page):
    return page.evaluate("location.href")


def wait_until(condition, seconds=120.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def rows(page):
    """Names by level, top to bottom."""
    frames = page.evaluate("globalThis.flameGraph.visibleFrames()")
    levels = sorted({frame["level"] for frame in frames})
    return [[frame["name"] for frame in frames if frame["level"] == level] for level in levels]


def every(page):
    return {name for row in rows(page) for name in row}


def test_hotspots_stand_at_the_top_with_their_callers_below(page, collector):
    open_group(page, collector)
    page.keyboard.press("2")
    assert rows(page)[1] == ["shop.search:find", "shop.stock:ask", "shop.app:main"]
    assert set(rows(page)[2][1:3]) == {"shop.stock:reserve", "shop.jobs:nightly"}
    wait_until(lambda: "view=hotspots" in address(page))


def test_inspected_function_has_callers_above_and_callees_below(page, collector):
    open_group(page, collector, "?view=inspect&inspect=shop.stock:reserve")
    assert rows(page) == [
        ["__main__:<module>"],
        ["shop.app:main"],
        ["shop.stock:reserve"],
        ["shop.stock:ask"],
    ]
    assert page.evaluate("globalThis.flameGraph.layout.sum") == 25 * 10_000_000


def test_hidden_frames_leave_every_figure_and_a_chip_brings_them_back(page, collector):
    open_group(page, collector)
    page.evaluate("globalThis.flameGraph.hide('shop.search:find')")
    assert "shop.search:find" not in every(page)
    assert page.evaluate("globalThis.flameGraph.layout.sum") == 40 * 10_000_000
    wait_until(lambda: "hide=shop.search%3Afind" in address(page))
    open_group(page, collector, address(page).partition("/shop")[2])
    assert "shop.search:find" not in every(page)
    page.click(".kb-chip")
    assert "shop.search:find" in every(page)
    wait_until(lambda: "hide=" not in address(page))


def test_keyboard_alone_walks_zooms_inspects_and_hides(page, collector):
    open_group(page, collector)
    page.focus(".kb-canvas")
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    selected = "globalThis.flameGraph.selectedName()"
    assert page.evaluate(selected) == "shop.search:find"
    page.keyboard.press("ArrowRight")
    assert page.evaluate(selected) == "shop.stock:reserve"
    page.keyboard.press("Enter")
    assert page.evaluate("globalThis.flameGraph.focus") > 0
    page.keyboard.press("3")
    assert page.evaluate("globalThis.flameGraph.shape.inspect") == "shop.stock:reserve"
    page.keyboard.press("1")
    page.keyboard.press("Escape")
    page.focus(".kb-canvas")
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("h")
    assert page.inner_text(".kb-chip").startswith("shop.search:find")


def test_right_button_opens_a_menu_that_the_keyboard_can_use(page, collector):
    open_group(page, collector)
    frame = page.evaluate(
        "globalThis.flameGraph.visibleFrames().find((frame) => frame.name === 'shop.stock:reserve')"
    )
    box = page.locator(".kb-canvas").bounding_box()
    page.mouse.click(
        box["x"] + frame["x"] + frame["width"] / 2,
        box["y"] + frame["y"] + frame["height"] / 2,
        button="right",
    )
    page.wait_for_selector("[role=menu]")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator("[role=menu]").count() == 0
    assert page.evaluate("globalThis.flameGraph.shape.inspect") == "shop.stock:reserve"
    stack = page.evaluate("(globalThis.flameGraph.select(0), globalThis.flameGraph.stackText())")
    assert stack == "shop.stock:reserve"


def test_comparison_tells_changes_in_text_and_draws_what_vanished(page, collector, make_profile):
    before = {"__main__:<module>;shop.app:main": 200, "__main__:<module>;shop.old:path": 600}
    assert collector.post(make_profile(before, end=time.time() - 5000)) == 204
    open_group(page, collector, "?compare=previous")
    wait_until(lambda: "shop.old:path" in every(page))
    page.evaluate(
        "graph = globalThis.flameGraph, graph.select([...graph.layout.node].find("
        "(node) => graph.tree.name[graph.tree.frame[node]] === 'shop.old:path'))"
    )
    assert "change −75.0 %" in page.inner_text(".kb-status")
    wait_until(lambda: "Change" in page.inner_text(".kb-table thead"))
    assert "−75.0 %" in page.inner_text(".kb-table")
    page.keyboard.press("d")
    page.wait_for_url(lambda url: "compare" not in url)


def test_samples_are_grouped_and_filtered_by_label(page, collector):
    open_group(page, collector, "?groupBy=thread")
    assert rows(page)[1] == ["thread: MainThread"]
    wait_until(lambda: page.locator("#label option").count() > 1)
    page.select_option("#label", "state:running")
    page.wait_for_url(lambda url: "label=state%3Arunning" in url)
    wait_until(lambda: page.evaluate("!!globalThis.flameGraph"))
    assert rows(page)[1] == ["thread: MainThread"]


def test_drag_over_the_strip_chooses_a_range_and_with_shift_a_baseline(page, collector):
    open_group(page, collector)
    page.wait_for_selector("#strip .u-over")
    box = page.locator("#strip .u-over").bounding_box()
    middle = box["y"] + box["height"] / 2

    def drag(start, end, said):
        page.mouse.move(box["x"] + start * box["width"], middle)
        page.mouse.down()
        page.mouse.move(box["x"] + (start + end) / 2 * box["width"], middle)
        page.mouse.move(box["x"] + end * box["width"], middle)
        page.mouse.up()
        page.wait_for_url(lambda url: said in url)

    drag(0.5, 1.0, "from=")
    open_group(page, collector)
    page.wait_for_selector("#strip .u-over")
    page.keyboard.down("Shift")
    drag(0.1, 0.4, "base_from=")
    page.keyboard.up("Shift")
    assert "&from=" not in page.url


def test_settings_are_changed_by_a_browser_without_scripts(browser, collector, make_profile):
    assert collector.post(make_profile(STACKS)) == 204
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{collector.url}/groups/shop/settings")
    page.fill("#sampling_interval_ms", "50")
    page.click("button:text-is('Save')")
    assert "The settings were saved" in page.inner_text("main")
    assert collector.get("/api/groups/shop/settings")["sampling_interval_ms"] == 50
    page.fill("#own", "shop")
    page.click("button:text-is('Save links')")
    assert page.input_value("#own") == "shop"
    page.fill("#per_vcpu_hour", "0.05")
    page.fill("#currency", "EUR")
    page.click("button:text-is('Save price')")
    assert page.input_value("#currency") == "EUR"
    assert collector.get("/api/groups/shop/price") == {"per_vcpu_hour": 0.05, "currency": "EUR"}
    page.goto(f"{collector.url}/settings")
    page.fill("#name", "laptop")
    page.click("button:text-is('Make a token')")
    assert "KIBITZ_TOKEN=kbz_" in page.inner_text("main")
    page.click("button:text-is('Revoke')")
    assert "There is none yet" in page.inner_text("main")
    context.close()


def test_deploy_is_marked_and_compared_with_what_ran_before(page, collector, make_profile):
    now = time.time()
    before = {"m:main;m:slow": 60, "m:main;m:rest": 40}
    after = {"m:main;m:slow": 10, "m:main;m:rest": 90}
    assert collector.post(make_profile(before, end=now - 1200, revision="aaa111")) == 204
    assert collector.post(make_profile(after, end=now - 300, revision="bbb222")) == 204
    open_group(page, collector)
    page.wait_for_selector("#marks:visible")
    assert "1 deploy" in page.locator("#strip").get_attribute("aria-label")
    page.click("#marks a")
    page.wait_for_selector(".kb-function")
    wait_until(lambda: page.evaluate("!!globalThis.flameGraph"))
    page.evaluate(
        "graph = globalThis.flameGraph, graph.select([...graph.layout.node].find("
        "(node) => graph.tree.name[graph.tree.frame[node]] === 'm:slow'))"
    )
    assert "change −50.0 %" in page.inner_text(".kb-status")
    assert page.locator("#labels .chip").inner_text() == "revision: bbb222 ×"
    page.click("#labels .chip")
    page.wait_for_url(lambda url: "base_label=revision%3Aaaa111" in url)
    assert "&label=" not in page.url


def test_another_group_is_compared_with_by_a_form(page, collector, make_profile):
    assert collector.post(make_profile(STACKS)) == 204
    assert collector.post(make_profile({"__main__:<module>;shop.new:way": 10}), group="canary") == 204
    open_group(page, collector, "?value=cpu")
    page.click(".compare summary")
    page.select_option("#base_group", "canary")
    page.click("button:text-is('Compare')")
    page.wait_for_selector(".kb-function")
    wait_until(lambda: page.evaluate("!!globalThis.flameGraph"))
    assert "shop.new:way" in every(page)
    assert "value=cpu" in address(page)
    assert page.evaluate("!!globalThis.flameGraph.changes")
