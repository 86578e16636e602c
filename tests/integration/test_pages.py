"""The collector's pages in a real browser, over profiles posted to a real collector."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path

import pytest

STACKS = {
    "__main__:<module>;shop.app:main;shop.search:find": 40,
    "__main__:<module>;shop.app:main;shop.stock:reserve;shop.stock:ask": 25,
    "__main__:<module>;shop.app:main": 5,
}


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1200, "height": 700})
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    yield page
    assert page.complaints == []
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


def visible(page):
    return page.evaluate("globalThis.flameGraph.visibleFrames().map((frame) => frame.name)")


def test_empty_collector_teaches_the_next_step(page, collector):
    page.goto(collector.url)
    assert f"--collector {collector.url}" in page.inner_text("main")
    assert "AWS_ENDPOINT_URL_CODEGURUPROFILER" in page.inner_text("main")


def test_groups_are_listed_with_a_link_to_their_flame_graph(page, collector, make_profile):
    assert collector.post(make_profile(STACKS)) == 204
    page.goto(collector.url)
    page.click("text=shop")
    page.wait_for_selector(".kb-canvas")
    assert page.url.split("?")[0].endswith("/groups/shop")


def test_flame_graph_draws_searches_zooms_and_explains(page, collector, make_profile):
    assert collector.post(make_profile(STACKS)) == 204
    open_group(page, collector)
    assert "shop.search:find" in visible(page)
    page.fill("input[type=search]", "stock")
    wait_until(lambda: page.evaluate("globalThis.flameGraph.matchCount") == 2)
    assert page.evaluate("globalThis.flameGraph.matchShare") == pytest.approx(25 / 70)
    page.evaluate("globalThis.flameGraph.search('')")
    box = page.locator(".kb-canvas").bounding_box()
    # The third row is shop.app:main; its left part carries shop.search:find below.
    page.mouse.move(box["x"] + 30, box["y"] + 70)
    wait_until(
        lambda: page.locator("[role=tooltip]").count() == 0 or page.locator("[role=tooltip]").is_visible()
    )
    page.mouse.click(box["x"] + 30, box["y"] + 70)
    wait_until(lambda: page.evaluate("globalThis.flameGraph.focus") > 0)
    page.keyboard.press("Escape")
    wait_until(lambda: page.evaluate("globalThis.flameGraph.focus") == 0)


def test_new_report_appears_without_a_reload(page, collector, make_profile):
    assert collector.post(make_profile(STACKS)) == 204
    open_group(page, collector)
    assert "shop.late:arrival" not in visible(page)
    assert collector.post(make_profile({"__main__:<module>;shop.late:arrival": 50})) == 204
    wait_until(lambda: "shop.late:arrival" in visible(page))


def test_address_reproduces_value_and_search(page, collector, make_profile):
    assert collector.post(make_profile(STACKS)) == 204
    open_group(page, collector, "?value=cpu&search=stock")
    assert page.evaluate("globalThis.flameGraph.value") == "cpu"
    assert page.evaluate("globalThis.flameGraph.matchCount") == 2
    page.evaluate("globalThis.flameGraph.search('find')")
    wait_until(lambda: "search=find" in address(page))


def test_range_without_samples_says_so(page, collector, make_profile):
    assert collector.post(make_profile(STACKS, end=time.time() - 7200)) == 204
    page.goto(f"{collector.url}/groups/shop")
    page.wait_for_selector("#empty:visible")
    assert "No samples in this range" in page.inner_text("#empty")


def test_names_are_text_whatever_they_hold(page, collector, make_profile):
    hostile = "<img src=x onerror=alert(1)>:\u202eevil"
    assert collector.post(make_profile({f"__main__:<module>;{hostile}": 10})) == 204
    open_group(page, collector)
    assert page.locator("img[src=x]").count() == 0
    assert any("onerror" in name for name in visible(page))


@pytest.mark.parametrize("suffix", ["pb.gz", "txt", "json", "html"])
def test_range_can_be_taken_away_as_a_file(page, collector, make_profile, suffix):
    assert collector.post(make_profile(STACKS)) == 204
    answer = page.request.get(f"{collector.url}/groups/shop/profile.{suffix}")
    assert answer.status == 200
    assert len(answer.body()) > 50
    if suffix == "txt":
        assert "__main__:<module>;shop.app:main;shop.search:find 40" in answer.text().splitlines()


def test_group_that_is_not_there_is_a_page_for_people_and_json_for_programs(page, collector):
    page.goto(f"{collector.url}/groups/nobody")
    assert "No profiling group nobody" in page.inner_text("main")
    page.complaints.clear()  # the browser notes the 404 itself
    answer = page.request.get(f"{collector.url}/api/groups/nobody/flamegraph")
    assert answer.status == 404
    assert answer.headers["x-amzn-errortype"] == "ResourceNotFoundException"


def test_planted_step_is_on_the_findings_page_and_a_flat_function_is_not(page, collector, make_profile):
    from kibitz_server.anomalies import detect_group
    from kibitz_server.store.sql import open_sqlite

    hour = int(time.time() // 3600) * 3600
    for back in range(20, 0, -1):
        slow = 300 if back <= 6 else 100
        stacks = {"m:main;m:steady": 500, "m:main;m:stepped": slow, "m:main;m:rest": 400}
        assert collector.post(make_profile(stacks, end=hour - back * 3600 + 1800)) == 204
    store = open_sqlite(str(collector.data / "kibitz.sqlite"))
    found = detect_group(store, "shop", time.time())
    store.save_findings("shop", found)
    store.close()
    page.goto(f"{collector.url}/findings")
    text = page.inner_text("main")
    assert "m:stepped" in text
    assert "rose from 10.0% to 25.0%" in text
    assert "m:steady" not in text
    # What it took from others may be named too, in either order.
    page.locator("li", has_text="m:stepped rose").locator("text=flame graph of that time").click()
    page.wait_for_selector(".kb-canvas")
    assert page.input_value("input[type=search]") == "m:stepped"
    shown = page.evaluate("[globalThis.flameGraph.payload.start, globalThis.flameGraph.payload.end]")
    assert shown == [hour - 6 * 3600, hour]
    assert page.evaluate("globalThis.flameGraph.matchShare") == pytest.approx(0.25, abs=0.01)
    banded = strip_reds(page, collector, f"?from={hour - 20 * 3600}&to={hour}")
    assert "m:stepped unusual at" in page.inner_text("#marks")
    # The last six of twenty hours: the band covers them, and nothing before them.
    assert max(banded[: int(len(banded) * 0.65)]) == 0
    inside = banded[int(len(banded) * 0.75) : int(len(banded) * 0.95)]
    assert sum(red > 0 for red in inside) > 0.8 * len(inside)  # but where the line itself passes


def strip_reds(page, collector, query):
    """How much redder than blue each column of the strip's plot is, left to right, over its upper edge."""
    open_group(page, collector, query)
    page.wait_for_selector("#strip canvas")
    wait_until(lambda: page.locator("#strip .u-over").bounding_box() is not None)
    return page.evaluate(
        """() => {
          const canvas = document.querySelector("#strip canvas");
          const [whole, over] = [canvas, document.querySelector("#strip .u-over")].map((one) => one.getBoundingClientRect());
          const ratio = canvas.width / whole.width;
          const left = Math.round((over.left - whole.left) * ratio);
          const row = canvas.getContext("2d").getImageData(left + 3, Math.round((over.top - whole.top) * ratio) + 2, Math.round(over.width * ratio) - 6, 1).data;
          return Array.from({ length: row.length / 4 }, (_, k) => Math.max(0, row[4 * k + 3] ? row[4 * k] - row[4 * k + 2] : 0));
        }"""
    )


