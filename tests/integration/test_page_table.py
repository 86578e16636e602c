"""The table beside the flame graph, what lies behind the canvas, and what can be taken from the picture."""

from __future__ import annotations

import re
import struct
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

sync_api = pytest.importorskip("playwright.sync_api")

STACKS = {
    "__main__:<module>;shop.app:main;shop.search:find": 40,
    "__main__:<module>;shop.app:main;shop.stock:reserve;shop.stock:ask": 25,
    "__main__:<module>;shop.jobs:nightly;shop.stock:ask": 10,
    "__main__:<module>;shop.app:main": 5,
}
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</svg><script>alert(1)</script>]]>",
    "right\u202eot tfel",
    "snake:\N{SNAKE}.run & 'so' \"on\"",
    "line\nbreak\0",
    "m:" + "x" * 10_240,
]


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1400, "height": 800})
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    yield page
    assert page.complaints == []
    page.close()


def open_group(page, collector, query=""):
    page.goto(f"{collector.url}/groups/shop{query}")
    page.wait_for_selector(".kb-function")


def address(page):
    return page.evaluate("location.href")


def wait_until(condition, seconds=120.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def functions(page):
    return page.locator(".kb-function .kb-qualified").all_inner_texts()


def test_table_of_thousands_holds_a_few_rows_and_all_can_be_reached(page, collector, make_profile):
    stacks = {f"m:main;m:f{number:04d}": 1 + number % 50 for number in range(3000)}
    assert collector.post(make_profile(stacks)) == 204
    open_group(page, collector)
    assert page.locator(".kb-table").get_attribute("aria-rowcount") == "3002"
    assert page.locator(".kb-function").count() < 60
    page.click(".kb-name .kb-sort")
    wait_until(lambda: functions(page)[0] == "f0000")
    assert page.locator(".kb-name").first.get_attribute("aria-sort") == "ascending"
    page.locator(".kb-function").first.focus()
    page.keyboard.press("End")
    wait_until(lambda: functions(page)[-1] == "main")
    last = page.evaluate("document.activeElement.innerText")
    assert last.startswith("main")
    page.keyboard.press("ArrowUp")
    wait_until(lambda: page.evaluate("document.activeElement.innerText").startswith("f2999"))
    assert page.locator(".kb-function").count() < 60
    wait_until(lambda: "sort=name" in address(page))


def test_table_sorts_either_way_and_the_address_keeps_the_order(page, collector, make_profile):
    assert collector.post(make_profile(STACKS)) == 204
    open_group(page, collector)
    assert functions(page)[0] == "find"
    page.click(".kb-total .kb-sort")
    wait_until(lambda: functions(page)[0] == "<module>")
    wait_until(lambda: "sort=-total" in address(page))
    page.click(".kb-total .kb-sort")
    wait_until(lambda: functions(page)[-1] == "<module>")
    wait_until(lambda: "sort=total" in address(page))
    open_group(page, collector, address(page).partition("/shop")[2])
    assert functions(page)[-1] == "<module>"


def test_each_function_has_its_share_over_time(page, collector, make_profile):
    now = time.time()
    for back in range(4):
        share = {"m:main;m:grows": 10 * (4 - back), "m:main;m:rest": 60}
        assert collector.post(make_profile(share, end=now - 600 * back)) == 204
    open_group(page, collector, "?from=-1h")
    page.wait_for_selector(".kb-trend svg polyline", state="attached")
    row = page.locator("tr", has_text="grows")
    assert re.search(r"at most 40.0 %", row.locator(".kb-trend svg").get_attribute("aria-label"))


def test_tree_behind_the_canvas_follows_the_selection(page, collector, make_profile):
    assert collector.post(make_profile(STACKS)) == 204
    open_group(page, collector)
    page.focus(".kb-canvas")
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    canvas = page.locator(".kb-canvas")
    selected = canvas.locator("[aria-selected=true]")
    assert selected.text_content() == "shop.search:find, 50.0 %"
    assert canvas.get_attribute("aria-activedescendant") == selected.get_attribute("id")
    assert selected.get_attribute("aria-level") == "4"
    assert (selected.get_attribute("aria-posinset"), selected.get_attribute("aria-setsize")) == ("1", "2")
    assert "shop.stock:reserve, 31.3 %" in canvas.locator("[role=treeitem]").all_text_contents()
    page.keyboard.press("ArrowUp")
    assert canvas.locator("[aria-selected=true]").text_content() == "shop.app:main, 87.5 %"
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    told = [node["name"]["value"] for node in nodes if node.get("role", {}).get("value") == "treeitem"]
    assert "shop.app:main, 87.5 %" in told  # what Chromium hands to screen readers


def test_minimap_shows_the_part_in_view_and_moves_it(page, collector, make_profile):
    assert collector.post(make_profile(STACKS)) == 204
    open_group(page, collector)
    page.evaluate("graph = globalThis.flameGraph, graph.setView({ start: 0, end: graph.layout.sum / 4 })")
    box, window = page.locator(".kb-mini").bounding_box(), page.locator(".kb-mini-window")
    wait_until(lambda: abs(window.bounding_box()["width"] - box["width"] / 4) < 3)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 10)
    middle = "graph = globalThis.flameGraph, (graph.target.start + graph.target.end) / 2 / graph.layout.sum"
    assert page.evaluate(middle) == pytest.approx(0.5, abs=0.01)
    page.locator(".kb-mini").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate(middle) > 0.51
    assert page.locator(".kb-mini").get_attribute("aria-valuetext") == "25 % of the whole shown"


