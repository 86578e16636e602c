"""An exported page in a real browser: it draws, searches, zooms and explains, and no name in it comes alive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kibitz_agent import exporters
from kibitz_agent.profile import Frame, Header, Profile, ProfileBuilder

playwright = pytest.importorskip("playwright.sync_api")

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</script><script>document.title='hacked'</script>",
    "right\u202eot tfel\u202c:\u05e9\u05dc\u05d5\u05dd",
    "snake:\N{SNAKE}\N{FAMILY}.run",
    "line\nbreak:\r\n\tand\0null",
    "m:" + "x" * 10_240,
]


def shop() -> Profile:
    builder = ProfileBuilder()
    main = [Frame("__main__:<module>", "/srv/shop.py", 1), Frame("shop:serve", "/srv/shop.py", 10)]
    total = Frame("shop.pricing:Cart.total", "/srv/pricing.py", 42)
    builder.add_stack([*main, total], (60, 60_000_000, 59_000_000))
    builder.add_stack(
        [*main, total, Frame("re:compile", "/usr/lib/python3.12/re.py", 7)], (30, 30_000_000, 30_000_000)
    )
    builder.add_stack([*main, Frame("threading:wait")], (899, 899_000_000, 0))
    builder.add_stack([*main, Frame("shop:rare")], (1, 20_000, 1))
    return builder.build(Header(group="shop", interval_ns=1_000_000))


@pytest.fixture
def show(browser: Any, becomes: Callable[..., None], tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Opens a profile's page; at the end no page may have said anything to the console or asked the network."""
    complaints: list[str] = []
    pages = []

    def open_page(profile: Profile, scheme: str = "light") -> Any:
        path = tmp_path / "profile.html"
        exporters.write(profile, path)
        page = browser.new_page(
            viewport={"width": 1280, "height": 800}, color_scheme=scheme, reduced_motion="reduce"
        )
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
        page.on(
            "request",
            lambda request: complaints.append(request.url) if request.url != path.as_uri() else None,
        )
        page.goto(path.as_uri())
        becomes(page, "globalThis.flameGraph && flameGraph.drawn > 0")
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert complaints == []


def frame_of(page: Any, name: str) -> dict[str, Any]:
    found = page.evaluate("name => flameGraph.visibleFrames().find(frame => frame.name === name)", name)
    assert found, f"{name} is not in view"
    return dict(found)


def middle(page: Any, name: str) -> tuple[float, float]:
    box, frame = page.locator(".kb-canvas").bounding_box(), frame_of(page, name)
    return box["x"] + frame["x"] + frame["width"] / 2, box["y"] + frame["y"] + frame["height"] / 2


def focus(page: Any) -> str:
    return str(page.evaluate("flameGraph.tree.name[flameGraph.tree.frame[flameGraph.focus]]"))


def test_the_page_draws_frames_as_wide_as_their_time(show: Callable[..., Any]) -> None:
    page = show(shop())
    whole, wait = frame_of(page, "all")["width"], frame_of(page, "threading:wait")["width"]
    assert wait / whole == pytest.approx(899_000_000 / 989_020_000, abs=0.005)
    colours = page.evaluate(
        "() => { const c = flameGraph.parts.canvas; const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        " return new Set(new Uint32Array(d.buffer)).size; }"
    )
    assert colours > 10
    assert page.title() == "shop · flame graph"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_colour_scheme(show: Callable[..., Any], scheme: str) -> None:
    page = show(shop(), scheme)
    assert page.locator(".kb-flame").get_attribute("data-colours") == scheme
    ground = page.evaluate("getComputedStyle(document.querySelector('.kb-flame')).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")


def test_a_click_zooms_and_escape_shows_everything(show: Callable[..., Any]) -> None:
    page = show(shop())
    page.mouse.click(*middle(page, "shop.pricing:Cart.total"))
    assert focus(page) == "shop.pricing:Cart.total"
    assert frame_of(page, "shop.pricing:Cart.total")["width"] == frame_of(page, "all")["width"]
    assert page.locator(".kb-path [aria-current]").text_content() == "shop.pricing:Cart.total"
    page.keyboard.press("Escape")
    assert focus(page) == "all"
    assert page.get_by_role("button", name="Reset zoom").is_disabled()


def test_the_tooltip_tells_name_place_and_shares(show: Callable[..., Any]) -> None:
    page = show(shop())
    page.mouse.move(*middle(page, "shop.pricing:Cart.total"))
    text = page.locator(".kb-tooltip").inner_text()
    for part in (
        "shop.pricing:Cart.total",
        "/srv/pricing.py:42",
        "90 ms",
        "9.10 % of all",
        "60 ms",
        "6.07 % of all",
    ):
        assert part in text


