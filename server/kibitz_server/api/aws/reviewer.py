"""Amazon CodeGuru Reviewer's API: repositories that are associated, reviews of them, recommendations, feedback, tags.

An S3Bucket repository is a folder of ``KIBITZ_REVIEW_ARTIFACTS`` with the bucket's name, its artifacts are zips in it; any
other is fetched from ``KIBITZ_REVIEW_CLONE``, an address with ``{repository}`` in it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from kibitz_server.api import ApiError
from kibitz_server.api.aws.pages import page, tie
from kibitz_server.reviews import FEEDBACK, REVIEW, Reviews
from kibitz_server.reviews.documents import Document
from kibitz_server.reviews.history import USER, keep_feedback
from kibitz_server.reviews.runner import Outcome, Source

ARN = "arn:aws:codeguru-reviewer:us-east-1:000000000000:"
ASSOCIATION = "association"
_THIRD = ("Bitbucket", "GitHubEnterpriseServer")
_CATEGORIES = {"security": "SecurityIssues", "concurrency": "ConcurrencyIssues", "resources": "ResourceLeaks"}
Given = Mapping[str, Any]


def associate_repository(reviews: Reviews, given: Given) -> Document:
    """Associate a repository; 409 if one of its name is."""
    kinds = list(given["Repository"])
    if len(kinds) != 1:
        raise ApiError("ValidationException", 400, "Repository: expected exactly one kind of repository")
    kind, repository = kinds[0], given["Repository"][kinds[0]]
    for other in reviews.documents.all(ASSOCIATION):
        same = (other["Name"], other["ProviderType"]) == (repository["Name"], kind)
        if same and other["State"] == "Associated":
            if other["token"] == given.get("ClientRequestToken"):
                return {"RepositoryAssociation": other, "Tags": other["tags"]}
            raise ApiError(
                "ConflictException", 409, f"the repository {repository['Name']} is associated already"
            )
    name, now = str(uuid.uuid4()), reviews.clock()
    made = {
        "AssociationId": name,
        "AssociationArn": f"{ARN}association:{name}",
        "Name": repository["Name"],
        "Owner": repository.get("Owner", "000000000000"),
        "ConnectionArn": repository.get("ConnectionArn"),
        "ProviderType": kind,
        "State": "Associated",
        "StateReason": "The repository is associated.",
        "CreatedTimeStamp": now,
        "LastUpdatedTimeStamp": now,
        "KMSKeyDetails": given.get("KMSKeyDetails"),
        "S3RepositoryDetails": {"BucketName": repository["BucketName"]} if kind == "S3Bucket" else None,
        "tags": given.get("Tags", {}),
        "token": given.get("ClientRequestToken"),
    }
    reviews.documents.add(ASSOCIATION, made["AssociationArn"], made)
    return {"RepositoryAssociation": made, "Tags": made["tags"]}


def describe_repository_association(reviews: Reviews, given: Given) -> Document:
    """One association."""
    found = _association(reviews, given["AssociationArn"])
    return {"RepositoryAssociation": found, "Tags": found["tags"]}


def disassociate_repository(reviews: Reviews, given: Given) -> Document:
    """End an association; its reviews stay."""
    _association(reviews, given["AssociationArn"])
    now = reviews.clock()
    found = reviews.documents.change(
        ASSOCIATION,
        given["AssociationArn"],
        lambda one: {**one, "State": "Disassociated", "LastUpdatedTimeStamp": now},
    )
    assert found is not None
    return {"RepositoryAssociation": found, "Tags": found["tags"]}


def list_repository_associations(reviews: Reviews, given: Given) -> Document:
    """Associations, by provider, state, name and owner."""
    filters = {"ProviderTypes": "ProviderType", "States": "State", "Names": "Name", "Owners": "Owner"}
    found = [one for one in reviews.documents.all(ASSOCIATION) if _passes(one, given, filters)]
    chosen, token = _page(found, given, "associations", "AssociationArn")
    return {"RepositoryAssociationSummaries": chosen, "NextToken": token}


def create_code_review(reviews: Reviews, given: Given) -> Document:
    """Begin a review; it is Pending until it is done."""
    association = _association(reviews, given["RepositoryAssociationArn"])
    if association["State"] != "Associated":
        raise ApiError("ValidationException", 400, f"the repository {association['Name']} is not associated")
    for other in reviews.documents.all(REVIEW):
        if (other["Name"], other["AssociationArn"]) == (given["Name"], association["AssociationArn"]):
            if other["token"] == given.get("ClientRequestToken"):
                return {"CodeReview": other}
            raise ApiError("ConflictException", 409, f"a code review named {given['Name']} exists already")
    analysis, now = given["Type"]["RepositoryAnalysis"], reviews.clock()
    kinds = analysis.get("SourceCodeType") or {"RepositoryHead": analysis.get("RepositoryHead", {})}
    source = source_of(reviews, association, kinds)
    made = {
        "Name": given["Name"],
        "CodeReviewArn": f"{ARN}code-review:RepositoryAnalysis-{uuid.uuid4()}",
        "RepositoryName": association["Name"],
        "Owner": association["Owner"],
        "ProviderType": association["ProviderType"],
        "State": "Pending",
        "StateReason": "Kibitz is reviewing the code.",
        "CreatedTimeStamp": now,
        "LastUpdatedTimeStamp": now,
        "Type": "RepositoryAnalysis",
        "SourceCodeType": kinds,
        "AssociationArn": association["AssociationArn"],
        "AnalysisTypes": given["Type"].get("AnalysisTypes", ["Security", "CodeQuality"]),
        "token": given.get("ClientRequestToken"),
        "tags": {},
        "findings": [],
    }
    reviews.documents.add(REVIEW, made["CodeReviewArn"], made)
    reviews.runner.start(source, lambda outcome: _finished(reviews, made["CodeReviewArn"], outcome))
    return {"CodeReview": made}


def source_of(reviews: Reviews, association: Document, kinds: Given) -> Source:
    """What to review, from a review's source code type."""
    if association["ProviderType"] == "S3Bucket":
        artifacts = kinds.get("S3BucketRepository", {}).get("Details", {}).get("CodeArtifacts", {})
        key = PurePosixPath(artifacts.get("SourceCodeArtifactsObjectKey", ""))
        top = reviews.environ.get("KIBITZ_REVIEW_ARTIFACTS", "")
        if not top or not key.name or key.is_absolute() or ".." in key.parts:
            raise ApiError(
                "ValidationException", 400, "expected the key of a zip in a bucket this collector serves"
            )
        return Source(archive=Path(top) / association["S3RepositoryDetails"]["BucketName"] / key)
    template = reviews.environ.get("KIBITZ_REVIEW_CLONE", "")
    owner = f"{association['Owner']}/" if association["ProviderType"] in _THIRD else ""
    clone = template.replace("{repository}", f"{owner}{association['Name']}")
    commits, branches = kinds.get("CommitDiff", {}), kinds.get("BranchDiff", {})
    if commits:
        base = commits.get("MergeBaseCommit") or commits.get("DestinationCommit", "")
        return Source(clone=clone, head=commits.get("SourceCommit", ""), base=base)
    if branches:
        return Source(clone=clone, head=branches["SourceBranchName"], base=branches["DestinationBranchName"])
    return Source(clone=clone, head=kinds.get("RepositoryHead", {}).get("BranchName", ""))


