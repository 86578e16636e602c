"""AWS CodeCommit, through boto3 (`pip install boto3`): comments with idempotency tokens, and the approval state as a gate.

Reads ``KIBITZ_CODECOMMIT_PULL_REQUEST`` (the pull request's id; an EventBridge rule hands it to CodeBuild) and whatever boto3
reads: credentials, ``AWS_DEFAULT_REGION``. ``KIBITZ_APPROVE=1`` approves the pull request when nothing fails it, and takes
the approval back otherwise. There is nothing to resolve: the comment itself says that its finding is fixed.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kibitz_reviewer.finding import Finding
from kibitz_reviewer.forges import ForbiddenError, ForgeError
from kibitz_reviewer.forges.answers import asked, needed, number, record, records
from kibitz_reviewer.forges.everywhere import EVERYWHERE
from kibitz_reviewer.forges.marker import PLAIN, mark_of
from kibitz_reviewer.forges.plan import Comment, Dialect, Hunks
from kibitz_reviewer.forges.rest import RefusedError, UnreachableError
from kibitz_reviewer.forges.talk import Pull, Reply, Summary, Talk, Thread

FIXED = "✓ Fixed."
MAX_CONTENT = 10_000
_NAMESPACE = uuid.UUID("6f5c1f0e-5a6b-5b57-9d0e-6b6962697a21")
_REFUSALS = ("AccessDeniedException", "UnauthorizedException", "AccessDenied")


def connect(environ: Mapping[str, str]) -> CodeCommit:
    """The pull request that ``environ`` describes; ``ForgeError`` says what is missing."""
    pull = needed(environ, "KIBITZ_CODECOMMIT_PULL_REQUEST", "the pull request's id is needed")
    if not pull.isdigit():
        raise ForgeError(f"KIBITZ_CODECOMMIT_PULL_REQUEST: expected a number, got {pull!r}")
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise ForgeError("CodeCommit is reached through boto3: pip install boto3") from None
    retries = Config(retries={"mode": "adaptive", "max_attempts": 6}, user_agent_extra="kibitz")
    try:
        made = CodeCommit(
            boto3.client("codecommit", config=retries), boto3.client("sts", config=retries), int(pull)
        )
    except BotoCoreError as error:
        raise ForgeError(f"CodeCommit: {error}") from None
    made.approve = asked(environ, "KIBITZ_APPROVE")
    return made


@dataclass
class CodeCommit:
    """One pull request. ``client`` and ``sts`` are boto3 clients; ``approve``: set the approval state."""

    client: Any = field(repr=False)
    sts: Any = field(repr=False)
    number: int
    approve: bool = False
    url: str = ""
    dialect: Dialect = field(
        default_factory=lambda: Dialect(MAX_CONTENT, PLAIN, suggestions="diff", folds=False)
    )
    rehearsed: list[dict[str, object]] | None = None
    _target: dict[str, Any] = field(default_factory=dict)
    _revision: str = ""
    _me: str = ""
    _bodies: dict[str, str] = field(default_factory=dict)

    def pull(self) -> Pull:
        """The pull request now; all comments go to its first target."""
        answer = record(self._call("get_pull_request", pullRequestId=str(self.number)), "pullRequest")
        targets = records(answer.get("pullRequestTargets"))
        if not targets:
            raise ForgeError(f"pull request {self.number} has no target")
        self._target, self._revision = targets[0], str(answer.get("revisionId") or "")
        return Pull(
            self.number,
            str(self._target.get("sourceCommit") or ""),
            str(answer.get("title") or ""),
            repository=str(self._target.get("repositoryName") or ""),
        )

    def hunks(self) -> Hunks:
        """The files that changed; CodeCommit takes a comment on any of their lines."""
        pages = self._pages(
            "get_differences",
            "differences",
            repositoryName=self._target["repositoryName"],
            beforeCommitSpecifier=self._before,
            afterCommitSpecifier=self._target["sourceCommit"],
        )
        return {str(path): EVERYWHERE for item in pages if (path := record(item, "afterBlob").get("path"))}

    def talk(self) -> Talk:
        """Our comments of every revision of the pull request, with answers and reactions."""
        threads, summaries, remarks = [], [], []
        pages = self._pages(
            "get_comments_for_pull_request", "commentsForPullRequestData", pullRequestId=str(self.number)
        )
        order = 0
        for group in pages:
            path = str(record(group, "location").get("filePath") or "")
            comments = [one for one in records(group.get("comments")) if not one.get("deleted")]
            for comment in comments:
                order += 1
                name, body = str(comment.get("commentId")), str(comment.get("content") or "")
                mark = mark_of(body) if self._ours(comment) else None
                self._bodies[name] = body
                if mark and mark.summary:
                    summaries.append(Summary(name, body, mark.fingerprints, order))
                elif mark and mark.fingerprints:
                    threads.append(self._thread(comment, comments, path, mark.fingerprints, order))
                elif not path and "/kibitz" in body:
                    remarks.append(self._reply(comment))
        return Talk(tuple(threads), tuple(summaries), tuple(remarks))

    def _thread(
        self,
        comment: dict[str, Any],
        comments: list[dict[str, Any]],
        path: str,
        fingerprints: frozenset[str],
        order: int,
    ) -> Thread:
        name = str(comment.get("commentId"))
        fixed = str(comment.get("content") or "").startswith(FIXED)
        below = [one for one in comments if one.get("inReplyTo") == name]
        down = record(comment, "reactionCounts")
        rejected = self._rejected_by(name) if any(number(count) for count in down.values()) else ()
        return Thread(
            name,
            path,
            fingerprints,
            order,
            fixed,
            settled_by_us=fixed,
            replies=tuple(map(self._reply, below)),
            rejected_by=rejected,
        )

    def _rejected_by(self, name: str) -> tuple[str, ...]:
        reactions = self._pages("get_comment_reactions", "reactionsForComment", commentId=name)
        down = [one for one in reactions if record(one, "reaction").get("shortCode") == ":thumbsdown:"]
        return tuple(str(user) for one in down for user in one.get("reactionUsers") or [])

    def _reply(self, comment: dict[str, Any]) -> Reply:
        body, author = str(comment.get("content") or ""), str(comment.get("authorArn") or "")
        return Reply(str(comment.get("commentId")), author, body, self._ours(comment))

    def _ours(self, comment: dict[str, Any]) -> bool:
        return identity(str(comment.get("authorArn") or "")) == self._myself()

    def _myself(self) -> str:
        if not self._me:
            answer = record(self._ask(self.sts.get_caller_identity))
            self._me = identity(str(answer.get("Arn") or "")) or "nobody"
        return self._me

    def post(self, comments: Sequence[Comment], summary: str) -> list[Comment]:
        """One call each; the token makes a repeated one harmless."""
        if summary:
            self._say("", summary, {})
        return [comment for comment in comments if not self._said(comment)]

    def _said(self, comment: Comment) -> bool:
        location = {
            "filePath": comment.path,
            "filePosition": comment.line,
            "relativeFileVersion": "AFTER",
        }
        try:
            self._say(comment.findings[0].fingerprint, comment.body, {"location": location})
        except RefusedError as error:
            if error.status == 400:
                return False
            raise
        return True

    def _say(self, what: str, content: str, more: dict[str, Any]) -> None:
        head = self._target["sourceCommit"]
        token = uuid.uuid5(_NAMESPACE, f"{self.number}/{head}/{what or 'summary'}/{content}")
        self._write(
            "post_comment_for_pull_request",
            pullRequestId=str(self.number),
            repositoryName=self._target["repositoryName"],
            beforeCommitId=self._before,
            afterCommitId=head,
            content=content,
            clientRequestToken=str(token),
            **more,
        )

    def edit(self, summary: Summary, body: str) -> None:
        """Change the summary's text."""
        self._write("update_comment", commentId=summary.id, content=body)

    def reply(self, thread: Thread, body: str) -> None:
        """Answer a comment."""
        token = str(uuid.uuid5(_NAMESPACE, f"{thread.id}/{body}"))
        self._write("post_comment_reply", inReplyTo=thread.id, content=body, clientRequestToken=token)

    def settle(self, thread: Thread, *, resolved: bool) -> bool:
        """Say at the head of our comment that it is fixed, or take that back."""
        body = self._bodies.get(thread.id, "").removeprefix(FIXED).lstrip("\n")
        self._write("update_comment", commentId=thread.id, content=f"{FIXED}\n\n{body}" if resolved else body)
        return True

    def retract(self, thread: Thread) -> None:
        """Empty our comment: CodeCommit deletes no more than the text."""
        self._write("delete_comment_content", commentId=thread.id)

    def may_write(self, author: str) -> bool:
        """CodeCommit lets only those comment whom IAM allows to; a say has who is of our own account."""
        return bool(_account(author)) and _account(author) == _account(self._myself())

    def conclude(self, findings: Sequence[Finding], *, failed: bool) -> str:
        """The approval state, if asked for; the findings have no other place here."""
        del findings
        if not self.approve or not self._revision:
            return ""
        state = "REVOKE" if failed else "APPROVE"
        try:
            self._write(
                "update_pull_request_approval_state",
                pullRequestId=str(self.number),
                revisionId=self._revision,
                approvalState=state,
            )
        except ForgeError as error:
            return f"approval state not set: {error}"
        return ""

    def rehearse(self, requests: list[dict[str, object]]) -> None:
        """Collect the calls that would write."""
        self.rehearsed = requests

    @property
    def _before(self) -> str:
        return str(self._target.get("mergeBase") or self._target.get("destinationCommit") or "")

    def _write(self, operation: str, **given: Any) -> Any:
        if self.rehearsed is not None:
            self.rehearsed.append({"operation": operation, "input": given})
            return {}
        return self._call(operation, **given)

    def _call(self, operation: str, **given: Any) -> Any:
        return self._ask(getattr(self.client, operation), **given)

    def _pages(self, operation: str, key: str, **given: Any) -> Iterator[dict[str, Any]]:
        token: dict[str, str] = {}
        # GetDifferences, of an older kind, writes its token with a capital letter.
        name = "NextToken" if operation == "get_differences" else "nextToken"
        while True:
            answer = self._call(operation, **given, **token)
            yield from records(answer.get(key))
            if not answer.get(name):
                return
            token = {name: answer[name]}

    @staticmethod
    def _ask(call: Callable[..., Any], **given: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return call(**given)
        except ClientError as error:
            said = error.response.get("Error", {})
            code, message = str(said.get("Code")), str(said.get("Message"))
            if code in _REFUSALS:
                raise ForbiddenError(
                    f"CodeCommit refused: {message}. The role needs codecommit:* on comments"
                ) from None
            status = number(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode"))
            raise RefusedError(status or 400, f"CodeCommit: {code}: {message}") from None
        except BotoCoreError as error:
            raise UnreachableError(f"cannot reach CodeCommit: {error}") from None


def identity(arn: str) -> str:
    """Who is behind an ARN: of an assumed role the role, whose session has another name each time."""
    match = re.match(r"arn:[\w-]+:(?:sts|iam)::(\d*):(assumed-role/[^/]+|.+)", arn)
    return f"{match[1]}:{match[2]}" if match else ""


def _account(who: str) -> str:
    """The account of an ARN or of an ``identity``."""
    return (identity(who) or who).partition(":")[0]
