"""AWS's own clients of codeguru-reviewer and codeguru-security against our collector: every operation, real reviews."""

from __future__ import annotations

import io
import subprocess
import time
import urllib.request
import uuid
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kibitz_server.api.aws import reviewer, scans

boto3 = pytest.importorskip("boto3")
botocore = pytest.importorskip("botocore.exceptions")

BAD = (
    "import subprocess\n\n\ndef run(word, words=[]):\n    return subprocess.call('ls ' + word, shell=True)\n"
)
GOOD = "def run(words):\n    return len(words)\n"
DEADLINE_S = 240.0


@pytest.fixture
def reviewing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Any]:
    """A collector that may fetch repositories from, and find artifacts in, the test's folder."""
    monkeypatch.setenv("KIBITZ_REVIEW_ARTIFACTS", str(tmp_path / "buckets"))
    monkeypatch.setenv("KIBITZ_REVIEW_CLONE", f"file://{tmp_path}/{{repository}}.git")
    return request.getfixturevalue("collector")


def made(service: str, url: str) -> Any:
    session = boto3.Session("AKIDEXAMPLE", "secret", region_name="us-east-1")
    return session.client(service, endpoint_url=url)


@pytest.fixture
def client(reviewing: Any) -> Iterator[Any]:
    client = made("codeguru-reviewer", reviewing.url)
    yield client
    client.close()


@pytest.fixture
def security(collector: Any) -> Iterator[Any]:
    client = made("codeguru-security", collector.url)
    yield client
    client.close()


def zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, text in files.items():
            bundle.writestr(name, text)
    return buffer.getvalue()


def until(ask: Callable[[], str], pending: str) -> str:
    deadline = time.monotonic() + DEADLINE_S
    while (state := ask()) == pending:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return state


def refused(call: Callable[..., Any], code: str, **given: Any) -> None:
    with pytest.raises(botocore.ClientError) as caught:
        call(**given)
    assert caught.value.response["Error"]["Code"] == code


def bucket(client: Any, tmp_path: Path, files: dict[str, str]) -> str:
    """An associated bucket that holds ``code.zip``; the association's ARN."""
    place = tmp_path / "buckets" / "codeguru-reviewer-shop"
    place.mkdir(parents=True)
    (place / "code.zip").write_bytes(zipped(files))
    answer = client.associate_repository(
        Repository={"S3Bucket": {"Name": "shop", "BucketName": "codeguru-reviewer-shop"}}, Tags={"team": "a"}
    )
    return str(answer["RepositoryAssociation"]["AssociationArn"])


def review(client: Any, association: str, kind: dict[str, Any], name: str = "first") -> tuple[str, str]:
    """Ask for a review and wait for its end: its ARN and state."""
    given = {"RepositoryAnalysis": {"SourceCodeType": kind}}
    answer = client.create_code_review(Name=name, RepositoryAssociationArn=association, Type=given)
    arn = answer["CodeReview"]["CodeReviewArn"]
    assert answer["CodeReview"]["State"] == "Pending"
    return arn, until(
        lambda: client.describe_code_review(CodeReviewArn=arn)["CodeReview"]["State"], "Pending"
    )


def s3(key: str) -> dict[str, Any]:
    details = {"CodeArtifacts": {"SourceCodeArtifactsObjectKey": key}}
    return {"S3BucketRepository": {"Name": "shop", "Details": details}}