def test_address_brings_the_same_picture_back(page, collector, make_profile):
    assert collector.post(make_profile(STACKS, revision="0123abcd")) == 204
    open_group(page, collector)
    page.evaluate(
        "graph = globalThis.flameGraph, graph.search('ask'), graph.hide('shop.search:find'),"
        "graph.setOrigin('shop', 'library'), graph.step(1), graph.zoom(graph.selected),"
        "graph.scale(0.5, 0.3)"
    )
    told = "JSON.stringify([globalThis.flameGraph.state(), globalThis.flameGraph.visibleFrames()])"
    before = page.evaluate(told)
    wait_until(lambda: "at=" in address(page) and "library=shop" in address(page))
    open_group(page, collector, address(page).partition("/shop")[2])
    wait_until(lambda: page.evaluate(told) == before)


def test_only_the_stacks_through_a_search_can_be_kept(page, collector, make_profile):
    assert collector.post(make_profile(STACKS)) == 204
    open_group(page, collector)
    page.fill("input[type=search]", "/stock:ask$/")
    page.focus(".kb-canvas")
    page.keyboard.press("f")
    total = "globalThis.flameGraph.layout.sum"
    assert page.evaluate(total) == 35 * 10_000_000
    assert page.inner_text(".kb-chip").startswith("only /stock:ask$/")
    wait_until(lambda: "only=" in address(page))
    page.click(".kb-chip")
    assert page.evaluate(total) == 80 * 10_000_000


def test_colours_tell_whose_code_it_is_and_can_be_corrected(page, collector, make_profile):
    assert collector.post(make_profile(STACKS)) == 204
    open_group(page, collector)
    wait_until(lambda: page.inner_text(".kb-legend") == "My code 100 %")
    page.focus(".kb-canvas")
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+F10")
    page.click("text=Count shop as a library")
    wait_until(lambda: "Libraries 100 %" in page.inner_text(".kb-legend"))
    wait_until(lambda: "library=shop" in address(page))
    page.click(".kb-chip")
    wait_until(lambda: page.inner_text(".kb-legend") == "My code 100 %")


