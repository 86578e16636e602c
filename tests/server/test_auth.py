"""Who may do what: tokens, roles, sessions, rates; and nothing that could be stolen from the store."""

from __future__ import annotations

import sqlite3
import stat
import uuid
from contextlib import closing

import pytest

from kibitz_agent import wire
from kibitz_server.app import create_app
from kibitz_server.auth import ADMIN, AGENT, VIEWER, allowed
from kibitz_server.auth.limits import RateLimit
from kibitz_server.auth.tokens import Tokens, read_key
from kibitz_server.config import Config
from kibitz_server.store import StoreError

KEY = bytes(range(32))


@pytest.fixture
def tokens(store):
    return Tokens(store.engine, KEY)


@pytest.fixture
def browser(store, tmp_path, tokens):
    """A client of a collector that others can reach."""
    return create_app(store, Config(data=tmp_path, host="0.0.0.0", has_tokens=True), tokens).test_client()


def bearer(secret):
    return {"Authorization": f"Bearer {secret}"}


def test_token_is_known_until_it_is_revoked(tokens):
    identity, secret = tokens.create("web", VIEWER)
    principal = tokens.bearer(secret)
    assert (principal.id, principal.role) == (identity, VIEWER)
    for wrong in (
        "",
        secret[:-1],
        secret + "x",
        f"kbz_{identity}_",
        "kbz_unknown_" + secret[-43:],
        "x" + secret,
    ):
        assert tokens.bearer(wrong) is None
    assert [(token.name, token.role) for token in tokens.list()] == [("web", VIEWER)]
    assert tokens.revoke(identity)
    assert not tokens.revoke(identity)
    assert tokens.bearer(secret) is None


def test_store_holds_no_secret(tokens, tmp_path):
    _, secret = tokens.create("web", ADMIN)
    key_id, aws_secret = tokens.create("agent", AGENT, "aws")
    assert tokens.aws_secret(key_id) == aws_secret
    with closing(sqlite3.connect(tmp_path / "kibitz.sqlite")) as connection:
        dump = "\n".join(connection.iterdump())
    assert secret.split("_", 2)[2] not in dump  # the random part may hold a "_" of its own
    assert aws_secret not in dump
    assert key_id in dump


def test_access_key_is_no_bearer_token(tokens):
    key_id, aws_secret = tokens.create("agent", AGENT, "aws")
    for text in (aws_secret, f"kbz_{key_id}_", f"kbz_{key_id}_{aws_secret}"):
        assert tokens.bearer(text) is None


def test_key_file_is_made_once_and_for_its_owner_only(tmp_path):
    key = read_key(tmp_path / "data")
    assert len(key) == 32
    assert read_key(tmp_path / "data") == key
    assert stat.S_IMODE((tmp_path / "data" / "secret.key").stat().st_mode) == 0o600
    (tmp_path / "data" / "secret.key").write_bytes(b"short")
    with pytest.raises(StoreError, match="expected 32"):
        read_key(tmp_path / "data")


@pytest.mark.parametrize(
    ("role", "method", "path", "may"),
    [
        (AGENT, "POST", "/profilingGroups/g/agentProfile", True),
        (AGENT, "POST", "/profilingGroups/g/configureAgent", True),
        (AGENT, "POST", "/profilingGroups", True),
        (AGENT, "GET", "/profilingGroups", False),
        (AGENT, "GET", "/", False),
        (AGENT, "DELETE", "/profilingGroups/g", False),
        (VIEWER, "GET", "/api/groups/g/flamegraph", True),
        (VIEWER, "POST", "/profilingGroups/g/frames/-/metrics", True),
        (VIEWER, "POST", "/profilingGroups/g/agentProfile", False),
        (VIEWER, "PUT", "/api/groups/g/settings", False),
        (ADMIN, "DELETE", "/profilingGroups/g", True),
    ],
)
def test_roles_allow_what_they_are_for(role, method, path, may):
    assert allowed(role, method, path) is may