def _finished(reviews: Reviews, arn: str, outcome: Outcome) -> None:
    def change(one: Document) -> Document:
        wanted = set(one["AnalysisTypes"])
        findings = [
            finding
            for finding in outcome.findings
            if ("Security" if finding["category"] == "security" else "CodeQuality") in wanted
        ]
        return {
            **one,
            "State": "Failed" if outcome.error else "Completed",
            "StateReason": outcome.error or "Kibitz has reviewed the code.",
            "LastUpdatedTimeStamp": reviews.clock(),
            "findings": findings,
            "Metrics": {
                "MeteredLinesOfCodeCount": outcome.lines,
                "SuppressedLinesOfCodeCount": 0,
                "FindingsCount": len(findings),
            },
        }

    reviews.documents.change(REVIEW, arn, change)


def describe_code_review(reviews: Reviews, given: Given) -> Document:
    """One review and its state."""
    return {"CodeReview": _review(reviews, given["CodeReviewArn"])}


def list_code_reviews(reviews: Reviews, given: Given) -> Document:
    """Reviews, by type, provider, state and repository; the newest first."""
    filters = {"ProviderTypes": "ProviderType", "States": "State", "RepositoryNames": "RepositoryName"}
    found = [
        {**one, "MetricsSummary": one.get("Metrics")}
        for one in reviews.documents.all(REVIEW)
        if one["Type"] == given["Type"] and _passes(one, given, filters)
    ]
    chosen, token = _page(found, given, "codereviews", "CodeReviewArn", "CreatedTimeStamp")
    return {"CodeReviewSummaries": chosen, "NextToken": token}


def list_recommendations(reviews: Reviews, given: Given) -> Document:
    """What a review found."""
    review = _review(reviews, given["CodeReviewArn"])
    found = [_recommendation(finding) for finding in review["findings"]]
    chosen, token = _page(found, given, f"recommendations {given['CodeReviewArn']}", "RecommendationId")
    return {"RecommendationSummaries": chosen, "NextToken": token}