def test_stack_is_copied_outermost_first(browser, collector, make_profile):
    assert collector.post(make_profile(STACKS)) == 204
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    open_group(page, collector)
    page.focus(".kb-canvas")
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("c")
    wait_until(lambda: page.inner_text(".kb-status") == "The stack was copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.splitlines() == ["__main__:<module>", "shop.app:main", "shop.search:find"]
    context.close()


@pytest.mark.parametrize("names", [next(iter(STACKS)).split(";"), HOSTILE], ids=["shop", "hostile"])
def test_picture_is_saved_as_svg_and_png(page, collector, make_profile, names):
    assert collector.post(make_profile(dict.fromkeys(names, 10))) == 204
    open_group(page, collector)
    content = {}
    for kind in ("svg", "png"):
        with page.expect_download() as waiting:
            page.click(f"[data-save={kind}]")
        assert waiting.value.suggested_filename == f"shop.{kind}"
        content[kind] = Path(waiting.value.path()).read_bytes()
    assert content["png"].startswith(b"\x89PNG")
    width, height = struct.unpack(">II", content["png"][16:24])
    assert (width, height) == (3200, 2 * 40)
    tree = ET.fromstring(content["svg"])  # no name breaks out of the XML
    tags = {element.tag.rsplit("}", 1)[1] for element in tree.iter()}
    assert tags == {"svg", "title", "rect", "text", "g"}
    titles = " ".join(tree.itertext())
    assert names[0][:20] in titles
    assert "\u202e" not in titles


def test_source_opens_on_the_forge_at_the_revision_of_the_profile(page, collector, make_profile):
    assert collector.post(make_profile(STACKS, revision="0123abcd")) == 204
    page.goto(f"{collector.url}/groups/shop/settings")
    page.fill("#forge", f"{collector.url}/static/{{revision}}/{{path}}?line={{line}}")
    page.fill("#root", "/app/")
    page.click("button:text-is('Save links')")
    open_group(page, collector)
    page.focus(".kb-canvas")
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    with page.context.expect_page() as opened:
        page.keyboard.press("o")
    opened.value.wait_for_load_state()
    assert opened.value.url == f"{collector.url}/static/0123abcd/shop.search.py?line=1"


def test_every_key_of_the_help_does_what_it_says(page, collector, make_profile):
    assert collector.post(make_profile(STACKS)) == 204
    open_group(page, collector)
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement === globalThis.flameGraph.parts.input")
    page.keyboard.type("ask")
    page.keyboard.press("Escape")  # out of the field, back to the picture
    assert page.evaluate("document.activeElement === globalThis.flameGraph.parts.canvas")
    page.fill("input[type=search]", "stock:ask")
    page.focus(".kb-canvas")
    for key, place in (("n", 0), ("n", 1), ("n", 0), ("N", 1)):
        page.keyboard.press(key)
        assert page.evaluate("globalThis.flameGraph.matchAt") == place
        assert page.evaluate("globalThis.flameGraph.selectedName()") == "shop.stock:ask"
    assert "2 of 2 matches" in page.inner_text(".kb-found")
    for key, view in (("2", "hotspots"), ("3", "inspect"), ("1", "overview")):
        page.keyboard.press(key)
        assert page.evaluate("globalThis.flameGraph.shape.view") == view
        assert page.get_attribute(f"[data-view={view}]", "aria-pressed") == "true"
    shown = page.locator(".kb-help").is_visible()
    page.keyboard.press("?")
    assert page.locator(".kb-help").is_visible() != shown
    page.focus(".kb-canvas")
    page.keyboard.press("Home")
    page.keyboard.press("o")
    assert "No address for this source is set" in page.inner_text(".kb-status")
    page.keyboard.press("d")
    page.wait_for_url(lambda url: "compare=previous" in url)


def test_tooltip_tells_samples_and_what_they_cost_where_that_is_known(page, collector, make_profile):
    assert collector.post(make_profile(STACKS)) == 204
    price = page.request.put(
        f"{collector.url}/api/groups/shop/price", data={"per_vcpu_hour": 10, "currency": "EUR"}
    )
    assert price.ok
    open_group(page, collector)
    cost = page.evaluate("globalThis.flameGraph.payload.yearly_cost")
    # Half of the CPU time of the range is this function's, whichever value or view is shown.
    half = f"{cost['amount'] / 2:,.0f}" if cost["amount"] >= 200 else f"{cost['amount'] / 2:.2f}"
    for view in ("overview", "inspect"):
        page.evaluate("(view) => globalThis.flameGraph.show(view, 'shop.search:find')", view)
        page.mouse.move(5, 5)
        find = "globalThis.flameGraph.visibleFrames().find((frame) => frame.name === 'shop.search:find')"
        wait_until(lambda find=find: page.evaluate(find))
        frame = page.evaluate(find)
        box = page.locator(".kb-canvas").bounding_box()
        page.mouse.move(
            box["x"] + frame["x"] + frame["width"] / 2, box["y"] + frame["y"] + frame["height"] / 2
        )
        page.wait_for_selector(".kb-tooltip:visible")
        text = " ".join(page.inner_text(".kb-tooltip").split())
        assert "Samples 40" in text
        assert f"Cost €{half} a year" in text


def test_shares_of_the_whole_stay_shares_of_the_whole_while_one_function_is_inspected(
    page, collector, make_profile
):
    assert collector.post(make_profile(STACKS)) == 204
    open_group(page, collector, "?view=inspect&inspect=shop.stock:ask")
    wait_until(lambda: page.locator(".kb-function").count() > 2)
    told = " ".join(page.inner_text(".kb-functions").split())
    # 40 of all 80 samples are shop.search:find's; of the 35 inspected ones they would be more than all.
    assert "50.0 %" in told
    assert "100 %" not in told.split("find", 1)[0]
    page.focus(".kb-canvas")
    assert "(43.8 %)" in page.inner_text(".kb-status")


def test_states_that_were_guessed_from_names_are_said_to_be(page, collector, make_profile):
    assert collector.post(make_profile(STACKS)) == 204
    assert collector.post(make_profile({"m:main;socket:recv": 5}, sampler="aws"), group="aws-agents") == 204
    for group, told in (("shop", False), ("aws-agents", True)):
        page.goto(f"{collector.url}/groups/{group}")
        page.wait_for_selector(".kb-function")
        assert ("estimated from function names" in page.inner_text(".kb-flame")) == told
        page.goto(f"{collector.url}/groups/{group}/summary")
        assert ("estimated from function names" in page.inner_text("main")) == told


def test_each_view_is_walked_and_zoomed_with_keys_alone(page, collector, make_profile):
    assert collector.post(make_profile(STACKS)) == 204
    open_group(page, collector)
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "kb-canvas":
            break
    assert page.evaluate("document.activeElement.className") == "kb-canvas"
    for key, view in (("1", "overview"), ("2", "hotspots"), ("3", "inspect")):
        page.keyboard.press("Home")
        page.keyboard.press(key)
        assert page.evaluate("globalThis.flameGraph.shape.view") == view
        page.keyboard.press("Home")
        at_root = page.inner_text(".kb-status")
        page.keyboard.press("ArrowDown")
        below = page.inner_text(".kb-status")
        page.keyboard.press("ArrowUp")
        if view != "inspect":  # where the inspected function itself is innermost, and its callers are above
            assert below != at_root
            assert page.inner_text(".kb-status") == at_root
            page.keyboard.press("ArrowDown")
        active = page.get_attribute(".kb-canvas", "aria-activedescendant")
        assert page.get_attribute(f"#{active}", "aria-selected") == "true"
        page.keyboard.press("Enter")
        focus = page.evaluate("globalThis.flameGraph.focus")
        assert focus == page.evaluate("globalThis.flameGraph.selected")
        page.keyboard.press("Escape")
        assert page.evaluate("globalThis.flameGraph.focus") == 0
