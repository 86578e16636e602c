"""A stand-in for AWS CodeCommit (and for the one question we ask STS): requests and answers checked by botocore's own model."""

from __future__ import annotations

import itertools
from typing import Any

import botocore.session
import botocore.validate
from serving import Answer, StandIn

SOURCE, BASE = "ad" * 20, "ba" * 20
ACCOUNT = "123456789012"
ME = f"arn:aws:sts::{ACCOUNT}:assumed-role/Reviewer/build-7"
ANN = f"arn:aws:iam::{ACCOUNT}:user/ann"
MALLORY = "arn:aws:iam::999999999999:user/mallory"
MAX_CONTENT = 10_240


class FakeCodeCommit(StandIn):
    """Repository ``shop`` with pull request 7 that changes ``paths``."""

    def __init__(self, paths: list[str]) -> None:
        super().__init__()
        self.paths = paths
        self.comments: list[dict[str, Any]] = []
        self.states: list[str] = []
        self.lose_answers = 0
        self._tokens: dict[str, tuple[Any, Any]] = {}
        self._ids = itertools.count(1)
        self._model = botocore.session.get_session().get_service_model("codecommit")
        self._validator = botocore.validate.ParamValidator()
        self.calls: list[tuple[str, Any]] = []

    def environ(self, **more: str) -> dict[str, str]:
        """What a build would have, for boto3 too."""
        return {
            "KIBITZ_CODECOMMIT_PULL_REQUEST": "7",
            "AWS_ENDPOINT_URL_CODECOMMIT": self.url,
            "AWS_ENDPOINT_URL_STS": self.url,
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            **more,
        }

    @property
    def inline(self) -> list[dict[str, Any]]:
        return [one for one in self.comments if one.get("location") and not one["comment"].get("deleted")]

    @property
    def summaries(self) -> list[str]:
        return [one["comment"]["content"] for one in self.comments if not one.get("location")]

    def say(self, person: str, body: str, below: str | None = None) -> None:
        comment = {"commentId": f"c{next(self._ids)}", "content": body, "authorArn": person}
        place = next((c for c in self.comments if c["comment"]["commentId"] == below), {"location": None})
        if below:
            comment["inReplyTo"] = below
        self.comments.append({"location": place["location"], "comment": comment, "root": below})

    def speaks(self, method: str, target: str, headers: dict[str, str]) -> bool:
        asked = next((value for name, value in headers.items() if name.lower() == "x-amz-target"), ".Get")
        return not asked.rpartition(".")[2].startswith("Get")

    def act(self, method: str, path: str, query: str, headers: dict[str, str], body: Any) -> Answer:
        if isinstance(body, str):
            return 200, (
                '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
                f"<Arn>{ME}</Arn><UserId>AROA:build-7</UserId><Account>{ACCOUNT}</Account></GetCallerIdentityResult>"
                "<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
            )
        target = next(value for name, value in headers.items() if name.lower() == "x-amz-target")
        operation = target.rpartition(".")[2]
        model = self._model.operation_model(operation)
        report = self._validator.validate(body, model.input_shape)
        unknown = set(body) - set(model.input_shape.members)
        if report.has_errors() or unknown:
            return _error("ValidationException", report.generate_report() or f"unknown {unknown}")
        self.calls.append((operation, body))
        status, answer = self._do(operation, body)
        if status == 200 and model.output_shape is not None:
            wrong = self._validator.validate(answer, model.output_shape)
            assert not wrong.has_errors(), wrong.generate_report()
        return status, answer

    def _do(self, operation: str, body: Any) -> Answer:
        done = getattr(self, f"_{operation}", None)
        return done(body) if done else _error("UnknownOperationException", operation)

    def _GetPullRequest(self, body: Any) -> Answer:  # noqa: N802
        target = {
            "repositoryName": "shop",
            "sourceCommit": SOURCE,
            "destinationCommit": "de" * 20,
            "mergeBase": BASE,
            "sourceReference": "refs/heads/topic",
            "destinationReference": "refs/heads/main",
        }
        pull = {"pullRequestId": "7", "title": "A change", "revisionId": "r1", "pullRequestTargets": [target]}
        return 200, {"pullRequest": pull}

    def _GetDifferences(self, body: Any) -> Answer:  # noqa: N802
        start = int(body.get("NextToken", 0))
        page = self.paths[start : start + 2]
        found = [
            {"afterBlob": {"path": p, "blobId": "1" * 40, "mode": "100644"}, "changeType": "M"} for p in page
        ]
        more = {"NextToken": str(start + 2)} if start + 2 < len(self.paths) else {}
        return 200, {"differences": found, **more}

    def _GetCommentsForPullRequest(self, body: Any) -> Answer:  # noqa: N802
        start = int(body.get("nextToken", 0))
        roots = [one for one in self.comments if not one.get("root")]
        found = []
        for one in roots[start : start + 3]:
            below = [c["comment"] for c in self.comments if c.get("root") == one["comment"]["commentId"]]
            place = {"location": one["location"]} if one.get("location") else {}
            found.append({"pullRequestId": "7", **place, "comments": [one["comment"], *below]})
        more = {"nextToken": str(start + 3)} if start + 3 < len(roots) else {}
        return 200, {"commentsForPullRequestData": found, **more}

    def _PostCommentForPullRequest(self, body: Any) -> Answer:  # noqa: N802
        if len(body["content"]) > MAX_CONTENT:
            return _error(
                "CommentContentSizeLimitExceededException", "Comments are limited to 10,240 characters."
            )
        if (body["beforeCommitId"], body["afterCommitId"], body["repositoryName"]) != (BASE, SOURCE, "shop"):
            return _error("CommitDoesNotExistException", "no such commit")
        location = body.get("location")
        if location and (location["filePath"] not in self.paths or location["filePosition"] < 1):
            return _error("PathDoesNotExistException", "the path does not exist in this commit")
        token = body.get("clientRequestToken", "")
        if token in self._tokens:
            before, answer = self._tokens[token]
            same = before == body
            return (200, answer) if same else _error("IdempotencyParameterMismatchException", "token reused")
        comment = {"commentId": f"c{next(self._ids)}", "content": body["content"], "authorArn": ME}
        self.comments.append({"location": location, "comment": comment})
        answer = {"pullRequestId": "7", "comment": comment}
        self._tokens[token] = (body, answer)
        return 200, answer

    def _PostCommentReply(self, body: Any) -> Answer:  # noqa: N802
        self.say(ME, body["content"], body["inReplyTo"])
        return 200, {"comment": self.comments[-1]["comment"]}

    def _UpdateComment(self, body: Any) -> Answer:  # noqa: N802
        one = next(c["comment"] for c in self.comments if c["comment"]["commentId"] == body["commentId"])
        if one["authorArn"] != ME:
            return _error("CommentNotCreatedByCallerException", "not yours")
        if len(body["content"]) > MAX_CONTENT:
            return _error(
                "CommentContentSizeLimitExceededException", "Comments are limited to 10,240 characters."
            )
        one["content"] = body["content"]
        return 200, {"comment": one}

    def _DeleteCommentContent(self, body: Any) -> Answer:  # noqa: N802
        one = next(c["comment"] for c in self.comments if c["comment"]["commentId"] == body["commentId"])
        one |= {"deleted": True, "content": ""}
        return 200, {"comment": one}

    def _GetCommentReactions(self, body: Any) -> Answer:  # noqa: N802
        one = next(c["comment"] for c in self.comments if c["comment"]["commentId"] == body["commentId"])
        count = one.get("reactionCounts", {}).get("👎", 0)
        down = {"reaction": {"emoji": "👎", "shortCode": ":thumbsdown:"}, "reactionUsers": [ANN][:count]}
        return 200, {"reactionsForComment": [down] if count else []}

    def _UpdatePullRequestApprovalState(self, body: Any) -> Answer:  # noqa: N802
        if body["revisionId"] != "r1":
            return _error("RevisionNotCurrentException", "not current")
        self.states.append(body["approvalState"])
        return 200, {}


def _error(code: str, message: str) -> Answer:
    return 400, {"__type": code, "message": message}