def _recommendation(finding: Document) -> Document:
    name = finding["rule"].replace("-", " ").capitalize()
    return {
        "FilePath": finding["path"],
        "RecommendationId": finding["fingerprint"],
        "StartLine": finding["line"],
        "EndLine": finding["end_line"],
        "Description": finding["message"],
        "RecommendationCategory": _CATEGORIES.get(finding["category"], "CodeMaintenanceIssues"),
        "RuleMetadata": {
            "RuleId": f"python/{finding['rule']}@v1.0"[-64:],
            "RuleName": name,
            "ShortDescription": finding["message"][:200],
            "LongDescription": finding["message"],
            "RuleTags": [finding["category"], *(f"cwe-{number}" for number in finding["cwe"])],
        },
        "Severity": finding["severity"],
    }


def put_recommendation_feedback(reviews: Reviews, given: Given) -> Document:
    """Say what one thinks of a recommendation; no reaction takes the feedback back."""
    arn, name = given["CodeReviewArn"], given["RecommendationId"]
    review = _review(reviews, arn)
    if name not in {finding["fingerprint"] for finding in review["findings"]}:
        raise _missing(f"no recommendation {name} in this review")
    keep_feedback(reviews, arn, name, given["Reactions"])
    return {}


def describe_recommendation_feedback(reviews: Reviews, given: Given) -> Document:
    """The feedback on one recommendation."""
    name = f"{given['CodeReviewArn']} {given['RecommendationId']}"
    found = reviews.documents.get(FEEDBACK, name)
    if found is None or given.get("UserId", USER) != found["UserId"]:
        raise _missing(f"no feedback on {given['RecommendationId']}")
    return {"RecommendationFeedback": found}


def list_recommendation_feedback(reviews: Reviews, given: Given) -> Document:
    """All feedback on one review."""
    _review(reviews, given["CodeReviewArn"])
    filters = {"UserIds": "UserId", "RecommendationIds": "RecommendationId"}
    found = [
        one
        for one in reviews.documents.all(FEEDBACK)
        if one["CodeReviewArn"] == given["CodeReviewArn"] and _passes(one, given, filters)
    ]
    chosen, token = _page(found, given, f"feedback {given['CodeReviewArn']}", "RecommendationId")
    return {"RecommendationFeedbackSummaries": chosen, "NextToken": token}


def list_tags_for_resource(reviews: Reviews, given: Given) -> Document:
    """A resource's tags."""
    return {"Tags": _tagged(reviews, given["resourceArn"], lambda tags: tags)}


def tag_resource(reviews: Reviews, given: Given) -> Document:
    """Add tags, or give them new values."""
    _tagged(reviews, given["resourceArn"], lambda tags: {**tags, **given["Tags"]})
    return {}


def untag_resource(reviews: Reviews, given: Given) -> Document:
    """Take tags away."""
    gone = set(given["TagKeys"])
    _tagged(reviews, given["resourceArn"], lambda tags: {key: tags[key] for key in tags if key not in gone})
    return {}


def _tagged(reviews: Reviews, arn: str, change: Callable[[Document], Document]) -> Document:
    kind = REVIEW if ":code-review:" in arn else ASSOCIATION
    found = reviews.documents.change(kind, arn, lambda one: {**one, "tags": change(one["tags"])})
    if found is None:
        raise ApiError("ResourceNotFoundException", 404, f"no resource {arn}")
    tags: Document = found["tags"]
    return tags


def _association(reviews: Reviews, arn: str) -> Document:
    found = reviews.documents.get(ASSOCIATION, arn)
    if found is None:
        raise _missing(f"no repository association {arn}")
    return found


def _review(reviews: Reviews, arn: str) -> Document:
    found = reviews.documents.get(REVIEW, arn)
    if found is None:
        raise ApiError("ResourceNotFoundException", 404, f"no code review {arn}")
    return found


def _missing(message: str) -> ApiError:
    return ApiError("NotFoundException", 404, message)


def _passes(one: Document, given: Given, filters: Mapping[str, str]) -> bool:
    return all(one[key] in given[name] for name, key in filters.items() if given.get(name))


def _page(
    entries: list[Document], given: Given, listing: str, name: str, moment: str = ""
) -> tuple[list[Document], str | None]:
    wanted = {"nextToken": given.get("NextToken"), "maxResults": given.get("MaxResults", 100)}
    return page(
        entries,
        lambda one: (float(one[moment]) if moment else 0.0, tie(one[name])),
        wanted,
        listing,
        descending=bool(moment),
    )


OPERATIONS: dict[str, Callable[[Reviews, Given], Document]] = {
    "AssociateRepository": associate_repository,
    "CreateCodeReview": create_code_review,
    "DescribeCodeReview": describe_code_review,
    "DescribeRecommendationFeedback": describe_recommendation_feedback,
    "DescribeRepositoryAssociation": describe_repository_association,
    "DisassociateRepository": disassociate_repository,
    "ListCodeReviews": list_code_reviews,
    "ListRecommendationFeedback": list_recommendation_feedback,
    "ListRecommendations": list_recommendations,
    "ListRepositoryAssociations": list_repository_associations,
    "ListTagsForResource": list_tags_for_resource,
    "PutRecommendationFeedback": put_recommendation_feedback,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
}
