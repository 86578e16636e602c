"""Templates of addresses: only such as a page may open are kept."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from kibitz_server.sources import Sources, SourcesError, parse, stored


def test_form_becomes_templates_and_parts():
    entered = {
        "forge": " https://forge.example/shop/blob/{revision}/{path}#L{line} ",
        "editor": "vscode://file/{file}:{line}",
        "root": "/app/",
        "own": "shop, shop.stock\nshop",
        "library": "/srv/vendored/",
    }
    made = parse(entered)
    assert made.forge.startswith("https://forge.example")
    assert made.own == ("shop", "shop.stock")
    assert made.library == ("/srv/vendored/",)
    assert stored(asdict(made)) == made


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("forge", "javascript:alert({path})"),
        ("forge", "https://forge.example/no-place"),
        ("forge", "ftp://forge.example/{path}"),
        ("forge", "https://forge.example/" + "x" * 600 + "{path}"),
        ("editor", "javascript:{file}"),
        ("editor", "https://forge.example/{file}"),
        ("editor", "vscode://file/"),
        ("root", "/app\x00"),
        ("own", "a;b"),
        ("library", "<script> 'x'"),
    ],
)
def test_template_that_no_page_should_open_is_refused_by_its_name(name, text):
    with pytest.raises(SourcesError, match=f"^{name}: "):
        parse({name: text})


def test_document_that_cannot_be_used_is_as_none():
    assert stored({}) == Sources()
    assert stored({"forge": "javascript:{path}"}) == Sources()
