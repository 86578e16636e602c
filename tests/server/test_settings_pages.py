"""Forms that need no script: where source is read, and tokens; nobody else's page can send them."""

from __future__ import annotations

import html
import re

import pytest

from kibitz_server import costs
from kibitz_server.app import create_app
from kibitz_server.auth.tokens import Tokens, read_key
from kibitz_server.config import Config

FORGE = "https://forge.example/shop/blob/{revision}/{path}#L{line}"


@pytest.fixture
def admin(store, tmp_path):
    store.create_group("shop", 0.0)
    tokens = Tokens(store.engine, read_key(tmp_path))
    return create_app(store, Config(data=tmp_path), tokens).test_client()


def test_links_are_kept_and_reach_the_flame_graph(admin):
    kept = {"forge": FORGE, "root": "/app/", "own": "shop", "library": ""}
    assert admin.post("/groups/shop/settings/sources", data=kept).status_code == 303
    page = html.unescape(admin.get("/groups/shop/settings?saved=1").text)
    assert f'value="{FORGE}"' in page
    assert "The settings were saved" in page
    graph = html.unescape(admin.get("/groups/shop").text)
    assert f'data-forge="{FORGE}"' in graph
    assert 'data-root="/app/"' in graph
    assert 'data-own="shop"' in graph


def test_link_that_no_page_should_open_is_explained_beside_what_was_entered(admin):
    answer = admin.post("/groups/shop/settings/sources", data={"forge": "javascript:alert('{path}')"})
    assert answer.status_code == 400
    assert "forge: expected a web address" in answer.text
    assert "javascript:alert" in answer.text
    assert "javascript" not in admin.get("/groups/shop").text


def test_token_is_shown_once_works_and_can_be_revoked(admin):
    made = admin.post("/settings/tokens", data={"name": "<ci>", "role": "viewer", "kind": "bearer"})
    secret = re.search(r"KIBITZ_TOKEN=(kbz_\w+?_[\w-]+)", made.text)[1]
    listed = admin.get("/settings").text
    assert secret not in listed
    assert "&lt;ci&gt;" in listed
    identity = secret.split("_")[1]
    assert admin.application.extensions["kibitz_login"](secret).role == "viewer"
    assert admin.post(f"/settings/tokens/{identity}/revoke").status_code == 303
    assert admin.application.extensions["kibitz_login"](secret) is None
    assert admin.post(f"/settings/tokens/{identity}/revoke").status_code == 404


def test_aws_token_is_told_as_an_access_key(admin):
    made = admin.post("/settings/tokens", data={"name": "boto", "role": "agent", "kind": "aws"}).text
    assert "AWS_ACCESS_KEY_ID=KBZA" in made


@pytest.mark.parametrize(
    "form", [{"name": ""}, {"name": "x" * 81}, {"role": "root"}, {"kind": "sword"}, {"name": "a\nb"}]
)
def test_token_that_makes_no_sense_is_not_made(admin, form):
    whole = {"name": "ci", "role": "viewer", "kind": "bearer", **form}
    assert admin.post("/settings/tokens", data=whole).status_code == 400
    assert "There is none yet" in admin.get("/settings").text


@pytest.mark.parametrize(
    "path",
    [
        "/settings/tokens",
        "/settings/tokens/x/revoke",
        "/groups/shop/settings/sources",
        "/groups/shop/settings/price",
    ],
)
@pytest.mark.parametrize("header", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_form_of_another_site_is_refused(admin, path, header):
    data = {"name": "ci", "role": "admin", "kind": "bearer"}
    assert admin.post(path, data=data, headers=header).status_code == 403
    assert "There is none yet" in admin.get("/settings").text


def test_viewer_sees_no_tokens_and_makes_none(store, tmp_path):
    tokens = Tokens(store.engine, read_key(tmp_path))
    _, secret = tokens.create("reader", "viewer")
    client = create_app(store, Config(data=tmp_path, require_token=True), tokens).test_client()
    bearer = {"Authorization": f"Bearer {secret}"}
    assert client.get("/settings", headers=bearer).status_code == 403
    assert (
        client.post("/settings/tokens", data={"name": "x", "role": "admin"}, headers=bearer).status_code
        == 403
    )


def test_collector_without_a_store_of_tokens_says_what_to_do(client):
    assert "kibitz token create" in client.get("/settings").text
    assert (
        client.post("/settings/tokens", data={"name": "x", "role": "admin", "kind": "bearer"}).status_code
        == 400
    )


def test_price_is_kept_shown_again_and_taken_away(admin, store):
    page = admin.get("/groups/shop/settings").text
    assert "m5.large" in page
    assert (
        admin.post(
            "/groups/shop/settings/price", data={"per_vcpu_hour": "0.05", "currency": "eur"}
        ).status_code
        == 303
    )
    assert store.document("shop", costs.DOCUMENT) == {"per_vcpu_hour": 0.05, "currency": "EUR"}
    assert 'value="0.05"' in admin.get("/groups/shop/settings").text
    assert admin.post("/groups/shop/settings/price", data={"instance_type": "m5.large"}).status_code == 303
    assert store.document("shop", costs.DOCUMENT) == {"instance_type": "m5.large"}
    assert '<option value="m5.large" selected>' in admin.get("/groups/shop/settings").text
    assert admin.post("/groups/shop/settings/price", data={"per_vcpu_hour": ""}).status_code == 303
    assert store.document("shop", costs.DOCUMENT) == {}


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"per_vcpu_hour": "much"}, "expected a number, found much"),
        ({"per_vcpu_hour": "-1"}, "expected a number above 0"),
        ({"per_vcpu_hour": "nan"}, "expected a number above 0"),
        ({"per_vcpu_hour": "1", "currency": "dollar"}, "three capital letters"),
        ({"per_vcpu_hour": "1", "instance_type": "m5.large"}, "one of them, not both"),
    ],
)
def test_price_that_makes_no_sense_is_explained_beside_what_was_entered(admin, store, form, said):
    answer = admin.post("/groups/shop/settings/price", data=form)
    assert answer.status_code == 400
    assert said in html.unescape(answer.text)
    assert f'value="{form["per_vcpu_hour"]}"' in answer.text
    assert store.document("shop", costs.DOCUMENT) == {}