def test_agent_hands_in_and_viewer_reads(browser, tokens, make):
    agent, viewer = tokens.create("a", AGENT)[1], tokens.create("v", VIEWER)[1]
    path = f"/profilingGroups/shop/agentProfile?profileToken={uuid.uuid4()}"
    body, kind = wire.encode(make({"a;b": 1})), {"Content-Type": wire.CONTENT_TYPE}
    assert browser.post(path, data=body, headers=kind).status_code == 401
    refused = browser.post(path, data=body, headers={**kind, **bearer(viewer)})
    assert (refused.status_code, refused.headers["x-amzn-ErrorType"]) == (403, "AccessDeniedException")
    assert browser.post(path, data=body, headers={**kind, **bearer(agent)}).status_code == 204
    assert browser.get("/api/groups", headers=bearer(agent)).status_code == 403
    groups = browser.get("/api/groups", headers=bearer(viewer)).json["groups"]
    assert [group["name"] for group in groups] == ["shop"]


@pytest.mark.parametrize("secure", [False, True])
def test_cookie_goes_over_https_alone_where_that_is_asked_for(store, tmp_path, tokens, secure):
    config = Config(data=tmp_path, host="0.0.0.0", has_tokens=True, secure_cookies=secure)
    asked = create_app(store, config, tokens).test_client()
    _, secret = tokens.create("me", VIEWER)
    cookie = asked.post("/login", data={"token": secret}).headers["Set-Cookie"]
    assert ("Secure" in cookie.split("; ")) == secure


def test_person_logs_in_and_out(browser, tokens):
    identity, secret = tokens.create("me", VIEWER)
    html = {"Accept": "text/html"}
    sent = browser.get("/", headers=html)
    assert (sent.status_code, sent.location) == (302, "/login")
    assert browser.get("/login").status_code == 200
    wrong = browser.post("/login", data={"token": "kbz_wrong_token"})
    assert (wrong.status_code, "Set-Cookie" in wrong.headers) == (401, False)
    right = browser.post("/login", data={"token": secret})
    assert right.status_code == 303
    cookie = right.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert secret not in cookie
    assert browser.get("/", headers=html).status_code == 200
    assert browser.put("/api/groups/g/settings", json={}).status_code == 403
    assert 'action="/logout"' in browser.get("/").text
    browser.post("/logout")
    assert browser.get("/", headers=html).status_code == 302
    browser.post("/login", data={"token": secret})
    tokens.revoke(identity)
    assert browser.get("/", headers=html).status_code == 302, "a revoked token's session ends with it"


def test_session_of_another_key_is_worth_nothing(browser, store, tmp_path, tokens):
    tokens.create("me", ADMIN)
    other = create_app(
        store, Config(data=tmp_path, host="0.0.0.0", has_tokens=True), Tokens(store.engine, bytes(32))
    ).test_client()
    other.post("/login", data={"token": tokens.create("x", ADMIN)[1]})
    cookie = other.get_cookie("kibitz_session")
    assert cookie is not None
    browser.set_cookie("kibitz_session", cookie.value)
    assert browser.get("/api/groups").status_code == 401


def test_guessing_is_slowed_down(browser):
    answers = [browser.post("/login", data={"token": "guess"}).status_code for _ in range(15)]
    assert answers[0] == 401
    assert answers[-1] == 429
    other = browser.get(
        "/api/groups", headers=bearer("kbz_a_b"), environ_overrides={"REMOTE_ADDR": "10.0.0.9"}
    )
    assert other.status_code == 401


def test_rates_are_limited_and_say_when_to_come_back(store, tmp_path, tokens):
    config = Config(data=tmp_path, host="0.0.0.0", has_tokens=True, rate_per_s=1)
    client = create_app(store, config, tokens).test_client()
    answers = [client.get("/healthz") for _ in range(8)]
    assert [answer.status_code for answer in answers[:4]] == [200] * 4
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert answers[-1].headers["x-amzn-ErrorType"] == "ThrottlingException"


def test_bucket_refills_with_time_and_forgets_the_silent():
    now = [0.0]
    limit = RateLimit(2, 4, clock=lambda: now[0])
    assert [limit.wait_s("a") for _ in range(5)] == [0, 0, 0, 0, 1]
    assert limit.wait_s("b") == 0
    now[0] = 1.0
    assert [limit.wait_s("a") for _ in range(3)] == [0, 0, 1]


def test_requests_have_ids_and_are_counted(client):
    answer = client.get("/healthz", headers={"X-Request-Id": "abc-1"})
    assert answer.headers["X-Request-Id"] == "abc-1"
    forged = client.get("/healthz", headers={"X-Request-Id": "a b"})
    assert len(forged.headers["X-Request-Id"]) == 32
    text = client.get("/metrics").text
    assert 'kibitz_requests_total{endpoint="ours.healthz",status="200"} 2' in text
    assert "kibitz_store_waiting 0" in text
