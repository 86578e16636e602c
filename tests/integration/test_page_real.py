"""The pages over the profile of a real program, which a real agent sent to a real collector."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

sync_api = pytest.importorskip("playwright.sync_api")

WORK_S = "4"


@pytest.fixture(scope="module")
def warehouse(lasting_collector, targets):
    """A collector that holds the profile of the warehouse; the tests only read from it."""
    collector = lasting_collector
    command = [
        sys.executable, "-m", "kibitz_agent.cli", "run", "--group", "shop", "--collector", collector.url,
        str(targets / "pages" / "warehouse.py"), WORK_S,
    ]  # fmt: skip
    environment = {**os.environ, "KIBITZ_SAMPLING_INTERVAL_MS": "10"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return collector


@pytest.fixture
def open_page(browser):
    """Opens a page in a context with these options; at the end none may have complained."""
    complaints, contexts = [], []

    def make(**options):
        context = browser.new_context(viewport={"width": 1400, "height": 800}, **options)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
        contexts.append(context)
        return page

    yield make
    for context in contexts:
        context.close()
    assert complaints == []


def wait_until(condition, seconds=120.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def show(page, collector, query=""):
    page.goto(f"{collector.url}/groups/shop{query}")
    page.wait_for_selector(".kb-function")


def names(page):
    return page.evaluate("globalThis.flameGraph.visibleFrames().map((frame) => frame.name)")


def test_views_of_a_program_show_its_functions_and_links_reproduce_them(warehouse, open_page):
    page = open_page()
    show(page, warehouse)
    assert "__main__:main" in names(page)
    page.keyboard.press("2")
    wait_until(lambda: any("pick" in name or "genexpr" in name for name in names(page)))
    page.keyboard.press("3")
    page.evaluate("globalThis.flameGraph.show('inspect', '__main__:pick')")
    callers = "[...globalThis.flameGraph.layout.node].map((node) => globalThis.flameGraph.tree.name[globalThis.flameGraph.tree.frame[node]])"
    assert {"__main__:main", "__main__:dig"} <= set(page.evaluate(callers))
    wait_until(lambda: "inspect=" in page.evaluate("location.href"))
    told, address = (
        page.evaluate("JSON.stringify(globalThis.flameGraph.state())"),
        page.evaluate("location.href"),
    )
    other = open_page(color_scheme="dark")
    other.goto(address)
    other.wait_for_selector(".kb-function")
    assert other.evaluate("JSON.stringify(globalThis.flameGraph.state())") == told
    drawn = "graph = globalThis.flameGraph, [graph.target, [...graph.layout.x], [...graph.layout.total]]"
    assert other.evaluate(drawn) == page.evaluate(drawn)
    assert other.evaluate(callers) == page.evaluate(callers)


def test_waiting_and_computing_threads_are_told_apart(warehouse, open_page):
    page = open_page()
    show(page, warehouse, "?groupBy=thread")
    assert {"thread: MainThread", "thread: waiting"} <= set(names(page))
    show(page, warehouse, "?label=thread:waiting")
    wall = page.evaluate("globalThis.flameGraph.layout.sum")
    page.evaluate("globalThis.flameGraph.setValue('cpu')")
    assert page.evaluate("globalThis.flameGraph.layout.sum") < wall / 5


def test_deep_recursion_is_walked_by_keyboard(warehouse, open_page):
    page = open_page(reduced_motion="reduce")
    show(page, warehouse)
    assert page.evaluate("globalThis.flameGraph.layout.levels") >= 900
    page.fill("input[type=search]", "__main__:dig")
    page.keyboard.press("Enter")
    page.focus(".kb-canvas")
    for _ in range(40):
        page.keyboard.press("ArrowDown")
    level = int(re.search(r"level (\d+)", page.inner_text(".kb-status"))[1])
    assert level >= 40
    assert page.evaluate("globalThis.flameGraph.parts.canvas.height") <= 800
    assert page.locator(".kb-canvas [role=treeitem]").count() < 1100


def test_one_function_counts_once_however_deep_it_recurses(warehouse, open_page):
    page = open_page()
    show(page, warehouse)
    shares = page.evaluate(
        "globalThis.flameGraph.functions.map((row) => row.total / globalThis.flameGraph.layout.sum)"
    )
    assert max(shares) <= 1.0


def test_hostile_names_stay_text_in_the_page_and_in_every_export(warehouse, open_page):
    page = open_page()
    show(page, warehouse)
    assert page.locator("img[src=x], main script").count() == 0
    page.fill("input[type=search]", "onerror")
    wait_until(lambda: page.locator(".kb-function").count() == 1)
    assert "<img src=x onerror=alert(1)>" in page.inner_text(".kb-qualified")
    page.fill("input[type=search]", "")
    base = f"{warehouse.url}/groups/shop/profile"
    content = {
        suffix: page.request.get(f"{base}.{suffix}").body() for suffix in ("pb.gz", "txt", "json", "html")
    }
    assert b"onerror" in gzip.decompress(content["pb.gz"])
    lines = content["txt"].decode().splitlines()
    assert all(re.fullmatch(r".+ \d+", line) for line in lines)  # no name broke a line in two
    assert any("<img src=x onerror=alert(1)>" in line for line in lines)
    frames = [frame["name"] for frame in json.loads(content["json"])["shared"]["frames"]]
    assert any("</script><script>" in name for name in frames)
    assert content["html"].count(b"</script>") == 2
    with page.expect_download() as waiting:
        page.click("[data-save=svg]")
    tree = ET.fromstring(Path(waiting.value.path()).read_bytes())
    assert {element.tag.rsplit("}", 1)[1] for element in tree.iter()} == {"svg", "title", "rect", "text", "g"}
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", "".join(tree.itertext()))


def test_exported_page_of_a_program_draws_the_same_functions(warehouse, open_page, tmp_path):
    page = open_page()
    show(page, warehouse)
    there = set(page.evaluate("globalThis.flameGraph.source.name"))
    (tmp_path / "shop.html").write_bytes(page.request.get(f"{warehouse.url}/groups/shop/profile.html").body())
    alone = open_page()
    alone.goto((tmp_path / "shop.html").as_uri())
    sync_api.expect(alone.locator(".kb-function").first).to_be_visible()
    here = set(alone.evaluate("globalThis.flameGraph.source.name"))
    assert {name for name in there if name.startswith("__main__:")} <= here


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_zoom_glides_only_for_those_who_like_motion(warehouse, open_page, motion):
    page = open_page(reduced_motion=motion)
    show(page, warehouse)
    glides = page.evaluate(
        "graph = globalThis.flameGraph, graph.zoom([...graph.layout.node].find("
        "(node) => graph.tree.name[graph.tree.frame[node]] === '__main__:pick')), Boolean(graph.glide)"
    )
    assert glides == (motion == "no-preference")
    wait_until(lambda: page.evaluate("!globalThis.flameGraph.glide"))
    assert page.evaluate("globalThis.flameGraph.view.start === globalThis.flameGraph.target.start")


def test_page_at_200_percent_needs_no_scrolling_sideways(warehouse, browser):
    context = browser.new_context(viewport={"width": 640, "height": 400}, device_scale_factor=2)
    page = context.new_page()
    for path in ("/", "/groups/shop", "/groups/shop/summary", "/groups/shop/settings", "/settings"):
        page.goto(warehouse.url + path)
        if path == "/groups/shop":
            page.wait_for_selector(".kb-function")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    page.goto(f"{warehouse.url}/groups/shop")
    page.wait_for_selector(".kb-function")
    page.locator(".kb-canvas").scroll_into_view_if_needed()
    assert len(names(page)) > 3
    context.close()


def test_loading_that_takes_longer_than_300_ms_says_so(warehouse, open_page):
    page = open_page()
    held, released = [], []
    page.route("**/flamegraph?*", lambda route: route.continue_() if released else held.append(route))
    page.goto(f"{warehouse.url}/groups/shop")
    page.wait_for_selector("#status:visible")
    assert page.inner_text("#status") == "Loading…"
    assert page.locator("#status").get_attribute("role") == "status"
    released.append(True)
    for route in held:
        route.continue_()
    page.wait_for_selector(".kb-function")
    page.wait_for_selector("#status", state="hidden")


def test_empty_range_tells_how_to_fill_it_and_loses_nothing(warehouse, open_page):
    page = open_page()
    page.goto(f"{warehouse.url}/groups/shop?from=-3h&to=-2h")
    page.wait_for_selector("#empty:visible")
    assert f"kibitz run --group shop --collector {warehouse.url} app.py" in page.inner_text("#empty")
    page.select_option("#from", "-1h")
    page.wait_for_url(lambda url: "from=-1h" in url)
    page.wait_for_selector(".kb-function")
    assert page.locator("#empty").is_hidden()


def test_summary_and_list_tell_of_the_program(warehouse, open_page):
    page = open_page()
    page.goto(warehouse.url)
    row = page.locator("tr", has_text="shop")
    assert "profiling" in row.inner_text()
    assert re.search(r"\d %", row.inner_text())
    page.click("text=Summary")
    text = page.inner_text("main")
    for part in (
        "CPU of a process",
        "Time executing code",
        "Time waiting",
        "Who reports",
        "CPython",
        "of its machine",
    ):
        assert part in text, part
    assert "__main__:" in text


def test_text_export_of_a_program_has_all_its_samples(warehouse, open_page):
    page = open_page()
    show(page, warehouse, "?value=samples")
    whole = page.evaluate("globalThis.flameGraph.layout.sum")
    body = page.request.get(f"{warehouse.url}/groups/shop/profile.txt").text()
    assert sum(int(line.rsplit(" ", 1)[1]) for line in body.splitlines()) == whole
