"""Buckets that may be somebody else's."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import is_open, keyword
from kibitz_reviewer.engines.edits import with_keyword
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Confidence, Finding, Rule, Severity

CLIENTS = (
    "boto3.client()",
    "boto3.Session().client()",
    "boto3.session.Session().client()",
    "aiobotocore.get_session().create_client()",
)
OPERATIONS = (
    "put_object",
    "get_object",
    "delete_object",
    "delete_objects",
    "copy_object",
    "list_objects",
    "list_objects_v2",
    "head_object",
    "head_bucket",
    "create_multipart_upload",
    "upload_part",
    "complete_multipart_upload",
    "put_bucket_policy",
    "get_bucket_policy",
    "delete_bucket",
    "put_bucket_acl",
    "put_object_acl",
    "get_object_acl",
    "put_bucket_encryption",
    "get_bucket_location",
    "put_object_tagging",
    "restore_object",
    "list_object_versions",
)


class BucketOwnerUnchecked(Rule):
    """Bucket is used without saying whose it has to be.

    Names of buckets are shared by the whole world: after a deletion, or a mistyped name, another account's bucket gets the data.

    Pass `ExpectedBucketOwner` with the account's number.
    """

    severity = Severity.LOW
    confidence = Confidence.LOW
    cwe = (283,)
    aliases = ("python/s3-verify-bucket-owner@v1.0",)
    triggers = ("Bucket",)
    fix = Applicability.SUGGESTED
    fix_title = "Say whose bucket it has to be"
    noncompliant = (
        """
        import boto3

        def keep(data):
            s3 = boto3.client("s3")
            s3.put_object(Bucket="reports", Key="today", Body=data)  # finding
        """,
    )
    compliant = (
        """
        import boto3

        def keep(data, account):
            s3 = boto3.client("s3")
            s3.put_object(Bucket="reports", Key="today", Body=data, ExpectedBucketOwner=account)
        """,
        """
        def keep(store, options):
            store.put_object(Bucket="reports", Key="today")
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(*(f"{client}.{name}" for client in CLIENTS for name in OPERATIONS)):
            client = call.func.value if isinstance(call.func, ast.Attribute) else None
            made = module.value_of(client) if client is not None else None
            service = module.constant(made.args[0]) if isinstance(made, ast.Call) and made.args else "s3"
            if (
                service == "s3"
                and not is_open(call)
                and keyword(call, "Bucket") is not None
                and keyword(call, "ExpectedBucketOwner") is None
            ):
                yield self.finding(
                    module, call, "This bucket may belong to somebody else. Pass `ExpectedBucketOwner`."
                )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        repair.add_import("os")
        return with_keyword(node, "ExpectedBucketOwner", 'os.environ["BUCKET_OWNER"]')