def test_search_counts_covers_filters_and_zooms_to_the_tiny(show: Callable[..., Any]) -> None:
    page = show(shop())
    page.keyboard.press("/")
    page.keyboard.type("rare")
    assert page.locator(".kb-found").text_content() == "1 match, < 0.01 %"
    playwright.expect(page.locator(".kb-function")).to_have_count(1)
    page.keyboard.press("Enter")
    assert frame_of(page, "shop:rare")["width"] >= 24
    page.get_by_role("searchbox").fill("/^shop.*total$|compile/")
    assert page.evaluate("flameGraph.matchCount") == 2
    assert page.evaluate("flameGraph.matchShare") == pytest.approx(90_000_000 / 989_020_000)
    page.get_by_role("searchbox").fill("/(/")
    assert "regular expression" in page.locator(".kb-found").text_content()


def test_the_keyboard_alone_walks_and_zooms(show: Callable[..., Any]) -> None:
    page = show(shop())
    page.locator(".kb-canvas").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    status = page.locator(".kb-status").text_content()
    assert status.startswith("shop.pricing:Cart.total · total 90 ms (9.10 %) · self 60 ms · level 3")
    page.keyboard.press("Enter")
    assert focus(page) == "shop.pricing:Cart.total"
    page.keyboard.press("ArrowUp")
    assert page.locator(".kb-status").text_content().startswith("shop:serve")


def test_the_value_switch_changes_widths(show: Callable[..., Any]) -> None:
    page = show(shop())
    page.get_by_role("button", name="cpu").click()
    assert page.get_by_role("button", name="cpu").get_attribute("aria-pressed") == "true"
    shown = page.evaluate("flameGraph.visibleFrames().map(frame => frame.name)")
    assert "threading:wait" not in shown
    assert "re:compile" in shown


def test_live_data_keeps_zoom_search_and_selection(show: Callable[..., Any]) -> None:
    page = show(shop())
    page.mouse.click(*middle(page, "shop.pricing:Cart.total"))
    page.get_by_role("searchbox").fill("compile")
    page.evaluate(
        "() => { const next = structuredClone(flameGraph.payload);"
        " next.values[0].scale *= 3; flameGraph.setPayload(next); }"
    )
    assert focus(page) == "shop.pricing:Cart.total"
    assert page.evaluate("flameGraph.matchCount") == 1
    assert "total 270 ms" in page.locator(".kb-status").text_content()


def test_a_stack_a_thousand_deep_scrolls_on_a_canvas_no_higher_than_the_window(
    show: Callable[..., Any],
) -> None:
    builder = ProfileBuilder()
    builder.add_stack([Frame(f"deep:f{level}") for level in range(1000)], (1, 10, 10))
    page = show(builder.build())
    assert page.evaluate("flameGraph.parts.canvas.height") <= 800
    page.get_by_role("searchbox").fill("/f999$/")
    page.keyboard.press("Enter")
    frame = frame_of(page, "deep:f999")
    assert 0 <= frame["y"] < 800


def test_hostile_names_are_shown_as_text(show: Callable[..., Any]) -> None:
    builder = ProfileBuilder()
    for name in HOSTILE:
        builder.add_stack([Frame(name, f"/srv/{name[:40]}.py", 1)], (1, 10_000_000, 1), {"thread": name})
    page = show(builder.build(Header(group="<b>bold</b>")))
    assert page.locator(".kb-title").text_content() == "<b>bold</b>"
    assert page.locator(".kb-flame img, .kb-flame b, .kb-flame script").count() == 0
    for name in HOSTILE:
        page.mouse.move(*middle(page, name))
        shown = page.locator(".kb-tip-name").text_content()
        assert shown.isprintable() or "\u200d" in shown
        assert len(shown) < 700
    assert "hacked" not in page.title()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_profile_without_samples_says_so(show: Callable[..., Any]) -> None:
    page = show(ProfileBuilder().build())
    assert "No wall was recorded here" in page.locator(".kb-empty").inner_text()


def test_narrow_frames_are_one_marked_box_that_zooms(show: Callable[..., Any]) -> None:
    builder = ProfileBuilder()
    builder.add_stack([Frame("app:wide")], (1, 10_000, 1))
    for index in range(2000):
        builder.add_stack([Frame(f"app:f{index}")], (1, 1, 1))
    page = show(builder.build())
    boxes = page.evaluate("flameGraph.visibleFrames().filter(frame => frame.narrow)")
    assert [box["count"] for box in boxes] == [2000]
    canvas = page.locator(".kb-canvas").bounding_box()
    at = canvas["x"] + boxes[0]["x"] + boxes[0]["width"] / 2, canvas["y"] + boxes[0]["y"] + 5
    page.mouse.move(*at)
    assert "2,000 narrow frames" in page.locator(".kb-tooltip").inner_text()
    page.mouse.click(*at)
    view = page.evaluate("flameGraph.target")
    assert view["end"] - view["start"] == 2000