def test_tooltip_tells_what_is_under_the_pointer(page, collector, make_profile):
    assert collector.post(make_profile(STACKS)) == 204
    open_group(page, collector)
    frame = page.evaluate(
        "globalThis.flameGraph.visibleFrames().find((frame) => frame.name === 'shop.stock:reserve')"
    )
    box = page.locator(".kb-canvas").bounding_box()
    page.mouse.move(box["x"] + frame["x"] + frame["width"] / 2, box["y"] + frame["y"] + frame["height"] / 2)
    page.wait_for_selector(".kb-tooltip:visible")
    text = page.inner_text(".kb-tooltip")
    assert "shop.stock:reserve" in text
    assert "35.7 % of all" in text


def test_exports_of_the_page_download_and_parse(page, collector, make_profile):
    assert collector.post(make_profile(STACKS)) == 204
    open_group(page, collector)
    page.click(".exports summary")
    content = {}
    for suffix in ("pb.gz", "txt", "json"):
        with page.expect_download() as waiting:
            page.click(f"a[data-export]:text-is('.{suffix}')")
        assert waiting.value.suggested_filename == f"shop.{suffix}"
        content[suffix] = Path(waiting.value.path()).read_bytes()
    assert b"shop.search:find" in gzip.decompress(content["pb.gz"])
    assert sum(int(line.rsplit(" ", 1)[1]) for line in content["txt"].decode().splitlines()) == 70
    names = [frame["name"] for frame in json.loads(content["json"])["shared"]["frames"]]
    assert "shop.stock:ask" in names


def test_range_that_cannot_be_read_is_explained_and_not_asked_for_again(page, collector, make_profile):
    assert collector.post(make_profile(STACKS)) == 204
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/flamegraph?" in request.url else None)
    page.goto(f"{collector.url}/groups/shop?from=bogus")
    page.wait_for_selector("#status:visible")
    assert page.inner_text("#status").startswith("from='bogus': expected epoch seconds")
    page.wait_for_timeout(2500)  # longer than the page waits between two polls
    assert len(asked) == 1
    page.complaints.clear()  # the browser notes the 400 itself


@pytest.mark.parametrize(("width", "scale"), [(700, 1), (600, 2)])
def test_pages_fit_narrow_windows_and_magnified_ones(browser, collector, make_profile, width, scale):
    for group in ("shop", "g" * 255):
        assert collector.post(make_profile(STACKS), group=group) == 204
    narrow = browser.new_page(viewport={"width": width, "height": 700 // scale}, device_scale_factor=scale)
    for path in ("/", "/groups/shop", "/findings", "/groups/nobody"):
        narrow.goto(collector.url + path)
        if path == "/groups/shop":
            narrow.wait_for_selector(".kb-canvas")
        assert narrow.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    narrow.close()


def test_page_waits_for_a_collector_that_went_away_and_goes_on(page, collector, make_profile, free_port):
    assert collector.stop() == 0
    port = str(free_port())
    collector.start("--port", port)
    assert collector.post(make_profile(STACKS)) == 204
    open_group(page, collector)
    assert collector.stop() == 0
    page.wait_for_selector("#status:visible")
    assert page.inner_text("#status").startswith("Cannot reach the collector")
    assert "shop.search:find" in visible(page)  # what was there stays
    collector.start("--port", port)
    page.wait_for_selector("#status", state="hidden")
    page.complaints.clear()  # the browser notes refused connections itself