def test_a_repository_is_reviewed_and_people_say_what_they_think(client: Any, tmp_path: Path) -> None:
    association = bucket(client, tmp_path, {"a.py": BAD, "../evil.py": BAD, "b.txt": "x"})
    arn, state = review(client, association, s3("code.zip"))
    assert state == "Completed"
    found = client.list_recommendations(CodeReviewArn=arn)["RecommendationSummaries"]
    assert {one["FilePath"] for one in found} == {"a.py"}
    (shell,) = [one for one in found if "shell-command" in one["RuleMetadata"]["RuleId"]]
    assert (shell["StartLine"], shell["RecommendationCategory"]) == (5, "SecurityIssues")
    summary = client.describe_code_review(CodeReviewArn=arn)["CodeReview"]
    assert summary["Metrics"]["FindingsCount"] == len(found)
    about = {"CodeReviewArn": arn, "RecommendationId": shell["RecommendationId"]}
    client.put_recommendation_feedback(**about, Reactions=["ThumbsDown"])
    client.put_recommendation_feedback(**about, Reactions=["ThumbsUp"])
    answer = client.describe_recommendation_feedback(**about)["RecommendationFeedback"]
    assert answer["Reactions"] == ["ThumbsUp"]
    listed = client.list_recommendation_feedback(CodeReviewArn=arn)["RecommendationFeedbackSummaries"]
    assert [one["RecommendationId"] for one in listed] == [shell["RecommendationId"]]
    refused(
        client.put_recommendation_feedback,
        "NotFoundException",
        CodeReviewArn=arn,
        RecommendationId="none",
        Reactions=[],
    )
    reviews = client.list_code_reviews(Type="RepositoryAnalysis", RepositoryNames=["shop"])
    assert [one["CodeReviewArn"] for one in reviews["CodeReviewSummaries"]] == [arn]
    assert client.list_code_reviews(Type="PullRequest")["CodeReviewSummaries"] == []


def test_associations_are_listed_tagged_and_ended(client: Any, tmp_path: Path) -> None:
    association = bucket(client, tmp_path, {})
    refused(
        client.associate_repository,
        "ConflictException",
        Repository={"S3Bucket": {"Name": "shop", "BucketName": "codeguru-reviewer-shop"}},
    )
    client.associate_repository(Repository={"CodeCommit": {"Name": "other"}})
    listed = client.list_repository_associations(ProviderTypes=["S3Bucket"])["RepositoryAssociationSummaries"]
    assert [one["AssociationArn"] for one in listed] == [association]
    first = client.list_repository_associations(MaxResults=1)
    second = client.list_repository_associations(MaxResults=1, NextToken=first["NextToken"])
    names = {page["RepositoryAssociationSummaries"][0]["Name"] for page in (first, second)}
    assert (names, "NextToken" in second) == ({"shop", "other"}, False)
    client.tag_resource(resourceArn=association, Tags={"stage": "test"})
    client.untag_resource(resourceArn=association, TagKeys=["team"])
    assert client.list_tags_for_resource(resourceArn=association)["Tags"] == {"stage": "test"}
    assert client.describe_repository_association(AssociationArn=association)["Tags"] == {"stage": "test"}
    ended = client.disassociate_repository(AssociationArn=association)["RepositoryAssociation"]
    assert ended["State"] == "Disassociated"
    refused(
        client.create_code_review,
        "ValidationException",
        Name="late",
        RepositoryAssociationArn=association,
        Type={"RepositoryAnalysis": {"SourceCodeType": s3("code.zip")}},
    )


def test_a_branch_and_what_it_changed_are_reviewed(
    client: Any, tmp_path: Path, need: Callable[[str], str]
) -> None:
    def git(*words: str) -> str:
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        command = [need("git"), *who, *words]
        return subprocess.run(command, cwd=work, check=True, capture_output=True, text=True).stdout.strip()

    work = tmp_path / "shop.git"
    work.mkdir()
    git("init", "-q", "-b", "main")
    (work / "old.py").write_text(BAD)
    git("add", ".")
    git("commit", "-qm", "Old")
    git("switch", "-qc", "topic")
    (work / "new.py").write_text(BAD)
    git("add", ".")
    git("commit", "-qm", "New")
    answer = client.associate_repository(Repository={"CodeCommit": {"Name": "shop"}})
    association = answer["RepositoryAssociation"]["AssociationArn"]
    kinds = {
        "whole": ({"RepositoryHead": {"BranchName": "topic"}}, {"old.py", "new.py"}),
        "branches": (
            {"BranchDiff": {"SourceBranchName": "topic", "DestinationBranchName": "main"}},
            {"new.py"},
        ),
        "commits": (
            {
                "CommitDiff": {
                    "SourceCommit": git("rev-parse", "topic"),
                    "MergeBaseCommit": git("rev-parse", "main"),
                }
            },
            {"new.py"},
        ),
    }
    for name, (kind, paths) in kinds.items():
        arn, state = review(client, association, kind, name)
        assert state == "Completed", client.describe_code_review(CodeReviewArn=arn)
        found = client.list_recommendations(CodeReviewArn=arn)["RecommendationSummaries"]
        assert {one["FilePath"] for one in found} == paths
    arn, state = review(client, association, {"RepositoryHead": {"BranchName": "--upload-pack=x"}}, "evil")
    assert state == "Failed"


