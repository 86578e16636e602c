"""AWS's own signer against our check of it: what boto3 signs is accepted, anything else is refused."""

from __future__ import annotations

import http.client
import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from kibitz_server.auth import sigv4

boto3 = pytest.importorskip("boto3")
auth = pytest.importorskip("botocore.auth")
from botocore.awsrequest import AWSRequest  # noqa: E402
from botocore.credentials import Credentials  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402

NOW = time.time()
URIS = (
    "/profilingGroups",
    "/profilingGroups/g/agentProfile?profileToken=a-b",
    "/profilingGroups/g/profile?startTime=2026-11-22T20%3A00%3A00.123456Z&period=PT5M&maxDepth=3",
    "/tags/arn%3Aaws%3Acodeguru-profiler%3Aus-east-1%3A000000000000%3AprofilingGroup%2Fname?tagKeys=k&tagKeys=a",
    "/a//b/./c/../d/",
    "/%C3%A4~x?b=2&a=1&a=0&c",
)


def signed(uri="/profilingGroups", body=b"{}", secret="secret", at=None, service="codeguru-profiler"):
    """A request as botocore signs it."""
    request = AWSRequest("POST", f"http://127.0.0.1:8787{uri}", data=body, headers={"Host": "127.0.0.1:8787"})
    signer = auth.SigV4Auth(Credentials("KEY", secret), service, "us-east-1")
    moment = (at or datetime.now(UTC)).replace(tzinfo=None)
    request.context["timestamp"] = moment.strftime("%Y%m%dT%H%M%SZ")
    request.headers["X-Amz-Date"] = request.context["timestamp"]
    request.headers["Authorization"] = signer._inject_signature_to_request(
        request, signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    ).headers["Authorization"]
    headers = {name.lower(): value for name, value in request.headers.items()}
    return sigv4.SignedRequest("POST", uri, headers, body)


def verified(request, now=None):
    return sigv4.verify(request, {"KEY": "secret"}.get, now or time.time())


def refused(request, code, now=None):
    with pytest.raises(sigv4.SignatureError) as caught:
        verified(request, now)
    assert caught.value.code == code


@pytest.mark.parametrize("uri", URIS)
def test_what_aws_signs_is_accepted(uri):
    assert verified(signed(uri)) == "KEY"


def test_tampering_is_noticed():
    request = signed()
    changed = (
        {"body": b"{ }"},
        {"uri": "/profilingGroups/"},
        {"uri": "/profilingGroups?a=b"},
        {"method": "GET"},
        {"headers": {**request.headers, "host": "other"}},
    )
    for change in changed:
        facts = {name: getattr(request, name) for name in ("method", "uri", "headers", "body")}
        refused(sigv4.SignedRequest(**{**facts, **change}), "InvalidSignatureException")


def test_wrong_secret_unknown_key_and_foreign_service_are_refused():
    refused(signed(secret="guess"), "InvalidSignatureException")
    refused(signed(service="s3"), "InvalidSignatureException")
    request = signed()
    headers = {
        **request.headers,
        "authorization": request.headers["authorization"].replace("=KEY/", "=NONE/"),
    }
    refused(sigv4.SignedRequest("POST", request.uri, headers, request.body), "UnrecognizedClientException")


def test_old_and_future_signatures_are_refused():
    for minutes, good in ((-6, False), (-4, True), (4, True), (6, False)):
        request = signed(at=datetime.now(UTC) + timedelta(minutes=minutes))
        if good:
            assert verified(request) == "KEY"
        else:
            refused(request, "InvalidSignatureException")


@pytest.mark.parametrize(
    "header", ["", "AWS4-HMAC-SHA256 nonsense", "Bearer x", "AWS4-HMAC-SHA256 " + "a" * 10_000]
)
def test_header_that_is_no_signature_is_refused(header):
    request = sigv4.SignedRequest("GET", "/", {"authorization": header, "host": "h"}, b"")
    refused(request, "IncompleteSignatureException")


@pytest.fixture
def guarded(collector, kibitz):
    """A collector that wants to know who asks, with an access key for an agent and one for an administrator."""
    keys = {}
    for role in ("agent", "admin"):
        done = kibitz("token", "create", "--role", role, "--aws", "--data", str(collector.data))
        assert done.returncode == 0, done.stderr
        keys[role] = [line.partition("=")[2] for line in done.stdout.splitlines()]
    collector.stop()
    collector.start("--require-token")
    return collector, keys


def client_of(collector, key):
    return boto3.Session(*key, region_name="us-east-1").client("codeguruprofiler", endpoint_url=collector.url)


def test_boto3_is_let_in_by_its_access_key(guarded):
    collector, keys = guarded
    admin, agent = client_of(collector, keys["admin"]), client_of(collector, keys["agent"])
    arn = admin.create_profiling_group(profilingGroupName="shop")["profilingGroup"]["arn"]
    admin.tag_resource(resourceArn=arn, tags={"a b/ü": "c"})
    admin.untag_resource(resourceArn=arn, tagKeys=["a b/ü", "z"])
    assert admin.list_tags_for_resource(resourceArn=arn)["tags"] == {}
    assert agent.configure_agent(profilingGroupName="shop")["configuration"]["shouldProfile"]
    with pytest.raises(ClientError) as caught:
        agent.delete_profiling_group(profilingGroupName="shop")
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
    for key in ((keys["admin"][0], "wrong-secret"), ("KBZAUNKNOWN", "secret")):
        stranger = client_of(collector, key)
        with pytest.raises(ClientError) as caught:
            stranger.describe_profiling_group(profilingGroupName="shop")
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        stranger.close()
    admin.close()
    agent.close()


def test_without_credentials_only_health_is_told(guarded):
    collector, _ = guarded
    connection = http.client.HTTPConnection(collector.url.removeprefix("http://"), timeout=240)
    for path, status in (("/healthz", 200), ("/readyz", 200), ("/metrics", 401), ("/api/groups", 401)):
        connection.request("GET", path)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == status, (path, content)
    connection.close()


def test_tokens_are_listed_and_revoked_by_command(guarded, kibitz):
    collector, keys = guarded
    data = str(collector.data)
    assert keys["agent"][0] in kibitz("token", "list", "--data", data).stdout
    assert kibitz("token", "revoke", keys["agent"][0], "--data", data).returncode == 0
    assert kibitz("token", "revoke", keys["agent"][0], "--data", data).returncode == 1
    assert keys["agent"][0] not in kibitz("token", "list", "--data", data).stdout
    assert kibitz("token", "revoke", "--data", data).returncode == 2


def test_logs_are_json_with_request_ids(collector):
    collector.stop()
    collector.start("--log-format", "json")
    connection = http.client.HTTPConnection(collector.url.removeprefix("http://"), timeout=240)
    connection.request("GET", "/healthz", headers={"X-Request-Id": "find-me"})
    assert connection.getresponse().read()
    connection.close()
    assert collector.stop() == 0
    lines = (collector.data.parent / "serve.log").read_text().splitlines()
    entries = [json.loads(line) for line in lines if line.startswith("{")]
    entry = next(entry for entry in entries if entry.get("path") == "/healthz")
    assert (entry["request_id"], entry["status"], entry["method"]) == ("find-me", 200, "GET")
