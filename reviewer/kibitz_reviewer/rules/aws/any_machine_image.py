"""Images from anybody."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import is_open, keyword
from kibitz_reviewer.engines.edits import with_keyword
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity


class AnyMachineImage(Rule):
    """Machine images are looked for without saying whose they may be.

    Anybody can publish an image under a name that looks right; a machine started from it belongs to its maker.

    Pass `Owners` (your account, "amazon", "self") or the images' ids.
    """

    severity = Severity.MEDIUM
    cwe = (349,)
    aliases = ("python/untrusted-ami-images@v1.0",)
    triggers = ("describe_images", "images")
    fix = Applicability.SUGGESTED
    fix_title = "Say that the images are your own"
    noncompliant = (
        """
        import boto3

        def newest():
            ec2 = boto3.client("ec2")
            return ec2.describe_images(Filters=[{"Name": "name", "Values": ["ubuntu-*"]}])  # finding
        """,
        """
        import boto3

        def every():
            return list(boto3.resource("ec2").images.filter(Filters=[{"Name": "name", "Values": ["web"]}]))  # finding
        """,
    )
    compliant = (
        """
        import boto3

        def newest():
            ec2 = boto3.client("ec2")
            return ec2.describe_images(Owners=["amazon"], Filters=[{"Name": "name", "Values": ["al2023-*"]}])
        """,
        """
        import boto3

        def one(image):
            ec2 = boto3.client("ec2")
            filters = [{"Name": "owner-id", "Values": ["123456789012"]}]
            ec2.describe_images(Filters=filters)
            return ec2.describe_images(ImageIds=[image])
        """,
        """
        class Gallery:
            def describe_images(self, album=None):
                return self.store.describe_images(album=album)

            def newest(self):
                return self.describe_images()[-1]
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in [
            *module.method_calls("describe_images"),
            *module.calls("boto3.resource().images.filter"),
        ]:
            if is_open(call) or keyword(call, "Owners", "ImageIds", "ExecutableUsers", "repositoryName"):
                continue
            if call.args or any(k.arg and k.arg[0].islower() for k in call.keywords) or _is_own(call):
                # Not how boto3 is called: something else of that name.
                continue
            filters = keyword(call, "Filters")
            text = ast.unparse(module.value_of(filters)) if filters is not None else ""
            if not re.search(r"owner-(?:id|alias)|image-id", text) and "ecr" not in _service(module, call):
                if filters is None or isinstance(module.value_of(filters), ast.List | ast.Tuple):
                    yield self.finding(module, call, "Anybody may have made these images. Pass `Owners`.")

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        if not (isinstance(node.func, cst.Attribute) and node.func.attr.value == "describe_images"):
            return None
        return with_keyword(node, "Owners", '["self"]')


def _is_own(call: ast.Call) -> bool:
    receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
    return isinstance(receiver, ast.Name) and receiver.id in ("self", "cls")


def _service(module: Module, call: ast.Call) -> str:
    """The service whose client a call goes to, as far as its making shows."""
    client = call.func.value if isinstance(call.func, ast.Attribute) else call
    made = module.value_of(client)
    return (
        str(module.constant(made.args[0], ""))
        if isinstance(made, ast.Call) and made.args
        else ast.unparse(client)
    )