def test_an_archive_that_is_none_fails_the_review(client: Any, tmp_path: Path) -> None:
    association = bucket(client, tmp_path, {})
    (tmp_path / "buckets" / "codeguru-reviewer-shop" / "bad.zip").write_bytes(b"no zip")
    arn, state = review(client, association, s3("bad.zip"))
    assert state == "Failed"
    assert "zip" in client.describe_code_review(CodeReviewArn=arn)["CodeReview"]["StateReason"]
    _, state = review(client, association, s3("missing.zip"), "second")
    assert state == "Failed"
    refused(
        client.create_code_review,
        "ValidationException",
        Name="third",
        RepositoryAssociationArn=association,
        Type={"RepositoryAnalysis": {"SourceCodeType": s3("../../etc/passwd")}},
    )


def scan(security: Any, files: dict[str, str] | bytes, **given: Any) -> dict[str, Any]:
    """Upload files (or a zip), scan, wait: GetScan's answer."""
    place = security.create_upload_url(scanName="shop")
    content = files if isinstance(files, bytes) else zipped(files)
    upload = urllib.request.Request(place["s3Url"], content, dict(place["requestHeaders"]), method="PUT")
    with urllib.request.urlopen(upload, timeout=240) as answer:
        assert answer.status == 200
    run = security.create_scan(
        scanName="shop", resourceId={"codeArtifactId": place["codeArtifactId"]}, **given
    )["runId"]
    until(lambda: str(security.get_scan(scanName="shop", runId=run)["scanState"]), "InProgress")
    found: dict[str, Any] = security.get_scan(scanName="shop")
    return found


def test_nothing_of_an_upload_is_ever_run(security: Any, tmp_path: Path) -> None:
    trap = f"open({str(tmp_path / 'sprung')!r}, 'w').write('x')\n"
    names = (
        "libcst",
        "yaml",
        "kibitz_reviewer",
        "kibitz_agent",
        "json",
        "conftest",
        "sitecustomize",
        "pylint",
        "plugin",
    )
    files = {f"{name}.py": trap for name in names} | {"a.py": BAD}
    files["pyproject.toml"] = "[tool.pylint.main]\nload-plugins = ['plugin']\n"
    assert scan(security, files)["scanState"] == "Successful"
    assert not (tmp_path / "sprung").exists()
    assert security.get_findings(scanName="shop")["findings"]


def test_a_bomb_of_entries_fails_its_scan_and_one_of_zeros_is_left_out(security: Any, collector: Any) -> None:
    bomb = scan(security, zipped({f"{number}.py": "" for number in range(100_001)}))
    assert bomb["scanState"] == "Failed"
    assert "expected at most 100000 entries" in bomb["errorMessage"]
    zeros = zipped({"zeros.py": "0" * 200_000_000, "a.py": BAD})
    assert len(zeros) < 1_000_000
    assert scan(security, zeros)["scanState"] == "Successful"
    found = security.get_findings(scanName="shop")["findings"]
    assert {one["vulnerability"]["filePath"]["path"] for one in found} == {"a.py"}
    assert list((collector.data / "uploads").iterdir()) == []


def test_a_scan_finds_and_the_next_closes_what_is_fixed(security: Any, collector: Any) -> None:
    first = scan(security, {"a.py": BAD}, analysisType="All", tags={"team": "a"})
    assert (first["scanState"], first["numberOfRevisions"]) == ("Successful", 1)
    found = security.get_findings(scanName="shop")["findings"]
    (shell,) = [one for one in found if one["ruleId"] == "shell-command"]
    assert shell["vulnerability"]["filePath"]["startLine"] == 5
    assert "CWE-78" in shell["vulnerability"]["relatedVulnerabilities"]
    both = security.batch_get_findings(
        findingIdentifiers=[
            {"scanName": "shop", "findingId": shell["id"]},
            {"scanName": "shop", "findingId": "none"},
            {"scanName": "nowhere", "findingId": shell["id"]},
        ]
    )
    assert [one["id"] for one in both["findings"]] == [shell["id"]]
    codes = [one["errorCode"] for one in both["failedFindings"]]
    assert codes == ["INVALID_FINDING_ID", "INVALID_SCAN_NAME"]
    second = scan(security, {"a.py": GOOD})
    assert second["numberOfRevisions"] == 2
    assert security.get_findings(scanName="shop")["findings"] == []
    closed = security.get_findings(scanName="shop", status="Closed")["findings"]
    assert {one["id"] for one in closed} == {one["id"] for one in found}
    listed = security.list_scans()["summaries"]
    assert [(one["scanName"], one["runId"]) for one in listed] == [("shop", second["runId"])]
    today = datetime.now(UTC)
    metrics = security.list_findings_metrics(startDate=today - timedelta(days=1), endDate=today)[
        "findingsMetrics"
    ]
    assert sum(day["newFindings"]["high"] + day["newFindings"]["critical"] for day in metrics) >= 1
    assert sum(metrics[-1]["openFindings"].values()) == 0
    summary = security.get_metrics_summary(date=today)["metricsSummary"]
    assert sum(summary["openFindings"].values()) == 0
    assert list((collector.data / "uploads").iterdir()) == []


def test_scans_are_tagged_and_the_account_configured(security: Any) -> None:
    arn = scan(security, {"a.py": BAD}, tags={"team": "a"})["scanNameArn"]
    security.tag_resource(resourceArn=arn, tags={"stage": "test"})
    security.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert security.list_tags_for_resource(resourceArn=arn)["tags"] == {"stage": "test"}
    summary = security.get_metrics_summary(date=datetime.now(UTC))["metricsSummary"]
    assert summary["scansWithMostOpenFindings"][0]["scanName"] == "shop"
    assert security.get_account_configuration()["encryptionConfig"] == {}
    key = "arn:aws:kms:us-east-1:000000000000:key/12345678-1234-1234-1234-123456789012"
    security.update_account_configuration(encryptionConfig={"kmsKeyArn": key})
    assert security.get_account_configuration()["encryptionConfig"] == {"kmsKeyArn": key}


def test_uploads_need_an_address_that_was_given_out(security: Any, collector: Any) -> None:
    for name in (str(uuid.uuid4()), "..%2f..%2fetc%2fpasswd"):
        request = urllib.request.Request(f"{collector.url}/uploads/{name}", b"x", method="PUT")
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=240)
        caught.value.close()
        assert caught.value.code == 404
    refused(
        security.create_scan,
        "ResourceNotFoundException",
        scanName="shop",
        resourceId={"codeArtifactId": str(uuid.uuid4())},
    )
    refused(security.get_scan, "ResourceNotFoundException", scanName="shop")


@pytest.mark.parametrize(
    ("service", "operations"),
    [("codeguru-reviewer", reviewer.OPERATIONS), ("codeguru-security", scans.OPERATIONS)],
)
def test_no_operation_is_missing(service: str, operations: dict[str, Any]) -> None:
    import botocore.session

    model = botocore.session.get_session().get_service_model(service)
    assert set(operations) == set(model.operation_names)
    assert len(operations) == {"codeguru-reviewer": 14, "codeguru-security": 13}[service]
